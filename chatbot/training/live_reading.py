"""What conversations say about the two sides of a trial: read from messages, ratings, drafts and handoffs. Reads only.

A conversation counts for the side it was drawn to, whoever answered it in the end. Only conversations count in which a
model wrote something: greetings, canned replies and questions without passages say nothing about an adapter.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from chatbot.conversations.models import Activity, ConversationRating, Message, Rating, Suggestion
from chatbot.conversations.replying import trial_key
from finetune.models import Promotion
from finetune.trial import side

MOST: Final = 20_000
"""Conversations that are counted, the newest; more hardly move a figure."""
NOT_ABOUT_ANSWERS: Final = ("review", "unsure", "inbox_mode")
"""Reasons for a handoff that were decided before a word was written."""
JUDGED: Final = ("unchanged", "light", "rewrite", "dismissed")


@dataclass
class Talk:
    """What one conversation says about the side it was drawn to."""

    canary: bool
    began: datetime
    answers: int = 0
    named: int = 0
    """Answers in which the side's own adapter wrote (that of the canary, on the canary's side)."""
    cut: bool = False
    """A model's whole text did not survive verification, and the extractive engine answered."""
    abstained: bool = False
    handed_over: bool = False
    up: int = 0
    down: int = 0
    stars: int | None = None
    drafts: int = 0
    rejected: int = 0
    edits: list[float] = field(default_factory=list)
    write_ms: list[float] = field(default_factory=list)


def talks_of(promotion: Promotion) -> dict[int, Talk]:
    """Conversation -> what it says. Begins at its first answer that a model wrote since the start."""
    talks: dict[int, Talk] = {}
    digest = promotion.adapter.digest if promotion.adapter else ""
    for row in _answers(promotion):
        _read_answer(row, talks, promotion, digest)
    _read_drafts(promotion, talks)
    _read_ratings(promotion, talks)
    _read_handoffs(promotion, talks)
    return talks


def _within(promotion: Promotion, name: str) -> dict[str, Any]:
    until = {f"{name}__lt": promotion.ended_at} if promotion.ended_at else {}
    return {f"{name}__gte": promotion.started_at, **until}


def _answers(promotion: Promotion) -> Any:
    found = Message.objects.filter(
        role=Message.Role.BOT,
        via=Message.Via.CHAT,
        card__isnull=False,
        conversation__updated_at__gte=promotion.started_at,
        **_within(promotion, "created_at"),
    )
    newest = found.order_by().values("conversation").distinct().order_by("-conversation")[:MOST]
    kept = found.filter(conversation__in=list(newest.values_list("conversation", flat=True)))
    card = ("card__adapter", "card__data__written_by", "card__data__timings__write_ms")  # not the whole of it
    fields = ("conversation_id", "created_at", "kind", *card)
    return kept.order_by("pk").values_list(*fields).iterator(chunk_size=2000)


def _read_answer(row: tuple[Any, ...], talks: dict[int, Talk], promotion: Promotion, digest: str) -> None:
    conversation, at, kind, adapter, said, spent = row
    written = _written(said)
    if not written:
        return
    talk = _talk(talks, conversation, at, promotion)
    talk.answers += 1
    talk.named += adapter == digest if talk.canary else adapter != digest
    talk.cut |= _cut(written)
    talk.abstained |= kind == Message.Kind.ABSTAIN
    if isinstance(spent, int | float):
        talk.write_ms.append(float(spent))


def _talk(talks: dict[int, Talk], conversation: int, at: datetime, promotion: Promotion) -> Talk:
    if conversation not in talks:
        drawn = side(key=trial_key(conversation), promotion_id=promotion.pk, share=promotion.share)
        talks[conversation] = Talk(drawn, at)
    return talks[conversation]


def _written(rows: Any) -> list[dict[str, Any]]:
    """What models wrote for an answer; nothing for one that needed none."""
    return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


def _cut(written: list[dict[str, Any]]) -> bool:
    return any(not one.get("kept", True) for one in written if one.get("engine") != "extractive")


def _read_ratings(promotion: Promotion, talks: dict[int, Talk]) -> None:
    thumbs = Rating.objects.filter(message__role=Message.Role.BOT, **_within(promotion, "message__created_at"))
    for conversation, value in thumbs.values_list("message__conversation_id", "value").iterator():
        if talk := talks.get(conversation):
            talk.up += value > 0
            talk.down += value < 0
    stars = ConversationRating.objects.filter(value__isnull=False, **_within(promotion, "rated_at"))
    for conversation, given in stars.values_list("conversation_id", "value").iterator():
        if talk := talks.get(conversation):
            talk.stars = given


def _read_drafts(promotion: Promotion, talks: dict[int, Talk]) -> None:
    """Drafts that a model wrote and an agent judged. A conversation may have drafts alone."""
    judged = Suggestion.objects.filter(outcome__in=JUDGED, hint="", **_within(promotion, "created_at"))
    fields = ("conversation_id", "created_at", "outcome", "edit_distance", "card__written_by")
    for conversation, at, outcome, distance, said in judged.values_list(*fields).iterator(chunk_size=2000):
        if not _written(said):
            continue
        talk = _talk(talks, conversation, at, promotion)
        talk.drafts += 1
        talk.rejected += outcome in ("rewrite", "dismissed")
        if distance is not None:
            talk.edits.append(distance)


def _read_handoffs(promotion: Promotion, talks: dict[int, Talk]) -> None:
    handed = Activity.objects.filter(kind="handoff", **_within(promotion, "created_at"))
    for conversation, at, detail in handed.values_list("conversation_id", "created_at", "detail").iterator():
        talk = talks.get(conversation)
        reason = detail.get("reason", "") if isinstance(detail, dict) else ""
        if talk is not None and at >= talk.began and reason not in NOT_ABOUT_ANSWERS:
            talk.handed_over = True
