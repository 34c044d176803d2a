"""Everything the desk shows of one conversation: messages, notes, activities, the draft, the customer. Reads only."""

from typing import Final

from chatbot.accounts.models import User
from chatbot.conversations import activities, desk_events, desk_selectors, rows, selectors
from chatbot.conversations.drafts import suggestions
from chatbot.conversations.live import customer_presence
from chatbot.conversations.models import Activity, AnswerCard, Contact, Conversation, Note, PageView, Suggestion

MESSAGES: Final = 2000
PAGES: Final = 10
PAST: Final = 15


def opened(*, conversation_id: int, user: User, last_seq: int, ref: int) -> desk_events.Opened:
    """The conversation as a desk shows it; of its messages those after `last_seq`, newest MESSAGES at most."""
    snapshot = selectors.snapshot(conversation_id=conversation_id, last_seq=last_seq, limit=MESSAGES)
    conversation = rows.with_parts(Conversation.objects.filter(pk=conversation_id)).get()
    draft = _draft(conversation)
    return desk_events.Opened(
        ref=ref,
        row=desk_selectors.row(conversation_id=conversation_id, user=user),
        messages=snapshot.messages,
        answers=_answers(conversation, last_seq),
        notes=_notes(conversation),
        activities=_activities(conversation),
        stream=snapshot.stream,
        suggestion=suggestions.suggestion_out(draft, conversation) if draft else None,
        summary=conversation.handoff_summary,
        customer_online=customer_presence.here(conversation_id=conversation_id),
        customer_seen_seq=conversation.customer_seen_seq,
        emailed_seq=conversation.emailed_seq,
        page_url=conversation.page_url,
    )


def _draft(conversation: Conversation) -> Suggestion | None:
    """The draft that waits for the agent, or is on its way."""
    undecided = Suggestion.objects.filter(conversation=conversation, outcome=Suggestion.Outcome.NONE)
    newest = undecided.select_related("trigger").order_by("-pk").first()
    return newest if newest is not None and newest.state != Suggestion.State.WITHDRAWN else None


def _answers(conversation: Conversation, last_seq: int) -> tuple[desk_events.AnswerOut, ...]:
    cards = AnswerCard.objects.filter(message__conversation=conversation, message__seq__gt=last_seq)
    newest = cards.select_related("message").order_by("-message__seq")[:MESSAGES]
    return tuple(
        desk_events.AnswerOut(
            seq=card.message.seq,
            decision=card.decision,
            confidence=card.confidence,
            engine=card.engine,
            adapter=card.adapter,
            index_version=card.index_version,
        )
        for card in reversed(newest)
    )


def _notes(conversation: Conversation) -> tuple[desk_events.NoteOut, ...]:
    from chatbot.conversations import handling

    found = Note.objects.filter(conversation=conversation).select_related("author").prefetch_related("mentions__user")
    return tuple(
        handling.note_out(note, conversation, [mention.user.username for mention in note.mentions.all()])
        for note in found
    )


def _activities(conversation: Conversation) -> tuple[desk_events.ActivityOut, ...]:
    found = Activity.objects.filter(conversation=conversation).select_related("actor").order_by("-pk")[:500]
    return tuple(activities.activity_out(activity, conversation) for activity in reversed(found))


def contact(*, conversation_id: int, user: User, ref: int) -> desk_events.ContactOut:
    """Who the customer is, where they have been, and their other conversations that the asker may see."""
    from chatbot.conversations import access

    conversation = Conversation.objects.select_related("contact").get(pk=conversation_id)
    person = conversation.contact
    past = access.conversations(user).filter(contact=person, last_seq__gt=0).exclude(pk=conversation_id)
    return desk_events.ContactOut(
        ref=ref,
        conversation=conversation.public_id,
        id=person.pk,
        name=person.name,
        email=person.email,
        email_verified=person.email_verified,
        external_id=person.external_id or "",
        context=person.context if isinstance(person.context, dict) else {},
        first_seen_at=person.created_at.isoformat(),
        last_seen_at=rows.moment(person.last_seen_at),
        pages=_pages(person),
        past=tuple(_past(one) for one in past.select_related("rating").order_by("-updated_at")[:PAST]),
    )


def _pages(person: Contact) -> tuple[desk_events.PageViewOut, ...]:
    return tuple(
        desk_events.PageViewOut(url=one.url, title=one.title, seen_at=one.seen_at.isoformat())
        for one in PageView.objects.filter(contact=person)[:PAGES]
    )


def _past(conversation: Conversation) -> desk_events.PastOut:
    rating = getattr(conversation, "rating", None)
    return desk_events.PastOut.model_validate(
        {
            "conversation": conversation.public_id,
            "state": conversation.state,
            "preview": conversation.preview,
            "last_message_at": rows.moment(conversation.last_message_at),
            "rating": (rating.value or 0) if rating else 0,
        }
    )
