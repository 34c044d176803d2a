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
    first_known = next((place for place, at in enumerate(given) if at is not None), None)
    if first_known is not None and given[first_known] is not None:
        at = given[first_known] - PACE * first_known  # type: ignore[operator]
        earliest = max(at, start) if start and start < given[first_known] else at  # type: ignore[operator]
    else:
        earliest = start or now - PACE * len(given)
    times: list[datetime] = []
    for one in given:
        times.append(min(now, one or (times[-1] + PACE if times else earliest)))
    return times, any(one is None for one in given)
