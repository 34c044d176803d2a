"""Business hours: whether somebody is expected to be there, and when next. Pure: zoneinfo and arithmetic only.

Hours are wall-clock times in the inbox's time zone, so that nine o'clock stays nine o'clock when summer time begins.
A span belongs to the day on which it begins, also where it crosses midnight; a holiday takes its own spans away. No
hours at all means: always open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext as _

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPANS_PER_DAY: Final = 6
HOLIDAYS: Final = 400
_LOOK_AHEAD_DAYS: Final = 400
_DAY_MINUTES: Final = 24 * 60


class BadHours(ValueError):
    """`field` is "hours", "time_zone" or "holidays"; `message` says to people what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Span:
    """Minutes after midnight of the day it begins; `until` beyond 1440 ends on the next day."""

    start: int
    until: int


@dataclass(frozen=True)
class Schedule:
    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    """Seven days from Monday; all of them empty: always open."""
    holidays: frozenset[date] = frozenset()

    @property
    def always(self) -> bool:
        return not any(self.week) and not self.holidays

    def is_open(self, at: datetime) -> bool:
        today = at.astimezone(self.zone).date()
        if not any(self.week):
            return today not in self.holidays
        moment = at.astimezone(UTC)
        return any(
            start <= moment < until for day in (today - timedelta(days=1), today) for start, until in self._opened(day)
        )

    def next_opening(self, at: datetime) -> datetime | None:
        """When it opens next, in its own time zone; `at` itself while it is open, None when it never does."""
        if self.is_open(at):
            return at.astimezone(self.zone)
        today, moment = at.astimezone(self.zone).date(), at.astimezone(UTC)
        for ahead in range(_LOOK_AHEAD_DAYS):
            starts = [start for start, _until in self._opened(today + timedelta(days=ahead)) if start > moment]
            if starts:
                return min(starts).astimezone(self.zone)
        return None

    def _opened(self, day: date) -> list[tuple[datetime, datetime]]:
        """The spans that begin on this day, in UTC."""
        if day in self.holidays:
            return []
        whole = (Span(0, _DAY_MINUTES),)
        spans = self.week[day.weekday()] if any(self.week) else whole
        return [(self._utc(day, span.start, last=False), self._utc(day, span.until, last=True)) for span in spans]

    def _utc(self, day: date, minutes: int, *, last: bool) -> datetime:
        """The wall-clock time as a moment. Of an hour that comes twice a span begins in the first, ends in the last;
        a time that summer time skips counts as that much later."""
        naive = datetime.combine(day, time()) + timedelta(minutes=minutes)
        first = naive.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
        second = naive.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        return max(first, second) if last else first


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    return frozenset(available_timezones())


# --- Reading what an admin wrote ------------------------------------------------------------------------
def schedule_of(*, hours: object, time_zone: str, holidays: object) -> Schedule:
    """Raises BadHours with a sentence for the form."""
    if time_zone not in zones():
        raise BadHours(
            "time_zone",
            _("“%(value)s” is no time zone. Choose one like Europe/Berlin or Asia/Shanghai.")
            % {"value": str(time_zone)[:60]},
        )
    return Schedule(ZoneInfo(time_zone), _week(hours), _holidays(holidays))


def problems(*, hours: object, time_zone: str, holidays: object) -> dict[str, str]:
    """Field -> what to change; empty when all three can be used. For forms."""
    found: dict[str, str] = {}
    for part in (
        {"hours": hours, "time_zone": "UTC", "holidays": []},
        {"hours": {}, "time_zone": time_zone, "holidays": []},
        {"hours": {}, "time_zone": "UTC", "holidays": holidays},
    ):
        try:
            schedule_of(hours=part["hours"], time_zone=str(part["time_zone"]), holidays=part["holidays"])
        except BadHours as bad:
            found[bad.field] = bad.message
    return found


def _week(hours: object) -> tuple[tuple[Span, ...], ...]:
    if not isinstance(hours, Mapping) or not set(hours) <= set(DAYS):
        raise BadHours("hours", _("Business hours are given for the days Monday to Sunday."))
    return tuple(_spans(hours.get(day) or []) for day in DAYS)


def _spans(spans: object) -> tuple[Span, ...]:
    if not isinstance(spans, Sequence) or isinstance(spans, str):
        raise BadHours("hours", _("Write business hours like 09:00 to 17:30."))
    if len(spans) > SPANS_PER_DAY:
        raise BadHours("hours", _("A day has at most %(n)d spans of business hours.") % {"n": SPANS_PER_DAY})
    found = sorted((_span(span) for span in spans), key=lambda span: span.start)
    for before, after in pairwise(found):
        if after.start < before.until:
            raise BadHours("hours", _("Two spans of business hours of one day overlap. Join them or set them apart."))
    return tuple(found)


def _span(span: object) -> Span:
    if not isinstance(span, Sequence) or isinstance(span, str) or len(span) != 2:
        raise BadHours("hours", _("Write business hours like 09:00 to 17:30."))
    start, until = _minutes(span[0]), _minutes(span[1])
    if start in (until, _DAY_MINUTES):
        raise BadHours(
            "hours", _("Business hours must end at another time than they begin; the whole day is 00:00 to 24:00.")
        )
    return Span(start, until if until > start else until + _DAY_MINUTES)


def _minutes(text: object) -> int:
    hour, _colon, minute = text.partition(":") if isinstance(text, str) else ("", "", "")
    plain = hour.isascii() and minute.isascii() and hour.isdigit() and minute.isdigit()
    if (
        not plain
        or len(hour) > 2
        or len(minute) != 2
        or int(minute) > 59
        or 60 * int(hour) + int(minute) > _DAY_MINUTES
    ):
        raise BadHours("hours", _("“%(value)s” is no time of day. Write it like 09:00.") % {"value": str(text)[:20]})
    return 60 * int(hour) + int(minute)


def _holidays(holidays: object) -> frozenset[date]:
    if not isinstance(holidays, Sequence) or isinstance(holidays, str) or len(holidays) > HOLIDAYS:
        raise BadHours("holidays", _("Holidays are a list of at most %(n)d dates.") % {"n": HOLIDAYS})
    found = set()
    for value in holidays:
        try:
            if not isinstance(value, str) or len(value) != 10:
                raise ValueError
            found.add(date.fromisoformat(value))
        except ValueError:
            raise BadHours(
                "holidays", _("“%(value)s” is no date. Write it like 2027-01-01.") % {"value": str(value)[:20]}
            ) from None
    return frozenset(found)


# --- Asking -----------------------------------------------------------------------------------------------
ALWAYS: Final = Schedule(ZoneInfo("UTC"), ((),) * 7)


def kept_schedule(hours: Any, time_zone: str, holidays: Any) -> Schedule:
    """The schedule of a stored inbox. What no form would have let through counts as always open."""
    try:
        return schedule_of(hours=hours, time_zone=time_zone, holidays=holidays)
    except BadHours:
        return ALWAYS


def is_open(hours: Any, time_zone: str, holidays: Any, at: datetime) -> bool:
    return kept_schedule(hours, time_zone, holidays).is_open(at)


def next_opening(hours: Any, time_zone: str, holidays: Any, at: datetime) -> datetime | None:
    return kept_schedule(hours, time_zone, holidays).next_opening(at)
