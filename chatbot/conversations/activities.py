"""What was done to a conversation: one row, and one event for the desks that have it open."""

from typing import Any

from chatbot.accounts.models import User
from chatbot.conversations import desk_events, rows
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Activity, Conversation


def record(conversation: Conversation, kind: str, *, actor: User | None = None, **detail: Any) -> Activity:
    """Inside the caller's transaction; told after commit. `detail` holds names and values for people to read."""
    activity = Activity.objects.create(
        conversation=conversation, kind=kind, actor=actor, detail=detail, after_seq=conversation.last_seq
    )
    group = desk_events.followers_group(conversation.pk)
    publishing.publish_desk_on_commit(group, activity_out(activity, conversation))
    return activity


def activity_out(activity: Activity, conversation: Conversation) -> desk_events.ActivityOut:
    return desk_events.ActivityOut.model_validate(
        {
            "conversation": conversation.public_id,
            "id": activity.pk,
            "kind": activity.kind,
            "actor": rows.person_out(activity.actor),
            "detail": activity.detail,
            "after_seq": activity.after_seq,
            "created_at": activity.created_at.isoformat(),
        }
    )
