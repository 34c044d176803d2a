"""Decides what a sync does with each document. Pure: states in, actions out."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

GONE: Final = frozenset({"deleted", "failed"})
"""Statuses whose documents are not in the answers."""


class Action(Enum):
    """What the index must do about one document."""

    NOTHING = "nothing"
    METADATA = "metadata"
    """Its passages stand; language or collection changed, so a new version is written without embedding."""
    EMBED = "embed"
    DELETE = "delete"
    EMPTY = "empty"
    """There is no text in it: it fails with a reason."""


@dataclass(frozen=True)
class DocumentState:
    """What the row says now, and what it said when its live passages were cut. Hashes may be empty."""

    document_id: int
    status: str
    has_text: bool
    live_passages: int
    content: str
    """Hash of content, title and the way of cutting, as of now."""
    indexed_content: str
    metadata: str
    indexed_metadata: str


@dataclass(frozen=True)
class Plan:
    actions: dict[int, Action]

    def documents(self, action: Action) -> list[int]:
        return [document_id for document_id, planned in self.actions.items() if planned is action]

    @property
    def is_empty(self) -> bool:
        return all(action is Action.NOTHING for action in self.actions.values())


def action_for(state: DocumentState) -> Action:
    """One document's action."""
    if state.status in GONE:
        return Action.DELETE if state.live_passages else Action.NOTHING
    if state.status == "pending":
        return Action.NOTHING  # not extracted yet; what an earlier text gave stays in the answers
    if not state.has_text:
        return Action.EMPTY
    if not state.live_passages or state.content != state.indexed_content:
        return Action.EMBED
    if state.metadata != state.indexed_metadata or state.status == "processing":
        # Processing with nothing to cut: a build was killed after the cut, or only the address changed.
        return Action.METADATA
    return Action.NOTHING


def plan(states: Iterable[DocumentState]) -> Plan:
    return Plan({state.document_id: action_for(state) for state in states})
