"""Joins the lists of the two arms, and weighs the turns of a conversation. Pure: arrays in, arrays out.

Each arm lists passages for the question alone and for the question with its history. How much the history counts
depends on how clear the question is by itself: a follow-up ("and for my wife?") finds nothing that stands out, a new
topic does. Documents that the history points to lift their passages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from retrieval.chunking import estimate_tokens, shortened
from retrieval.records import Turn

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

MAX_TURNS: Final = 24
"""Older turns say nothing about the present question."""
RECENT_TURNS: Final = 4
AGENT_TURN_TOKENS: Final = 26
"""Of an agent's turn the beginning is read: a long answer would drown the question and find itself again."""
CONVERSATION_TOKENS: Final = 140
"""Encoding takes time by length, and what was said long ago hardly says which documents are meant now."""
TURN_TERMS: Final = 10
QUESTION_SPREAD: Final = 0.6
"""Cosines of questions with passages differ this much less than those between passages (0.55 to 0.68, three sets)."""
DEPTH: Final = 100
"""Each list is scaled to 0..1 over this many of its best."""


@dataclass(frozen=True)
class FusionWeights:
    """Found on three conversational sets at once and checked by leaving each out (docs/benchmarks.md)."""

    question_lexical: float = 0.7
    history_lexical: float = 0.6
    question_dense: float = 1.1
    recent_dense: float = 0.5
    document_lexical: float = 0.7
    document_dense: float = 1.1
    clear_question: float = 0.4
    """How much a clear question raises its own lists."""
    clear_history: float = 0.5
    """How much a clear question lowers the lists of the history."""
    turn_share: float = 0.6
    turn_decay: float = 0.75


DEFAULT: Final = FusionWeights()


@dataclass(frozen=True)
class Ranked:
    """One list: distinct rows, best first, with their scores."""

    rows: Rows
    scores: Floats

    @classmethod
    def nothing(cls) -> "Ranked":
        return cls(np.zeros(0, np.int64), np.zeros(0, np.float32))

    @classmethod
    def top(cls, scores: Floats, count: int = DEPTH) -> "Ranked":
        """The best positive scores of a full array."""
        rows = best(scores, count)
        rows = rows[scores[rows] > 0]
        return cls(rows, scores[rows])


@dataclass(frozen=True)
class Arm:
    """One arm's lists. Without history all three are the same."""

    question: Ranked
    recent: Ranked
    """For the question and what was said just before (the lexical arm: everything, older turns counting less)."""
    conversation: Ranked
    """For the whole conversation; only says which documents it is about."""
    clarity: float
    """How far the question's own best stands out, about -1 to 1; see `lexical_clarity` and `dense_clarity`."""


def turn_weights(history: Sequence[Turn], weights: FusionWeights = DEFAULT) -> list[tuple[str, float]]:
    """Earlier turns with their weights against the question's 1.0, newest first, the latest MAX_TURNS only."""
    return [
        (turn.text, weights.turn_share * weights.turn_decay**age)
        for age, turn in enumerate(reversed(history[-MAX_TURNS:]))
        if turn.text.strip()
    ]


def join_terms(question: Mapping[str, float], earlier: Sequence[tuple[Mapping[str, float], float]]) -> dict[str, float]:
    """Term weights of question and history: the question's own in full, others by the best turn that says them.

    A long turn's terms count less each, so that no turn outweighs the question by its length.
    """
    joined = dict(question)
    room = max(TURN_TERMS, len(question))
    for found, weight in earlier:
        share = weight * min(1.0, room / max(1, len(found)))
        for term, own in found.items():
            joined[term] = max(joined.get(term, 0.0), own * share)
    return joined


def conversation_texts(question: str, history: Sequence[Turn]) -> tuple[str, str, str]:
    """(question, question with the recent turns, with all turns), newest first: models cut what is too long."""
    turns = [
        shortened(turn.text, AGENT_TURN_TOKENS) if turn.role == "agent" else turn.text
        for turn in reversed(history[-MAX_TURNS:])
        if turn.text.strip()
    ]
    recent, conversation = " ".join([question, *turns[:RECENT_TURNS]]), " ".join([question, *turns])
    return question, recent, shortened(conversation, max(CONVERSATION_TOKENS, estimate_tokens(recent)))


def lexical_clarity(question: Ranked) -> float:
    """From the share of the best score that the eleventh does not reach; 0 is ordinary."""
    if not len(question.scores):
        return -1.0
    top = float(question.scores[0])
    eleventh = float(question.scores[10]) if len(question.scores) > 10 else 0.0
    return float(np.clip(3 * ((top - eleventh) / max(top, 1e-9) - 0.33), -1.0, 2.0))


def dense_clarity(question: Ranked, spread: float) -> float:
    """From the lead of the best cosine over the twenty-first, in units of the index's own spread; 0 is ordinary."""
    if not len(question.scores) or spread <= 0:
        return 0.0
    lead = float(question.scores[0] - question.scores[min(20, len(question.scores) - 1)])
    return float(np.clip(lead / (QUESTION_SPREAD * spread) - 1.8, -1.8, 3.0))


def fuse(
    lexical: Arm, dense: Arm, *, competence: float, documents: npt.NDArray[np.int32], weights: FusionWeights = DEFAULT
) -> Ranked:
    """One list of both arms. `competence` (0..1) scales the dense arm, `documents` is each row's document.

    With competence 0 this is the lexical arm alone; an empty lexical arm leaves the dense one alone.
    """
    clarity = competence * dense.clarity + (1 - competence) * lexical.clarity
    own = float(np.clip(1 + weights.clear_question * clarity, 0.2, 3.0))
    past = float(np.clip(1 - weights.clear_history * clarity, 0.1, 2.0))
    parts = [
        (lexical.question, own * weights.question_lexical, False),
        (lexical.recent, past * weights.history_lexical, False),
        (lexical.conversation, past * weights.document_lexical, True),
        (dense.question, competence * own * weights.question_dense, False),
        (dense.recent, competence * past * weights.recent_dense, False),
        (dense.conversation, competence * past * weights.document_dense, True),
    ]
    parts = [part for part in parts if part[1] > 0 and len(part[0].rows)]
    if not parts:
        return Ranked.nothing()
    rows = np.unique(np.concatenate([ranked.rows for ranked, _weight, by_document in parts if not by_document]))
    total = np.zeros(len(rows), np.float32)
    for ranked, weight, by_document in parts:
        if by_document:
            total += weight * _document_scores(ranked, documents)[documents[rows]]
        else:
            total[np.searchsorted(rows, ranked.rows)] += weight * scaled(ranked.scores)
    order = best(total, len(rows))
    return Ranked(rows[order], total[order])


def _document_scores(ranked: Ranked, documents: npt.NDArray[np.int32]) -> Floats:
    """Each document's best passage in the list, 0..1."""
    scores = np.zeros(int(documents.max()) + 1, np.float32)
    np.maximum.at(scores, documents[ranked.rows], scaled(ranked.scores))
    return scores


def scaled(scores: Floats) -> Floats:
    """A list's scores as 0..1: the best is 1; a full list's last is 0, a short list keeps its distance to nothing."""
    if not len(scores):
        return scores
    top = float(scores[0])
    floor = float(scores[-1]) if len(scores) >= DEPTH else min(0.0, float(scores[-1]))
    if top - floor <= 1e-9:
        return np.ones_like(scores)
    return np.asarray((scores - floor) / (top - floor), np.float32)


def best(scores: Floats, count: int) -> Rows:
    """Positions of the best scores, best first; equal scores keep their order."""
    if count >= len(scores):
        return np.argsort(-scores, kind="stable").astype(np.int64)
    part = np.argpartition(-scores, count)[:count]
    return part[np.lexsort((part, -scores[part]))].astype(np.int64)
