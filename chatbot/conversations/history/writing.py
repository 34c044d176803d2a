"""Writes imported conversations: once each, in one transaction each, and without waking anybody.

No socket, e-mail, draft or reply job comes of it. What was imported before is left as it is; messages that a newer
export has more are appended. Contacts are known by their import key only, never by an e-mail address or an
`external_id`, so that no import can speak for a customer who signs in.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chatbot.conversations.answers.language import likely_language
from chatbot.conversations.history import timing
from chatbot.conversations.history.beside import write_beside
from chatbot.conversations.history.people import People
from chatbot.conversations.history.records import ImportedContact, ImportedConversation, ImportedMessage, ImportedNote
from chatbot.conversations.history.signals import consent_imported
from chatbot.conversations.models import Activity, Contact, Conversation, ConversationRating, Inbox, Message, Note

_PREVIEW: Final = 200


@dataclass(frozen=True)
class Written:
    conversation: Conversation | None
    """None: everything had been imported before."""
    created: bool = False
    messages: int = 0
    new_contact: bool = False


def import_key(record: ImportedConversation) -> str:
    """Ids of different tools must not meet; Parley's own are kept as they are."""
    return record.key if record.source == "parley" else f"{record.source}:{record.key}"


def client_id(key: str) -> str:
    return "import-" + hashlib.sha256(key.encode()).hexdigest()[:40]


@transaction.atomic
def write(*, inbox: Inbox, record: ImportedConversation, people: People) -> Written:
    found = Conversation.objects.select_for_update().filter(inbox=inbox, import_key=import_key(record)).first()
    if found is not None:
        return _append(found, record, people)
    if _is_our_own(inbox, record.key):
        return Written(None)
    contact, new_contact = _contact(inbox, record.contact, import_key(record))
    conversation = _create(inbox, contact, record, people)
    _write_messages(conversation, record, record.messages, people, timezone.now())
    if record.consent is not None:
        consent_imported.send(sender=Conversation, conversation=conversation, granted=record.consent)
    return Written(conversation, created=True, messages=len(record.messages), new_contact=new_contact)


def _is_our_own(inbox: Inbox, key: str) -> bool:
    """An export of this very inbox: its conversations are here already."""
    try:
        return Conversation.objects.filter(inbox=inbox, public_id=UUID(key)).exists()
    except ValueError:
        return False


def _contact(inbox: Inbox, person: ImportedContact, conversation: str) -> tuple[Contact, bool]:
    key = person.key or (f"email:{person.email}"[:200] if person.email else f"conversation:{conversation}"[:200])
    contact, made = Contact.objects.get_or_create(
        inbox=inbox,
        import_key=key,
        defaults={"name": person.name, "email": person.email, "context": person.context},
    )
    missing = [name for name in ("name", "email", "context") if not getattr(contact, name) and getattr(person, name)]
    for name in missing if not made else ():
        setattr(contact, name, getattr(person, name))
        contact.save(update_fields=[name])
    return contact, made


def _create(inbox: Inbox, contact: Contact, record: ImportedConversation, people: People) -> Conversation:
    conversation = Conversation.objects.create(
        inbox=inbox,
        contact=contact,
        import_key=import_key(record),
        language=record.language or _language(record),
        priority=record.priority,
        topic=record.topic,
        team=people.team(record.team),
        page_url=record.page_url,
        handoff_reason=record.handoff_reason,
        handoff_summary=record.handoff_summary,
    )
    if record.tags:
        conversation.tags.set(people.tags(record.tags))
    return conversation


def _language(record: ImportedConversation) -> str:
    """By the customer's longest message, where the export does not say."""
    texts = [message.text for message in record.messages if message.role == Message.Role.CUSTOMER]
    found = likely_language(max(texts, key=len)[:500]) if texts else ""
    return "" if found == "und" else found


def _append(conversation: Conversation, record: ImportedConversation, people: People) -> Written:
    """What the newer export has more. A conversation that went on here keeps its own state."""
    known = set(conversation.messages.exclude(client_id=None).values_list("client_id", flat=True))
    missing = [message for message in record.messages if client_id(message.key) not in known]
    if not missing:
        return Written(None)
    went_on = conversation.messages.exclude(via=Message.Via.IMPORT).exists()
    _write_messages(conversation, record, missing, people, timezone.now(), keep_state=went_on)
    return Written(conversation, messages=len(missing))


def _write_messages(
    conversation: Conversation,
    record: ImportedConversation,
    messages: Sequence[ImportedMessage],
    people: People,
    now: datetime,
    *,
    keep_state: bool = False,
) -> None:
    start = conversation.last_message_at + timing.PACE if conversation.last_message_at else record.created_at
    times, guessed = timing.fill([message.created_at for message in messages], start=start, now=now)
    rows = _message_rows(conversation, messages, times, people)
    Message.objects.bulk_create(rows)
    conversation.last_seq = rows[-1].seq
    notes = _notes(conversation, record.notes, people, now)
    _summarise(conversation, record, people, keep_state=keep_state)
    write_beside(conversation, record, dict(zip((m.key for m in messages), rows, strict=True)), people)
    _rate(conversation, record, people)
    _leave_a_line(conversation, record, _strangers(messages, rows), _strange_notes(notes), guessed=guessed)


def _message_rows(
    conversation: Conversation, messages: Sequence[ImportedMessage], times: Sequence[datetime], people: People
) -> list[Message]:
    return [
        Message(
            conversation=conversation,
            seq=conversation.last_seq + place,
            client_id=client_id(message.key),
            role=message.role,
            kind=message.kind,
            text=message.text,
            author=people.user(message.author) if message.role == Message.Role.AGENT else None,
            offer_person=message.offer_person,
            via=Message.Via.IMPORT,
            created_at=at,
        )
        for place, (message, at) in enumerate(zip(messages, times, strict=True), start=1)
    ]


def _notes(
    conversation: Conversation, notes: Sequence[ImportedNote], people: People, now: datetime
) -> list[tuple[ImportedNote, Note]]:
    known = set(conversation.notes.values_list("client_id", flat=True))
    times = list(conversation.messages.values_list("seq", "created_at"))
    made = []
    for note in notes:
        if client_id(note.key) in known:
            continue
        at = note.created_at or next((at for seq, at in times if seq == note.after), now)
        before = sum(one <= at for _seq, one in times) if note.created_at else conversation.last_seq
        made.append(
            (
                note,
                Note(
                    conversation=conversation,
                    client_id=client_id(note.key),
                    author=people.user(note.author),
                    text=note.text,
                    after_seq=min(before if note.after is None else note.after, conversation.last_seq),
                    created_at=at,
                ),
            )
        )
    Note.objects.bulk_create([row for _note, row in made])
    return made


def _summarise(conversation: Conversation, record: ImportedConversation, people: People, *, keep_state: bool) -> None:
    """What the lists show: times, the newest message, who it waits for."""
    rows = list(conversation.messages.order_by("seq"))
    said = [row for row in rows if row.role != Message.Role.NOTICE] or rows
    conversation.created_at = min(record.created_at or rows[0].created_at, rows[0].created_at)
    conversation.last_message_at = said[-1].created_at
    conversation.preview = " ".join(said[-1].text[: _PREVIEW * 2].split())[:_PREVIEW]
    conversation.preview_role = said[-1].role
    conversation.customer_seen_seq = conversation.emailed_seq = conversation.last_seq
    replies = [row.created_at for row in rows if row.role == Message.Role.AGENT]
    conversation.first_replied_at = replies[0] if replies else None
    if not keep_state:
        _set_state(conversation, record, rows, people)
    conversation.save()
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=conversation.last_message_at)


def _set_state(
    conversation: Conversation, record: ImportedConversation, rows: Sequence[Message], people: People
) -> None:
    state = Conversation.State
    over = record.state == state.RESOLVED
    conversation.assignee = people.user(record.assignee) if over else people.assignee(record.assignee)
    conversation.state = state(record.state)
    if conversation.state == state.AGENT and conversation.assignee is None:
        conversation.state = state.WAITING
    resolved, waits = conversation.state == state.RESOLVED, conversation.state in (state.WAITING, state.AGENT)
    conversation.resolved_at = (record.resolved_at or rows[-1].created_at) if resolved else None
    conversation.unanswered_since = _unanswered(rows) if waits else None
    since = record.waiting_since or conversation.unanswered_since or rows[-1].created_at
    conversation.waiting_since = since if conversation.state == state.WAITING else None
    until = record.snoozed_until
    conversation.snoozed_until = until if until and until > timezone.now() and not resolved else None
    if conversation.state == state.WAITING:
        conversation.handoff_reason = record.handoff_reason or "imported"


def _unanswered(rows: Iterable[Message]) -> datetime | None:
    """Since when the customer waits for an answer of bot or person."""
    since: datetime | None = None
    for row in rows:
        if row.role == Message.Role.CUSTOMER:
            since = since or row.created_at
        elif row.role == Message.Role.AGENT or (row.role == Message.Role.BOT and row.kind == Message.Kind.TEXT):
            since = None
    return since


def _rate(conversation: Conversation, record: ImportedConversation, people: People) -> None:
    rating = record.rating
    if rating is None:
        return
    asked = rating.asked_at or rating.rated_at or conversation.resolved_at or timezone.now()
    ConversationRating.objects.get_or_create(
        conversation=conversation,
        defaults={
            "asked_at": asked,
            "value": rating.value,
            "comment": rating.comment,
            "rated_at": (rating.rated_at or asked) if rating.value else None,
            "agent": people.user(rating.agent) or (conversation.assignee if not rating.agent.shown else None),
        },
    )


def _strangers(messages: Sequence[ImportedMessage], rows: Sequence[Message]) -> dict[str, str]:
    """Names of authors who are no users here, by message number."""
    return {
        str(row.seq): message.author.shown
        for message, row in zip(messages, rows, strict=True)
        if row.role == Message.Role.AGENT and row.author_id is None and message.author.shown
    }


def _strange_notes(notes: Sequence[tuple[ImportedNote, Note]]) -> dict[str, str]:
    return {row.client_id: note.author.shown for note, row in notes if row.author_id is None and note.author.shown}


def _leave_a_line(
    conversation: Conversation,
    record: ImportedConversation,
    authors: dict[str, str],
    note_authors: dict[str, str],
    *,
    guessed: bool,
) -> None:
    """The timeline says where this came from, who wrote it, and what was guessed."""
    detail: dict[str, Any] = {"source": record.source}
    parts = {"subject": record.subject, "authors": authors, "note_authors": note_authors, "cut": list(record.cut)}
    detail |= {name: part for name, part in parts.items() if part}
    if guessed:
        detail["dates"] = "estimated"
    Activity.objects.create(conversation=conversation, kind="imported", detail=detail, after_seq=conversation.last_seq)
