"""How often one socket's hints (is writing, is on this page) are passed on. What is too much is dropped in silence.

Hints are worth nothing a moment later, so nothing is queued and nobody is told off; what floods the socket as a whole
is the guard's to end.
"""

import time
from typing import Final

from chatbot.conversations.rates import Flood

TYPING_SECONDS: Final = 2.0


class Hints:
    """One socket's. Not thread-safe."""

    def __init__(self) -> None:
        self.typing = False
        """The desk was told that the customer is writing."""
        self._told_at = -TYPING_SECONDS
        self._pages = Flood(burst=10, per_second=0.2)

    def tells_typing(self, on: bool, *, now: float | None = None) -> bool:
        """Whether to pass it on: "is writing" every two seconds at most, "has stopped" once after it."""
        moment = time.monotonic() if now is None else now
        if not on:
            told, self.typing = self.typing, False
            return told
        if moment - self._told_at < TYPING_SECONDS:
            return False
        self.typing, self._told_at = True, moment
        return True

    def tells_page(self, *, now: float | None = None) -> bool:
        """Ten pages at once, then one in five seconds."""
        return self._pages.allows(now=now)
