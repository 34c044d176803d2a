"""Reads of the conversation domain: rows to what a socket or a page shows. Writes nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Subquery

from chatbot.conversations import email_address, events, ratings
from chatbot.conversations.handoffs import waiting
from chatbot.conversations.live import streams
from chatbot.conversations.models import Citation, Contact, Conversation, Inbox, Message, ReplyJob

ACTIVE_JOBS = (ReplyJob.State.QUEUED, ReplyJob.State.RUNNING)


@dataclass(frozen=True)
class Snapshot:
    """All that a client lacks after `last_seq`."""

    state: str
    last_seq: int
    messages: tuple[events.MessageOut, ...]
    stream: events.StreamOut | None
    busy: bool
    queue: events.QueueOut | None = None
    rate: events.RateAsk | None = None
    email: str = ""
    """Where the customer is written to, shown in part."""


def active_inbox(*, key: str) -> Inbox | None:
    return Inbox.objects.filter(key=key, active=True).first()


def latest_conversation(*, contact_id: int) -> Conversation | None:
    return Conversation.objects.filter(contact_id=contact_id).order_by("-updated_at", "-id").first()


def conversation_of(*, contact_id: int, public_id: UUID) -> Conversation | None:
    """The conversation, only if it is this contact's own."""
    return Conversation.objects.filter(contact_id=contact_id, public_id=public_id).first()


def contact(*, contact_id: int) -> Contact | None:
    return Contact.objects.select_related("inbox").filter(pk=contact_id).first()


def _with_parts(messages: QuerySet[Message]) -> QuerySet[Message]:
    return messages.select_related("rating", "author").prefetch_related(
        "citations", Prefetch("answers", queryset=ReplyJob.objects.only("id", "answer_id", "state"))
    )


def message_out(message: Message) -> events.MessageOut:
    """A message as its customer sees it. Expects the rows that `_with_parts` fetches, or fetches them."""
    rating = getattr(message, "rating", None)
    job = next((row.pk for row in message.answers.all() if row.state == ReplyJob.State.DONE), None)
    return _shown(message, tuple(message.citations.all()), rating=rating.value if rating else 0, job=job)


def fresh_message_out(message: Message, citations: Sequence[Citation]) -> events.MessageOut:
    """A message that was written a moment ago, with what was written beside it: nothing is read."""
    return _shown(message, citations, rating=0, job=None)


def _shown(message: Message, citations: Sequence[Citation], *, rating: int, job: int | None) -> events.MessageOut:
    return events.MessageOut(
        seq=message.seq,
        client_id=message.client_id,
        role=message.role,
        kind=message.kind,
        text=message.text,
        author=message.author.get_short_name() or message.author.get_username() if message.author else "",
        citations=tuple(
            events.CitationOut(number=c.number, title=c.title, heading=c.heading, url=c.url, text=c.text)
            for c in sorted(citations, key=lambda citation: citation.number)
        ),
        offer_person=message.offer_person,
        rating=rating,
        created_at=message.created_at.isoformat(),
        job=job,
    )


def messages_out(messages: Iterable[Message]) -> list[events.MessageOut]:
    return [message_out(message) for message in messages]


def messages_after(*, conversation_id: int, seq: int, limit: int = 500) -> list[events.MessageOut]:
    """Messages numbered above `seq`, in order. A longer row than `limit` is cut at its end: ask again."""
    rows = Message.objects.filter(conversation_id=conversation_id, seq__gt=seq).order_by("seq")[:limit]
    return messages_out(_with_parts(rows))


def snapshot(*, conversation_id: int, last_seq: int, limit: int = 500) -> Snapshot:
    """What a client that has everything up to `last_seq` lacks. A long history gives its newest `limit` messages."""
    # The stream is read before the rest: an answer that ends in between is then shown as a message, and the stale
    # stream is dropped below. State, number and jobs come from one statement, so that none of them is ahead of another:
    # a client that is told that nothing is owed has also been given the answer.
    stream = streams.current(conversation_id=conversation_id)
    jobs = ReplyJob.objects.filter(conversation_id=OuterRef("pk"))
    conversation = (
        Conversation.objects.select_related("contact", "rating")
        .annotate(
            busy=Exists(jobs.filter(state__in=ACTIVE_JOBS)),
            running=Subquery(jobs.filter(state=ReplyJob.State.RUNNING).values("pk")[:1]),
        )
        .get(pk=conversation_id)
    )
    first = max(last_seq, conversation.last_seq - limit)
    messages = messages_after(conversation_id=conversation_id, seq=first, limit=limit)
    if stream and stream.job != conversation.running:
        stream = None
    return Snapshot(
        state=conversation.state,
        last_seq=conversation.last_seq,
        messages=tuple(message for message in messages if message.seq <= conversation.last_seq),
        stream=stream,
        busy=conversation.busy,
        queue=waiting.standing(conversation),
        rate=ratings.asked(conversation),
        email=email_address.masked(conversation.contact.email),
    )


def busy(*, conversation_id: int) -> bool:
    """Whether the bot owes this conversation an answer."""
    return ReplyJob.objects.filter(conversation_id=conversation_id, state__in=ACTIVE_JOBS).exists()
