"""A searcher over a folder of documents in memory, for measuring: no database, nothing kept.

Heavy: embeds. Passage ids are rows; documents can be hidden, to ask what happens when the answer is not there.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval import chunking, evaluation, index, ranking
from retrieval.embedding import Embedder
from retrieval.records import Hit, SearchResult, Turn
from retrieval.vectors import VectorStore


class ThrowawaySearcher:
    """Implements `retrieval.records.Searcher` over `documents.jsonl` of a folder. Raises BadDataset."""

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        *,
        store: VectorStore | None = None,
        progress: evaluation.Progress | None = None,
    ) -> None:
        self._embedder = embedder
        self._corpus = evaluation.cut(evaluation.read_documents(folder), embedder, chunking.PASSAGE_TOKENS)
        self._index = index.build(self._corpus.entries, embedder, store=store, steps=progress)
        self.hidden: frozenset[str] = frozenset()
        """doc_ids that are not found."""

    def texts(self, doc_ids: frozenset[str] | None = None) -> list[str]:
        """Passages with their titles and headings, of all documents or of some."""
        return [
            entry.indexed_text()
            for entry, doc_id in zip(self._corpus.entries, self._corpus.doc_ids, strict=True)
            if doc_ids is None or doc_id in doc_ids
        ]

    def doc_id(self, passage_id: int) -> str:
        return self._corpus.doc_ids[passage_id]

    def covers(self, passage_id: int, gold: evaluation.Gold) -> bool:
        """Whether a passage holds (half of) a gold span."""
        return self.doc_id(passage_id) == gold.doc_id and evaluation.covers(self._corpus.chunks[passage_id], gold)

    def search(
        self,
        query: str,
        *,
        history: Sequence[Turn] = (),
        k: int = 8,
        collections: frozenset[str] | None = None,
    ) -> SearchResult:
        found = ranking.rank(self._index, self._embedder, query, history, collections=collections)
        hits: list[Hit] = []
        for position, row in enumerate(found.fused.rows.tolist()):
            if len(hits) == k:
                break
            if self._corpus.doc_ids[row] in self.hidden:
                continue
            hits.append(self._hit(row, float(found.fused.scores[position]), found, position))
        return SearchResult(
            hits=tuple(hits),
            index_version=self._index.digest,
            query_lang=found.language,
            competence=found.competence,
            milliseconds=found.milliseconds,
        )

    def _hit(self, row: int, score: float, found: ranking.Ranking, position: int) -> Hit:
        entry = self._corpus.entries[row]
        cosine, bm25 = found.cosines[position], found.bm25[position]
        return Hit(
            passage_id=row,
            document_id=entry.document_id,
            title=entry.title or self._corpus.doc_ids[row],
            heading_path=entry.heading_path,
            text=f"{entry.context}\n{entry.text}" if entry.context else entry.text,
            url="",
            lang=entry.lang,
            score=score,
            dense=None if np.isnan(cosine) else float(cosine),
            lexical=None if np.isnan(bm25) else float(bm25),
        )

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> list[list[float]]:
        if not left or not right:
            return [[] for _one in left]
        vectors = self._embedder.queries([*left, *right])
        cosines: list[list[float]] = (vectors[: len(left)] @ vectors[len(left) :].T).tolist()
        return cosines
