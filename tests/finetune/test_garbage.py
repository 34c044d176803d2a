"""What lives as long as the process is left out of collections; what comes later is not."""

import gc
import weakref

from finetune import garbage


class _Loop:
    def __init__(self) -> None:
        self.itself = self


def test_only_what_is_alive_at_the_first_call_is_left_out() -> None:
    garbage.settle()
    frozen = gc.get_freeze_count()
    assert frozen > 10_000  # modules, functions and classes of the libraries
    later = _Loop()
    ended = weakref.ref(later)
    garbage.settle()
    assert gc.get_freeze_count() <= frozen
    del later
    gc.collect()
    assert ended() is None
