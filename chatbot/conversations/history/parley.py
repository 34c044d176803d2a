"""Parley's own format, one conversation a line: {conversation_id, messages: [{role, text, …}], lang, …}. Pure.

Everything but `conversation_id` and `messages` may be missing. `docs/history.md` lists the fields.
"""

from typing import Final

from chatbot.conversations.history import fields
from chatbot.conversations.history.fields import Record
from chatbot.conversations.history.records import (
    ImportedContact,
    ImportedConversation,
    ImportedMessage,
    ImportedNote,
    ImportedRating,
    ImportedSuggestion,
    Source,
)

NAME: Final = "parley"
_STATES: Final = ("bot", "waiting", "agent", "resolved")
_KINDS: Final = ("text", "abstain", "clarify", "handoff", "state", "away")
_OUTCOMES: Final = ("unchanged", "light", "rewrite", "dismissed", "ignored")
_PURPOSES: Final = ("assist", "draft", "unsure", "review")


def recognises(record: Record) -> bool:
    return "conversation_id" in record and isinstance(record.get("messages"), list)


def parse(record: Record) -> ImportedConversation:
    """Raises Unusable."""
    key = fields.conversation_key(record.get("conversation_id"))
    keys = fields.Keys()
    messages: list[ImportedMessage] = []
    notes: list[ImportedNote] = []
    cut: list[int] = []
    for raw in fields.records(record.get("messages")):
        role = fields.role(raw.get("role"))
        text, was_cut = fields.body(raw.get("text"))
        if not text:
            continue
        own = keys.of(raw.get("id", raw.get("seq")), role, text)
        if role == "note":
            notes.append(_note(raw, own, text, len(messages)))
            continue
        messages.append(_message(raw, own, role, text))
        if was_cut:
            cut.append(len(messages))
    notes += [
        _note(raw, keys.of(raw.get("id"), "note", text), text, None)
        for raw in fields.records(record.get("notes"))
        if (text := fields.body(raw.get("text"))[0])
    ]
    contact = fields.mapping(record.get("contact"))
    state = record.get("state")
    return ImportedConversation(
        key=key,
        source=NAME,
        messages=fields.checked(messages),
        contact=ImportedContact(
            key=fields.identity(contact.get("id")),
            name=fields.line(contact.get("name"), 200),
            email=fields.email(contact.get("email")),
            context=fields.flat(contact.get("context")),
        ),
        notes=tuple(notes[: fields.NOTES_MOST]),
        suggestions=tuple(
            found for raw in fields.records(record.get("suggestions")) if (found := _suggestion(raw)) is not None
        ),
        state=state if state in _STATES else "resolved",
        language=fields.line(record.get("lang"), 16),
        assignee=fields.author(record.get("assignee")),
        team=fields.line(record.get("team"), 80),
        priority=fields.priority(record.get("priority")),
        tags=fields.tags(record.get("tags") or record.get("labels")),
        topic=fields.line(record.get("topic"), 80),
        subject=fields.line(record.get("subject"), 300),
        page_url=fields.web_address(record.get("page_url")),
        handoff_reason=fields.line(record.get("handoff_reason"), 40),
        handoff_summary=fields.clean(record.get("handoff_summary")),
        snoozed_until=fields.moment(record.get("snoozed_until")),
        created_at=fields.past(record.get("created_at")),
        waiting_since=fields.past(record.get("waiting_since")),
        resolved_at=fields.past(record.get("resolved_at")),
        rating=_rating(fields.mapping(record.get("rating"))),
        consent=given if isinstance(given := record.get("consent"), bool) else None,
        cut=tuple(cut),
    )


def _message(raw: Record, key: str, role: str, text: str) -> ImportedMessage:
    kind = raw.get("kind")
    return ImportedMessage(
        key=key,
        role=role,
        text=text,
        kind=kind if kind in _KINDS else "text",
        author=fields.author(raw.get("author")),
        created_at=fields.past(raw.get("created_at")),
        offer_person=raw.get("offer_person") is True,
        thumb=fields.number(raw.get("thumb"), -1, 1),
        thumb_comment=fields.clean(raw.get("thumb_comment"), 2000),
        citations=sources(raw.get("citations")),
        answer=_answer(fields.mapping(raw.get("answer"))),
    )


def _answer(raw: Record) -> dict[str, str | float]:
    if not raw:
        return {}
    texts = {"decision": 12, "engine": 40, "adapter": 64, "index_version": 64}
    return {
        **{name: fields.line(raw.get(name), most) for name, most in texts.items()},
        "confidence": fields.share(raw.get("confidence")),
    }


def sources(value: object) -> tuple[Source, ...]:
    """Citations, each number once."""
    found: dict[int, Source] = {}
    for place, raw in enumerate(fields.records(value)[:50], start=1):
        number = fields.number(raw.get("number"), 1, 1000, place)
        found.setdefault(
            number,
            Source(
                number=number,
                title=fields.line(raw.get("title"), 500),
                heading=fields.line(raw.get("heading"), 500),
                url=fields.web_address(raw.get("url")),
                text=fields.clean(raw.get("text")),
                passage_id=fields.number(raw.get("passage_id"), 0, 2**62),
                document_id=fields.number(raw.get("document_id"), 0, 2**62),
            ),
        )
    return tuple(found.values())


def _note(raw: Record, key: str, text: str, after: int | None) -> ImportedNote:
    given = raw.get("after")
    return ImportedNote(
        key=key,
        text=text,
        author=fields.author(raw.get("author")),
        created_at=fields.past(raw.get("created_at")),
        after=fields.number(given, 0, fields.MESSAGES_MOST) if given is not None else after,
    )


def _rating(raw: Record) -> ImportedRating | None:
    if not raw:
        return None
    return ImportedRating(
        value=fields.number(raw.get("value"), 1, 5) or None,
        comment=fields.clean(raw.get("comment"), 2000),
        asked_at=fields.past(raw.get("asked_at")),
        rated_at=fields.past(raw.get("rated_at")),
        agent=fields.author(raw.get("agent")),
    )


def _suggestion(raw: Record) -> ImportedSuggestion | None:
    text, trigger = fields.body(raw.get("text"))[0], fields.identity(raw.get("trigger"))
    if not text or not trigger:
        return None
    outcome, purpose, distance = raw.get("outcome"), raw.get("purpose"), raw.get("edit_distance")
    return ImportedSuggestion(
        trigger=trigger,
        text=text,
        outcome=outcome if outcome in _OUTCOMES else "",
        sent=fields.identity(raw.get("sent")),
        ready=raw.get("state") == "ready",
        purpose=purpose if purpose in _PURPOSES else "assist",
        hint=fields.line(raw.get("hint"), 300),
        decision=fields.line(raw.get("decision"), 12),
        confidence=fields.share(raw.get("confidence")),
        edit_distance=fields.share(distance) if distance is not None else None,
        agent=fields.author(raw.get("agent")),
        dismiss_reason=fields.line(raw.get("dismiss_reason"), 40),
        comment=fields.clean(raw.get("comment"), 500),
        topic=fields.line(raw.get("topic"), 80),
        engine=fields.line(raw.get("engine"), 40),
        adapter=fields.line(raw.get("adapter"), 64),
        index_version=fields.line(raw.get("index_version"), 64),
        citations=sources(raw.get("citations")),
        created_at=fields.past(raw.get("created_at")),
        ready_at=fields.past(raw.get("ready_at")),
        shown_at=fields.past(raw.get("shown_at")),
        inserted_at=fields.past(raw.get("inserted_at")),
        decided_at=fields.past(raw.get("decided_at")),
    )
