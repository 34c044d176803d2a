"""Brings snoozed conversations back when their time has come. Snoozing itself is an agent's doing (`handling.py`)."""

from typing import Final

from django.db import transaction
from django.utils import timezone

from chatbot.conversations import activities, handling, rows, services
from chatbot.conversations.handoffs import waiting
from chatbot.conversations.models import Conversation

_AT_ONCE: Final = 200


def wake_due() -> int:
    """Returns how many came back."""
    due = Conversation.objects.filter(snoozed_until__lte=timezone.now()).order_by("snoozed_until")
    return sum(_wake(conversation_id) for conversation_id in list(due.values_list("pk", flat=True)[:_AT_ONCE]))


@transaction.atomic
def _wake(conversation_id: int) -> bool:
    conversation = services.lock(conversation_id=conversation_id)
    if conversation.snoozed_until is None or conversation.snoozed_until > timezone.now():
        return False
    conversation.snoozed_until = None
    conversation.save(update_fields=["snoozed_until", "updated_at"])
    activities.record(conversation, "unsnoozed", rule="due")
    rows.changed(conversation.pk)
    if conversation.assignee is not None:
        handling.alert(conversation, conversation.assignee, "waiting")
    if conversation.state == Conversation.State.WAITING:
        waiting.changed_on_commit(waiting.queue_of(conversation))
    return True
