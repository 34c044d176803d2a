"""Intercom: a conversation with its `source` and `conversation_parts`, as its REST API and data export write it. Pure.

Only comments, and what an admin wrote while opening or closing, are public; every other part with a text is a note,
because a note must never become a message. Bodies are HTML and are read as text.
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

NAME: Final = "intercom"
_PUBLIC: Final = frozenset(["comment", "open", "close", "quick_reply"])
_CUSTOMERS: Final = frozenset(["user", "lead", "contact"])


def recognises(record: Record) -> bool:
    return "conversation_parts" in record or (record.get("type") == "conversation" and "source" in record)


def parse(record: Record) -> ImportedConversation:
    """Raises Unusable."""
    keys = fields.Keys()
    messages: list[ImportedMessage] = []
    notes: list[ImportedNote] = []
    cut: list[int] = []
    for raw in _parts(record):
        text, was_cut = fields.body(text_of(raw.get("body")))
        if not text:
            continue
        author = fields.mapping(raw.get("author"))
        role, who = _role(author), _author(author)
        key, at = keys.of(raw.get("id"), role, text), fields.past(raw.get("created_at"))
        if str(raw.get("part_type", "comment")) not in _PUBLIC:
            notes.append(ImportedNote(key, text, who, at, len(messages)))
            continue
        messages.append(ImportedMessage(key, role, text, author=who if role == "agent" else Author(), created_at=at))
        if was_cut:
            cut.append(len(messages))
    assignee = _assignee(record)
    source = fields.mapping(record.get("source"))
    return ImportedConversation(
        key=fields.conversation_key(record.get("id")),
        source=NAME,
        messages=fields.checked(messages),
        contact=_contact(record, source),
        notes=tuple(notes[: fields.NOTES_MOST]),
        state=_state(record, assignee),
        assignee=assignee,
        priority=fields.priority(record.get("priority")),
        tags=fields.tags([tag.get("name") for tag in fields.records(fields.mapping(record.get("tags")).get("tags"))]),
        subject=fields.line(text_of(source.get("subject") or record.get("title")), 300),
        page_url=fields.web_address(source.get("url")),
        snoozed_until=fields.moment(record.get("snoozed_until")),
        created_at=fields.past(record.get("created_at")),
        waiting_since=fields.past(record.get("waiting_since")),
        rating=_rating(fields.mapping(record.get("conversation_rating"))),
        cut=tuple(cut),
    )


def _parts(record: Record) -> list[Record]:
    found = record.get("conversation_parts")
    parts = fields.records(fields.mapping(found).get("conversation_parts") if isinstance(found, dict) else found)
    source = fields.mapping(record.get("source"))
    first = {**source, "part_type": "comment", "created_at": record.get("created_at")} if source else {}
    return [first, *parts] if first else parts


def _role(author: Record) -> str:
    kind = str(author.get("type", "")).lower()
    if kind in _CUSTOMERS:
        return "customer"
    ai = author.get("from_ai_agent") is True or author.get("is_ai_answer") is True
    return "bot" if kind in ("bot", "operator") or ai else "agent"


def _author(raw: Record) -> Author:
    return Author(name=fields.line(raw.get("name"), 150), email=fields.email(raw.get("email")))


def _assignee(record: Record) -> Author:
    """The assigned admin; their name stands only with what they wrote, or among the teammates."""
    found = record.get("assignee")
    if isinstance(found, dict) and found.get("type") == "admin":
        return _author(found)
    number = fields.identity(record.get("admin_assignee_id"))
    teammates = record.get("teammates")
    people = fields.records(fields.mapping(teammates).get("admins") if isinstance(teammates, dict) else teammates)
    spoke = [fields.mapping(raw.get("author")) for raw in _parts(record)]
    for person in [*people, *spoke]:
        if number and fields.identity(person.get("id")) == number and (person.get("name") or person.get("email")):
            return _author(person)
    return Author()


def _state(record: Record, assignee: Author) -> str:
    state = str(record.get("state") or ("open" if record.get("open") is True else "closed")).lower()
    if state not in ("open", "snoozed"):
        return "resolved"
    return "agent" if assignee.shown else "waiting"


def _contact(record: Record, source: Record) -> ImportedContact:
    named = fields.records(fields.mapping(record.get("contacts")).get("contacts"))
    author = fields.mapping(source.get("author"))
    from_author = author if str(author.get("type", "")).lower() in _CUSTOMERS else {}
    person: Record = {**(named[0] if named else {}), **{k: v for k, v in from_author.items() if v}}
    number = fields.identity((named[0] if named else {}).get("id") or person.get("id"))
    return ImportedContact(
        key=f"intercom:{number}" if number else "",
        name=fields.line(person.get("name"), 200),
        email=fields.email(person.get("email")),
    )


def _rating(raw: Record) -> ImportedRating | None:
    value = fields.number(raw.get("rating"), 1, 5)
    if not value:
        return None
    at = fields.past(raw.get("created_at"))
    return ImportedRating(
        value,
        fields.clean(raw.get("remark"), 2000),
        asked_at=at,
        rated_at=at,
        agent=_author(fields.mapping(raw.get("teammate"))),
    )
