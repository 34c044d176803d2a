"""The closed catalogue of what travels to an agent's socket. What the desk may ask for is `desk_requests.py`.

What changes by others comes unasked. `docs/events.md` explains each event; a test holds both together.
"""

from typing import Any, Final, Literal
from uuid import UUID

from chatbot.conversations.desk_requests import View
from chatbot.conversations.events import CitationOut, Event, MessageOut, StreamOut

State = Literal["bot", "waiting", "agent", "resolved"]


# --- Parts of what the desk is told ------------------------------------------------------------------
class PersonOut(Event):
    id: int
    name: str
    username: str = ""
    """What a note names them by, after an @."""
    online: bool = False


class TeamOut(Event):
    id: int
    name: str
    members: tuple[int, ...] = ()


class InboxOut(Event):
    id: int
    name: str
    mode: Literal["auto", "draft", "off"]
    agents: tuple[int, ...] = ()


class TagOut(Event):
    name: str
    color: str


class RowOut(Event):
    """One line of a list."""

    conversation: UUID
    inbox: int
    contact: str
    """Name, or "" for a visitor without one."""
    contact_id: int
    state: State
    assignee: PersonOut | None = None
    team: int | None = None
    priority: int = 0
    tags: tuple[str, ...] = ()
    topic: str = ""
    reason: str = ""
    """Why it was handed over."""
    waiting_since: str | None = None
    """Since when the customer waits for a person to come or to answer (ISO time)."""
    snoozed_until: str | None = None
    last_seq: int
    last_message_at: str | None = None
    preview: str = ""
    preview_role: str = ""
    via: str = "chat"
    rating: int = 0
    language: str = ""
    read_seq: int | None = None
    """Up to where the asking agent has read; left out where a row goes to many."""


class SuggestionOut(Event):
    """A draft of the open conversation. `state` withdrawn or failed takes it off the composer."""

    type: Literal["suggestion"] = "suggestion"
    conversation: UUID
    id: int
    state: Literal["queued", "running", "ready", "failed", "withdrawn"]
    trigger_seq: int
    text: str = ""
    citations: tuple[CitationOut, ...] = ()
    confidence: float = 0.0
    decision: str = ""
    engine: str = ""
    adapter: str = ""
    """Digest of the adapter that wrote it; empty: the base model, or an engine that has none."""
    hint: str = ""
    error: str = ""


class NoteOut(Event):
    type: Literal["note"] = "note"
    conversation: UUID
    id: int
    client_id: str
    author: PersonOut | None
    text: str
    mentions: tuple[str, ...] = ()
    after_seq: int
    created_at: str


class ActivityOut(Event):
    """`kind` is one of the catalogue's; `detail` holds names and values, never HTML."""

    type: Literal["activity"] = "activity"
    conversation: UUID
    id: int
    kind: Literal[
        "taken",
        "assigned",
        "unassigned",
        "handoff",
        "given_back",
        "resolved",
        "reopened",
        "snoozed",
        "unsnoozed",
        "tags",
        "priority",
        "rated",
        "email_set",
        "emailed",
        "imported",
    ]
    actor: PersonOut | None = None
    detail: dict[str, Any] = {}
    after_seq: int
    created_at: str


class PageViewOut(Event):
    url: str
    title: str
    seen_at: str


class PastOut(Event):
    conversation: UUID
    state: State
    preview: str
    last_message_at: str | None
    rating: int = 0


class AnswerOut(Event):
    """Why the bot said a message: the answer card in brief."""

    seq: int
    decision: str
    confidence: float
    engine: str
    adapter: str
    index_version: str


# --- To the desk --------------------------------------------------------------------------------------
class Welcome(Event):
    type: Literal["welcome"] = "welcome"
    me: PersonOut
    availability: Literal["online", "away"]
    may_reply: bool
    """False for analysts: they look."""
    may_compose: bool
    """A generative engine can help with the agent's own words."""
    inboxes: tuple[InboxOut, ...]
    teams: tuple[TeamOut, ...]
    people: tuple[PersonOut, ...]
    tags: tuple[TagOut, ...]


class Rows(Event):
    type: Literal["rows"] = "rows"
    ref: int
    view: View
    rows: tuple[RowOut, ...]
    next: str = ""
    """Give it back as `after` for the next page; empty: that was all."""


class Found(Event):
    """Answer to `search`."""

    type: Literal["found"] = "found"
    ref: int
    rows: tuple[RowOut, ...]
    excerpts: dict[str, str] = {}
    """Conversation -> the text around the words."""
    contacts: tuple[dict[str, Any], ...] = ()


class Counts(Event):
    type: Literal["counts"] = "counts"
    ref: int | None = None
    views: dict[str, int]
    unread_mentions: int = 0


class Row(Event):
    """A row is new or has changed; whether it belongs to the list on show is the desk's to see."""

    type: Literal["row"] = "row"
    row: RowOut


class Gone(Event):
    """The conversation was erased with its customer: nothing of it may stay on a desk."""

    type: Literal["gone"] = "gone"
    conversation: UUID
    inbox: int


class Opened(Event):
    """Everything about a conversation; of its messages those after the `last_seq` that was named."""

    type: Literal["opened"] = "opened"
    ref: int
    row: RowOut
    messages: tuple[MessageOut, ...]
    answers: tuple[AnswerOut, ...] = ()
    notes: tuple[NoteOut, ...] = ()
    activities: tuple[ActivityOut, ...] = ()
    stream: StreamOut | None = None
    suggestion: SuggestionOut | None = None
    viewers: tuple["ViewerOut", ...] = ()
    summary: str = ""
    customer_online: bool = False
    customer_seen_seq: int = 0
    emailed_seq: int = 0
    page_url: str = ""


class ViewerOut(Event):
    person: PersonOut
    typing: bool = False


class Viewers(Event):
    """Who else has this conversation open, and who is typing in it."""

    type: Literal["viewers"] = "viewers"
    conversation: UUID
    viewers: tuple[ViewerOut, ...]


class CustomerTyping(Event):
    type: Literal["customer.typing"] = "customer.typing"
    conversation: UUID
    on: bool


class CustomerSeen(Event):
    """Up to where the customer has read, and whether they are there."""

    type: Literal["customer.seen"] = "customer.seen"
    conversation: UUID
    seq: int
    online: bool


class Canned(Event):
    type: Literal["canned"] = "canned"
    ref: int
    replies: tuple["CannedOut", ...]


class CannedOut(Event):
    id: int
    title: str
    shortcut: str
    text: str


class Composed(Event):
    type: Literal["composed"] = "composed"
    ref: int
    text: str


class Composition(Event):
    """From a worker to the desks of one person, never to a browser: the desk that asked makes `composed` of it, or an
    error when there is a `code`."""

    type: Literal["composition"] = "composition"
    key: str
    text: str = ""
    code: str = ""
    message: str = ""


class ContactOut(Event):
    type: Literal["contact"] = "contact"
    ref: int
    conversation: UUID
    id: int
    name: str
    email: str
    email_verified: bool
    external_id: str
    context: dict[str, Any]
    first_seen_at: str
    last_seen_at: str | None
    pages: tuple[PageViewOut, ...]
    past: tuple[PastOut, ...]


class Presence(Event):
    """Somebody came, left or chose to be away."""

    type: Literal["presence"] = "presence"
    person: PersonOut


class Mentioned(Event):
    """Somebody named you in a note."""

    type: Literal["mentioned"] = "mentioned"
    conversation: UUID
    by: str
    text: str


class Alert(Event):
    """For this agent alone: a conversation was given to you, or waits for your team."""

    type: Literal["alert"] = "alert"
    kind: Literal["assigned", "waiting", "customer_wrote"]
    conversation: UUID
    contact: str
    text: str


class Done(Event):
    """The request was carried out. `seq` of the message that a reply became."""

    type: Literal["done"] = "done"
    ref: int
    seq: int | None = None


class Pong(Event):
    type: Literal["pong"] = "pong"
    last_seq: int


class ErrorOut(Event):
    """`code` is for programs, `message` for people. The desk keeps what the agent has written."""

    type: Literal["error"] = "error"
    code: str
    message: str
    ref: int | None = None
    retry_after: float | None = None
    fatal: bool = False


ToDesk = (
    Welcome
    | Rows
    | Found
    | Counts
    | Row
    | Gone
    | Opened
    | Viewers
    | CustomerTyping
    | CustomerSeen
    | SuggestionOut
    | NoteOut
    | ActivityOut
    | Canned
    | Composed
    | ContactOut
    | Presence
    | Mentioned
    | Alert
    | Done
    | Pong
    | ErrorOut
)
"""Beside these the desk gets the public events of the open conversation: `message`, `stream.status`, `stream.delta`,
`state` and `rating`, each with the conversation's id in `conversation`."""

# What may travel through the channel layer, and by which group.
TO_INBOX: Final = (Row, Gone)
TO_FOLLOWERS: Final = (SuggestionOut, NoteOut, ActivityOut, Viewers, CustomerTyping, CustomerSeen)
TO_PERSON: Final = (Mentioned, Alert, Composition)
TO_TEAM: Final = (Presence,)

EVERYBODY: Final = "desk.everybody"


def inbox_group(inbox_id: int) -> str:
    """All desks whose agent may see this inbox."""
    return f"desk.inbox.{inbox_id}"


def followers_group(conversation_id: int) -> str:
    """The desks that have this conversation open."""
    return f"desk.conversation.{conversation_id}"


def person_group(user_id: int) -> str:
    """The desks of one member of the team."""
    return f"desk.person.{user_id}"


def layer_message(event: Event) -> dict[str, Any]:
    """The channel-layer envelope; the desk's consumer handles it in `desk_event`, or in `desk_composition`.

    The event is written once, as the text that goes out, not once for each of the many desks that get it. What a
    desk must look at before it passes it on stands beside it.
    """
    if isinstance(event, Composition):
        return {"type": "desk.composition", "event": event.model_dump(mode="json")}
    unread = {"row": {"read_seq"}} if isinstance(event, Row) else None
    of_followers = isinstance(event, TO_FOLLOWERS)
    inbox = event.row.inbox if isinstance(event, Row) else event.inbox if isinstance(event, Gone) else None
    return {
        "type": "desk.event",
        "inbox": inbox,
        "followed": str(event.conversation) if of_followers else None,  # type: ignore[attr-defined]
        "text": event.model_dump_json(exclude=unread),
    }


Opened.model_rebuild()
Canned.model_rebuild()
