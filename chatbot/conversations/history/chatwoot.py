"""Chatwoot: a conversation with its `messages`, or the answer of its messages endpoint (`meta` and `payload`). Pure.

Read as its API documents them: `message_type` 0/incoming, 1/outgoing, 2/activity (left out), 3/template; `private`
messages become notes; the answered satisfaction survey becomes the rating.
"""

from typing import Final

from chatbot.conversations.history import fields
from chatbot.conversations.history.fields import Record
from chatbot.conversations.history.records import (
    Author,
    ImportedContact,
    ImportedConversation,
    ImportedMessage,
    ImportedNote,
    ImportedRating,
)

NAME: Final = "chatwoot"
_TYPES: Final = {"0": "incoming", "1": "outgoing", "2": "activity", "3": "template"}
_STATES: Final = {"open": "waiting", "pending": "bot", "snoozed": "waiting", "resolved": "resolved"}


def recognises(record: Record) -> bool:
    messages = fields.records(record.get("messages"))
    return "message_type" in messages[0] if messages else "can_reply" in record and "labels" in record


def parse(record: Record) -> ImportedConversation:
    """Raises Unusable."""
    meta = fields.mapping(record.get("meta"))
    ordered = sorted(
        fields.records(record.get("messages")), key=lambda raw: fields.number(raw.get("created_at"), 0, 2**60)
    )
    keys = fields.Keys()
    messages: list[ImportedMessage] = []
    notes: list[ImportedNote] = []
    cut: list[int] = []
    rating: ImportedRating | None = None
    for raw in ordered:
        type_ = _TYPES.get(str(raw.get("message_type")), str(raw.get("message_type")))
        if raw.get("content_type") == "input_csat":
            rating = _rating(raw) or rating
            continue
        text, was_cut = fields.body(raw.get("content"))
        if type_ == "activity" or not text:
            continue
        role = _role(type_, fields.mapping(raw.get("sender")))
        key, at = keys.of(raw.get("id"), role, text), fields.past(raw.get("created_at"))
        who = _author(raw.get("sender")) if role == "agent" else Author()
        if raw.get("private") is True:
            notes.append(ImportedNote(key, text, _author(raw.get("sender")), at, len(messages)))
            continue
        messages.append(ImportedMessage(key, role, text, author=who, created_at=at))
        if was_cut:
            cut.append(len(messages))
    person = fields.mapping(meta.get("sender") or record.get("contact")) or _incoming(ordered)
    assignee = _author(meta.get("assignee") or record.get("assignee"))
    state = _STATES.get(str(record.get("status", "resolved")).lower(), "resolved")
    attributes = fields.mapping(record.get("additional_attributes") or meta.get("additional_attributes"))
    return ImportedConversation(
        key=fields.conversation_key(record.get("id") or record.get("uuid")),
        source=NAME,
        messages=fields.checked(messages),
        contact=_contact(person, meta),
        notes=tuple(notes[: fields.NOTES_MOST]),
        state="agent" if state == "waiting" and assignee.shown else state,
        language=fields.line(fields.mapping(attributes.get("browser")).get("browser_language"), 16),
        assignee=assignee,
        team=fields.line(fields.mapping(meta.get("team")).get("name"), 80),
        priority=fields.priority(record.get("priority")),
        tags=fields.tags(record.get("labels") or meta.get("labels")),
        page_url=fields.web_address(attributes.get("referer")),
        snoozed_until=fields.moment(record.get("snoozed_until")),
        created_at=fields.past(record.get("created_at")),
        waiting_since=fields.past(record.get("waiting_since")),
        rating=rating,
        cut=tuple(cut),
    )


def _role(type_: str, sender: Record) -> str:
    if type_ == "incoming":
        return "customer"
    return "bot" if type_ == "template" or sender.get("type") == "agent_bot" or not sender else "agent"


def _author(value: object) -> Author:
    found = fields.mapping(value)
    return Author(
        name=fields.line(found.get("available_name") or found.get("name"), 150), email=fields.email(found.get("email"))
    )


def _incoming(messages: list[Record]) -> Record:
    """The contact, where only the messages name them."""
    for raw in messages:
        sender = fields.mapping(raw.get("sender"))
        if str(raw.get("message_type")) in ("0", "incoming") and sender:
            return sender
    return {}


def _contact(person: Record, meta: Record) -> ImportedContact:
    number = fields.identity(person.get("id") or meta.get("contact_id"))
    return ImportedContact(
        key=f"chatwoot:{number}" if number else "",
        name=fields.line(person.get("name"), 200),
        email=fields.email(person.get("email")),
        context=fields.flat(person.get("custom_attributes")),
    )


def _rating(raw: Record) -> ImportedRating | None:
    answers = fields.mapping(fields.mapping(raw.get("content_attributes")).get("submitted_values"))
    found = fields.mapping(answers.get("csat_survey_response"))
    value = fields.number(found.get("rating"), 1, 5)
    if not value:
        return None
    at = fields.past(raw.get("created_at"))
    return ImportedRating(value, fields.clean(found.get("feedback_message"), 2000), asked_at=at, rated_at=at)
