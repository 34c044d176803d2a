"""What a page asks for and only a worker can do: kept in the cache, carried out by a worker, read by who asked.

The web process calls `start` and `read`; the page polls with the token.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Errand:
    """One kind of errand. `failed` is the sentence for a failure that nobody foresaw, "" for none."""

    prefix: str
    keep_seconds: int
    patience_seconds: int
    failed: str = ""
    refusals: tuple[type[Exception], ...] = ()
    """Exceptions whose message is for the person who asked."""

    def start(self, ring: Callable[..., Any], *, user_id: int, **asked: Any) -> str:
        """Keep what is asked and ring for a worker (`ring` is a task's apply_async). Returns the token."""
        token = secrets.token_urlsafe(24)
        kept = {"user": user_id, "state": "waiting", "since": time.time(), **asked}
        cache.set(self._key(token), kept, self.keep_seconds)
        try:
            ring(args=(token,), retry=False)
        except Exception as error:  # noqa: BLE001 - brokers fail in many ways; the page says that nobody answered
            logger.warning("%s was not taken by the broker: %s", self.prefix, error)
            cache.set(self._key(token), {**kept, **self._failure()}, self.keep_seconds)
        return token

    def read(self, token: str, *, user_id: int) -> dict[str, Any] | None:
        """What is known so far; None for a token that is not this user's or too old."""
        kept: dict[str, Any] | None = cache.get(self._key(token))
        if kept is None or kept["user"] != user_id:
            return None
        if kept["state"] == "waiting" and time.time() - kept["since"] > self.patience_seconds:
            return {**kept, "state": "late"}
        return kept

    def run(self, token: str, work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """In a worker: do it and keep the outcome. A refusal is an outcome; anything else is in the log."""
        kept = cache.get(self._key(token))
        if kept is None:
            return
        try:
            outcome = {"state": "done", **work(kept)}
        except self.refusals as error:
            logger.info("%s was refused: %s", self.prefix, error)
            outcome = self._failure(str(error))
        except Exception:
            logger.exception("%s failed.", self.prefix)
            outcome = self._failure()
        cache.set(self._key(token), {**kept, **outcome}, self.keep_seconds)

    def change(self, token: str, **changes: Any) -> None:
        """What is kept under the token is something else now; nothing where nothing is kept."""
        kept = cache.get(self._key(token))
        if kept is not None:
            cache.set(self._key(token), {**kept, **changes}, self.keep_seconds)

    def _failure(self, reason: str = "") -> dict[str, str]:
        said = reason or self.failed
        return {"state": "failed", "reason": said} if said else {"state": "failed"}

    def _key(self, token: str) -> str:
        return f"{self.prefix}:{token}"
