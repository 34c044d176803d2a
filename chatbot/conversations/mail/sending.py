"""Sends one queued e-mail: claim, hand to the mail server, mark. What fails for now is tried again, later and later.

A process that dies between the server's "yes" and the mark sends the e-mail once more after its lease: the same text
under the same Message-ID, which mail programs show once. At least once, never a different one.
"""

import logging
import smtplib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from chatbot.conversations import activities, mail, rows, services
from chatbot.conversations.leases import WORKER
from chatbot.conversations.mail import addresses, catcher, composing, notes, outgoing, policy
from chatbot.conversations.models import Conversation, OutboundEmail

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=5)
"""Longer than a mail server may take: EMAIL_TIMEOUT is per answer, and there are a few."""
_State = OutboundEmail.State


@dataclass(frozen=True)
class Failure:
    reason: str
    for_good: bool


def run(email_id: int) -> None:
    """Claim and send. Whatever happens, the row ends sent, failed, or queued for later."""
    if not mail.available():
        return
    row = claim(email_id=email_id)
    if row is None or _is_moot(row):
        return
    failure = _deliver(row)
    try:
        if failure is None:
            mark_sent(row)
        else:
            mark_failed(row, failure)
    except Conversation.DoesNotExist:
        logger.info("E-mail %d belongs to a conversation that was erased meanwhile.", row.pk)
        catcher.forget([row.email_id])


# --- Claiming ------------------------------------------------------------------------------------------
def claim(*, email_id: int) -> OutboundEmail | None:
    """Take the row if it is due, or if its holder's lease has expired."""
    row = OutboundEmail.objects.filter(pk=email_id).first()
    now = timezone.now()
    if row is None:
        return None
    is_due = row.state == _State.QUEUED and row.available_at <= now
    is_lost = row.state == _State.RUNNING and row.lease_until is not None and row.lease_until < now
    if not (is_due or is_lost):
        return None
    taken = OutboundEmail.objects.filter(
        pk=row.pk, state=row.state, attempt=row.attempt, lease_until=row.lease_until
    ).update(state=_State.RUNNING, worker=WORKER, attempt=row.attempt + 1, lease_until=now + LEASE)
    if taken != 1:
        return None
    return OutboundEmail.objects.select_related("conversation__inbox", "conversation__contact").get(pk=row.pk)


def _is_moot(row: OutboundEmail) -> bool:
    """Nobody needs it any more, or nobody may be sent it: the row goes, and the policy decides anew."""
    conversation, contact = row.conversation, row.conversation.contact
    moot = conversation.customer_seen_seq >= row.last_seq or outgoing.is_stopped(conversation, row.to)
    moot = moot or contact.email.lower() != row.to.lower()
    if not moot and not contact.email_verified:
        # Two conversations may have been queued at once: of the last day's e-mails the first few are sent.
        earlier = outgoing.sent_lately(row.to, now=timezone.now()).filter(pk__lt=row.pk)
        moot = earlier.count() >= settings.EMAIL_PER_UNVERIFIED_ADDRESS
    if moot:
        _held(row).delete()
    return moot


def _held(row: OutboundEmail):  # type: ignore[no-untyped-def]  # a QuerySet whose annotations stubs cannot name
    return OutboundEmail.objects.filter(pk=row.pk, worker=WORKER, attempt=row.attempt, state=_State.RUNNING)


# --- Delivering ----------------------------------------------------------------------------------------
def _deliver(row: OutboundEmail) -> Failure | None:
    try:
        email: EmailMultiAlternatives = composing.compose(row)
        if email.send() != 1:
            return Failure("The mail server took nothing.", for_good=False)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        failure = judge(error)
        logger.warning("E-mail %d was not sent on attempt %d: %s", row.pk, row.attempt, failure.reason)
        return failure
    except Exception as error:
        logger.exception("E-mail %d could not be made.", row.pk)
        return Failure(f"{type(error).__name__}: {error}", for_good=False)
    return None


def judge(error: Exception) -> Failure:
    """Whether trying again may help. Pure."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(error.recipients.values()), (450, b""))
            return Failure(f"{code} {_words(text)}", for_good=500 <= code < 600)
        case smtplib.SMTPAuthenticationError():  # our own login: somebody will mend it
            return Failure(f"{error.smtp_code} {_words(error.smtp_error)}", for_good=False)
        case smtplib.SMTPResponseException():
            return Failure(f"{error.smtp_code} {_words(error.smtp_error)}", for_good=500 <= error.smtp_code < 600)
        case smtplib.SMTPNotSupportedError() | ValueError():
            return Failure(f"{type(error).__name__}: {error}", for_good=True)
        case _:
            return Failure(f"{type(error).__name__}: {error}", for_good=False)


def _words(text: bytes | str) -> str:
    return addresses.one_line(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, 300)


# --- Marking -------------------------------------------------------------------------------------------
@transaction.atomic
def mark_sent(row: OutboundEmail) -> bool:
    """False: the row is ours no longer."""
    conversation = services.lock(conversation_id=row.conversation_id)
    now = timezone.now()
    if _held(row).update(state=_State.SENT, sent_at=now, worker="", lease_until=None, error="") != 1:
        return False
    Conversation.objects.filter(pk=conversation.pk, emailed_seq__lt=row.last_seq).update(emailed_seq=row.last_seq)
    activities.record(conversation, "emailed", to=row.to, first_seq=row.first_seq, last_seq=row.last_seq)
    rows.changed(conversation.pk)
    return True


@transaction.atomic
def mark_failed(row: OutboundEmail, failure: Failure) -> None:
    """Try again later, or give up and tell the team."""
    conversation = services.lock(conversation_id=row.conversation_id)
    wait = None if failure.for_good else policy.wait_after(row.attempt)
    fields = {"worker": "", "lease_until": None, "error": failure.reason[:500]}
    if wait is not None:
        _held(row).update(state=_State.QUEUED, available_at=timezone.now() + wait, **fields)
        return
    if _held(row).update(state=_State.FAILED, **fields) == 1:
        notes.not_delivered(conversation, to=row.to, reason=failure.reason, once=f"failed {row.pk}")
