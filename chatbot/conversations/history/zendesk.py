"""Zendesk: a ticket with its `comments`, as the JSON export and the ticket and incremental APIs write it. Pure.

A ticket without comments keeps its `description`. Comments that are not `public` become notes. Names come from the
users that the export carries beside the tickets; whoever is not the requester and not an end-user is an agent.
"""

from typing import Final

from chatbot.conversations.history import fields
from chatbot.conversations.history.fields import Record
from chatbot.conversations.history.plain_text import text_of
from chatbot.conversations.history.records import (
    Author,
    ImportedContact,
    ImportedConversation,
    ImportedMessage,
    ImportedNote,
    ImportedRating,
)

NAME: Final = "zendesk"
_STATES: Final = {
    "new": "waiting", "open": "waiting", "pending": "agent", "hold": "agent", "solved": "resolved", "closed": "resolved"
}  # fmt: skip
_SCORES: Final = {"good": 5, "bad": 1}
SYSTEM: Final = "-1"


def recognises(record: Record) -> bool:
    return "requester_id" in record or ("requester" in record and ("comments" in record or "description" in record))


def parse(record: Record) -> ImportedConversation:
    """Raises Unusable."""
    people = _people(record)
    requester = fields.identity(record.get("requester_id") or fields.mapping(record.get("requester")).get("id"))
    keys = fields.Keys()
    messages: list[ImportedMessage] = []
    notes: list[ImportedNote] = []
    cut: list[int] = []
    for raw in _comments(record, requester):
        text, was_cut = _text(raw)
        if not text:
            continue
        number = fields.identity(raw.get("author_id") or fields.mapping(raw.get("author")).get("id"))
        role = _role(raw, number, requester, people)
        person = people.get(number) or fields.mapping(raw.get("author"))
        who = _author(person) if role != "customer" else Author()
        key, at = keys.of(raw.get("id"), role, text), fields.past(raw.get("created_at"))
        if raw.get("public") is False:
            notes.append(ImportedNote(key, text, who, at, len(messages)))
            continue
        messages.append(ImportedMessage(key, role, text, author=who if role == "agent" else Author(), created_at=at))
        if was_cut:
            cut.append(len(messages))
    assignee_id = fields.identity(record.get("assignee_id"))
    assignee = _author(fields.mapping(record.get("assignee")) or people.get(assignee_id, {}))
    status = str(record.get("status", "closed")).lower()
    customer = people.get(requester, {})
    return ImportedConversation(
        key=fields.conversation_key(record.get("id")),
        source=NAME,
        messages=fields.checked(messages),
        contact=ImportedContact(
            key=f"zendesk:{requester}" if requester else "",
            name=fields.line(customer.get("name"), 200),
            email=fields.email(customer.get("email")),
        ),
        notes=tuple(notes[: fields.NOTES_MOST]),
        state="agent" if status == "open" and assignee.shown else _STATES.get(status, "resolved"),
        language=fields.line(customer.get("locale"), 16),
        assignee=assignee,
        priority=fields.priority(record.get("priority")),
        tags=fields.tags(record.get("tags")),
        subject=fields.line(record.get("subject") or record.get("raw_subject"), 300),
        created_at=fields.past(record.get("created_at")),
        resolved_at=fields.past(record.get("solved_at")),
        rating=_rating(fields.mapping(record.get("satisfaction_rating")), record),
        cut=tuple(cut),
    )


def _people(record: Record) -> dict[str, Record]:
    """Everybody the record names, by number."""
    named = [fields.mapping(record.get(name)) for name in ("requester", "assignee", "submitter")]
    found = {fields.identity(one.get("id")): one for one in [*named, *fields.records(record.get("users"))]}
    found.pop("", None)
    return found


def _comments(record: Record, requester: str) -> list[Record]:
    found = fields.records(record.get("comments"))
    if found:
        return found
    first = {"id": "description", "body": record.get("description"), "author_id": requester or None}
    return [{**first, "created_at": record.get("created_at"), "public": True}]


def _text(raw: Record) -> tuple[str, bool]:
    text, cut = fields.body(raw.get("body"))
    return (text, cut) if text else fields.body(text_of(raw.get("html_body") or raw.get("plain_body")))


def _role(raw: Record, number: str, requester: str, people: dict[str, Record]) -> str:
    channel = str(fields.mapping(raw.get("via")).get("channel", "")).lower()
    if "bot" in channel:
        return "bot"
    if number == SYSTEM or channel in ("rule", "system"):
        return "notice"
    if number == requester or fields.mapping(people.get(number)).get("role") == "end-user":
        return "customer"
    return "agent"


def _author(person: Record) -> Author:
    return Author(name=fields.line(person.get("name"), 150), email=fields.email(person.get("email")))


def _rating(raw: Record, record: Record) -> ImportedRating | None:
    value = _SCORES.get(str(raw.get("score", "")).lower())
    if value is None:
        return None
    at = fields.past(raw.get("created_at")) or fields.past(record.get("updated_at"))
    return ImportedRating(value, fields.clean(raw.get("comment"), 2000), asked_at=at, rated_at=at)
