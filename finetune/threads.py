"""How many threads the model libraries use, and that idle ones sleep. Sets the environment, imports nothing heavy.

Measured on two busy cores: two spinning OpenMP threads write 10 tokens per second where one writes 88, and two passive
ones 81. So one core is left to the web and the database, and waiting threads never spin.
"""

import os


def usable_cores() -> int:
    """Cores this process may run on, at least 1."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on Linux
        return max(1, os.cpu_count() or 1)


def model_threads() -> int:
    """OMP_NUM_THREADS when somebody set it, else all cores but one."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    return int(value) if value.isdigit() and int(value) > 0 else max(1, usable_cores() - 1)


def prepare_environment() -> None:
    """Set what is not set yet. It must run before the first import of torch, faiss or numpy to take full effect."""
    os.environ.setdefault("OMP_NUM_THREADS", str(model_threads()))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
