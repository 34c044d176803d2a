"""One running generation, and the thread that engines keep their state on.

The engine's side pushes pieces from its own thread; the caller's side iterates and always gets an end, also when the
engine is stuck or gone. It starts nothing and knows no model.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from finetune.records import FinishReason, GenerationResult

T = TypeVar("T")
_LOOK_SECONDS: Final = 1.0


class Pipe(Protocol):
    """Turns what an engine pushes into text, in the caller's thread."""

    @property
    def stopped(self) -> bool:
        """True once the text came to its own end (a stop mark); what follows is not wanted."""
        ...

    def feed(self, piece: Any) -> str: ...

    def flush(self) -> str: ...


@dataclass(frozen=True)
class _Piece:
    content: Any
    tokens: int


@dataclass(frozen=True)
class _End:
    reason: FinishReason
    error: str
    at: float


class RunningGeneration:
    """A `finetune.records.Generation`. `started` is what is known at submission; times are filled in at the end."""

    def __init__(
        self,
        started: GenerationResult,
        *,
        pipe: Pipe,
        on_cancel: Callable[["RunningGeneration"], object],
        alive: Callable[[], bool],
    ) -> None:
        self._result = started
        self._pipe = pipe
        self._on_cancel = on_cancel
        self._alive = alive
        self._queue: queue.SimpleQueue[_Piece | _End] = queue.SimpleQueue()
        self._submitted = time.monotonic()
        self._first = 0.0
        self._ended = threading.Event()
        self._over = False
        self._parts: list[str] = []
        self._tokens = 0

    # The engine's side.
    def push(self, content: Any, *, tokens: int = 1) -> None:
        """Hand over a piece; ignored once the generation ended."""
        if self._ended.is_set():
            return
        if not self._first:
            self._first = time.monotonic() - self._submitted
        self._queue.put(_Piece(content, tokens))

    def finish(self, reason: FinishReason, error: str = "") -> None:
        """End it. The first end counts."""
        if not self._ended.is_set():
            self._ended.set()
            self._queue.put(_End(reason, error, time.monotonic()))

    def update(self, **changes: Any) -> None:
        """Correct what was known at submission (the adapter, the number of prompt tokens)."""
        self._result = replace(self._result, **changes)

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    # The caller's side.
    def cancel(self) -> None:
        """End it now, whatever the engine is doing; the engine stops its work soon after."""
        if not self._ended.is_set():
            self.finish("cancelled")
            self._on_cancel(self)

    def __iter__(self) -> Iterator[str]:
        try:
            while not self._over:
                text = self._next()
                if text:
                    self._parts.append(text)
                    yield text
        finally:
            if not self._over:  # the caller walked away
                self.cancel()

    @property
    def result(self) -> GenerationResult:
        """How it ended; waits for the end, and keeps the text nobody iterated over."""
        while not self._over:
            self._parts.append(self._next())
        return replace(self._result, text="".join(self._parts))

    def _next(self) -> str:
        try:
            item = self._queue.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if not self._alive():
                self.finish("error", "The engine stopped while it was answering.")
            return ""
        if isinstance(item, _End):
            return self._close(item)
        self._tokens += item.tokens
        text = self._pipe.feed(item.content)
        if self._pipe.stopped:
            if not self._ended.is_set():
                self._ended.set()
                self._on_cancel(self)
            return text + self._close(_End("stop", "", time.monotonic()))
        return text

    def _close(self, end: _End) -> str:
        self._over = True
        self._result = replace(
            self._result,
            finish_reason=end.reason,
            error=end.error,
            new_tokens=self._tokens,
            first_token_seconds=round(self._first, 6),
            seconds=round(end.at - self._submitted, 6),
        )
        return self._pipe.flush() if end.reason in ("stop", "length") else ""


class LoopThread:
    """One long-lived asyncio loop on a daemon thread: engines keep their state there, so they need no locks.

    One per engine for its whole life, because a handler bound to a closed loop breaks whoever calls it.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def post(self, function: Callable[..., None], *arguments: Any) -> bool:
        """Run `function` soon on the loop; False when the loop is gone."""
        try:
            self.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            return False
        return True

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine on the loop from any other thread."""
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError:
            coroutine.close()
            raise

    def stop(self, timeout: float = 5.0) -> None:
        """End the loop and its thread; safe to call twice."""
        if self.post(self.loop.stop):
            self._thread.join(timeout)
