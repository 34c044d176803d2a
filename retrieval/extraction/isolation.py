"""Runs the readers in child processes with limits, so that no file can hang, fill or crash the process that asks.

A child serves many documents one after another and is replaced after an accident or after enough of them. Each
thread that extracts at the same time has a child of its own.
"""

import atexit
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from retrieval.extraction.outcomes import CRASHED, MAX_MARKDOWN, TOO_HUNGRY, TOO_SLOW, Outcome, Unreadable, from_json

logger = logging.getLogger(__name__)

SECONDS: Final = 60
MEMORY_BYTES: Final = 2 * 1024**3
"""Address space, of which Python and the parsers' libraries take some 300 MB."""
START_SECONDS: Final = 60
DOCUMENTS_PER_CHILD: Final = 200
MAX_ANSWER: Final = 12 * MAX_MARKDOWN
"""JSON writes a character outside ASCII as six bytes, or twelve."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")

_idle: list["_Child"] = []
_idle_lock = threading.Lock()


def extract(
    data: bytes,
    *,
    name: str = "",
    declared: str = "",
    trust_content: bool = False,
    seconds: float = SECONDS,
    memory_bytes: int = MEMORY_BYTES,
) -> Outcome:
    """Read one document. `name` only tells the format. Never raises for what the document contains."""
    child = _take()
    try:
        outcome = child.ask(
            data,
            {
                "name": name[-200:],
                "declared": declared[:200],
                "trust_content": trust_content,
                "memory_bytes": memory_bytes,
            },
            seconds,
        )
    except _Died as died:
        child.kill()
        logger.warning("The reader of a document was stopped: %s", died)
        return Unreadable(died.reason)
    except BaseException:
        child.kill()
        raise
    _give_back(child)
    return outcome


class _Died(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Child:
    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "retrieval.extraction.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the child has no pipes")
        self._input = self._process.stdin.fileno()
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        self.documents = 0
        self._rest = b""
        try:
            self._answer(time.monotonic() + START_SECONDS)
        except _Died:
            self.kill()
            raise

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, data: bytes, request: dict[str, Any], seconds: float) -> Outcome:
        """Raises _Died when the child had to be stopped or stopped itself."""
        self.documents += 1
        deadline = time.monotonic() + seconds
        head = json.dumps({**request, "length": len(data), "cpu_seconds": int(seconds) + 1}).encode("ascii") + b"\n"
        self._send(head, deadline)
        self._send(data, deadline)
        try:
            return from_json(self._answer(deadline))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _Died(CRASHED, f"unreadable answer: {error}") from error

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            if not _ready(self._input, select.POLLOUT, deadline):
                raise _Died(TOO_SLOW, "it did not take its input in time")
            try:
                view = view[os.write(self._input, view[: 1 << 16]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._ended() from error

    def _answer(self, deadline: float) -> dict[str, Any]:
        parts = [self._rest]
        total = len(self._rest)
        while b"\n" not in parts[-1]:
            if not _ready(self._output, select.POLLIN, deadline):
                raise _Died(TOO_SLOW, "it took too long")
            part = os.read(self._output, 1 << 20)
            total += len(part)
            if not part:
                raise self._ended()
            if total > MAX_ANSWER:
                raise _Died(CRASHED, "its answer is too long")
            parts.append(part)
        line, _newline, self._rest = b"".join(parts).partition(b"\n")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("not an object")
        return answer

    def _ended(self) -> _Died:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return _Died(CRASHED, "it closed its output")
        # SIGXCPU and SIGKILL come from the limits on time and from the system's on memory.
        reason = {-24: TOO_SLOW, -9: TOO_HUNGRY}.get(code, CRASHED)
        return _Died(reason, f"it ended with code {code}")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def _ready(descriptor: int, events: int, deadline: float) -> bool:
    """Wait for a pipe. `poll` rather than `select`: a busy web process has more than 1024 descriptors."""
    waiter = select.poll()
    waiter.register(descriptor, events)
    return bool(waiter.poll(max(0, int(1000 * (deadline - time.monotonic())))))


def _take() -> _Child:
    with _idle_lock:
        while _idle:
            child = _idle.pop()
            if child.is_alive:
                return child
            child.kill()
    return _Child()


def _give_back(child: _Child) -> None:
    if child.documents >= DOCUMENTS_PER_CHILD:
        child.kill()
        return
    with _idle_lock:
        _idle.append(child)


def close() -> None:
    """End the idle children; they are started again when needed."""
    with _idle_lock:
        children = list(_idle)
        _idle.clear()
    for child in children:
        child.kill()


def _forget_after_fork() -> None:
    """A forked worker must not share its parent's children."""
    global _idle_lock
    _idle.clear()
    _idle_lock = threading.Lock()


atexit.register(close)
os.register_at_fork(after_in_child=_forget_after_fork)
