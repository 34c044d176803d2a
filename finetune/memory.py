"""How much memory is left, and whether an error means there was too little. Imports torch only when it is there."""

import ctypes
import sys
from pathlib import Path
from typing import Any, Final

_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "memory footprint")


def available_bytes(device: Any = None) -> int | None:
    """Free bytes on the device (a torch.device; None is the CPU), None where nobody can say."""
    if device is not None and device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return _least([_machine(), _container()])


def _least(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None


def _machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _container() -> int | None:
    """What the control group still allows; page cache counts as free because the kernel gives it back."""
    root = Path("/sys/fs/cgroup")
    try:
        limit = (root / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((root / "memory.current").read_text())
        lines = (root / "memory.stat").read_text().splitlines()
        cache = sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        return max(0, int(limit) - used + cache)
    except (OSError, ValueError, IndexError):
        return None


_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
"""Names of glibc's mallopt."""


def keep_freed_memory() -> bool:
    """Let this process use memory again that it freed, instead of giving it back. For one that trains and then ends.

    A training frees and takes tensors of many megabytes all the time, and each new page costs a fault: a third of the
    time of a step on two cores, where keeping them takes a sixth more memory (measured with glibc). False where the C
    library is another one.
    """
    try:
        library = ctypes.CDLL(None)
        return bool(library.mallopt(_MMAP_MAX, 0) and library.mallopt(_TRIM_THRESHOLD, 2**31 - 1))
    except (AttributeError, OSError):
        return False


def is_out_of_memory(error: BaseException | str) -> bool:
    """Whether an error (or the text of one) says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(sign in text for sign in _SIGNS)


def gib(count: int) -> str:
    """A count of bytes for people: "1.2 GiB"."""
    return f"{count / 1024**3:.1f} GiB"
