"""When messages were written, where an export does not say. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

PACE: Final = timedelta(seconds=40)
"""Between two messages whose times are not known."""


def fill(given: Sequence[datetime | None], *, start: datetime | None, now: datetime) -> tuple[list[datetime], bool]:
    """A time for each message: the given one, else a little after the one before. True when some were guessed."""
    if not given:
        return [], False
    earliest = _earliest(given, start=start, now=now)
    times: list[datetime] = []
    for one in given:
        times.append(min(now, one or (times[-1] + PACE if times else earliest)))
    return times, any(one is None for one in given)


def _earliest(given: Sequence[datetime | None], *, start: datetime | None, now: datetime) -> datetime:
    """For the first message: where the conversation began, but before the first time that is known."""
    for place, at in enumerate(given):
        if at is not None:
            counted_back = at - PACE * place
            return max(counted_back, start) if start and start < at else counted_back
    return start or now - PACE * len(given)
