"""Lessons as token ids, packed into rows of one length. Pure but for the tokenizer it is given.

Row i of a course is always the same, whatever was asked before: training that stopped goes on where it was.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from finetune import prompt
from finetune.starter.examples import StarterExample
from finetune.starter.found import Reading
from finetune.starter.lessons import CONTEXT_WEIGHT, Course, Echo, Piece, lesson, reading

CITATION_WEIGHT: Final = 4.0
"""Of the number in `[2]`: one token in twenty of an answer, and the hardest one, because it stands far from what it
follows from."""
LESSONS_PER_ROW: Final = 1000
"""Lesson numbers set aside for a row; a row of 4,096 tokens holds some forty."""


@dataclass(frozen=True)
class Row:
    """`ids`, `weights` and `positions` run in parallel; positions start anew with each lesson."""

    ids: list[int]
    weights: list[float]
    positions: list[int]


def tokenize(
    taught: Echo | Sequence[Piece] | StarterExample, tokenizer: Any, *, length: int
) -> tuple[list[int], list[float]]:
    """Ids and weights of one lesson. What does not fit into `length` tokens comes back empty."""
    if isinstance(taught, Echo):
        return _echo(taught, tokenizer, length)
    if isinstance(taught, StarterExample):
        try:
            asked, answered = prompt.answer_ids(taught.request, taught.answer, tokenizer, budget=length - 64)
        except prompt.PromptTooLong:
            return [], []
        return asked + answered, [CONTEXT_WEIGHT] * len(asked) + _answer_weights(answered, tokenizer)
    ids: list[int] = []
    weights: list[float] = []
    for text, weight in taught:
        piece = prompt.encode(tokenizer, text)
        if len(ids) + len(piece) > length:
            break
        ids += piece
        weights += _answer_weights(piece, tokenizer) if weight == 1.0 else [weight] * len(piece)
    return ids, weights


def _answer_weights(ids: Sequence[int], tokenizer: Any) -> list[float]:
    """1 for each token, more for the number of a citation."""
    tokens: list[str] = tokenizer.convert_ids_to_tokens(list(ids))
    before = ["", *tokens]
    return [
        CITATION_WEIGHT if token.isdigit() and last.endswith("[") else 1.0
        for last, token in zip(before, tokens, strict=False)
    ]


def _echo(taught: Echo, tokenizer: Any, length: int) -> tuple[list[int], list[float]]:
    special = set(tokenizer.all_special_ids)
    known = [token for token in range(len(tokenizer)) if token not in special]
    ids = random.Random(taught.seed).choices(known, k=min(taught.length, length // 2))
    # The first token of the second half cannot be foreseen.
    return ids + ids, [0.0] * (len(ids) + 1) + [1.0] * (len(ids) - 1)


def row(
    number: int,
    *,
    course: Course,
    progress: float,
    tokenizer: Any,
    length: int,
    read: Reading | None = None,
) -> Row:
    """Row `number`: lessons one after the other until it is full. The rest is padding of weight 0.

    Every second lesson is on the documents of `read`, where there are any.
    """
    ids: list[int] = []
    weights: list[float] = []
    positions: list[int] = []
    for lesson_number in range(number * LESSONS_PER_ROW, (number + 1) * LESSONS_PER_ROW):
        taught = (
            reading(course, read, lesson_number, progress)
            if read and lesson_number % 2
            else lesson(course, lesson_number, progress)
        )
        piece, weight = tokenize(taught, tokenizer, length=length)
        if len(ids) + len(piece) > length:
            if ids:
                break
            continue
        ids += piece
        weights += weight
        positions += range(len(piece))
    missing = length - len(ids)
    pad = int(tokenizer.pad_token_id)
    return Row(ids + [pad] * missing, weights + [0.0] * missing, positions + list(range(missing)))


def drawn(weights: Sequence[float], *, seed: str) -> list[float]:
    """Of the tokens that weigh less than 1 as many, by chance, as they weigh together, at 1 each; the rest at 0.

    The loss expects the same and need not look at nine in ten of the tokens that answers are copied from.
    """
    chance = random.Random(seed)
    return [weight if weight >= 1 else float(chance.random() < weight) for weight in weights]
