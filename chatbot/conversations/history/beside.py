"""Writes what stands beside imported messages: sources, answer cards, thumbs and drafts with their outcomes."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from chatbot.conversations.history.people import People
from chatbot.conversations.history.records import ImportedConversation, ImportedMessage, ImportedSuggestion
from chatbot.conversations.models import AnswerCard, Citation, Conversation, Message, Rating, Suggestion


def write_beside(
    conversation: Conversation, record: ImportedConversation, rows: Mapping[str, Message], people: People
) -> None:
    """`rows` are the messages that were written now, by key."""
    new = [(message, rows[message.key]) for message in record.messages if message.key in rows]
    answers = [(message, row) for message, row in new if row.role == Message.Role.BOT]
    Citation.objects.bulk_create(
        Citation(message=row, **asdict(source)) for message, row in answers for source in message.citations
    )
    AnswerCard.objects.bulk_create(
        AnswerCard(message=row, **message.answer) for message, row in answers if message.answer
    )
    _write_thumbs([(message, row) for message, row in new if message.thumb])
    _write_suggestions(conversation, record, rows, people)


def _write_thumbs(rated: list[tuple[ImportedMessage, Message]]) -> None:
    rows = [
        Rating(message=row, value=message.thumb, comment=message.thumb_comment)
        for message, row in rated
        if row.role in (Message.Role.BOT, Message.Role.AGENT)
    ]
    Rating.objects.bulk_create(rows)
    for row in rows:  # the table stamps new rows with the present
        row.created_at = row.changed_at = row.message.created_at
    Rating.objects.bulk_update(rows, ["created_at", "changed_at"])


def _write_suggestions(
    conversation: Conversation, record: ImportedConversation, rows: Mapping[str, Message], people: People
) -> None:
    used: set[str] = set()
    made: list[tuple[Suggestion, datetime]] = []
    for draft in record.suggestions:
        trigger = rows.get(draft.trigger)
        if trigger is None or trigger.role != Message.Role.CUSTOMER or draft.sent in used:
            continue
        used |= {draft.sent} - {""}
        suggestion = _suggestion(conversation, draft, trigger, rows.get(draft.sent), people)
        made.append((suggestion, draft.created_at or trigger.created_at))
    suggestions = [suggestion for suggestion, _at in made]
    Suggestion.objects.bulk_create(suggestions)
    for suggestion, at in made:
        suggestion.created_at = at
    Suggestion.objects.bulk_update(suggestions, ["created_at"])


def _suggestion(
    conversation: Conversation, draft: ImportedSuggestion, trigger: Message, sent: Message | None, people: People
) -> Suggestion:
    state = Suggestion.State.READY if draft.outcome or draft.ready else Suggestion.State.WITHDRAWN
    same = {
        name: getattr(draft, name)
        for name in (
            "text outcome purpose hint decision confidence edit_distance dismiss_reason comment topic engine adapter "
            "index_version ready_at shown_at inserted_at decided_at"
        ).split()
    }
    return Suggestion(
        conversation=conversation,
        trigger=trigger,
        state=state,
        sent_message=sent if sent is not None and sent.role == Message.Role.AGENT else None,
        agent=people.user(draft.agent),
        citations=[asdict(source) for source in draft.citations],
        attempt=1,
        **same,
    )
