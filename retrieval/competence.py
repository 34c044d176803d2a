"""Measures how well an embedder knows each language of an index, so that its arm gets no more say than it deserves.

Nothing is listed by hand. A sentence is taken out of each of some passages, and both arms look for the passage it came
from among the remainders. An embedder that knows the language does about as well as BM25 (0.9 to 1.0 of its mean
reciprocal rank); one that does not is far behind (an English model on Chinese: 0.4 to 0.5).
"""

import random
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from retrieval.chunking import sentences
from retrieval.embedding import Embedder
from retrieval.languages import base
from retrieval.lexical import LexicalIndex, query_terms
from retrieval.vectors import VectorStore

Floats = npt.NDArray[np.float32]

SAMPLE: Final = 48
FEWEST: Final = 8
"""With fewer probes of a language a measurement says nothing."""
WITHOUT: Final = 0.6
"""At this share of the lexical arm's result and below the embedder has no say."""
FULL: Final = 0.85
"""From this share on it has its full say."""
SPREAD_SAMPLE: Final = 64


def measure_competence(
    texts: Sequence[str],
    languages: Sequence[str],
    documents: Sequence[int],
    embedder: Embedder,
    store: VectorStore,
) -> dict[str, float]:
    """Base language -> competence (0..1), for languages with enough passages. The same index gives the same figures."""
    by_language: dict[str, list[int]] = {}
    for row, language in enumerate(languages):
        by_language.setdefault(base(language), []).append(row)
    found = {}
    for language, rows in sorted(by_language.items()):
        probes = _probes(texts, documents, rows)
        if len(probes) >= FEWEST:
            taken, rests = [one for one, _rest in probes], [rest for _one, rest in probes]
            found[language] = _competence(rests, taken, language, embedder, store)
    return found


def _probes(texts: Sequence[str], documents: Sequence[int], rows: Sequence[int]) -> list[tuple[str, str]]:
    """(sentence, passage without it), from as many documents as possible."""
    chance = random.Random(len(rows))  # noqa: S311 - a sample, not a secret
    shuffled = list(rows)
    chance.shuffle(shuffled)
    turn: dict[int, int] = {}
    order = []
    for row in shuffled:
        turn[documents[row]] = turn.get(documents[row], 0) + 1
        order.append((turn[documents[row]], row))
    probes: list[tuple[str, str]] = []
    for _turn, row in sorted(order, key=lambda pair: pair[0]):
        said = [one for one in sentences(texts[row]) if not one.startswith("#")]
        if len(said) < 3:
            continue
        taken = chance.randrange(len(said))
        probes.append((said[taken], " ".join(said[:taken] + said[taken + 1 :])))
        if len(probes) == SAMPLE:
            break
    return probes


def _competence(rests: list[str], taken: list[str], language: str, embedder: Embedder, store: VectorStore) -> float:
    dense = embedder.queries(taken) @ store.vectors(embedder, rests).T
    index = LexicalIndex.build(rests, [language] * len(rests))
    lexical = np.stack([index.score(query_terms(one, (language,))) for one in taken])
    share = _reciprocal_rank(dense) / max(_reciprocal_rank(lexical), 1e-6)
    return round(float(np.clip((share - WITHOUT) / (FULL - WITHOUT), 0.0, 1.0)), 3)


def _reciprocal_rank(scores: Floats) -> float:
    """Mean over rows; the right column has the row's own number, and equal scores share their ranks."""
    own = np.diag(scores)[:, None]
    better = (scores > own).sum(axis=1)
    equal = (scores == own).sum(axis=1) - 1
    return float(np.mean(1.0 / (1.0 + better + equal / 2)))


def measure_spread(vectors: Floats) -> float:
    """Standard deviation of the cosines between passages: what an ordinary difference of two cosines is."""
    if len(vectors) < 2:
        return 0.0
    chance = np.random.default_rng(0)
    sample = vectors[chance.choice(len(vectors), min(SPREAD_SAMPLE, len(vectors)), replace=False)]
    others = vectors[chance.choice(len(vectors), min(32 * SPREAD_SAMPLE, len(vectors)), replace=False)]
    cosines = (sample @ others.T).ravel()
    return round(float(cosines[cosines < 0.999].std()), 5) if (cosines < 0.999).any() else 0.0
