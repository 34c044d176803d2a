"""The export as tables (CSV), for spreadsheets: one row a message, or one row a rating.

A cell that a spreadsheet would run as a formula is preceded by an apostrophe: customers write these texts.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.db.models import QuerySet

from chatbot.conversations.history.exporting import conversation_id, pages, pseudonym
from chatbot.conversations.models import Contact, Conversation, Message

BYTE_ORDER_MARK: Final = "\ufeff"
"""Tells spreadsheets that this is UTF-8."""
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")
MESSAGE_COLUMNS: Final = (
    "conversation", "inbox", "state", "contact", "tags", "number", "written", "role", "author", "kind", "text",
    "sources", "thumb", "thumb comment",
)  # fmt: skip
RATING_COLUMNS: Final = ("conversation", "inbox", "agent", "value", "comment", "asked", "rated")


def safe(value: object) -> str:
    """The cell's text, made harmless. Numbers stay numbers."""
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, str) and text.lstrip(" \u00a0\u200b\ufeff").startswith(_DANGEROUS):
        return "'" + text
    return text


def message_rows(conversations: QuerySet[Conversation], *, with_contacts: bool) -> Iterator[Sequence[object]]:
    for page in pages(conversations):
        for conversation in page:
            contact = _contact(conversation.contact, with_contacts=with_contacts)
            tags = ", ".join(sorted(tag.name for tag in conversation.tags.all()))
            same = (conversation_id(conversation), conversation.inbox.name, conversation.state, contact, tags)
            for message in conversation.messages.all():
                yield (*same, *_message(message))


def _contact(contact: Contact, *, with_contacts: bool) -> str:
    return (contact.name or contact.email or f"contact-{contact.pk}") if with_contacts else pseudonym(contact)


def _message(message: Message) -> tuple[object, ...]:
    thumb = getattr(message, "rating", None)
    return (
        message.seq,
        message.created_at.isoformat(),
        message.role,
        message.author.shown_name if message.author else "",
        message.kind,
        message.text,
        "; ".join(citation.title for citation in message.citations.all()),
        thumb.value if thumb else "",
        thumb.comment if thumb else "",
    )


def rating_rows(conversations: QuerySet[Conversation]) -> Iterator[Sequence[object]]:
    """Every conversation whose customer was asked, answered or not."""
    for page in pages(conversations.filter(rating__isnull=False)):
        for conversation in page:
            rating = conversation.rating
            yield (
                conversation_id(conversation),
                conversation.inbox.name,
                rating.agent.shown_name if rating.agent else "",
                rating.value,
                rating.comment,
                rating.asked_at.isoformat(),
                rating.rated_at.isoformat() if rating.rated_at else "",
            )


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield BYTE_ORDER_MARK + _line(columns)
    for row in rows:
        yield _line([safe(cell) for cell in row])


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
