"""How well a question fits each canned reply, learned from the replies' example questions in well under a second.

Heavy: numpy, scikit-learn, and an embedder from outside. Kernel ridge regression on one similarity that joins meaning
(a Gaussian of the embeddings' distance) and spelling (TF-IDF of words and letter groups). Its closed form gives, for
nothing, what every example would score had it, or its whole reply, not been there: from that comes the threshold.
A logistic regression on the embeddings has a vote on which reply it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from chatbot.conversations.canned_replies.intents import NEAREST, Candidate, Near, Ranked
from retrieval.embedding import Embedder
from retrieval.languages import base, detect
from retrieval.lexical import folded

Floats = npt.NDArray[np.float64]

WIDTH: Final = 0.3
"""Of the Gaussian: embeddings with a cosine of 0.7 are alike to 1/e."""
SPELLING: Final = 0.2
"""Weight of spelling beside meaning, where the embedder knows the language."""
RIDGE: Final = 0.3
VOTER_STRENGTH: Final = 30.0
MAX_EXAMPLES: Final = 4000
"""More are thinned, evenly over the replies; the fit takes cubic time."""
CANDIDATES: Final = 5

FEWEST: Final = 8
"""With fewer examples of a language it is not measured how well the embedder knows it."""
WITHOUT: Final = 0.6
FULL: Final = 0.85
"""Shares of the spelling's own result up to which, and from which on, meaning has no say and its full say."""

_WORD: Final = r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+"

FLOOR: Final = 0.5
"""No threshold is below it: with a handful of replies the examples alone do not show what else customers ask."""
CEILING: Final = 0.85
PRIOR: Final = 0.9
PRIOR_WEIGHT: Final = 10
"""What a match above the threshold is trusted before the examples say anything: a cautious reading of the figures in
docs/benchmarks.md, worth ten examples."""
FOREIGN: Final = 0.02
"""Share of the questions of a reply that was left out which may reach the threshold."""


@dataclass(frozen=True)
class Example:
    reply: int
    text: str


@dataclass(frozen=True)
class Scores:
    """Questions x replies. `fit` says how well it fits (about 0..1), `votes` which reply it is."""

    fit: Floats
    votes: Floats

    @property
    def chosen(self) -> npt.NDArray[np.int64]:
        """Column of the best reply of each question."""
        return np.asarray(self.votes.argmax(axis=1), np.int64)

    @property
    def confidence(self) -> Floats:
        """How well each question fits the reply that was chosen for it."""
        return self.fit[np.arange(len(self.fit)), self.chosen] if len(self.fit) else np.zeros(0)


class Spelling:
    """TF-IDF of words, word pairs and letter groups, as unit vectors; Chinese by characters, in one orthography."""

    def __init__(self, texts: Sequence[str]) -> None:
        parts: list[Any] = [
            TfidfVectorizer(
                preprocessor=folded, ngram_range=(1, 2), sublinear_tf=True,
                token_pattern=_WORD,
            ),
            TfidfVectorizer(preprocessor=folded, analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ]  # fmt: skip
        self._known = [(part, matrix) for part in parts if (matrix := _fitted(part, texts)) is not None]
        self._rows = len(texts)

    def alike(self, texts: Sequence[str]) -> Floats:
        """Similarity (0..1) of each text with each of the known ones."""
        total = np.zeros((len(texts), self._rows))
        for part, known in self._known:
            total += (part.transform(texts) @ known.T).toarray() / len(self._known)
        return total


def _fitted(part: Any, texts: Sequence[str]) -> Any:
    """The texts' vectors; None where no text has a word."""
    try:
        return part.fit_transform(texts)
    except ValueError:
        return None


class ExampleMatcher:
    """Fitted on examples; scores questions for each reply. Never changes, so any thread may use it."""

    def __init__(self, examples: Sequence[Example], embedder: Embedder) -> None:
        self._examples = thinned(examples)
        self._embedder = embedder
        self.replies: list[int] = sorted({example.reply for example in self._examples})
        texts = [example.text for example in self._examples]
        self._column = np.array([self.replies.index(example.reply) for example in self._examples], np.int64)
        self._vectors = embedder.queries(texts).astype(np.float64)
        self._spelling = Spelling(texts)
        languages = [_language(text) for text in texts]
        cosines, spelling = self._vectors @ self._vectors.T, self._spelling.alike(texts)
        self._competence = _measured(languages, self._column, cosines, spelling)
        self._known = self._say(languages)
        self._fit(self._joined(cosines, spelling, self._known))
        self._voter = self._fitted_voter()

    def _fit(self, similarity: Floats) -> None:
        """Ridge regression in its dual form, and what it says of examples it has not seen."""
        count = len(self._examples)
        wanted = np.zeros((count, len(self.replies)))
        wanted[np.arange(count), self._column] = 1.0
        inverse: Floats = np.asarray(np.linalg.inv(similarity + RIDGE * np.eye(count)), np.float64)
        self._weights: Floats = inverse @ wanted
        self.held_out: Floats = wanted - self._weights / np.diag(inverse)[:, None]
        """Score of each example for each reply (examples x replies) had the example not been there."""
        self.foreign = self._without_own_reply(inverse, wanted)
        """Best score of each example had its whole reply not been there: a question that nothing answers."""
        self.threshold = self._threshold()
        self.trust = self._trust()

    def _fitted_voter(self) -> Any:
        """A second opinion on which reply it is; it has no say on whether it is any."""
        if len(self.replies) < 2:
            return None
        return LogisticRegression(C=VOTER_STRENGTH, max_iter=500).fit(self._vectors, self._column)

    def _without_own_reply(self, inverse: Floats, wanted: Floats) -> Floats:
        found = np.zeros(len(self._examples))
        for column in range(len(self.replies)):
            rows = np.flatnonzero(self._column == column)
            block = inverse[np.ix_(rows, rows)]
            scores = wanted[rows] - np.linalg.solve(block, self._weights[rows])
            scores[:, column] = -np.inf
            found[rows] = scores.max(axis=1)
        return np.where(np.isfinite(found), found, 0.0)

    def _threshold(self) -> float:
        """From where nearly no question of a left-out reply is answered; never outside FLOOR..CEILING."""
        return float(np.clip(np.quantile(self.foreign, 1 - FOREIGN), FLOOR, CEILING))

    def _trust(self) -> float:
        """Of the examples, held out with or without their reply, that would be answered: the share answered rightly."""
        sure = self.held_out.max(axis=1) >= self.threshold
        right = int((sure & (self.held_out.argmax(axis=1) == self._column)).sum())
        wrong = int(sure.sum()) - right + int((self.foreign >= self.threshold).sum())
        return (right + PRIOR * PRIOR_WEIGHT) / (right + wrong + PRIOR_WEIGHT)

    # --- Similarity ------------------------------------------------------------------------------------
    def _say(self, languages: Sequence[str]) -> Floats:
        return np.array([self._competence.get(language, _presumed(language)) for language in languages])

    def _joined(self, cosines: npt.NDArray[Any], spelling: Floats, known: Floats) -> Floats:
        """One similarity: meaning where both texts are in languages the embedder knows, and spelling; 0..1.2."""
        meaning = np.exp((cosines.astype(np.float64) - 1) / WIDTH)
        left, right = known[:, None], self._known[None, :]
        return left * right * meaning + (SPELLING + (1 - left) * (1 - right)) * spelling

    # --- Asking ----------------------------------------------------------------------------------------
    def scores(self, questions: Sequence[str]) -> Scores:
        """Of each question for each reply, columns in the order of `replies`."""
        return self._scored(*self._similar(questions))

    def _similar(self, questions: Sequence[str]) -> tuple[Floats, Floats, Floats]:
        """Likeness with each example; the questions' vectors; how far meaning can be trusted for each."""
        known = self._say([_language(question) for question in questions])
        vectors = self._embedder.queries(list(questions)).astype(np.float64)
        return self._joined(vectors @ self._vectors.T, self._spelling.alike(questions), known), vectors, known

    def _scored(self, similar: Floats, vectors: Floats, known: Floats) -> Scores:
        fit: Floats = similar @ self._weights
        if self._voter is None:
            return Scores(fit, fit)
        return Scores(fit, fit + known[:, None] * self._voter.predict_proba(vectors))

    def rank(self, question: str) -> Ranked:
        """The best replies and the closest examples."""
        asked = self._similar([question])
        scores, similar = self._scored(*asked), asked[0][0]
        order = np.argsort(-scores.votes[0], kind="stable")[:CANDIDATES]
        near = np.argsort(-similar, kind="stable")[:NEAREST]
        return Ranked(
            candidates=tuple(Candidate(self.replies[at], float(scores.fit[0, at])) for at in order),
            nearest=tuple(
                Near(self._examples[at].reply, self._examples[at].text, float(min(1.0, similar[at] / (1 + SPELLING))))
                for at in near
            ),
            threshold=self.threshold,
            trust=self.trust,
        )


def thinned(examples: Sequence[Example]) -> list[Example]:
    """At most MAX_EXAMPLES, the first of each reply; without repetitions."""
    unique = list(dict.fromkeys(examples))
    turn: Counter[int] = Counter()
    placed = []
    for example in unique:
        turn[example.reply] += 1
        placed.append((turn[example.reply], example))
    if len(placed) <= MAX_EXAMPLES:
        return unique
    most = max(1, MAX_EXAMPLES // len(turn))
    return [example for place, example in placed if place <= most][:MAX_EXAMPLES]


def _language(text: str) -> str:
    return base(detect(text, default="")) if not text.isascii() else ""


def _presumed(language: str) -> float:
    """Without a measurement: the built-in embedder reads Latin letters and no Chinese, Japanese, Korean or Thai."""
    return 0.0 if language in {"zh", "ja", "ko", "th"} else 1.0


def _measured(
    languages: Sequence[str], replies: npt.NDArray[np.int64], cosines: npt.NDArray[Any], spelling: Floats
) -> dict[str, float]:
    """Language -> how far meaning can be trusted there (0..1): does it find an example's siblings as spelling does?"""
    found: dict[str, float] = {}
    for language, count in Counter(languages).items():
        rows = np.array([row for row, one in enumerate(languages) if one == language])
        siblings = replies[rows][:, None] == replies[rows][None, :]
        if count < FEWEST or not (siblings.sum(axis=1) > 1).any() or siblings.all():
            found[language] = _presumed(language)
            continue
        by_meaning = _sibling_rank(cosines[np.ix_(rows, rows)], siblings)
        by_spelling = _sibling_rank(spelling[np.ix_(rows, rows)], siblings)
        share = by_meaning / max(by_spelling, 1e-6)
        found[language] = float(np.clip((share - WITHOUT) / (FULL - WITHOUT), 0.0, 1.0))
    return found


def _sibling_rank(similarity: npt.NDArray[Any], siblings: npt.NDArray[np.bool_]) -> float:
    """Mean reciprocal rank of each example's best sibling among all other examples."""
    others = ~np.eye(len(similarity), dtype=bool)
    best = np.where(siblings & others, similarity, -np.inf).max(axis=1)
    asked = np.isfinite(best)
    ahead = ((similarity > best[:, None]) & ~siblings).sum(axis=1)
    return float(np.mean(1.0 / (1.0 + ahead[asked])))
