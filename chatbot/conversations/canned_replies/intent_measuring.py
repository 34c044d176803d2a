"""Measures matching on any labelled set: accuracy in scope, and how well questions out of scope are noticed.

Heavy. The reference is a logistic regression on the same embeddings, its strength chosen by cross-validation on the
same examples. Nothing is chosen on the test questions: the threshold is the score that 95 % of held-out in-scope
questions reach, and those are questions of the set that are neither examples nor tested.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatbot.conversations.canned_replies.matching import Example, ExampleMatcher, Scores
from retrieval.embedding import Embedder

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]

FALSE_ALARMS: Final = 0.05
HELD_OUT: Final = 2000
TEST_SPLITS: Final = ("test", "val", "validation", "dev")
STRENGTHS: Final = (1.0, 10.0, 30.0)
FOLDS: Final = 3
_SLICE: Final = 256
MAX_LINE: Final = 100_000


class BadIntents(Exception):
    """The folder is not a labelled set. The message says what is wrong and where."""


@dataclass(frozen=True)
class Labelled:
    text: str
    intent: str
    oos: bool
    split: str


@dataclass(frozen=True)
class Drawn:
    """What is learned from, what sets the threshold, what is asked, and what nothing answers. Disjoint."""

    examples: list[Labelled]
    held_out: list[Labelled]
    test: list[Labelled]
    foreign: list[Labelled]


def read(folder: Path) -> list[Labelled]:
    """`intents.jsonl` or `intents.jsonl.gz` of the folder. Raises BadIntents."""
    file = next((one for name in ("intents.jsonl", "intents.jsonl.gz") if (one := folder / name).is_file()), None)
    if file is None:
        raise BadIntents(f"{folder} has no intents.jsonl and no intents.jsonl.gz. Name the folder that holds one.")
    found = []
    try:
        for number, line in enumerate(_lines(file), start=1):
            if line.strip():
                found.append(_labelled(line, number))
    except (OSError, EOFError, UnicodeError) as error:
        raise BadIntents(f"{file} cannot be read: {error}") from error
    return found


def _lines(file: Path) -> Iterator[str]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as opened:
        yield from opened


def _labelled(line: str, number: int) -> Labelled:
    try:
        row = json.loads(line[:MAX_LINE])
        text, intent = row["text"], row["intent"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadIntents(f"Line {number} is not a JSON object with `text` and `intent`.") from error
    if not isinstance(text, str) or not text.strip():
        raise BadIntents(f"Line {number} has no text.")
    return Labelled(text, str(intent), bool(row.get("oos")), str(row.get("split") or "train"))


def draw(rows: Sequence[Labelled], *, shots: int, seed: int | None = None) -> Drawn:
    """The first `shots` training questions of each intent, or random ones by `seed`. Raises BadIntents.

    Tested is the split `test`, without one `val`; without either a part of the remaining training questions, of which
    the other part is held out. Out-of-scope questions are never learned from: those of the tested split are asked, or
    all when it has none.
    """
    known = [row for row in rows if not row.oos]
    split = next((name for name in TEST_SPLITS if any(row.split == name for row in known)), "")
    by_intent: dict[str, list[Labelled]] = {}
    for row in known:
        if row.split not in TEST_SPLITS:
            by_intent.setdefault(row.intent, []).append(row)
    if len(by_intent) < 2:
        raise BadIntents("Matching needs training questions of at least two intents.")
    chance = random.Random(seed or 0)  # noqa: S311 - a sample, not a secret
    examples: list[Labelled] = []
    rest: list[Labelled] = []
    for intent in sorted(by_intent):
        mine = by_intent[intent]
        if seed is not None:
            chance.shuffle(mine)
        examples += mine[:shots]
        rest += mine[shots:]
    chance.shuffle(rest)
    learned = {row.intent for row in examples}
    held_out, test = rest[:HELD_OUT], [row for row in known if row.split == split and row.intent in learned]
    if not split:
        cut = min(HELD_OUT, len(rest) // 3)
        held_out, test = rest[:cut], rest[cut:]
    if not test:
        raise BadIntents(f"With {shots} examples of each intent no question is left to ask. Use fewer --shots.")
    foreign = [row for row in rows if row.oos]
    same = [row for row in foreign if split and row.split in (split, f"oos_{split}")]
    return Drawn(examples, held_out, test, same or foreign)


class Embedded:
    """An embedder that remembers: every text is embedded once, in batches of like length."""

    def __init__(self, embedder: Embedder, progress: Progress) -> None:
        self._embedder, self._progress = embedder, progress
        self._known: dict[str, npt.NDArray[np.float32]] = {}
        self.name, self.dimension = embedder.name, embedder.dimension

    def queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        missing = sorted({text for text in texts if text not in self._known}, key=len)
        for begin in range(0, len(missing), _SLICE):
            part = missing[begin : begin + _SLICE]
            self._known.update(zip(part, self._embedder.queries(part), strict=True))
            self._progress("embedding", min(begin + _SLICE, len(missing)), len(missing))
        return np.stack([self._known[text] for text in texts])

    def passages(self, texts: Sequence[str], progress: object = None) -> npt.NDArray[np.float32]:
        return self.queries(texts)

    def count(self, text: str) -> int:
        return self._embedder.count(text)

    def unknown_share(self, text: str) -> float:
        return self._embedder.unknown_share(text)


@dataclass(frozen=True)
class _Scored:
    """Scores of held-out, tested and foreign questions."""

    held_out: Scores
    test: Scores
    foreign: Scores

    def figures(self, right: npt.NDArray[np.int64]) -> dict[str, float | None]:
        from sklearn.metrics import roc_auc_score

        held_out, best, foreign = self.held_out.confidence, self.test.confidence, self.foreign.confidence
        limit = float(np.quantile(held_out, FALSE_ALARMS)) if len(held_out) else None
        truth = np.concatenate([np.ones(len(best)), np.zeros(len(foreign))])
        return {
            "accuracy": _rounded((self.test.chosen == right).mean()),
            "oos_recall": _rounded((foreign < limit).mean()) if len(foreign) and limit is not None else None,
            "oos_auroc": _rounded(roc_auc_score(truth, np.concatenate([best, foreign]))) if len(foreign) else None,
            "false_alarms": _rounded((best < limit).mean()) if limit is not None else None,
        }


def measure(folder: Path, embedder: Embedder, *, shots: int, seed: int | None, progress: Progress) -> dict[str, Any]:
    """One run. Raises BadIntents."""
    drawn = draw(read(folder), shots=shots, seed=seed)
    embedded = Embedded(embedder, progress)
    intents = sorted({row.intent for row in drawn.examples})
    number = {intent: at for at, intent in enumerate(intents)}
    matcher = ExampleMatcher([Example(number[row.intent], row.text) for row in drawn.examples], embedded)
    asked = [[row.text for row in rows] for rows in (drawn.held_out, drawn.test, drawn.foreign)]
    right = np.array([number[row.intent] for row in drawn.test], np.int64)
    ours = _Scored(*(_ours(matcher, texts) for texts in asked))
    reference = _Scored(*_reference(drawn.examples, asked, embedded, number))
    mine, theirs = ours.figures(right), reference.figures(right)
    return {
        **mine,
        **{f"reference_{name}": value for name, value in theirs.items()},
        "n": len(drawn.test),
        "n_oos": len(drawn.foreign),
        "n_held_out": len(drawn.held_out),
        "intents": len(intents),
        "shots": shots,
        "seed": seed,
        "embedder": embedder.name,
        **_served(matcher, ours, right),
    }


def _ours(matcher: ExampleMatcher, texts: Sequence[str]) -> Scores:
    parts = [matcher.scores(texts[at : at + _SLICE]) for at in range(0, len(texts), _SLICE)]
    nothing = np.zeros((0, len(matcher.replies)))
    return Scores(
        np.concatenate([nothing, *(part.fit for part in parts)]),
        np.concatenate([nothing, *(part.votes for part in parts)]),
    )


def _served(matcher: ExampleMatcher, ours: _Scored, right: npt.NDArray[np.int64]) -> dict[str, float | None]:
    """What the bot itself would do with its own stricter threshold, which it fits on the examples alone."""
    sure = ours.test.confidence >= matcher.threshold
    wrong = sure & (ours.test.chosen != right)
    answered = ours.foreign.confidence >= matcher.threshold
    return {
        "bot_threshold": _rounded(matcher.threshold),
        "bot_answers": _rounded(sure.mean()),
        "bot_wrong": _rounded(wrong.sum() / sure.sum()) if sure.any() else None,
        "bot_answers_oos": _rounded(answered.mean()) if len(answered) else None,
    }


def _reference(
    examples: Sequence[Labelled], asked: Sequence[Sequence[str]], embedder: Embedder, number: dict[str, int]
) -> list[Scores]:
    """Probabilities of a logistic regression on the embeddings alone."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    vectors = embedder.queries([row.text for row in examples])
    labels = np.array([number[row.intent] for row in examples])
    fewest = int(np.bincount(labels).min())
    model: Any = LogisticRegression(C=STRENGTHS[1], max_iter=1000)
    if fewest >= FOLDS:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        model = GridSearchCV(LogisticRegression(max_iter=1000), {"C": list(STRENGTHS)}, cv=folds)
    model.fit(vectors, labels)
    found = []
    for texts in asked:
        sure: Floats = model.predict_proba(embedder.queries(texts)) if texts else np.zeros((0, len(number)))
        found.append(Scores(sure, sure))
    return found


def _rounded(value: Any) -> float:
    return round(float(value), 4)
