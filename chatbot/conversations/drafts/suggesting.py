"""Makes one draft for an agent: claims the row, answers as the bot would, and keeps text, sources and card.

What the bot would not answer becomes a draft without words: the closest passages, and the reason. Nothing here is shown
to a customer. A draft that was withdrawn meanwhile is dropped, and customers who wait for the bot come first.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.conversations import leases, queueing, replying
from chatbot.conversations.drafts import suggestions, wishes
from chatbot.conversations.models import Conversation, Message, Suggestion

if TYPE_CHECKING:
    from chatbot.conversations.answers.answering import Answer, AnswerContext
    from retrieval.records import Turn

logger = logging.getLogger(__name__)

CLOSEST: Final = 3
AT_ONCE: Final = 8
"""Drafts the clock rings for, for each that a worker makes at once; each one made rings for the next."""
_WORDLESS: Final = ("abstain", "handoff", "clarify", "smalltalk")
_State = Suggestion.State


@dataclass(frozen=True)
class Claim:
    """A draft that this process makes."""

    suggestion: Suggestion
    attempt: int
    lost: threading.Event = field(default_factory=threading.Event, compare=False)
    """Set when it was withdrawn, or taken over after an expired lease."""
    model: ClassVar[type[Suggestion]] = Suggestion

    @property
    def pk(self) -> int:
        return int(self.suggestion.pk)


class _Places:
    """How many drafts this process makes at once. Counted here, not in the database: each message asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used = 0

    def taken(self) -> bool:
        """Whether there was a place; whoever has one has to leave it."""
        with self._lock:
            free = self._used < settings.DRAFT_CONCURRENCY
            self._used += free
        return free

    def leave(self) -> None:
        with self._lock:
            self._used -= 1


_places = _Places()


def run(suggestion_id: int) -> None:
    """Claim and make the draft. Whatever happens, it ends ready, given back, failed with a reason, or dropped."""
    if not _places.taken():  # who is turned away costs nothing, and is rung for when a place is free
        return
    began = time.monotonic()
    try:
        claim = _claim(suggestion_id)
        if claim is not None:
            _make(claim)
            time.sleep(min(settings.DRAFT_REST_SECONDS, time.monotonic() - began))
    finally:
        _places.leave()
    if claim is not None:
        _ring(1)  # who was turned away need not wait for the clock


def _make(claim: Claim) -> None:
    with leases.held(claim):
        try:
            answer = replying.answerer().answer(_context(claim), cancelled=_watch(claim))
        except Exception as error:  # Cancelled among them
            if not claim.lost.is_set():
                logger.exception("Draft %d failed on attempt %d.", claim.pk, claim.attempt)
                _failed(claim, error)
            return
        _keep(claim, answer)


def _claim(suggestion_id: int) -> Claim | None:
    """None when it is not to be had: done, withdrawn, taken or not due."""
    now = timezone.now()
    found = Suggestion.objects.select_related("conversation__inbox", "conversation__contact", "trigger")
    suggestion = found.filter(pk=suggestion_id, state=_State.QUEUED, available_at__lte=now).first()
    if suggestion is None:
        return None
    attempt = suggestion.attempt + 1
    try:
        taken = Suggestion.objects.filter(pk=suggestion.pk, state=_State.QUEUED, attempt=suggestion.attempt).update(
            state=_State.RUNNING, worker=leases.WORKER, attempt=attempt, lease_until=now + leases.lease(), error=""
        )
    except IntegrityError:  # another draft of this conversation is being made
        return None
    return Claim(suggestion, attempt) if taken == 1 else None


def _ring(most: int) -> int:
    """Ring for the drafts that have been due longest. Returns how many were rung for."""
    due = Suggestion.objects.filter(state=_State.QUEUED, available_at__lte=timezone.now()).order_by("available_at")
    ids = list(due.values_list("pk", flat=True)[:most])
    for suggestion_id in ids:
        queueing.enqueue_suggestion(suggestion_id)
    return len(ids)


def _watch(claim: Claim) -> Any:
    deadline = time.monotonic() + settings.REPLY_TIMEOUT_SECONDS

    def cancelled() -> bool:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no draft within {settings.REPLY_TIMEOUT_SECONDS} s")
        return claim.lost.is_set()

    return cancelled


# --- What is asked -----------------------------------------------------------------------------------------
def _context(claim: Claim) -> "AnswerContext":
    conversation = claim.suggestion.conversation
    asked, history = said(conversation, claim.suggestion.trigger)
    return replying.context(conversation, asked, history, wish=claim.suggestion.hint)


def said(conversation: Conversation, trigger: Message) -> "tuple[list[Message], tuple[Turn, ...]]":
    """What the customer wrote in one go up to the trigger, and what was said before, oldest first."""
    from retrieval.records import Turn

    spoken = Message.objects.filter(conversation=conversation, seq__lte=trigger.seq).exclude(role=Message.Role.NOTICE)
    newest = list(spoken.order_by("-seq")[: replying.HISTORY_TURNS + 5])
    asked: list[Message] = []
    for message in newest:
        if message.role != Message.Role.CUSTOMER:
            break
        asked.insert(0, message)
    before = newest[len(asked) :][: replying.HISTORY_TURNS]
    return asked, tuple(
        Turn("customer" if message.role == Message.Role.CUSTOMER else "agent", message.text)
        for message in reversed(before)
    )


# --- What is kept --------------------------------------------------------------------------------------------
def _keep(claim: Claim, answer: "Answer") -> None:
    wordless = answer.decision in _WORDLESS
    text, note = ("", "") if wordless else wishes.applied(answer.text, claim.suggestion.hint, engine=answer.engine)
    citations = _closest(answer.card) if wordless else _sources(answer)
    kept = leases.ours(claim).update(
        state=_State.READY,
        worker="",
        lease_until=None,
        ready_at=timezone.now(),
        text=text,
        error=note,
        decision=("abstain" if wordless else answer.decision)[:12],
        confidence=answer.confidence,
        citations=citations,
        card=answer.card,
        engine=answer.engine[:40],
        adapter=answer.adapter[:64],
        index_version=answer.index_version[:64],
        prompt_digest=answer.prompt_digest[:64],
        canned_reply=answer.canned,
        topic=answer.topic[:80],
    )
    if kept == 1:
        _tell(claim.pk)


def _sources(answer: "Answer") -> list[dict[str, Any]]:
    return [
        {
            "number": source.number,
            "title": source.title,
            "heading": source.heading,
            "url": source.url,
            "text": source.text,
            "passage_id": source.passage_id,
            "document_id": source.document_id,
        }
        for source in answer.sources
    ]


def _closest(card: dict[str, Any]) -> list[dict[str, Any]]:
    """The passages that came nearest, for an agent to look into; as the documents are now."""
    from retrieval.models import Passage

    ids = [one["passage_id"] for question in card.get("questions", []) for one in question.get("passages", [])]
    found = Passage.objects.filter(pk__in=list(dict.fromkeys(ids))[:CLOSEST], retired=False)
    rows = {passage.pk: passage for passage in found.select_related("document")}
    return [
        {
            "number": number,
            "title": rows[pk].document.title,
            "heading": " › ".join(rows[pk].heading_path),
            "url": rows[pk].document.url,
            "text": rows[pk].text,
            "passage_id": pk,
            "document_id": rows[pk].document_id,
        }
        for number, pk in enumerate([pk for pk in dict.fromkeys(ids) if pk in rows], start=1)
    ]


def _failed(claim: Claim, error: Exception) -> None:
    """Another try later, or the end of it with a sentence for the agent."""
    again = claim.attempt < settings.REPLY_ATTEMPTS
    reason = "" if again else _gave_up()
    changed = leases.ours(claim).update(
        state=_State.QUEUED if again else _State.FAILED,
        worker="",
        lease_until=None,
        error=reason,
        available_at=timezone.now() + timedelta(seconds=2.0**claim.attempt),
    )
    if changed == 1 and not again:
        _tell(claim.pk)


def _gave_up() -> str:
    return _("The draft could not be made. Write the reply yourself, or try again.")


def _tell(suggestion_id: int) -> None:
    suggestion = Suggestion.objects.select_related("conversation", "trigger").get(pk=suggestion_id)
    suggestions.publish(suggestion, suggestion.conversation)


# --- Recovery ------------------------------------------------------------------------------------------------
def recover() -> int:
    """Put back drafts whose lease expired and ring for all that are due. Returns how many were rung for."""
    now = timezone.now()
    for expired in Suggestion.objects.filter(state=_State.RUNNING, lease_until__lt=now):
        again = expired.attempt < settings.REPLY_ATTEMPTS
        held = Suggestion.objects.filter(
            pk=expired.pk, state=_State.RUNNING, attempt=expired.attempt, lease_until__lt=now
        )
        state = _State.QUEUED if again else _State.FAILED
        if held.update(state=state, worker="", lease_until=None, error="" if again else _gave_up()) and not again:
            _tell(expired.pk)
    return _ring(AT_ONCE * settings.DRAFT_CONCURRENCY)
