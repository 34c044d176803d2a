"""Ranks the passages of one index for a question with its history: both arms, then fusion. Knows no database.

Heavy: reaches faiss and the embedder through the index. The same code serves customers and measures itself.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from retrieval import fusion, languages
from retrieval.embedding import Embedder
from retrieval.fusion import Arm, FusionWeights, Ranked
from retrieval.index import Index
from retrieval.lexical import query_terms
from retrieval.records import Turn

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

QUESTION_MAX_CHARS: Final = 4000
TURN_MAX_CHARS: Final = 1000
MAX_LANGUAGES: Final = 4
UNKNOWN_SHARE: Final = 0.2
"""An embedder that cannot read a fifth of a question's wordpieces has no say in it."""
NOBODY: Final = Arm(Ranked.nothing(), Ranked.nothing(), Ranked.nothing(), 0.0)


@dataclass(frozen=True)
class Ranking:
    """`fused`, best first, with each row's cosine and BM25 (NaN where that arm did not list it or has no say)."""

    fused: Ranked
    cosines: Floats
    bm25: Floats
    lexical: Ranked
    """The lexical arm's own ranking, with the same care for the history."""
    dense: Ranked
    language: str
    competence: float
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class Asked:
    """A question and its history, cut to sane lengths, with the languages its words are read in."""

    question: str
    history: tuple[Turn, ...]
    language: str
    readings: tuple[str, ...]

    @classmethod
    def read(cls, question: str, history: Sequence[Turn], index: Index) -> "Asked":
        clean = question[:QUESTION_MAX_CHARS].strip()
        kept = tuple(Turn(turn.role, turn.text[:TURN_MAX_CHARS]) for turn in history[-fusion.MAX_TURNS :])
        common = [language for language in _by_frequency(index) if language]
        said = clean + " " + " ".join(turn.text for turn in kept[-2:] if turn.role == "customer")
        language = languages.detect(said, among=common, default=common[0] if common else "")
        own = [one for one in common if languages.base(one) == languages.base(language)]
        # A short question may be read wrongly, and a question in one language finds documents in another by names
        # and numbers: its words are stemmed as in every larger language of the index.
        readings = tuple(dict.fromkeys(languages.base(one) for one in (*own, language, *common)))
        return cls(clean, kept, language, readings[:MAX_LANGUAGES])


def rank(
    index: Index,
    embedder: Embedder | None,
    question: str,
    history: Sequence[Turn] = (),
    *,
    collections: frozenset[str] | None = None,
    weights: FusionWeights = fusion.DEFAULT,
) -> Ranking:
    """Any text is a question: an empty one gives an empty ranking. Without an embedder the lexical arm is alone."""
    clock = _Clock()
    asked = Asked.read(question, history, index)
    mask = index.mask(collections)
    if not asked.question or not len(index):
        nothing, empty = Ranked.nothing(), np.zeros(0, np.float32)
        return Ranking(nothing, empty, empty, nothing, nothing, asked.language, 0.0, clock.laps)
    clock.lap("read")
    lexical, bm25 = _lexical_arm(index, asked, mask, weights)
    clock.lap("lexical")
    competence = _competence(index, embedder, asked)
    texts = fusion.conversation_texts(asked.question, asked.history)
    vectors = embedder.queries(texts) if embedder else np.zeros((len(texts), index.dense.index.d), np.float32)
    clock.lap("encode")
    dense = _dense_arm(index, vectors, mask) if embedder else NOBODY
    clock.lap("dense")
    documents = index.document_rows
    fused = fusion.fuse(lexical, dense, competence=competence, documents=documents, weights=weights)
    if not len(fused.rows):
        fused = fusion.fuse(lexical, dense, competence=1.0, documents=documents, weights=weights)
    ranking = Ranking(
        fused=fused,
        cosines=_cosines(index, fused, dense if competence else NOBODY, vectors),
        bm25=np.where(bm25[fused.rows] > 0, bm25[fused.rows], np.nan).astype(np.float32),
        lexical=fusion.fuse(lexical, NOBODY, competence=0.0, documents=documents, weights=weights),
        dense=fusion.fuse(NOBODY, dense, competence=1.0, documents=documents, weights=weights),
        language=asked.language,
        competence=competence,
        milliseconds=clock.laps,
    )
    clock.lap("fuse")
    return ranking


class _Clock:
    """Milliseconds per step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(1000 * (now - self._last), 3)
        self._last = now


def _by_frequency(index: Index) -> list[str]:
    counts = np.bincount(index.language_rows, minlength=len(index.languages))
    return [index.languages[row] for row in np.argsort(-counts, kind="stable")]


def _lexical_arm(index: Index, asked: Asked, mask: Mask | None, weights: FusionWeights) -> tuple[Arm, Floats]:
    """The arm, and BM25 of every passage for question and history."""
    own = query_terms(asked.question, asked.readings)
    last = index.lexical.score(own)
    earlier = fusion.turn_weights(asked.history, weights)
    every = last
    if earlier:
        turns = [(query_terms(text, asked.readings), weight) for text, weight in earlier]
        every = index.lexical.score(fusion.join_terms(own, turns))
    if mask is not None:
        last, every = np.where(mask, last, np.float32(0)), np.where(mask, every, np.float32(0))
    question = Ranked.top(last)
    recent = Ranked.top(every) if earlier else question
    return Arm(question, recent, recent, fusion.lexical_clarity(question)), every


def _dense_arm(index: Index, vectors: Floats, mask: Mask | None) -> Arm:
    distinct, places = np.unique(vectors, axis=0, return_inverse=True)
    found = [Ranked(*listed) for listed in index.dense.search(distinct, fusion.DEPTH, mask)]
    question, recent, conversation = (found[place] for place in places.ravel())
    return Arm(question, recent, conversation, fusion.dense_clarity(question, index.spread))


def _competence(index: Index, embedder: Embedder | None, asked: Asked) -> float:
    """What was measured for the question's language; for one that no passage has, whether the model can read it."""
    if embedder is None:
        return 0.0
    measured = index.competence.get(languages.base(asked.language))
    if measured is not None:
        return measured
    return 0.0 if embedder.unknown_share(asked.question) > UNKNOWN_SHARE else 1.0


def _cosines(index: Index, fused: Ranked, dense: Arm, vectors: Floats) -> Floats:
    """The better of the cosines with the question alone and with its recent turns."""
    if not len(fused.rows):
        return np.zeros(0, np.float32)
    listed = np.isin(fused.rows, np.concatenate([dense.question.rows, dense.recent.rows]))
    cosines = np.maximum(index.dense.scores(vectors[0], fused.rows), index.dense.scores(vectors[1], fused.rows))
    return np.where(listed, cosines, np.nan).astype(np.float32)
