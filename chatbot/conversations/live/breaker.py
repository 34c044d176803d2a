"""Keeps a carrier that hangs from making everybody wait: after one slow failure others are refused at once for a while.

A carrier that refuses quickly needs no breaker and is asked every time. One caller at a time tries a carrier that hung.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

SLOW_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 2.0
TRIAL_SECONDS: Final = 10.0
"""So long the one caller who tries may take, at most, before another tries too."""

P = ParamSpec("P")
T = TypeVar("T")


class Hangs(ConnectionError):
    """The carrier did not answer a moment ago and is not asked now."""


class Breaker:
    """Thread-safe. `clock` is for tests."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._quiet_until: float | None = None
        """None while all is well."""

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns or raises; Hangs without calling it when the last call was slow to fail."""
        began = self._clock()
        with self._lock:
            if self._quiet_until is not None:
                if began < self._quiet_until:
                    raise Hangs(f"{self._name} did not answer a moment ago")
                self._quiet_until = began + TRIAL_SECONDS
        try:
            result = function(*args, **kwargs)
        except Exception:
            ended = self._clock()
            with self._lock:
                self._quiet_until = ended + QUIET_SECONDS if ended - began > SLOW_SECONDS else None
            raise
        with self._lock:
            self._quiet_until = None
        return result
