"""Search for everyone: the active index version, its embedder, and the rows that are live at this moment.

Heavy: imports torch and faiss. One searcher per process, used by many threads. A new version is loaded beside the old
one, which serves until then. Texts come from the database, so a deleted document is gone with the next search.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connections

from retrieval import index as index_module
from retrieval import ranking, versions
from retrieval.embedding import Embedder, EmbedderUnavailable, get_embedder
from retrieval.fusion import Ranked
from retrieval.index import Index, IndexDamaged
from retrieval.models import IndexVersion, Passage
from retrieval.planning import GONE
from retrieval.ranking import Ranking
from retrieval.records import ArmHit, Hit, SearchResult, Turn

logger = logging.getLogger(__name__)

MAX_HITS: Final = 100
ARM_ROWS: Final = 20
SPARE: Final = 16
PATIENCE_SECONDS: Final = 0.5
"""How long a search waits for a version that is being loaded before it is served by the previous one."""


@dataclass(frozen=True)
class _Loaded:
    """A version in memory with the embedder it was built with; without one the lexical arm serves alone."""

    index: Index
    embedder: Embedder | None


class IndexSearcher:
    """Implements `retrieval.records.Searcher` over the active IndexVersion, or over one that is kept. Thread-safe."""

    def __init__(self, embedder: Embedder | None = None, *, version: str = "") -> None:
        """`version` is the digest of the one to search, whatever is active; texts that were deleted stay deleted."""
        self._version = version
        self._given = embedder
        self._current: _Loaded | None = None
        self._broken: set[tuple[str, int]] = set()
        self._loading: threading.Thread | None = None
        self._lock = threading.Lock()

    def search(
        self,
        query: str,
        *,
        history: Sequence[Turn] = (),
        k: int = 8,
        collections: frozenset[str] | None = None,
    ) -> SearchResult:
        """The best live passages, at most `k` (1..100). Never raises for what a customer wrote."""
        started = time.perf_counter()
        loaded = self._ready()
        if loaded is None or not len(loaded.index):
            return SearchResult(hits=(), index_version=loaded.index.digest if loaded else "")
        index = loaded.index
        prepared = time.perf_counter()
        found = ranking.rank(index, loaded.embedder, query, history, collections=collections)
        ranked = time.perf_counter()
        hits = _live_hits(index, found, max(1, min(k, MAX_HITS)), collections)
        ended = time.perf_counter()
        milliseconds = {
            **found.milliseconds,
            "prepare": round(1000 * (prepared - started), 3),
            "texts": round(1000 * (ended - ranked), 3),
            "total": round(1000 * (ended - started), 3),
        }
        return SearchResult(
            hits=hits,
            lexical=_arm(index, found.lexical),
            dense=_arm(index, found.dense),
            index_version=index.digest,
            query_lang=found.language,
            competence=found.competence,
            milliseconds=milliseconds,
        )

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> list[list[float]]:
        """Cosine similarities, len(left) x len(right)."""
        if not left or not right:
            return [[] for _one in left]
        loaded = self._ready()
        embedder = (loaded.embedder if loaded else None) or self._given or get_embedder(settings.EMBEDDER_MODEL)
        vectors = embedder.queries([*left, *right])
        result: list[list[float]] = (vectors[: len(left)] @ vectors[len(left) :].T).tolist()
        return result

    def warm_up(self) -> bool:
        """Load what the first question needs. True when there is an index to search."""
        loaded = self._ready()
        if loaded is None or not len(loaded.index):
            return False
        ranking.rank(loaded.index, loaded.embedder, "warm up 预热")
        return True

    def _ready(self) -> _Loaded | None:
        """What to search now: the active version, or the previous one while that is being loaded."""
        digest = self._wanted()
        if not digest:
            return None
        current = self._current
        if current is not None and current.index.digest == digest:
            return current
        if _state_of(digest) in self._broken:
            return current
        loading = self._load_beside(digest)
        loading.join(PATIENCE_SECONDS if current is not None else None)
        return self._current

    def _wanted(self) -> str:
        if self._version:
            return self._version
        version = versions.active()
        return version.digest if version is not None else ""

    def texts(self, most: int) -> list[str]:
        """Titles and texts of an even part of its passages, for counting words."""
        loaded = self._ready()
        if loaded is None:
            return []
        ids = loaded.index.passage_ids.tolist()
        found = Passage.objects.filter(pk__in=ids[:: max(1, len(ids) // most)][:most])
        return [f"{title}\n{text}" for title, text in found.values_list("document__title", "text")]

    def _load_beside(self, digest: str) -> threading.Thread:
        with self._lock:
            if self._loading is None or not self._loading.is_alive():
                self._loading = threading.Thread(target=self._load, args=(digest,), name="load-index", daemon=True)
                self._loading.start()
            return self._loading

    def _load(self, digest: str) -> None:
        state, damage = _state_of(digest), ""
        try:
            index = index_module.load(versions.root() / digest)
            self._current = _Loaded(index, self._embedder_for(index))  # readers keep their own reference
        except IndexDamaged as error:
            damage = str(error)
            logger.error("%s The previous version goes on serving.", damage)
            self._broken.add(state)
        except Exception:
            logger.exception("Index version %s could not be loaded.", digest[:12])
        with self._lock:
            self._loading = None
        if damage:
            _report_damage(digest, damage)

    def _embedder_for(self, index: Index) -> Embedder | None:
        """The embedder the index was built with, also after EMBEDDER_MODEL changed and until the rebuild is done."""
        try:
            embedder = self._given or get_embedder(str(index.recipe.get("embedder_setting", "")))
        except EmbedderUnavailable as error:
            logger.error("Search goes on with words only. %s", error)
            return None
        if embedder.name != index.recipe["embedder"]:
            logger.error("Search goes on with words only until the index is rebuilt: its embedder has changed.")
            return None
        return embedder


def _state_of(digest: str) -> tuple[str, int]:
    """Changes when a damaged folder is replaced."""
    try:
        return digest, (versions.root() / digest / index_module.MANIFEST).stat().st_mtime_ns
    except OSError:
        return digest, 0


def _report_damage(digest: str, reason: str) -> None:
    """Let the next reconcile rebuild it. Runs on the loading thread, which closes its connection."""
    from retrieval import tasks

    try:
        IndexVersion.objects.filter(digest=digest).update(reason=reason[:500])
        tasks.request_reconcile()
    except DatabaseError as error:
        logger.warning("The damage could not be noted: %s", error)
    finally:
        connections.close_all()


def _live_hits(index: Index, found: Ranking, k: int, collections: frozenset[str] | None) -> tuple[Hit, ...]:
    """The first `k` of the ranking that the database still has, with their texts."""
    hits: list[Hit] = []
    begin, size = 0, 2 * k + SPARE
    while len(hits) < k and begin < len(found.fused.rows):
        part = slice(begin, begin + size)
        passage_ids = index.passage_ids[found.fused.rows[part]].tolist()
        live = _live(passage_ids, collections)
        for offset, passage_id in enumerate(passage_ids):
            if passage_id in live and len(hits) < k:
                hits.append(_hit(live[passage_id], found, begin + offset))
        begin, size = begin + size, 4 * size
    return tuple(hits)


def _live(passage_ids: list[int], collections: frozenset[str] | None) -> dict[int, Passage]:
    rows = (
        Passage.objects.filter(pk__in=passage_ids)
        .exclude(document__status__in=GONE)
        .select_related("document")
        .defer("document__markdown")
    )
    if collections is not None:
        rows = rows.filter(document__source__collection__in=collections)
    return {passage.pk: passage for passage in rows}


def _hit(passage: Passage, found: Ranking, position: int) -> Hit:
    document = passage.document
    return Hit(
        passage_id=passage.pk,
        document_id=document.pk,
        title=document.title or document.key,
        heading_path=tuple(str(heading) for heading in passage.heading_path),
        text=f"{passage.context}\n{passage.text}" if passage.context else passage.text,
        url=document.url,
        lang=document.lang,
        score=float(found.fused.scores[position]),
        dense=_number(found.cosines[position]),
        lexical=_number(found.bm25[position]),
        updated=document.updated.isoformat() if document.updated else "",
    )


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)


def _arm(index: Index, ranked: Ranked) -> tuple[ArmHit, ...]:
    """An arm's own first rows, for the test bench."""
    return tuple(
        ArmHit(int(index.passage_ids[row]), float(score))
        for row, score in zip(ranked.rows[:ARM_ROWS], ranked.scores[:ARM_ROWS], strict=True)
    )


@lru_cache(maxsize=1)
def get_searcher() -> IndexSearcher:
    """The process-wide searcher."""
    return IndexSearcher()
