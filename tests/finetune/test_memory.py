"""What a process does with memory that it has freed."""

import subprocess
import sys

SCRIPT = """
import ctypes, resource
from finetune.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        block = bytearray(b"x") * (64 * 1024 * 1024)
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
kept = keep_freed_memory()
faults()
print(kept, first, faults())
"""


def test_memory_that_was_freed_is_used_again_without_new_pages() -> None:
    out = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout.split()
    kept, before, after = out[0] == "True", int(out[1]), int(out[2])
    assert not kept or after < before / 4
