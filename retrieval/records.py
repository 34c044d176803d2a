"""What search takes and gives: frozen, JSON-friendly, importable without any heavy library."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Role = Literal["customer", "agent"]


@dataclass(frozen=True)
class Turn:
    """One earlier message of the conversation. The bot's own messages have the role `agent`."""

    role: Role
    text: str


@dataclass(frozen=True)
class Hit:
    """One passage found. `score` is the fused score, comparable only within one result.

    `dense` is the cosine similarity (-1..1) and `lexical` the BM25 score of this passage for the query,
    None where that arm did not find it among its candidates.
    """

    passage_id: int
    document_id: int
    title: str
    heading_path: tuple[str, ...]
    text: str
    url: str
    lang: str
    score: float
    dense: float | None = None
    lexical: float | None = None
    updated: str = ""
    """ISO date the document says it was last changed, empty when unknown."""


@dataclass(frozen=True)
class ArmHit:
    """One row of one arm's own ranking, for the test bench."""

    passage_id: int
    score: float


@dataclass(frozen=True)
class SearchResult:
    hits: tuple[Hit, ...]
    lexical: tuple[ArmHit, ...] = ()
    dense: tuple[ArmHit, ...] = ()
    index_version: str = ""
    query_lang: str = ""
    competence: float = 1.0
    """How far the meaning the embedder sees can be trusted for this question, 0..1."""
    milliseconds: dict[str, float] = field(default_factory=dict)


class Searcher(Protocol):
    """`history` is oldest first and leaves out `query`. `collections` None means all."""

    def search(
        self,
        query: str,
        *,
        history: Sequence[Turn] = (),
        k: int = 8,
        collections: frozenset[str] | None = None,
    ) -> SearchResult: ...

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> list[list[float]]:
        """Cosine similarities of short texts, len(left) x len(right), by the index's embedder."""
        ...
