"""Reads of canned replies: who may see which, what fits a conversation, and what values its variables have there.

A reply without inboxes may be used everywhere. An agent sees those and the replies of their own inboxes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from rapidfuzz import fuzz

from chatbot.accounts.models import User
from chatbot.accounts.roles import may, sees_every_inbox
from chatbot.conversations import access, services
from chatbot.conversations.canned_replies import canned
from chatbot.conversations.models import CannedExample, CannedReply, Conversation, Inbox

LISTED: Final = 50
_ALIKE: Final = 60.0
"""From this likeness (0..100) of words a reply counts as fitting what an agent types."""


@dataclass(frozen=True)
class Filled:
    """A canned reply as it would be sent in one conversation."""

    id: int
    title: str
    shortcut: str
    text: str


def visible_to(user: User | AnonymousUser) -> QuerySet[CannedReply]:
    """Every reply for admins and analysts; for agents those of no inbox and of their own inboxes."""
    if not may(user, "conversations.view"):
        return CannedReply.objects.none()
    if sees_every_inbox(user):
        return CannedReply.objects.all()
    mine = access.inboxes(user).values("pk")
    return CannedReply.objects.filter(Q(inboxes=None) | Q(inboxes__in=mine)).distinct()


def usable_in(inbox_id: int | None) -> QuerySet[CannedReply]:
    """Active replies for that inbox; for None only those that are for every inbox."""
    place = Q(inboxes=None) if inbox_id is None else Q(inboxes=None) | Q(inboxes=inbox_id)
    return CannedReply.objects.filter(place, active=True).distinct()


def for_conversation(*, conversation: Conversation, agent: User | None = None, query: str = "") -> list[Filled]:
    """What an agent may insert, filled in and in the customer's language: the best for `query` first, at most 50."""
    language = services.language_of(conversation)
    filling = {**canned.neutral(language), **values(conversation=conversation, agent=agent)}
    rows = list(usable_in(conversation.inbox_id).order_by("-uses", "title"))
    found = _best(rows, query.strip().lstrip("/"))[:LISTED]
    return [
        Filled(row.pk, row.title, row.shortcut, canned.fill(canned.text_for(row.texts, language), filling))
        for row in found
    ]


def values(*, conversation: Conversation, agent: User | None = None) -> dict[str, str]:
    """What the variables stand for; the customer's name is what the customer or the host page said."""
    inbox = conversation.inbox
    known = {
        "customer": conversation.contact.name,
        "agent": agent.shown_name if agent else "",
        "company": inbox.company or inbox.title,
        "conversation": str(conversation.public_id)[:8],
        "inbox": inbox.title or inbox.name,
    }
    return {name: value for name, value in known.items() if value}


def _best(rows: Sequence[CannedReply], query: str) -> list[CannedReply]:
    """Rows that fit what was typed, best first; all of them, as they are, when nothing was."""
    if not query:
        return list(rows)
    scored = [(_likeness(row, query.casefold()), row) for row in rows]
    fitting = [pair for pair in scored if pair[0] >= _ALIKE]
    return [row for _score, row in sorted(fitting, key=lambda pair: -pair[0])]


def _likeness(row: CannedReply, query: str) -> float:
    """A shortcut's beginning is worth most, then the title, then the words of the text."""
    shortcut, title = row.shortcut.casefold(), row.title.casefold()
    if shortcut.startswith(query):
        return 200.0 + (shortcut == query)
    if any(word.startswith(query) for word in (title, *title.split(), *shortcut.split("-"))):
        return 150.0
    said = " ".join(str(text) for text in row.texts.values()).casefold()
    if query in title or query in said:
        return 110.0
    return max(fuzz.WRatio(query, title), fuzz.partial_ratio(query, shortcut) if len(query) > 3 else 0.0)


@dataclass(frozen=True)
class Shared:
    """An example question that another reply has as well."""

    text: str
    title: str


def shared_examples(texts: Iterable[str], *, but: CannedReply | None = None) -> list[Shared]:
    """Which of these questions are examples of other replies; matching cannot tell those replies apart by them."""
    wanted = {text.casefold() for text in texts}
    others = CannedExample.objects.exclude(canned_reply=but.pk if but else None).select_related("canned_reply")
    return [Shared(one.text, one.canned_reply.title) for one in others.iterator() if one.text.casefold() in wanted]


def inboxes_for(user: User | AnonymousUser) -> QuerySet[Inbox]:
    """Where the user may try a question."""
    return access.inboxes(user).filter(active=True).order_by("name", "pk")
