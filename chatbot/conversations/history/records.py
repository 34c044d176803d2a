"""What an imported conversation looks like, whichever tool wrote it. Frozen, complete, checked; no database here."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class Unusable(Exception):
    """This record cannot become a conversation; the message says to people why."""


@dataclass(frozen=True)
class Author:
    """A member of the team as the export names them."""

    name: str = ""
    email: str = ""
    username: str = ""

    @property
    def shown(self) -> str:
        return self.name or self.email or self.username


@dataclass(frozen=True)
class Source:
    """A citation. The row numbers are kept by Parley's own export only, and mean nothing elsewhere."""

    number: int
    title: str
    text: str
    heading: str = ""
    url: str = ""
    passage_id: int = 0
    document_id: int = 0


@dataclass(frozen=True)
class ImportedMessage:
    key: str
    """Names the message inside its conversation, so that importing again is importing once."""
    role: str
    text: str
    kind: str = "text"
    author: Author = Author()
    created_at: datetime | None = None
    offer_person: bool = False
    thumb: int = 0
    thumb_comment: str = ""
    citations: tuple[Source, ...] = ()
    answer: dict[str, Any] = field(default_factory=dict)
    """Decision, confidence, engine, adapter and index version of a bot message."""


@dataclass(frozen=True)
class ImportedNote:
    key: str
    text: str
    author: Author = Author()
    created_at: datetime | None = None
    after: int | None = None
    """Number of messages before it; None: by its time, else at the end."""


@dataclass(frozen=True)
class ImportedContact:
    """`key` is empty where the export does not say who it was: then each conversation has a contact of its own."""

    key: str = ""
    name: str = ""
    email: str = ""
    context: dict[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportedRating:
    """`value` None: asked and not answered."""

    value: int | None
    comment: str = ""
    asked_at: datetime | None = None
    rated_at: datetime | None = None
    agent: Author = Author()


@dataclass(frozen=True)
class ImportedSuggestion:
    """A draft and what became of it. `trigger` and `sent` are message keys."""

    trigger: str
    text: str
    outcome: str = ""
    sent: str = ""
    ready: bool = False
    """Waits in the composer; else it was withdrawn, unless it has an outcome."""
    purpose: str = "assist"
    hint: str = ""
    decision: str = ""
    confidence: float = 0.0
    edit_distance: float | None = None
    agent: Author = Author()
    dismiss_reason: str = ""
    comment: str = ""
    topic: str = ""
    engine: str = ""
    adapter: str = ""
    index_version: str = ""
    citations: tuple[Source, ...] = ()
    created_at: datetime | None = None
    ready_at: datetime | None = None
    shown_at: datetime | None = None
    inserted_at: datetime | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True)
class ImportedConversation:
    key: str
    source: str
    """The format it came in."""
    messages: tuple[ImportedMessage, ...]
    contact: ImportedContact = ImportedContact()
    notes: tuple[ImportedNote, ...] = ()
    suggestions: tuple[ImportedSuggestion, ...] = ()
    state: str = "resolved"
    language: str = ""
    assignee: Author = Author()
    team: str = ""
    priority: int = 0
    tags: tuple[str, ...] = ()
    topic: str = ""
    subject: str = ""
    page_url: str = ""
    handoff_reason: str = ""
    handoff_summary: str = ""
    snoozed_until: datetime | None = None
    created_at: datetime | None = None
    waiting_since: datetime | None = None
    resolved_at: datetime | None = None
    rating: ImportedRating | None = None
    consent: bool | None = None
    """Whether the customer agreed that it is learnt from; None: the export does not say."""
    cut: tuple[int, ...] = ()
    """Numbers of messages whose text was longer than is kept."""
