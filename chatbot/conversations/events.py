"""The closed catalogue of what travels over sockets, both ways. Unknown types and unknown fields are refused.

`docs/events.md` explains each event; a test holds catalogue, senders and document together. Publishing is
`publishing.py`'s work: this module only says what an event looks like.
"""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Seq = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- From the customer's browser -------------------------------------------------------------------
class Page(Event):
    url: Annotated[str, StringConstraints(max_length=2000)] = ""
    title: Annotated[str, StringConstraints(max_length=300)] = ""


class Hello(Event):
    """First message on every socket. `token` is the visitor token the frame kept, `last_seq` what it has."""

    type: Literal["hello"]
    inbox: Annotated[str, StringConstraints(max_length=60)]
    token: Annotated[str, StringConstraints(max_length=2000)] | None = None
    conversation: UUID | None = None
    last_seq: Seq = 0
    page: Page = Page()
    language: Annotated[str, StringConstraints(max_length=16)] = ""
    identity: Annotated[str, StringConstraints(max_length=4000)] | None = None


class MessageSend(Event):
    type: Literal["message.send"]
    client_id: ClientId
    text: str


class PersonAsk(Event):
    type: Literal["person.ask"]


class PersonCancel(Event):
    """The customer waits for a person no longer and goes back to the bot."""

    type: Literal["person.cancel"]


class RatingSet(Event):
    type: Literal["rating.set"]
    seq: Seq
    value: Literal[-1, 0, 1]
    comment: Annotated[str, StringConstraints(max_length=2000)] = ""


class ConversationRate(Event):
    """What the customer thought of the resolved conversation, 1 (bad) to 5 (good)."""

    type: Literal["conversation.rate"]
    value: Literal[1, 2, 3, 4, 5]
    comment: Annotated[str, StringConstraints(max_length=2000)] = ""


class EmailSet(Event):
    """Where to write when the customer has left."""

    type: Literal["email.set"]
    email: Annotated[str, StringConstraints(max_length=254)]


class Typing(Event):
    """The customer is writing, or has stopped."""

    type: Literal["typing"]
    on: bool


class PageSeen(Event):
    """The host page has moved on without loading anew."""

    type: Literal["page"]
    url: Annotated[str, StringConstraints(max_length=2000)]
    title: Annotated[str, StringConstraints(max_length=300)] = ""


class Seen(Event):
    type: Literal["seen"]
    seq: Seq


class Sync(Event):
    """The client noticed a gap: everything after `last_seq`, please."""

    type: Literal["sync"]
    last_seq: Seq


class Ping(Event):
    """Heartbeat; the server compares `last_seq` with the record and sends what is missing."""

    type: Literal["ping"]
    last_seq: Seq = 0


class Identify(Event):
    type: Literal["identify"]
    token: Annotated[str, StringConstraints(max_length=4000)]


class Context(Event):
    """What the host page says about the visitor. Untrusted."""

    type: Literal["context"]
    data: dict[Annotated[str, StringConstraints(max_length=60)], str | int | float | bool | None]


class ConversationNew(Event):
    type: Literal["conversation.new"]


class Logout(Event):
    """The visitor token of this socket dies; the socket goes on as a fresh anonymous visitor."""

    type: Literal["logout"]


ClientEvent = Annotated[
    Hello
    | MessageSend
    | PersonAsk
    | PersonCancel
    | RatingSet
    | ConversationRate
    | EmailSet
    | Typing
    | PageSeen
    | Seen
    | Sync
    | Ping
    | Identify
    | Context
    | ConversationNew
    | Logout,
    Field(discriminator="type"),
]
CLIENT_EVENTS: Final[TypeAdapter[ClientEvent]] = TypeAdapter(ClientEvent)


# --- To the customer's browser ---------------------------------------------------------------------
class CitationOut(Event):
    number: int
    title: str
    heading: str = ""
    url: str = ""
    text: str


class MessageOut(Event):
    """A message as the customer sees it. `job` names the stream that this message replaces."""

    type: Literal["message"] = "message"
    seq: int
    client_id: str | None = None
    role: Literal["customer", "bot", "agent", "notice"]
    kind: Literal["text", "abstain", "clarify", "handoff", "state", "away"] = "text"
    text: str
    author: str = ""
    citations: tuple[CitationOut, ...] = ()
    offer_person: bool = False
    rating: int = 0
    created_at: str
    job: int | None = None


class StreamOut(Event):
    """The answer so far, for a client that joins in the middle."""

    job: int
    attempt: int
    text: str
    stage: Literal["searching", "writing"] = "searching"


class QueueOut(Event):
    """Where a waiting customer stands: `position` from 1, `wait_minutes` where it can be told."""

    type: Literal["queue"] = "queue"
    position: int
    wait_minutes: int | None = None


class RateAsk(Event):
    """The conversation is over: how was it? `value` 0 asks, 1 to 5 is what was answered."""

    type: Literal["rate.ask"] = "rate.ask"
    value: int = 0


class TypingOut(Event):
    """A person of the team is writing, or has stopped."""

    type: Literal["typing"] = "typing"
    name: str
    on: bool


class Welcome(Event):
    """Answer to `hello`: the whole state this client lacks. Starting and reconnecting are the same."""

    type: Literal["welcome"] = "welcome"
    token: str
    conversation: UUID | None
    state: Literal["bot", "waiting", "agent", "resolved"]
    last_seq: int
    messages: tuple[MessageOut, ...]
    stream: StreamOut | None = None
    busy: bool = False
    """The bot owes an answer."""
    reset: bool = False
    """Forget what you have shown: this is another conversation than the one you named."""
    queue: QueueOut | None = None
    rate: RateAsk | None = None
    email: str = ""
    """Where the customer is written to after leaving; empty: not known."""


class Ack(Event):
    type: Literal["ack"] = "ack"
    client_id: str
    seq: int
    conversation: UUID


class StreamStatus(Event):
    """A job began (`searching`), began to write, or ended without a message of its own (`dropped`)."""

    type: Literal["stream.status"] = "stream.status"
    job: int
    attempt: int
    stage: Literal["searching", "writing", "dropped"]


class StreamDelta(Event):
    """Text of a running answer. `offset` counts the characters (Unicode code points) sent before in this attempt."""

    type: Literal["stream.delta"] = "stream.delta"
    job: int
    attempt: int
    offset: int
    text: str


class StateOut(Event):
    type: Literal["state"] = "state"
    state: Literal["bot", "waiting", "agent", "resolved"]


class RatingOut(Event):
    type: Literal["rating"] = "rating"
    seq: int
    value: int


class Gone(Event):
    """The conversation and its customer were erased. The socket ends; nothing of it may stay in the browser."""

    type: Literal["gone"] = "gone"


class TokenOut(Event):
    """A fresh visitor token; the old one dies after a short grace."""

    type: Literal["token"] = "token"
    token: str


class Pong(Event):
    type: Literal["pong"] = "pong"
    last_seq: int


class ErrorOut(Event):
    """`code` is for programs, `message` for people. `retry_after` in seconds; `fatal`: do not reconnect."""

    type: Literal["error"] = "error"
    code: str
    message: str
    retry_after: float | None = None
    client_id: str | None = None
    fatal: bool = False


ServerEvent = (
    Welcome
    | Ack
    | MessageOut
    | StreamStatus
    | StreamDelta
    | StateOut
    | RatingOut
    | QueueOut
    | RateAsk
    | TypingOut
    | Gone
    | TokenOut
    | Pong
    | ErrorOut
)

# What may travel through the channel layer to every socket of a conversation.
BROADCAST: Final[tuple[type[Event], ...]] = (
    MessageOut,
    StreamStatus,
    StreamDelta,
    StateOut,
    RatingOut,
    QueueOut,
    RateAsk,
    TypingOut,
    Gone,
)


def group_name(conversation_id: int) -> str:
    return f"conversation.{conversation_id}"


def text_too_long(text: str) -> bool:
    limit: int = settings.MESSAGE_MAX_CHARS
    return len(text) > limit


def layer_message(conversation_id: int, event: Event) -> dict[str, Any]:
    """The channel-layer envelope; consumers handle it in `conversation_event`.

    It names the conversation, so that a socket which has moved on drops what was still on its way.
    """
    return {"type": "conversation.event", "conversation": conversation_id, "event": event.model_dump(mode="json")}
