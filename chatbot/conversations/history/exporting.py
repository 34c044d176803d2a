"""Conversations as records of Parley's own format and as table rows, read in pages: no whole table in memory.

What was imported keeps its id, so that importing an export gives the same conversations again. Customers appear under
a pseudonym unless their names are asked for; what people wrote in their messages is not touched.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from chatbot.accounts.models import User
from chatbot.conversations.models import Activity, Contact, Conversation, Message, Note, Suggestion

PAGE: Final = 100
_DRAFT_TEXTS: Final = (
    "text", "outcome", "purpose", "hint", "decision", "confidence", "dismiss_reason", "comment", "topic", "engine",
    "adapter", "index_version",
)  # fmt: skip
_DRAFT_TIMES: Final = ("created_at", "ready_at", "shown_at", "inserted_at", "decided_at")
Row = dict[str, Any]


@dataclass(frozen=True)
class Filter:
    """Days count in the server's time zone; `since` and `until` are both included."""

    inbox: int | None = None
    since: date | None = None
    until: date | None = None
    state: str = ""

    def as_detail(self) -> dict[str, Any]:
        """For the audit log: only what narrows."""
        days = {name: day.isoformat() for name in ("since", "until") if (day := getattr(self, name))}
        return days | {name: value for name in ("inbox", "state") if (value := getattr(self, name))}


def narrow(conversations: QuerySet[Conversation], wanted: Filter) -> QuerySet[Conversation]:
    """Those that began in the days that were asked for."""
    if wanted.inbox is not None:
        conversations = conversations.filter(inbox=wanted.inbox)
    if wanted.state:
        conversations = conversations.filter(state=wanted.state)
    if wanted.since:
        conversations = conversations.filter(created_at__gte=_midnight(wanted.since))
    if wanted.until:
        conversations = conversations.filter(created_at__lt=_midnight(wanted.until + timedelta(days=1)))
    return conversations


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def pages(conversations: QuerySet[Conversation]) -> Iterator[list[Conversation]]:
    """With everything the records need, in nine queries a page."""
    complete = conversations.select_related("inbox", "contact", "assignee", "team", "rating__agent").prefetch_related(
        Prefetch("messages", Message.objects.select_related("author", "rating", "card").prefetch_related("citations")),
        Prefetch("notes", Note.objects.select_related("author")),
        Prefetch("suggestions", Suggestion.objects.select_related("agent", "trigger", "sent_message").order_by("id")),
        Prefetch("activities", Activity.objects.filter(kind="imported")),
        "tags",
    )
    after = 0
    while page := list(complete.filter(pk__gt=after).order_by("pk")[:PAGE]):
        yield page
        after = page[-1].pk


def conversation_id(conversation: Conversation) -> str:
    return conversation.import_key or str(conversation.public_id)


def pseudonym(contact: Contact) -> str:
    """The same for the same customer in every export of this server, and for nobody else to undo."""
    if contact.import_key and contact.import_key.startswith("pseudonym-"):
        return contact.import_key
    digest = hmac.new(settings.SECRET_KEY.encode(), f"contact {contact.pk}".encode(), hashlib.sha256).hexdigest()
    return f"pseudonym-{digest[:20]}"


def json_lines(conversations: QuerySet[Conversation], *, with_contacts: bool) -> Iterator[str]:
    for page in pages(conversations):
        for conversation in page:
            yield json.dumps(record(conversation, with_contacts=with_contacts), ensure_ascii=False) + "\n"


def record(conversation: Conversation, *, with_contacts: bool) -> Row:
    authors, note_authors = _strangers(conversation)
    return _without_empty(
        {
            "conversation_id": conversation_id(conversation),
            "lang": conversation.language,
            "inbox": conversation.inbox.key,
            "state": conversation.state,
            "created_at": _moment(conversation.created_at),
            "contact": _contact(conversation.contact, with_contacts=with_contacts),
            "messages": [_message(message, authors) for message in conversation.messages.all()],
            "notes": [_note(note, note_authors) for note in conversation.notes.all()],
            "suggestions": [_suggestion(one) for one in conversation.suggestions.all() if one.text],
            "rating": _rating(conversation),
            "tags": sorted(tag.name for tag in conversation.tags.all()),
            "assignee": _person(conversation.assignee),
            "team": conversation.team.name if conversation.team else "",
            "priority": conversation.priority,
            "topic": conversation.topic,
            "subject": _imported(conversation, "subject"),
            "page_url": conversation.page_url,
            "handoff_reason": conversation.handoff_reason,
            "handoff_summary": conversation.handoff_summary,
            "snoozed_until": _moment(conversation.snoozed_until),
            "waiting_since": _moment(conversation.waiting_since),
            "resolved_at": _moment(conversation.resolved_at),
        }
    )


def _without_empty(row: Row) -> Row:
    return {name: value for name, value in row.items() if value not in ("", None, [], {}, 0)}


def _moment(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _person(user: User | None) -> str:
    return user.get_username() if user else ""


def _named(name: str) -> Row:
    return {"name": name} if name else {}


def _imported(conversation: Conversation, name: str) -> Any:
    return next((line.detail[name] for line in conversation.activities.all() if name in line.detail), "")


def _strangers(conversation: Conversation) -> tuple[dict[str, str], dict[str, str]]:
    """Authors who are no users here, as the import noted them: by message number, by note."""
    lines = [line.detail for line in conversation.activities.all()]
    merged: list[dict[str, str]] = [{}, {}]
    for kept, name in zip(merged, ("authors", "note_authors"), strict=True):
        for detail in lines:
            kept.update(detail.get(name, {}))
    return merged[0], merged[1]


def _contact(contact: Contact, *, with_contacts: bool) -> Row:
    if not with_contacts:
        return {"id": pseudonym(contact)}
    return _without_empty(
        {
            "id": contact.import_key or f"contact-{contact.pk}",
            "name": contact.name,
            "email": contact.email,
            "context": contact.context,
        }
    )


def _message(message: Message, authors: dict[str, str]) -> Row:
    thumb = getattr(message, "rating", None)
    card = getattr(message, "card", None)
    return _without_empty(
        {
            "id": str(message.seq),
            "role": message.role,
            "kind": "" if message.kind == Message.Kind.TEXT else message.kind,
            "text": message.text,
            "author": _person(message.author) or _named(authors.get(str(message.seq), "")),
            "created_at": _moment(message.created_at),
            "via": message.via,
            "offer_person": message.offer_person or "",
            "thumb": thumb.value if thumb else 0,
            "thumb_comment": thumb.comment if thumb else "",
            "citations": [
                {name: getattr(c, name) for name in ("number", "title", "heading", "url", "text")}
                | {"passage_id": c.passage_id, "document_id": c.document_id}
                for c in message.citations.all()
            ],
            "answer": {
                name: getattr(card, name) for name in ("decision", "confidence", "engine", "adapter", "index_version")
            }
            if card
            else {},
        }
    )


def _note(note: Note, authors: dict[str, str]) -> Row:
    return _without_empty(
        {
            "text": note.text,
            "author": _person(note.author) or _named(authors.get(note.client_id, "")),
            "created_at": _moment(note.created_at),
        }
    ) | {"after": note.after_seq}


def _suggestion(draft: Suggestion) -> Row:
    row = _without_empty(
        {name: getattr(draft, name) for name in _DRAFT_TEXTS}
        | {name: _moment(getattr(draft, name)) for name in _DRAFT_TIMES}
        | {
            "trigger": str(draft.trigger.seq),
            "sent": str(draft.sent_message.seq) if draft.sent_message else "",
            "state": draft.state,
            "agent": _person(draft.agent),
            "citations": draft.citations,
        }
    )
    return row | ({"edit_distance": draft.edit_distance} if draft.edit_distance is not None else {})


def _rating(conversation: Conversation) -> Row:
    rating = getattr(conversation, "rating", None)
    if rating is None:
        return {}
    return _without_empty(
        {
            "value": rating.value,
            "comment": rating.comment,
            "asked_at": _moment(rating.asked_at),
            "rated_at": _moment(rating.rated_at),
            "agent": _person(rating.agent),
        }
    )
