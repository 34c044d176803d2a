"""Answers one claimed job: from rows to `answering`, and from its Answer back to rows.

The database connection is given back while the model writes, so that many answers share a small pool.
"""

import logging
import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection, connections

from chatbot.conversations import jobs, leases, services
from chatbot.conversations.answers.dial import Dial
from chatbot.conversations.canned_replies import canned_selectors
from chatbot.conversations.events import StreamStatus
from chatbot.conversations.live import publishing, streams
from chatbot.conversations.models import AnswerCard, Citation, Conversation, Message

if TYPE_CHECKING:
    from chatbot.conversations.answers.answering import Answer, AnswerContext, Answerer
    from retrieval.records import Turn

logger = logging.getLogger(__name__)

HISTORY_TURNS: Final = 12
_KINDS: Final = {"abstain": Message.Kind.ABSTAIN, "handoff": Message.Kind.ABSTAIN, "clarify": Message.Kind.CLARIFY}


_building: Final = threading.Lock()


def answerer() -> "Answerer":
    """This process's answerer; loads index and engine at the first call, which the others wait for."""
    with _building:
        return _built()


@cache
def _built() -> "Answerer":
    from chatbot.conversations.answers.composition import build_answerer

    return build_answerer()


def warm_up() -> None:
    """Answer a question to nobody, so that model, index and vectors are in memory before the first customer asks."""
    from chatbot.conversations.answers.answering import AnswerContext

    answerer().answer(AnswerContext(question="What can you help me with today, and where are you?"))


def run(job_id: int) -> None:
    """Claim and answer the job. Whatever happens, the job ends answered, given back, or handed to a person.

    Where the conversation is erased meanwhile, nothing of the answer stays.
    """
    claim = jobs.claim(job_id=job_id)
    if claim is None:
        return
    writer = streams.StreamWriter(conversation_id=claim.conversation.pk, job_id=claim.job_id, attempt=claim.attempt)
    try:
        with leases.held(claim):
            _carry_out(claim, writer)
    except Conversation.DoesNotExist:
        logger.info("Reply job %d belongs to a conversation that was erased meanwhile.", claim.job_id)
        _dropped(claim, writer)


def _carry_out(claim: jobs.Claim, writer: streams.StreamWriter) -> None:
    try:
        answer = _answer(claim, writer)
    except Exception as error:  # Cancelled among them
        if claim.lost.is_set():
            _dropped(claim, writer)
            return
        logger.exception("Reply job %d failed on attempt %d.", claim.job_id, claim.attempt)
        writer.close()
        jobs.release(claim=claim, error=f"{type(error).__name__}: {error}", delay_seconds=2.0**claim.attempt)
        return
    writer.close()
    if not jobs.finish(claim=claim, reply=_reply(answer)):
        _dropped(claim, writer)


def _dropped(claim: jobs.Claim, writer: streams.StreamWriter) -> None:
    writer.close()
    if not Conversation.objects.filter(pk=claim.conversation.pk).exists():
        streams.forget(conversation_id=claim.conversation.pk)
    publishing.publish(claim.conversation.pk, StreamStatus(job=claim.job_id, attempt=claim.attempt, stage="dropped"))


def _answer(claim: jobs.Claim, writer: streams.StreamWriter) -> "Answer":
    context = _context(claim)
    _give_connection_back()
    writer.stage("searching")
    deadline = time.monotonic() + settings.REPLY_TIMEOUT_SECONDS

    def stage(name: str) -> None:
        if name == "writing":
            _give_connection_back()
        writer.stage(name)

    def cancelled() -> bool:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {settings.REPLY_TIMEOUT_SECONDS} s")
        return claim.lost.is_set()

    return answerer().answer(context, emit=writer.write, stage=stage, cancelled=cancelled)


def _give_connection_back() -> None:
    """To the pool, for another answer. SQLite has none: there closing only means opening again."""
    if connection.vendor != "sqlite":
        connections.close_all()


def _context(claim: jobs.Claim) -> "AnswerContext":
    conversation, inbox = claim.conversation, claim.conversation.inbox
    return context(
        conversation,
        claim.messages,
        _history(claim),
        abstentions=conversation.abstentions,
        handoff_after=inbox.handoff_after,
        dial=Dial(inbox.auto_confidence, inbox.review_share, claim.messages[-1].pk),
    )


def context(
    conversation: Conversation, asked: Sequence[Message], history: "tuple[Turn, ...]", **more: Any
) -> "AnswerContext":
    """What the answerer is asked for these messages; `more` are fields of AnswerContext that not every answer has."""
    from chatbot.conversations.answers.answering import AnswerContext
    from chatbot.conversations.canned_replies.intents import Asker

    inbox = conversation.inbox
    return AnswerContext(
        question="\n".join(message.text for message in asked),
        history=history,
        language=inbox.language or conversation.language,
        company=inbox.company or inbox.title or inbox.name,
        collections=frozenset(inbox.collections) or None,
        asker=Asker(inbox.pk, canned_selectors.values(conversation=conversation)),
        key=trial_key(conversation.pk),
        **more,
    )


def trial_key(conversation_id: int) -> str:
    """What decides which side of a trial a conversation is on (`finetune.trial.side`)."""
    return str(conversation_id)


def _history(claim: jobs.Claim) -> "tuple[Turn, ...]":
    """Everything said besides the messages to answer, also what the bot said after they were written."""
    from retrieval.records import Turn

    rows = Message.objects.filter(conversation=claim.conversation).exclude(role=Message.Role.NOTICE)
    rows = rows.exclude(pk__in=[message.pk for message in claim.messages])
    newest = list(rows.order_by("-seq").values_list("role", "text")[:HISTORY_TURNS])
    return tuple(
        Turn("customer" if role == Message.Role.CUSTOMER else "agent", text) for role, text in reversed(newest)
    )


def _kind(answer: "Answer") -> str:
    """Bringing in a person who was asked for is no sign that the bot did not know."""
    if answer.decision == "handoff" and answer.card.get("person_asked") and not answer.card.get("questions"):
        return Message.Kind.TEXT
    return _KINDS.get(answer.decision, Message.Kind.TEXT)


def _reply(answer: "Answer") -> services.BotReply:
    return services.BotReply(
        text=answer.text,
        kind=_kind(answer),
        offer_person=answer.offer_person,
        hand_off=("asked" if answer.card.get("person_asked") else "abstained") if answer.decision == "handoff" else "",
        citations=tuple(
            Citation(
                number=source.number,
                passage_id=source.passage_id,
                document_id=source.document_id,
                title=source.title[:500],
                heading=source.heading[:500],
                url=source.url[:2000],
                text=source.text,
            )
            for source in answer.sources
        ),
        canned_id=answer.canned,
        topic=answer.topic,
        withheld=answer.withheld,
        card=AnswerCard(
            decision=answer.decision[:12],
            confidence=answer.confidence,
            engine=answer.engine[:40],
            adapter=answer.adapter[:64],
            index_version=answer.index_version[:64],
            prompt_digest=answer.prompt_digest[:64],
            data=answer.card,
        ),
    )
