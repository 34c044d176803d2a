"""Finds customers who have left with something unseen, and queues one e-mail for each. Sends nothing.

The rows decide: finding twice, or in two processes at once, queues once.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from chatbot.conversations import mail, services
from chatbot.conversations.live.customer_presence import here
from chatbot.conversations.mail import addresses, policy, ringing
from chatbot.conversations.mail.policy import Situation, Unseen, Verdict
from chatbot.conversations.models import Activity, Conversation, EmailOptOut, Message, OutboundEmail

logger = logging.getLogger(__name__)

AT_ONCE: Final = 200
LOOK_BACK: Final = timedelta(days=3)
"""What lay unseen longer than this before e-mail was turned on is left alone."""
_OPEN: Final = (OutboundEmail.State.QUEUED, OutboundEmail.State.RUNNING)
_TEAM: Final = (Message.Role.AGENT, Message.Role.BOT)


def find(*, now: datetime | None = None) -> int:
    """Queue what is due. Returns how many e-mails were queued."""
    if not mail.available():
        return 0
    moment = now or timezone.now()
    queued = 0
    for conversation_id in _candidates(moment)[:AT_ONCE]:
        queued += queue(conversation_id=conversation_id, now=moment)
    return queued


def _candidates(now: datetime) -> "QuerySet[Conversation, int]":
    """Conversations in which a look is worth it; `queue` decides."""
    delay = timedelta(seconds=settings.EMAIL_DELAY_SECONDS)
    own = Message.objects.filter(conversation=OuterRef("pk"))
    unseen = own.filter(
        role__in=_TEAM,
        seq__gt=Greatest(OuterRef("customer_seen_seq"), OuterRef("emailed_seq")),
        created_at__lte=now - delay,
    )
    given = Activity.objects.filter(conversation=OuterRef("pk"), kind="email_set")
    busy = OutboundEmail.objects.filter(conversation=OuterRef("pk"), state__in=_OPEN)
    return (
        Conversation.objects.filter(Exists(unseen), ~Exists(busy), last_message_at__gt=now - LOOK_BACK)
        .filter(Q(contact__email_verified=True) | Exists(given))
        .exclude(contact__email="")
        .order_by("-last_message_at")
        .values_list("pk", flat=True)
    )


@transaction.atomic
def queue(*, conversation_id: int, now: datetime | None = None) -> bool:
    """Queue one e-mail with everything unseen, if the policy says so. The customer's address is fixed with it."""
    moment = now or timezone.now()
    conversation = services.lock(conversation_id=conversation_id)
    situation = _situation(conversation, moment)
    verdict = policy.decide(situation)
    if verdict is not Verdict.SEND:
        if verdict is Verdict.TOO_MANY:
            logger.warning("Conversation %d waits: its unverified address had its e-mails of today.", conversation.pk)
        return False
    last_seq = policy.counting(situation)[-1].seq
    email, made = OutboundEmail.objects.get_or_create(
        conversation=conversation,
        last_seq=last_seq,
        defaults={
            "to": situation.address,
            "first_seq": situation.unseen[0].seq,
            "email_id": addresses.new_message_id(),
        },
    )
    if made:
        transaction.on_commit(partial(ringing.ring, email.pk), robust=True)
    return made


def _situation(conversation: Conversation, now: datetime) -> Situation:
    contact = conversation.contact
    given = Activity.objects.filter(conversation=conversation, kind="email_set").exists()
    wrote = Message.objects.filter(conversation=conversation, via=Message.Via.EMAIL).exists()
    return Situation(
        now=now,
        delay=timedelta(seconds=settings.EMAIL_DELAY_SECONDS),
        unseen=tuple(_unseen(conversation)),
        address=contact.email,
        verified=contact.email_verified,
        given_here=given,
        by_mail=given or wrote or conversation.email_asked,
        here=here(conversation_id=conversation.pk),
        on_its_way=OutboundEmail.objects.filter(conversation=conversation, state__in=_OPEN).exists(),
        stopped=is_stopped(conversation, contact.email),
        sent_lately=sent_lately(contact.email, now=now).count(),
        limit=settings.EMAIL_PER_UNVERIFIED_ADDRESS,
    )


def _unseen(conversation: Conversation) -> Iterable[Unseen]:
    known = max(conversation.customer_seen_seq, conversation.emailed_seq)
    messages = Message.objects.filter(conversation=conversation, role__in=_TEAM, seq__gt=known).order_by("seq")
    return (
        Unseen(seq=message.seq, by_person=message.role == Message.Role.AGENT, written_at=message.created_at)
        for message in messages.only("seq", "role", "created_at")
    )


def is_stopped(conversation: Conversation, address: str) -> bool:
    opted = EmailOptOut.objects.filter(address=addresses.digest(address))
    return opted.filter(Q(conversation=None) | Q(conversation=conversation)).exists()


def sent_lately(address: str, *, now: datetime) -> QuerySet[OutboundEmail]:
    """E-mails of the last day to this address, over all conversations, sent or on their way."""
    lately = OutboundEmail.objects.filter(to__iexact=address, created_at__gt=now - timedelta(days=1))
    return lately.exclude(state=OutboundEmail.State.FAILED)


@transaction.atomic
def stop(*, conversation_id: int, address: str, everywhere: bool = False) -> None:
    """Write to this address (a digest) no more: in this conversation, or in any."""
    conversation = None if everywhere else Conversation.objects.filter(pk=conversation_id).first()
    if conversation is None and not everywhere:
        return
    EmailOptOut.objects.get_or_create(address=address, conversation=conversation)
    known = Conversation.objects.filter(pk=conversation_id).first()
    if known is not None:
        from chatbot.conversations.mail import notes

        notes.stopped(known, everywhere=everywhere)
