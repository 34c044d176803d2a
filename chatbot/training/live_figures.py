"""A canary and the others since it began, counted from what customers and agents did; and the clock's look at it.

The unit is the conversation, because it is what was drawn to a side. What a conversation says is read by
`live_reading`, whether a difference matters is decided by `live_deciding`; here is the arithmetic between them, and the
roll back that follows. It never promotes.
"""

import logging
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from chatbot.accounts import audit
from chatbot.training import live_deciding
from chatbot.training.live_deciding import MEANS, SHARES, Decision, Limits, decide
from chatbot.training.live_intervals import sample, sample_difference, share, share_difference
from chatbot.training.live_reading import Talk, talks_of
from finetune import promotion as promoting
from finetune.models import Promotion

logger = logging.getLogger(__name__)

WATCH: Final = "watch"
"""Who rolls back in the audit log when the clock did."""
Figures = dict[str, Any]


# --- Counting ---------------------------------------------------------------------------------------------------
def figures(promotion: Promotion) -> Figures:
    """Both sides since the start, with 95 % intervals; numbers and texts only, so that it can be kept as JSON."""
    talks = list(talks_of(promotion).values())
    sides = {"canary": [one for one in talks if one.canary], "stable": [one for one in talks if not one.canary]}
    return {
        "since": promotion.started_at.isoformat(),
        "until": (promotion.ended_at or timezone.now()).isoformat(),
        **{name: _counts(rows) for name, rows in sides.items()},
        "shares": {name: _share_row(name, sides) for name in SHARES},
        "means": {name: _mean_row(name, sides) for name in MEANS},
    }


def _counts(talks: list[Talk]) -> dict[str, int]:
    return {
        "conversations": len(talks),
        "answers": sum(one.answers for one in talks),
        "named": sum(one.named for one in talks),
        "thumbs_up": sum(one.up for one in talks),
        "thumbs_down": sum(one.down for one in talks),
        "rated": sum(one.stars is not None for one in talks),
        "drafts": sum(one.drafts for one in talks),
    }


_COULD: Final[dict[str, Callable[[Talk], int]]] = {
    "cut": lambda talk: talk.answers,
    "abstained": lambda talk: talk.answers,
    "handed_over": lambda talk: talk.answers,
    "thumbs_down": lambda talk: talk.up + talk.down,
    "drafts_rejected": lambda talk: talk.drafts,
}
"""Conversations in which it could happen."""
_DID: Final[dict[str, Callable[[Talk], int]]] = {
    "cut": lambda talk: talk.cut,
    "abstained": lambda talk: talk.abstained,
    "handed_over": lambda talk: talk.handed_over,
    "thumbs_down": lambda talk: talk.down,
    "drafts_rejected": lambda talk: talk.rejected,
}


def _share_of(name: str, talks: Iterable[Talk]) -> tuple[int, int]:
    """(conversations with it, conversations that could have it)."""
    could = [one for one in talks if _COULD[name](one)]
    return sum(bool(_DID[name](one)) for one in could), len(could)


def _share_row(name: str, sides: Mapping[str, list[Talk]]) -> dict[str, Any]:
    counts = {label: _share_of(name, talks) for label, talks in sides.items()}
    row = {label: {"count": count, "of": of, **asdict(share(count, of))} for label, (count, of) in counts.items()}
    return {**row, **_difference(share_difference(counts["canary"], counts["stable"]))} if _both(counts) else row


def _both(counts: Mapping[str, tuple[int, int]]) -> bool:
    return all(of for _count, of in counts.values())


def _mean_row(name: str, sides: Mapping[str, list[Talk]]) -> dict[str, Any]:
    """One value a conversation. Time is a median: one stuck answer says nothing about an adapter."""
    of = statistics.median if name == "write_ms" else statistics.fmean
    samples = {label: sample(_values(name, talks), of) for label, talks in sides.items()}
    row: dict[str, Any] = {label: asdict(found) for label, found in samples.items()}
    if all(found.n for found in samples.values()):
        row |= _difference(sample_difference(samples["canary"], samples["stable"]))
    return row


def _values(name: str, talks: Iterable[Talk]) -> list[float]:
    if name == "stars":
        return [float(one.stars) for one in talks if one.stars is not None]
    lists = [one.edits if name == "edits" else one.write_ms for one in talks]
    return [statistics.fmean(values) for values in lists if values]


def _difference(found: Any) -> dict[str, float]:
    return {"difference": found.value, "low": found.low, "high": found.high}


# --- Watching -----------------------------------------------------------------------------------------------------
def keep(promotion: Promotion) -> Figures:
    """Count, and keep it on the row for the page and the history; figures of a trial that is over stay as they are."""
    found = figures(promotion)
    decision = decide(found, Limits.of(settings.CANARY_LIMITS))
    found["decision"] = {"action": decision.action, "reasons": [asdict(one) for one in decision.reasons]}
    Promotion.objects.filter(pk=promotion.pk, state=Promotion.State.CANARY).update(figures=found)
    return found


def look() -> str:
    """One look of the clock: count, and roll back what is surely worse or may be used no longer. What was done."""
    canary = promoting.canary()
    if canary is None:
        return ""
    if canary.adapter is not None and canary.adapter.tainted:
        return _back(canary, "It is tainted and may be used no longer.", {"tainted": canary.adapter.tainted})
    found = keep(canary)
    if found["decision"]["action"] != "roll_back":
        return str(found["decision"]["action"])
    reasons = [live_deciding.Reason(**one) for one in found["decision"]["reasons"]]
    return _back(canary, sentence(Decision("roll_back", tuple(reasons))), found["decision"])


def sentence(decision: Decision) -> str:
    """For the history, in the words of the log; pages translate the reasons themselves."""
    parts = [f"{one.figure} {one.canary:.3g} against {one.stable:.3g}" for one in decision.reasons]
    return f"Surely worse than the others: {'; '.join(parts)}."[:300]


def _back(canary: Promotion, reason: str, detail: dict[str, Any]) -> str:
    try:
        promoting.roll_back(promotion=canary, by=WATCH, reason=reason)
    except promoting.PromotionRefused as error:  # somebody was quicker
        logger.info("The canary was not rolled back: %s", error)
        return ""
    digest = canary.adapter.digest if canary.adapter else ""
    logger.warning("Canary %s is rolled back: %s", digest[:12], reason)
    audit.record(
        actor=WATCH,
        action="training.roll_back",
        target=f"promotion {canary.pk}",
        detail={"reason": reason, "adapter": digest, **detail},
    )
    return "roll_back"


@shared_task(queue="index", ignore_result=True, expires=50, time_limit=300)
def watch() -> None:
    look()
