"""Conversations that happened during a trial, one small function each."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from chatbot.conversations.models import (
    Activity,
    AnswerCard,
    Conversation,
    ConversationRating,
    Inbox,
    Message,
    Rating,
    Suggestion,
)
from finetune.models import Adapter, Promotion
from finetune.trial import side
from tests import factories
from tests.finetune import promoting

MODEL = promoting.MODEL


def trial(share: float = 0.5) -> Promotion:
    """A canary that began an hour ago, over an active adapter."""
    active = promoting.adapter(active=True)
    began = timezone.now() - timedelta(hours=1)
    return Promotion.objects.create(
        adapter=promoting.adapter(), before=active, share=share, by="boss", started_at=began
    )


def conversation(promotion: Promotion, *, canary: bool, inbox: Inbox) -> Conversation:
    """One that is drawn to this side."""
    while True:
        made = factories.conversation(inbox=inbox)
        if side(key=str(made.pk), promotion_id=promotion.pk, share=promotion.share) == canary:
            return made


def wrote(adapter: Adapter | None, *, kept: bool = True, engine: str = "transformers") -> dict[str, Any]:
    return {"engine": engine, "adapter": adapter.digest if adapter else "", "finish": "stop", "error": "", "kept": kept}


def talk(
    promotion: Promotion,
    inbox: Inbox,
    *,
    canary: bool,
    kind: str = "text",
    cut: bool = False,
    thumb: int = 0,
    stars: int = 0,
    handed: str = "",
    write_ms: float = 400.0,
    draft: str = "",
    edit: float = 0.0,
    minutes: int = 30,
    tried: bool = True,
) -> Conversation:
    """One question and one answer of `minutes` after the start, and what followed."""
    adapter = promotion.adapter if canary else promotion.before
    at = promotion.started_at + timedelta(minutes=minutes)
    made = conversation(promotion, canary=canary, inbox=inbox)
    asked = Message.objects.create(conversation=made, seq=1, role="customer", text="How long?", created_at=at)
    if draft:
        judged = Suggestion.objects.create(conversation=made, trigger=asked, state="ready", outcome=draft,
            edit_distance=edit, card={"written_by": [wrote(adapter)]})  # fmt: skip
        Suggestion.objects.filter(pk=judged.pk).update(created_at=at)
        return made
    answer = Message.objects.create(
        conversation=made, seq=2, role="bot", kind=kind, text="30 days.", created_at=at + timedelta(seconds=2)
    )
    written = [wrote(adapter, kept=not cut), *([wrote(None, engine="extractive")] if cut else [])]
    AnswerCard.objects.create(message=answer, decision="answer", engine="extractive" if cut else "transformers",
        adapter="" if cut or adapter is None else adapter.digest,
        data={"timings": {"write_ms": write_ms}, **({"written_by": written} if tried else {})})  # fmt: skip
    if thumb:
        Rating.objects.create(message=answer, value=thumb)
    if handed:
        Activity.objects.create(conversation=made, kind="handoff", detail={"reason": handed}, after_seq=2,
            created_at=at + timedelta(seconds=3))  # fmt: skip
    if stars:
        ConversationRating.objects.create(conversation=made, asked_at=at, value=stars, rated_at=at)
    return made
