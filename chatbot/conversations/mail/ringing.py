"""Rings the bell for a queued e-mail. The row is the queue: when the broker is away, the clock finds the row."""

import logging
from typing import Final

from django.utils import timezone

from chatbot.conversations.live.breaker import Breaker
from chatbot.conversations.models import OutboundEmail

logger = logging.getLogger(__name__)

_breaker: Final = Breaker("The broker")
_AT_ONCE: Final = 200


def ring(email_id: int) -> None:
    """Never raises: a lost ring only costs time."""
    from chatbot.conversations.mail.tasks import send

    try:
        _breaker.call(send.apply_async, args=(email_id,), retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways, and none of them loses the e-mail
        logger.warning("E-mail %d waits for the clock: the broker did not take it (%s).", email_id, error)


def ring_due() -> None:
    """Everything that is queued and due, and what a worker that died was holding."""
    now = timezone.now()
    due = OutboundEmail.objects.filter(state=OutboundEmail.State.QUEUED, available_at__lte=now)
    lost = OutboundEmail.objects.filter(state=OutboundEmail.State.RUNNING, lease_until__lt=now)
    for pk in (due | lost).order_by("available_at").values_list("pk", flat=True)[:_AT_ONCE]:
        ring(pk)
