"""The text of a running answer: sent in frames, and kept where a client that joins late can read it.

Kept in the cache (Redis, or this process's memory when embedded): losing it loses nothing, the final message
carries the whole text. Knows nothing of how the text comes to be.
"""

import logging
import threading
import time
from typing import Final

from django.conf import settings
from django.core.cache import cache

from chatbot.conversations import events
from chatbot.conversations.live import publishing

logger = logging.getLogger(__name__)

_KEEP_SECONDS: Final = 600


def _key(conversation_id: int) -> str:
    return f"stream:{conversation_id}"


def current(*, conversation_id: int) -> events.StreamOut | None:
    """The answer under way in this conversation, or None."""
    try:
        kept = cache.get(_key(conversation_id))
    except Exception as error:  # noqa: BLE001 - any failure of the cache means: nothing to show yet
        logger.warning("The text of a running answer could not be read: %s", error)
        return None
    return events.StreamOut.model_validate(kept) if kept else None


def forget(*, conversation_id: int) -> None:
    try:
        cache.delete(_key(conversation_id))
    except Exception as error:  # noqa: BLE001
        logger.warning("The text of a finished answer could not be removed: %s", error)


class StreamWriter:
    """Frames one attempt's text: what arrives within a frame's time goes out as one delta with its offset."""

    def __init__(self, *, conversation_id: int, job_id: int, attempt: int) -> None:
        self._conversation_id = conversation_id
        self._job = job_id
        self._attempt = attempt
        self._text = ""
        self._sent = 0
        self._stage: str = ""
        self._sent_at = 0.0
        self._closed = False
        self._lock = threading.Lock()

    def stage(self, stage: str) -> None:
        """`searching` or `writing`; repeated calls are silent."""
        if stage not in ("searching", "writing") or stage == self._stage:
            return
        self._stage = stage
        self._keep()
        publishing.publish(
            self._conversation_id,
            events.StreamStatus.model_validate({"job": self._job, "attempt": self._attempt, "stage": stage}),
        )

    def write(self, piece: str) -> None:
        with self._lock:
            self._text += piece
        frame = settings.FRAME_MILLISECONDS / 1000
        if time.monotonic() - self._sent_at >= frame:
            self.flush()
        else:
            _flusher.later(self, self._sent_at + frame)

    def flush(self) -> None:
        with self._lock:
            if self._closed or self._sent == len(self._text):
                return
            offset, piece = self._sent, self._text[self._sent :]
            self._sent = len(self._text)
            self._sent_at = time.monotonic()
            self._keep()
            publishing.publish(
                self._conversation_id,
                events.StreamDelta(job=self._job, attempt=self._attempt, offset=offset, text=piece),
            )

    def close(self) -> None:
        """Send what is left and fall silent for good: the final message or another attempt takes over."""
        self.flush()
        with self._lock:
            self._closed = True

    def _keep(self) -> None:
        kept = {
            "job": self._job,
            "attempt": self._attempt,
            "text": self._text[: self._sent],
            "stage": self._stage or "searching",
        }
        try:
            cache.set(_key(self._conversation_id), kept, _KEEP_SECONDS)
        except Exception as error:  # noqa: BLE001
            logger.warning("The text of a running answer could not be kept: %s", error)


class _Flusher:
    """One thread that sends what is left in a frame once its time is up, so that no word waits for the next one."""

    def __init__(self) -> None:
        self._due: dict[StreamWriter, float] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def later(self, writer: StreamWriter, at: float) -> None:
        with self._wake:
            self._due.setdefault(writer, at)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="stream-frames", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._due:
                    self._wake.wait()
                now = time.monotonic()
                ready = [writer for writer, at in self._due.items() if at <= now]
                for writer in ready:
                    del self._due[writer]
                if not ready:
                    self._wake.wait(max(0.001, min(self._due.values()) - now))
            for writer in ready:
                writer.flush()


_flusher = _Flusher()
