"""Which conversations a member of the team may see: agents those of their inboxes, admins and analysts all.

Every read and write of the desk starts here, so that what is not one's own does not exist.
"""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from chatbot.accounts.models import User
from chatbot.accounts.roles import may, sees_every_inbox
from chatbot.conversations.models import Conversation, Inbox


def inboxes(user: User | AnonymousUser) -> QuerySet[Inbox]:
    if not may(user, "conversations.view"):
        return Inbox.objects.none()
    return Inbox.objects.all() if sees_every_inbox(user) else Inbox.objects.filter(members=user.pk)


def conversations(user: User | AnonymousUser) -> QuerySet[Conversation]:
    return Conversation.objects.filter(inbox__in=inboxes(user).values("pk"))


def conversation_id(user: User | AnonymousUser, public_id: UUID) -> int:
    """The row's key. Raises Conversation.DoesNotExist for what the user may not see."""
    return conversations(user).values_list("pk", flat=True).get(public_id=public_id)


def agents(inbox: Inbox) -> QuerySet[User]:
    """Who can be given this inbox's conversations: its members, and admins."""
    members = User.objects.filter(inboxes=inbox, groups__name__in=["agent", "admin"])
    admins = User.objects.filter(groups__name="admin")
    return (members | admins).filter(is_active=True).distinct()
