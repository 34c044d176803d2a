"""A conversation as one line of the desk's lists, and telling every desk that it changed. Once per transaction."""

import logging
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import QuerySet

from chatbot.accounts.models import User
from chatbot.conversations import desk_events
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation

logger = logging.getLogger(__name__)


def with_parts(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """What `row_out` reads, in three queries for any number of rows."""
    return conversations.select_related("contact", "assignee", "rating").prefetch_related("tags")


def row_out(conversation: Conversation, *, read_seq: int | None = None) -> desk_events.RowOut:
    rating = getattr(conversation, "rating", None)
    return desk_events.RowOut(
        conversation=conversation.public_id,
        inbox=conversation.inbox_id,
        contact=conversation.contact.name or conversation.contact.email or conversation.contact.external_id or "",
        contact_id=conversation.contact_id,
        state=conversation.state,
        assignee=person_out(conversation.assignee),
        team=conversation.team_id,
        priority=conversation.priority,
        tags=tuple(tag.name for tag in conversation.tags.all()),
        topic=conversation.topic,
        reason=conversation.handoff_reason,
        waiting_since=moment(conversation.unanswered_since or conversation.waiting_since),
        snoozed_until=moment(conversation.snoozed_until),
        last_seq=conversation.last_seq,
        last_message_at=moment(conversation.last_message_at),
        preview=conversation.preview,
        preview_role=conversation.preview_role,
        rating=(rating.value or 0) if rating else 0,
        language=conversation.language,
        read_seq=read_seq,
    )


def person_out(user: User | None, *, online: bool = False) -> desk_events.PersonOut | None:
    if user is None:
        return None
    return desk_events.PersonOut(id=user.pk, name=user.shown_name, username=user.get_username(), online=online)


def moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def changed(conversation_id: int) -> None:
    """Tell the desks of the inbox after commit, however often a transaction calls this."""
    for entry in connection.run_on_commit:
        queued = entry[1]
        if isinstance(queued, partial) and queued.func is _publish and queued.args == (conversation_id,):
            return
    transaction.on_commit(partial(_publish, conversation_id), robust=True)


def _publish(conversation_id: int) -> None:
    conversation = with_parts(Conversation.objects.filter(pk=conversation_id)).first()
    if conversation is not None:
        group = desk_events.inbox_group(conversation.inbox_id)
        publishing.publish_desk(group, desk_events.Row(row=row_out(conversation)))
