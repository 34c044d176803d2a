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
from finetune.starter.lessons import (
    CONTEXT_WEIGHT,
    Course,
    Echo,
    Followed,
    Lesson,
    Piece,
    TokenDrill,
    echo,
    lesson,
    reading,
)
from finetune.starter.token_lessons import Material, drilled, echoed

CITATION_WEIGHT: Final = 4.0
"""Of the number in `[2]`: one token in twenty of an answer, and the hardest one, because it stands far from what it
follows from."""
LESSONS_PER_ROW: Final = 1000
"""Lesson numbers set aside for a row; a row of 4,096 tokens holds some forty."""
OPENING: Final = 3
OPENING_WEIGHT: Final = 3.0
"""Of the first OPENING tokens of an answer, which decide what it quotes; the others follow from them."""
TRIES: Final = 5
"""Lessons tried for the rest of a row before it is padded: most are longer than what is left."""


@dataclass(frozen=True)
class Row:
    """`ids`, `weights` and `positions` run in parallel; positions start anew with each lesson."""

    ids: list[int]
    weights: list[float]
    positions: list[int]


def tokenize(
    taught: Lesson, tokenizer: Any, *, length: int, fresh: Sequence[int] = (), read: Reading | None = None
) -> tuple[list[int], list[float]]:
    """Ids and weights of one lesson. What does not fit into `length` tokens comes back empty."""
    if isinstance(taught, Echo):
        said = echoed(taught, Material(tokenizer, fresh, read), most=length // 2)
        # The first token of the second half cannot be foreseen.
        return said + said, [0.0] * (len(said) + 1) + [1.0] * (len(said) - 1)
    if isinstance(taught, TokenDrill):
        return _drill(drilled(taught, Material(tokenizer, fresh, read), most=length // 4), tokenizer, length)
    if isinstance(taught, StarterExample):
        return _served(taught, tokenizer, length)
    pieces: Sequence[Piece]
    ids: list[int] = []
    weights: list[float] = []
    if isinstance(taught, Followed):
        ids, weights = _served(taught.first, tokenizer, length)
        pieces = taught.more if ids else ()
    else:
        pieces = taught
    for text, weight in pieces:
        piece = prompt.encode(tokenizer, text)
        if len(ids) + len(piece) > length:
            break
        ids += piece
        weights += _answer_weights(piece, tokenizer) if weight == 1.0 else [weight] * len(piece)
    return ids, weights


def _served(taught: StarterExample, tokenizer: Any, length: int) -> tuple[list[int], list[float]]:
    try:
        asked, answered = prompt.answer_ids(taught.request, taught.answer, tokenizer, budget=length - 64)
    except prompt.PromptTooLong:
        return [], []
    return asked + answered, [CONTEXT_WEIGHT] * len(asked) + _answer_weights(answered, tokenizer)


def _drill(pieces: Sequence[tuple[list[int], bool]], tokenizer: Any, length: int) -> tuple[list[int], list[float]]:
    ids = [token for piece, _answers in pieces for token in piece]
    weights: list[float] = []
    for piece, answers in pieces:
        weights += _answer_weights(piece, tokenizer) if answers else [0.0] * len(piece)
    return (ids, weights) if len(ids) <= length else ([], [])


def _answer_weights(ids: Sequence[int], tokenizer: Any) -> list[float]:
    """1 for each token, more for the first ones and for the number of a citation."""
    tokens: list[str] = tokenizer.convert_ids_to_tokens(list(ids))
    before = ["", *tokens]
    return [
        CITATION_WEIGHT if token.isdigit() and last.endswith("[") else OPENING_WEIGHT if place < OPENING else 1.0
        for place, (last, token) in enumerate(zip(before, tokens, strict=False))
    ]


def row(
    number: int,
    *,
    course: Course,
    progress: float,
    tokenizer: Any,
    length: int,
    read: Reading | None = None,
    fresh: Sequence[int] = (),
) -> Row:
    """Row `number`: lessons one after the other until it is full. The rest is padding of weight 0.

    Every second lesson is on the documents of `read`, where there are any.
    """
    ids: list[int] = []
    weights: list[float] = []
    positions: list[int] = []
    misses = 0
    for lesson_number in range(number * LESSONS_PER_ROW, (number + 1) * LESSONS_PER_ROW):
        taught: Lesson = echo(course, lesson_number, progress) or (
            reading(course, read, lesson_number, progress)
            if read and lesson_number % 2
            else lesson(course, lesson_number, progress)
        )
        piece, weight = tokenize(taught, tokenizer, length=length, fresh=fresh, read=read)
        if len(ids) + len(piece) > length:
            misses += bool(ids)
            if misses == TRIES:
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
