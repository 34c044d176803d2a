"""Rows of suggestions: asking for a draft, withdrawing a stale one, and keeping what an agent did with it.

A draft is made for the newest customer message and is withdrawn as soon as a newer public message appears. How it is
made is `suggesting.py`'s work.
"""

import re
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rapidfuzz.distance import Levenshtein

from chatbot.accounts.models import User
from chatbot.conversations import desk_events, queueing
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation, Message, Suggestion
from chatbot.conversations.refusals import Refusal
from finetune.courtesy import without_courtesies

if TYPE_CHECKING:
    from chatbot.conversations.services import BotReply

_CITATION_FIELDS: Final = ("number", "title", "heading", "url", "text", "passage_id", "document_id")
OPEN: Final = (Suggestion.State.QUEUED, Suggestion.State.RUNNING, Suggestion.State.READY)
LIGHT_EDIT: Final = 0.25
"""Up to this edit distance (0..1) a sent draft counts as lightly edited, above it as rewritten."""
_MARKS: Final = re.compile(r"[ \t]*\[\d{1,2}(?:\s*,\s*\d{1,2})*\]")
"""Numbers of sources: the desk leaves them out of what a customer reads, so they are no edit."""


def outcome_of(draft: str, sent: str) -> tuple[Suggestion.Outcome, float]:
    """What became of a draft, and its edit distance: Levenshtein over the longer text's length, 0..1.

    Source numbers and courtesies do not count: who says good-bye as the team does has not rewritten a draft.
    """
    before, after = (_MARKS.sub("", text).strip() for text in (draft, sent))
    if before == after:
        return Suggestion.Outcome.UNCHANGED, 0.0
    distance = Levenshtein.normalized_distance(without_courtesies(before), without_courtesies(after))
    return (Suggestion.Outcome.LIGHT if distance <= LIGHT_EDIT else Suggestion.Outcome.REWRITE), distance


def request(
    conversation: Conversation,
    *,
    purpose: str = "assist",
    hint: str = "",
    agent: User | None = None,
    trigger: Message | None = None,
) -> Suggestion | None:
    """Ask for a draft for the newest customer message that nobody has answered. None when there is none.

    `trigger` is that message, of a caller who has just appended it. The caller holds the conversation's lock in a
    transaction. An earlier open draft is withdrawn.
    """
    trigger = trigger or _unanswered(conversation)
    if trigger is None:
        return None
    withdraw(conversation)
    suggestion = Suggestion.objects.create(
        conversation=conversation, trigger=trigger, purpose=purpose, hint=hint[:300], agent=agent
    )
    publish(suggestion, conversation)
    queueing.enqueue_suggestion_on_commit(suggestion.pk)
    return suggestion


def keep_withheld(conversation: Conversation, trigger: Message, *, purpose: str, made: "BotReply") -> Suggestion | None:
    """An answer of the bot that is not for the customer, as a draft that is ready; made anew when it is stale.

    The caller holds the conversation's lock in a transaction.
    """
    newest = _unanswered(conversation)
    if newest is None or newest.pk != trigger.pk:
        return request(conversation, purpose=purpose)
    withdraw(conversation)
    suggestion = Suggestion.objects.create(
        conversation=conversation,
        trigger=trigger,
        purpose=purpose,
        state=Suggestion.State.READY,
        ready_at=timezone.now(),
        text=made.text,
        decision="answer",
        confidence=made.card.confidence,
        citations=[{name: getattr(citation, name) for name in _CITATION_FIELDS} for citation in made.citations],
        card=made.card.data,
        engine=made.card.engine,
        adapter=made.card.adapter,
        index_version=made.card.index_version,
        prompt_digest=made.card.prompt_digest,
        topic=made.topic,
    )
    publish(suggestion, conversation)
    return suggestion


def _unanswered(conversation: Conversation) -> Message | None:
    """The newest customer message, unless a person has answered it already."""
    spoken = Message.objects.filter(conversation=conversation, role__in=[Message.Role.CUSTOMER, Message.Role.AGENT])
    newest = spoken.order_by("-seq").first()
    return newest if newest is not None and newest.role == Message.Role.CUSTOMER else None


def withdraw(conversation: Conversation) -> None:
    """Take open drafts off the composer: what they answer is no longer the newest word."""
    stale = Suggestion.objects.filter(conversation=conversation, state__in=OPEN, outcome=Suggestion.Outcome.NONE)
    for suggestion in stale.select_related("trigger"):
        suggestion.state = Suggestion.State.WITHDRAWN
        suggestion.worker, suggestion.lease_until = "", None
        suggestion.save(update_fields=["state", "worker", "lease_until"])
        publish(suggestion, conversation)


def sent(conversation: Conversation, message: Message, *, agent: User, suggestion_id: int | None) -> None:
    """Keep what a sent reply was made from; drafts that were on show and not used are `ignored`."""
    on_show = Q(state=Suggestion.State.READY) | Q(pk=suggestion_id or 0)  # the used one may have become stale meanwhile
    undecided = Suggestion.objects.filter(on_show, conversation=conversation, outcome=Suggestion.Outcome.NONE)
    now = timezone.now()
    for suggestion in undecided:
        used = suggestion.pk == suggestion_id
        if used:
            suggestion.outcome, suggestion.edit_distance = outcome_of(suggestion.text, message.text)
            suggestion.sent_message = message
        else:
            suggestion.outcome = Suggestion.Outcome.IGNORED
        suggestion.agent, suggestion.decided_at = agent, now
        suggestion.save(update_fields=["outcome", "edit_distance", "sent_message", "agent", "decided_at"])
    withdraw(conversation)


def publish(suggestion: Suggestion, conversation: Conversation) -> None:
    """Tell the desks that have the conversation open, after commit."""
    group = desk_events.followers_group(conversation.pk)
    publishing.publish_desk_on_commit(group, suggestion_out(suggestion, conversation))


def suggestion_out(suggestion: Suggestion, conversation: Conversation) -> desk_events.SuggestionOut:
    return desk_events.SuggestionOut.model_validate(
        {
            "conversation": conversation.public_id,
            "id": suggestion.pk,
            "state": suggestion.state,
            "trigger_seq": suggestion.trigger.seq,
            "text": suggestion.text,
            "citations": [
                {name: citation.get(name, "") for name in ("number", "title", "heading", "url", "text")}
                for citation in suggestion.citations
            ],
            "confidence": suggestion.confidence,
            "decision": suggestion.decision,
            "engine": suggestion.engine,
            "adapter": suggestion.adapter,
            "hint": suggestion.hint,
            "error": suggestion.error,
        }
    )


def shown(*, suggestion_id: int, conversation_id: int, inserted: bool) -> None:
    """An agent has the draft before the eyes, or put it into the composer. First times count."""
    now = timezone.now()
    ready = Suggestion.objects.filter(pk=suggestion_id, conversation_id=conversation_id, state=Suggestion.State.READY)
    ready.filter(shown_at=None).update(shown_at=now)
    if inserted:
        ready.filter(inserted_at=None).update(inserted_at=now)


@transaction.atomic
def dismiss(*, suggestion_id: int, conversation_id: int, agent: User, reason: str, comment: str = "") -> None:
    """The agent does not want this draft, and says why. Raises Refusal when it is on show no longer."""
    changed = Suggestion.objects.filter(
        pk=suggestion_id,
        conversation_id=conversation_id,
        state=Suggestion.State.READY,
        outcome=Suggestion.Outcome.NONE,
    ).update(
        outcome=Suggestion.Outcome.DISMISSED,
        dismiss_reason=reason[:40],
        comment=comment[:500],
        agent=agent,
        decided_at=timezone.now(),
    )
    if changed != 1:
        raise Refusal("not_now", _("This draft is no longer on show."))
