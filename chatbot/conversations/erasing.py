"""Erases a contact with everything that was said: rows, caught e-mails, copies in the cache. Open sockets are told.

What was learnt from it is not known here (`chatbot.training.erasure` knows). Every function may be called again after
a kill: what is gone already is no error.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from django.db import connection
from django.db.models import Q

from chatbot.conversations import desk_events, events
from chatbot.conversations.live import customer_presence, publishing, streams
from chatbot.conversations.mail import catcher
from chatbot.conversations.models import Contact, Conversation, InboundEmail, Message, OutboundEmail, Suggestion

logger = logging.getLogger(__name__)

AT_ONCE: Final = 200


@dataclass(frozen=True)
class Talk:
    """A conversation's names: all that is needed to find what hangs on it without a row."""

    pk: int
    public_id: str
    inbox_id: int


@dataclass(frozen=True)
class Trace:
    """Where more than rows may be left of a contact. Numbers and Message-IDs, kept while it is being erased."""

    talks: tuple[Talk, ...] = ()
    emails: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"talks": [[one.pk, one.public_id, one.inbox_id] for one in self.talks], "emails": [*self.emails]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(tuple(Talk(*one) for one in data.get("talks", [])), tuple(data.get("emails", [])))


# --- Rows ------------------------------------------------------------------------------------------------
def lock(*, contact_id: int) -> Contact | None:
    """The contact and its conversations, locked until the end of the caller's transaction; None when it is gone.

    In the order of everybody else: conversations, then the contact.
    """
    _lock_talks(contact_id)
    contact = Contact.objects.select_for_update(of=("self",)).filter(pk=contact_id).first()
    _lock_talks(contact_id)  # one may have been opened between the two
    return contact


def _lock_talks(contact_id: int) -> None:
    found = Conversation.objects.select_for_update(of=("self",)).filter(contact_id=contact_id)
    list(found.order_by("pk").values_list("pk", flat=True))


def trace(*, contact: Contact) -> Trace:
    talks = Conversation.objects.filter(contact=contact).order_by("pk").values_list("pk", "public_id", "inbox_id")
    emails = OutboundEmail.objects.filter(conversation__contact=contact).values_list("email_id", flat=True)
    return Trace(tuple(Talk(pk, str(public_id), inbox_id) for pk, public_id, inbox_id in talks), tuple(emails))


def delete(*, contact: Contact, found: Trace) -> dict[str, int]:
    """Remove the contact's rows. The caller holds the lock in a transaction. Table -> rows that went.

    All that points to them goes with them; e-mails that came in are found by the conversation's number too, because
    those that became no message point nowhere.
    """
    _overwrite_what_goes()
    counts: Counter[str] = Counter()
    for part in _parts(found.talks):
        ours = Q(message__conversation__in=[one.pk for one in part])
        for one in part:
            ours |= Q(email_id__endswith=f" {one.pk}")
        counts.update(InboundEmail.objects.filter(ours).delete()[1])
    counts.update(contact.delete()[1])
    return {table: number for table, number in sorted(counts.items()) if number}


def _overwrite_what_goes() -> None:
    """SQLite leaves deleted text in the file's free pages unless it is told to overwrite it."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def _parts(talks: tuple[Talk, ...]) -> Iterable[tuple[Talk, ...]]:
    return (talks[start : start + AT_ONCE] for start in range(0, len(talks), AT_ONCE))


def forget_the_journal() -> None:
    """Outside of a transaction: SQLite's write-ahead log, which still holds old pages, is emptied if nobody reads."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# --- What hangs on no row --------------------------------------------------------------------------------
def forget_copies(found: Trace) -> None:
    """The cache's copies, and e-mails that the demo caught."""
    for talk in found.talks:
        streams.forget(conversation_id=talk.pk)
        customer_presence.forget(conversation_id=talk.pk)
    catcher.forget(found.emails)


def caught(found: Trace) -> int:
    """How many e-mails the demo caught of it."""
    return len(catcher.held(found.emails))


def tell(found: Trace) -> None:
    """Customers' sockets are closed, and desks drop what they show."""
    for talk in found.talks:
        publishing.publish(talk.pk, events.Gone())
        gone = desk_events.Gone(conversation=UUID(talk.public_id), inbox=talk.inbox_id)
        publishing.publish_desk(desk_events.inbox_group(talk.inbox_id), gone)


# --- What names it ---------------------------------------------------------------------------------------
def names(*, contact: Contact, found: Trace) -> tuple[list[str], list[str]]:
    """How other records may speak of the contact: exact targets such as "message 12", and words within a text."""
    targets = [f"contact {contact.pk}"]
    targets += [name for talk in found.talks for name in (talk.public_id, f"conversation {talk.pk}")]
    for kind, rows in (("message", Message), ("suggestion", Suggestion)):
        keys = rows.objects.filter(conversation__contact=contact).values_list("pk", flat=True)
        targets += [f"{kind} {key}" for key in keys]
    words = [contact.email, *_telling(contact)]
    return targets, [word for word in words if word]


def _telling(contact: Contact) -> Iterator[str]:
    """Name and keys; but not one plain word, which may be any word of a text. "Ana Whitaker" and u-4711 are none."""
    name = contact.name.strip()
    if len(name) > 1 and (" " in name or not name.isascii()):
        yield name
    for key in (contact.external_id or "", contact.import_key or ""):
        if len(key) > 3 and not key.isalpha():
            yield key
