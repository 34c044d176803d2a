"""Progress of long steps as lines on standard error: rewritten on a terminal, one in a while in a log."""

import time
from types import TracebackType
from typing import Any, Final

EVERY_SECONDS: Final = 5.0
TERMINAL_SECONDS: Final = 0.1


class StderrProgress:
    """Callable as (step, done, total); use as a context manager so that the last line ends."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._live = bool(getattr(stream, "isatty", lambda: False)())
        self._shown = 0.0
        self._step = ""
        self._open = False

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        wait = TERMINAL_SECONDS if self._live else EVERY_SECONDS
        if step == self._step and done < total and now - self._shown < wait:
            return
        if self._open and step != self._step:
            self._stream.write("", ending="\n")
        self._shown, self._step, self._open = now, step, self._live
        self._stream.write(f"{step} {done}/{total}", ending="\r" if self._live else "\n")

    def __enter__(self) -> "StderrProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._stream.write("", ending="\n")
