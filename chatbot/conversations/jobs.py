"""Reply jobs: claim, lease, finish, retry, recover. Every change of state is a conditional UPDATE of one row.

A claim holds for REPLY_LEASE_SECONDS and is extended by this process's heartbeat; when the process dies, the lease
expires and `recover` puts the job back. What an expired holder still writes is refused, so no answer comes twice.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from chatbot.conversations import events, queueing, services
from chatbot.conversations.leases import WORKER, lease
from chatbot.conversations.live import publishing, streams
from chatbot.conversations.models import AnswerCard, Conversation, Message, ReplyJob

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """A job this process holds. `messages` are the customer's that it answers, oldest first."""

    job_id: int
    attempt: int
    conversation: Conversation
    messages: tuple[Message, ...]
    lost: threading.Event = field(default_factory=threading.Event, compare=False)
    """Set when the job is no longer ours: cancelled by a handoff, or taken over after an expired lease."""
    model: ClassVar[type[ReplyJob]] = ReplyJob

    @property
    def pk(self) -> int:
        return self.job_id


# --- Claiming ----------------------------------------------------------------------------------------
def claim(*, job_id: int) -> Claim | None:
    """Take the job, or None when it is not to be had: done, taken, not due, or the inbox is at its limit.

    Older queued jobs of the same conversation are absorbed: one answer serves all that the customer wrote meanwhile.
    """
    conversation_id = (
        ReplyJob.objects.filter(pk=job_id, state=ReplyJob.State.QUEUED)
        .values_list("conversation_id", flat=True)
        .first()
    )
    if conversation_id is None:
        return None
    try:
        with transaction.atomic():
            return _claim_locked(services.lock(conversation_id=conversation_id))
    except IntegrityError:
        return None  # another worker runs a job of this conversation
    except Conversation.DoesNotExist:
        return None  # erased a moment ago


def _claim_locked(conversation: Conversation) -> Claim | None:
    now = timezone.now()
    jobs = list(
        ReplyJob.objects.filter(conversation=conversation, state__in=["queued", "running"]).order_by("trigger__seq")
    )
    queued = [job for job in jobs if job.state == ReplyJob.State.QUEUED]
    if len(queued) < len(jobs) or not queued or queued[-1].available_at > now or _inbox_is_full(conversation):
        return None
    job = queued[-1]
    taken = ReplyJob.objects.filter(pk=job.pk, state=ReplyJob.State.QUEUED).update(
        state=ReplyJob.State.RUNNING, worker=WORKER, attempt=job.attempt + 1, lease_until=now + lease(), error=""
    )
    if taken != 1:
        return None
    if older := [other.pk for other in queued[:-1]]:
        ReplyJob.objects.filter(pk__in=older).update(state=ReplyJob.State.ABSORBED, finished_at=now)
    return Claim(job.pk, job.attempt + 1, conversation, _owed(job))


def _inbox_is_full(conversation: Conversation) -> bool:
    running = ReplyJob.objects.filter(
        state=ReplyJob.State.RUNNING, conversation__inbox_id=conversation.inbox_id
    ).count()
    return bool(running >= settings.LIMIT_GENERATIONS_PER_INBOX)


def _owed(job: ReplyJob) -> tuple[Message, ...]:
    """The messages this job answers, oldest first: its own and those it absorbed, on this attempt or an earlier."""
    absorbed = Q(job__state=ReplyJob.State.ABSORBED, job__answer=None)
    return tuple(Message.objects.filter(Q(job=job) | absorbed, conversation_id=job.conversation_id).order_by("seq"))


# --- Finishing ---------------------------------------------------------------------------------------
def finish(*, claim: Claim, reply: services.BotReply) -> bool:
    """Write the answer, its sources and its card, in one transaction. False: the job was ours no longer."""
    with transaction.atomic():
        conversation = services.lock(conversation_id=claim.conversation.pk)
        held = _held(claim)
        if conversation.state != Conversation.State.BOT:
            held.update(state=ReplyJob.State.CANCELLED, finished_at=timezone.now())
            return False
        if held.update(state=ReplyJob.State.DONE, finished_at=timezone.now()) != 1:
            return False
        if reply.withheld:
            _withhold(conversation, claim, reply)
            return True
        message, shown = services.post_bot_reply(conversation=conversation, reply=reply)
        ReplyJob.objects.filter(pk=claim.job_id).update(answer=message)
        ReplyJob.objects.filter(conversation=conversation, state=ReplyJob.State.ABSORBED, answer=None).update(
            answer=message
        )
        publishing.publish_on_commit(conversation.pk, shown.model_copy(update={"job": claim.job_id}))
        if reply.hand_off:
            services.give_up(conversation=conversation, reason=reply.hand_off)
        transaction.on_commit(partial(_after, conversation.pk))
    return True


def _withhold(conversation: Conversation, claim: Claim, reply: services.BotReply) -> None:
    """No message: the conversation waits for a person, with the answer as a draft. What was absorbed is theirs too."""
    absorbed = ReplyJob.objects.filter(conversation=conversation, state=ReplyJob.State.ABSORBED, answer=None)
    absorbed.update(state=ReplyJob.State.CANCELLED)
    services.withhold(conversation=conversation, reply=reply, trigger=claim.messages[-1])
    dropped = events.StreamStatus(job=claim.job_id, attempt=claim.attempt, stage="dropped")
    publishing.publish_on_commit(conversation.pk, dropped)
    transaction.on_commit(partial(_after, conversation.pk))


def _held(claim: Claim):  # type: ignore[no-untyped-def]  # a QuerySet with annotations that stubs cannot name
    return ReplyJob.objects.filter(pk=claim.job_id, worker=WORKER, attempt=claim.attempt, state=ReplyJob.State.RUNNING)


def _after(conversation_id: int) -> None:
    """What was written while the answer was made gets its turn."""
    streams.forget(conversation_id=conversation_id)
    waiting = ReplyJob.objects.filter(conversation_id=conversation_id, state=ReplyJob.State.QUEUED)
    for job_id in waiting.values_list("pk", flat=True)[:1]:
        queueing.enqueue(job_id)


def release(*, claim: Claim, error: str = "", delay_seconds: float = 0.0) -> None:
    """Give the job back for another try, later after an error; after REPLY_ATTEMPTS tries it fails for good."""
    with transaction.atomic():
        conversation = services.lock(conversation_id=claim.conversation.pk)
        if error and claim.attempt >= settings.REPLY_ATTEMPTS:
            if _held(claim).update(state=ReplyJob.State.FAILED, error=error[:500], finished_at=timezone.now()):
                _apologise(conversation, claim.job_id)
            return
        _held(claim).update(
            state=ReplyJob.State.QUEUED,
            worker="",
            lease_until=None,
            error=error[:500],
            attempt=claim.attempt if error else claim.attempt - 1,
            available_at=timezone.now() + timedelta(seconds=delay_seconds),
        )


def _apologise(conversation: Conversation, job_id: int) -> None:
    if conversation.state != Conversation.State.BOT:
        return
    with override(services.language_of(conversation)):
        text = _("Sorry, something went wrong on our side and I could not answer. A person will help you.")
    card = AnswerCard(decision="handoff", data={"error": "the reply failed after all attempts"})
    reply = services.BotReply(text, Message.Kind.ABSTAIN, True, "failure", (), card)
    message, shown = services.post_bot_reply(conversation=conversation, reply=reply)
    ReplyJob.objects.filter(pk=job_id).update(answer=message)
    publishing.publish_on_commit(conversation.pk, shown.model_copy(update={"job": job_id}))
    services.give_up(conversation=conversation, reason="failure")
    transaction.on_commit(partial(_after, conversation.pk))


# --- Recovery ----------------------------------------------------------------------------------------
def recover() -> int:
    """Put back jobs whose lease expired and ring for all that are due. Returns how many were rung for."""
    now = timezone.now()
    expired = ReplyJob.objects.filter(state=ReplyJob.State.RUNNING, lease_until__lt=now)
    for job in expired.select_related("conversation"):
        _take_back(job)
    due = ReplyJob.objects.filter(state=ReplyJob.State.QUEUED, available_at__lte=now).order_by("available_at")
    job_ids = list(due.values_list("pk", flat=True)[:1000])
    for job_id in job_ids:
        queueing.enqueue(job_id)
    return len(job_ids)


def _take_back(job: ReplyJob) -> None:
    with transaction.atomic():
        conversation = services.lock(conversation_id=job.conversation_id)
        held = ReplyJob.objects.filter(
            pk=job.pk, state=ReplyJob.State.RUNNING, attempt=job.attempt, lease_until__lt=timezone.now()
        )
        if job.attempt >= settings.REPLY_ATTEMPTS:
            reason = "the worker died on every attempt"
            if held.update(state=ReplyJob.State.FAILED, error=reason, finished_at=timezone.now()):
                _apologise(conversation, job.pk)
        elif held.update(state=ReplyJob.State.QUEUED, worker="", lease_until=None):
            logger.warning("Reply job %d is put back: its worker %s went away.", job.pk, job.worker)
