"""The record: inboxes, contacts, conversations, messages, the team's notes on them, and the jobs that answer them.

Writes go through services, reads through selectors. Nothing here publishes or enqueues.
"""

from chatbot.conversations.models.contacts import Contact, PageView
from chatbot.conversations.models.conversations import (
    AnswerCard,
    Citation,
    Conversation,
    ConversationRating,
    Message,
    Rating,
)
from chatbot.conversations.models.desk import (
    Activity,
    CannedExample,
    CannedReply,
    Mention,
    Note,
    ReadMark,
    Tag,
)
from chatbot.conversations.models.inboxes import Inbox, new_inbox_key, new_inbox_secret
from chatbot.conversations.models.work import EmailOptOut, InboundEmail, Leased, OutboundEmail, ReplyJob, Suggestion

__all__ = [
    "Activity",
    "AnswerCard",
    "CannedExample",
    "CannedReply",
    "Citation",
    "Contact",
    "Conversation",
    "ConversationRating",
    "EmailOptOut",
    "InboundEmail",
    "Inbox",
    "Leased",
    "Mention",
    "Message",
    "Note",
    "OutboundEmail",
    "PageView",
    "Rating",
    "ReadMark",
    "ReplyJob",
    "Suggestion",
    "Tag",
    "new_inbox_key",
    "new_inbox_secret",
]
