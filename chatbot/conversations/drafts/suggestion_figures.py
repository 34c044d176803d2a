"""Reads what became of drafts: rates, edits and times per inbox, adapter, topic and week, and the dial's figures.

One narrow pass over the decided drafts of a period; medians are taken here, because SQLite has none. Writes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final, cast

from django.db.models import F, QuerySet
from django.utils import timezone

from chatbot.conversations.drafts import autonomy
from chatbot.conversations.drafts.autonomy import Decided, Outcome, Rate, Setting
from chatbot.conversations.models import Inbox, Suggestion

DIAL_DAYS: Final = 90
"""How far back the dial looks: far enough for data, near enough to be about today's documents and model."""
ROWS_MOST: Final = 20
"""Lines of a table; those with the most drafts are kept."""
ANSWERS: Final = ("answer", "canned")
"""Decisions with which the bot would have answered; any other draft would not have gone out alone."""
_FIELDS: Final = (
    "conversation__inbox_id", "adapter", "said_topic", "their_topic", "outcome", "edit_distance", "shown_at",
    "decided_at",
)  # fmt: skip


@dataclass
class _Group:
    outcomes: Counter[str] = field(default_factory=Counter)
    edits: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One group's figures. Rates are shares of all `n` decided drafts; medians are over those that were sent."""

    name: str
    n: int
    accepted: Rate
    rewritten: Rate
    dismissed: Rate
    ignored: Rate
    edit_distance: float | None
    seconds_to_send: float | None

    def upto(self) -> tuple[int, int, int]:
        """Ends of accepted, rewritten and dismissed on a stripe of 100; the rest of it is ignored."""
        accepted = self.accepted.value
        rewritten = accepted + self.rewritten.value
        return round(100 * accepted), round(100 * rewritten), round(100 * (rewritten + self.dismissed.value))


@dataclass(frozen=True)
class Figures:
    total: Line | None
    inboxes: tuple[Line, ...]
    adapters: tuple[Line, ...]
    topics: tuple[Line, ...]
    weeks: tuple[Line, ...]
    """By the Monday they begin on, oldest first."""
    reasons: tuple[tuple[str, int], ...]
    """Why drafts were dismissed, most frequent first."""


def decided(*, inboxes: QuerySet[Inbox], since: datetime) -> QuerySet[Suggestion]:
    return Suggestion.objects.filter(conversation__inbox__in=inboxes.values("pk"), decided_at__gte=since).exclude(
        outcome=Suggestion.Outcome.NONE
    )


def figures(*, inboxes: QuerySet[Inbox], since: datetime) -> Figures:
    """What became of the drafts of these inboxes that were decided since then."""
    names = dict(inboxes.values_list("pk", "name"))
    groups: dict[str, dict[object, _Group]] = {
        name: defaultdict(_Group) for name in ("all", "inbox", "adapter", "topic", "week")
    }
    drafts = decided(inboxes=inboxes, since=since)
    rows = drafts.annotate(said_topic=F("topic"), their_topic=F("conversation__topic")).values_list(*_FIELDS)
    for inbox_id, adapter, topic, general, outcome, distance, shown_at, decided_at in rows.iterator(chunk_size=5000):
        keys = {
            "all": "", "inbox": inbox_id, "adapter": adapter, "topic": topic or general, "week": _monday(decided_at),
        }  # fmt: skip
        for kind, key in keys.items():
            _add(groups[kind][key], outcome, distance, shown_at, decided_at)
    reasons = Counter(
        drafts.filter(outcome=Suggestion.Outcome.DISMISSED).values_list("dismiss_reason", flat=True).iterator()
    )
    return Figures(
        total=next(iter(_lines(groups["all"], str)), None),
        inboxes=_lines(groups["inbox"], lambda key: names.get(cast(int, key), "")),
        adapters=_lines(groups["adapter"], str),
        topics=_lines(groups["topic"], str),
        weeks=tuple(sorted(_lines(groups["week"], str, most=60), key=lambda line: line.name)),
        reasons=tuple(reasons.most_common(ROWS_MOST)),
    )


def dial(*, inbox: Inbox) -> tuple[Setting, ...]:
    """The figures at every setting of the dial, from this inbox's last DIAL_DAYS days."""
    since = timezone.now() - timedelta(days=DIAL_DAYS)
    drafts = decided(inboxes=Inbox.objects.filter(pk=inbox.pk), since=since).filter(hint="")
    rows = drafts.values_list("confidence", "outcome", "purpose", "decision", "card__review_share")
    return autonomy.dial(_decided(*row) for row in rows.iterator(chunk_size=5000))


def _decided(confidence: float, outcome: str, purpose: str, decision: str, review_share: object) -> Decided:
    share = float(review_share) if isinstance(review_share, int | float) else None
    sure = confidence if decision in ANSWERS else 0.0
    return Decided(sure, cast(Outcome, outcome), autonomy.weight_of(purpose, share))


def _monday(at: datetime) -> date:
    day = timezone.localtime(at).date()
    return day - timedelta(days=day.weekday())


def _add(group: _Group, outcome: str, distance: float | None, shown_at: datetime | None, decided_at: datetime) -> None:
    group.outcomes[outcome] += 1
    if outcome in (Suggestion.Outcome.DISMISSED, Suggestion.Outcome.IGNORED):
        return
    if distance is not None:
        group.edits.append(distance)
    if shown_at is not None and decided_at >= shown_at:
        group.seconds.append((decided_at - shown_at).total_seconds())


def _lines(groups: dict[object, _Group], name: Callable[[object], str], *, most: int = ROWS_MOST) -> tuple[Line, ...]:
    lines = [_line(name(key), group) for key, group in groups.items()]
    return tuple(sorted(lines, key=lambda line: (-line.n, line.name))[:most])


def _line(name: str, group: _Group) -> Line:
    n = group.outcomes.total()

    def share(outcomes: Iterable[str]) -> Rate:
        value = sum(group.outcomes[outcome] for outcome in outcomes) / n
        return Rate(value, *autonomy.wilson(value, n), n)

    return Line(
        name=name,
        n=n,
        accepted=share(["unchanged", "light"]),
        rewritten=share(["rewrite"]),
        dismissed=share(["dismissed"]),
        ignored=share(["ignored"]),
        edit_distance=median(group.edits) if group.edits else None,
        seconds_to_send=median(group.seconds) if group.seconds else None,
    )
