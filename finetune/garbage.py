"""Keeps the garbage collector off the hundreds of thousands of objects that live as long as the process.

With torch, transformers and peft imported, one full collection takes a fifth of a second in which nothing else of the
process runs: every stream stalls, and a change of adapter takes that much longer.
"""

import gc
import threading

_lock = threading.Lock()
_settled = False


def settle() -> None:
    """Leave all that is alive now out of later collections. Once per process: call it when the libraries are there."""
    global _settled
    with _lock:
        if _settled:
            return
        _settled = True
    gc.collect()  # what is garbage already must not be kept for ever
    gc.freeze()
