"""The closed catalogue of what a desk may ask for. Unknown types and unknown fields are refused.

Every request carries `ref`, a number that its answer repeats: `done`, the event it asks for, or `error`. What the desk
is told is in `desk_events.py`; `docs/events.md` explains both, and a test holds catalogue and document together.
"""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, TypeAdapter

from chatbot.conversations.events import ClientId, Event, Seq

Ref = Annotated[int, Field(ge=0, le=2**31 - 1)]
RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]
View = Literal["waiting", "mine", "team", "bot", "resolved", "snoozed", "mentions", "all"]


class Request(Event):
    ref: Ref


class OfConversation(Request):
    conversation: UUID


class Hello(Event):
    """First event of every socket; the session's cookie has said who this is."""

    type: Literal["hello"]


class ListGet(Request):
    """One page of a list. `after` is the `next` of the page before."""

    type: Literal["list"]
    view: View
    inbox: RowId | None = None
    tag: Annotated[str, StringConstraints(max_length=40)] = ""
    after: Annotated[str, StringConstraints(max_length=60)] = ""


class SearchGet(Request):
    """Conversations and contacts that hold all the words."""

    type: Literal["search"]
    query: Annotated[str, StringConstraints(max_length=200)]


class CountsGet(Request):
    type: Literal["counts"]


class Open(OfConversation):
    """Show a conversation and follow it; `last_seq` is the newest message the desk has of it."""

    type: Literal["open"]
    last_seq: Seq = 0


class Close(Event):
    """Follow no conversation any more."""

    type: Literal["close"]


class Reply(OfConversation):
    """A public reply. Refused with `collision` when a colleague's message is newer than `seen_seq`, unless `force`."""

    type: Literal["reply"]
    client_id: ClientId
    text: str
    seen_seq: Seq
    suggestion: RowId | None = None
    """The draft it was made from."""
    canned: RowId | None = None
    resolve: bool = False
    force: bool = False


class NoteAdd(OfConversation):
    """An internal note; `@name` mentions a colleague."""

    type: Literal["note"]
    client_id: ClientId
    text: str


class Take(OfConversation):
    type: Literal["take"]


class Assign(OfConversation):
    """To an agent, to a team's queue, or (both empty) back to everybody's."""

    type: Literal["assign"]
    agent: RowId | None = None
    team: RowId | None = None


class TagsSet(OfConversation):
    type: Literal["tags"]
    tags: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)], ...],
        Field(max_length=20),
    ]


class PrioritySet(OfConversation):
    type: Literal["priority"]
    priority: Literal[-1, 0, 1, 2]


class Snooze(OfConversation):
    """Until a time, or (empty) no longer."""

    type: Literal["snooze"]
    until: datetime | None


class Resolve(OfConversation):
    type: Literal["resolve"]


class Reopen(OfConversation):
    type: Literal["reopen"]


class GiveBack(OfConversation):
    """To the bot."""

    type: Literal["give_back"]


class Typing(Event):
    type: Literal["typing"]
    conversation: UUID
    on: bool


class Seen(Event):
    type: Literal["seen"]
    conversation: UUID
    seq: Seq


class SuggestionSeen(Event):
    """The draft is before the agent's eyes (`shown`) or went into the composer (`inserted`)."""

    type: Literal["suggestion.seen"]
    conversation: UUID
    suggestion: RowId
    inserted: bool = False


class SuggestionDismiss(OfConversation):
    type: Literal["suggestion.dismiss"]
    suggestion: RowId
    reason: Literal["wrong", "incomplete", "tone", "not_needed", "other"]
    comment: Annotated[str, StringConstraints(max_length=500)] = ""


class SuggestionMake(OfConversation):
    """Make a draft (again), with a wish for it."""

    type: Literal["suggestion.make"]
    hint: Annotated[str, StringConstraints(max_length=300)] = ""


class Compose(OfConversation):
    """Help with the agent's own text; answered with `composed`. Only where a generative engine is active."""

    type: Literal["compose"]
    text: str
    style: Literal["shorter", "friendlier", "translate"]


class CannedGet(OfConversation):
    """Canned replies for this conversation, filled in; the best for `query` first."""

    type: Literal["canned"]
    query: Annotated[str, StringConstraints(max_length=100)] = ""


class ContactGet(OfConversation):
    type: Literal["contact"]


class PresenceSet(Request):
    type: Literal["presence"]
    availability: Literal["online", "away"]


class MentionsSeen(Request):
    type: Literal["mentions.seen"]


class Ping(Event):
    """Sign of life, every 25 s; `last_seq` of the open conversation."""

    type: Literal["ping"]
    last_seq: Seq = 0


DeskEvent = Annotated[
    Hello
    | ListGet
    | SearchGet
    | CountsGet
    | Open
    | Close
    | Reply
    | NoteAdd
    | Take
    | Assign
    | TagsSet
    | PrioritySet
    | Snooze
    | Resolve
    | Reopen
    | GiveBack
    | Typing
    | Seen
    | SuggestionSeen
    | SuggestionDismiss
    | SuggestionMake
    | Compose
    | CannedGet
    | ContactGet
    | PresenceSet
    | MentionsSeen
    | Ping,
    Field(discriminator="type"),
]
DESK_EVENTS: Final[TypeAdapter[DeskEvent]] = TypeAdapter(DeskEvent)
