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
    ASSISTANT,
    CONTEXT_WEIGHT,
    END,
    USER,
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

CITATION_WEIGHT: Final = 4.0
"""Of the number in `[2]`: one token in twenty of an answer, and the hardest one, because it stands far from what it
follows from."""
FRESH_ECHOES: Final = 0.7
"""Share of the echoes that are of tokens the model has only just been given, where there are any."""
PASSAGE_TOKENS: Final = 0.5
"""Share of the echoes and drills whose tokens are those of a passage in any order, where there are documents: else the
everyday words would hardly come, and would be followed by what mostly follows them instead of by what is to be copied."""
PHRASE: Final = (1, 1, 3, 5)
"""Tokens of a phrase of an echo or drill, on average."""
REPEATED: Final = (1, 2, 3, 4)
"""How often a phrase comes in an echo or drill, on average."""
LESSONS_PER_ROW: Final = 1000
"""Lesson numbers set aside for a row; a row of 4,096 tokens holds some forty."""


OPENING: Final = 3
OPENING_WEIGHT: Final = 3.0
"""Of the first OPENING tokens of an answer, which decide what it quotes; the others follow from them."""
DRILL_LINE: Final = (5, 50)
"""Tokens of a line of random ones."""
DRILL_BESIDE: Final = (0, 40)
"""Tokens before and after it on its page."""
PAGED: Final = 0.6
"""Share of the drills that show pages as well, which hold the lines and more of the same: what is quoted is the line."""
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
        return _echo(taught, tokenizer, length, fresh, read)
    if isinstance(taught, TokenDrill):
        return _token_drill(taught, tokenizer, length, fresh, read)
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


def _answer_weights(ids: Sequence[int], tokenizer: Any) -> list[float]:
    """1 for each token, more for the first ones and for the number of a citation."""
    tokens: list[str] = tokenizer.convert_ids_to_tokens(list(ids))
    before = ["", *tokens]
    return [
        CITATION_WEIGHT if token.isdigit() and last.endswith("[") else OPENING_WEIGHT if place < OPENING else 1.0
        for place, (last, token) in enumerate(zip(before, tokens, strict=False))
    ]


def _echo(
    taught: Echo, tokenizer: Any, length: int, fresh: Sequence[int], read: Reading | None
) -> tuple[list[int], list[float]]:
    chance = random.Random(taught.seed)
    ids = _random_tokens(chance, tokenizer, fresh, taught.length, read)[: length // 2]
    # The first token of the second half cannot be foreseen.
    return ids + ids, [0.0] * (len(ids) + 1) + [1.0] * (len(ids) - 1)


def _random_tokens(
    chance: random.Random, tokenizer: Any, fresh: Sequence[int], count: int, read: Reading | None
) -> list[int]:
    """Phrases that come again and again in another order: what goes on after one depends on what came before it.

    Tokens are all, the new ones or a passage's. A company's pages say the same of many things ("Parcels to Norway take
    …"), and who copies by the last word or two alone goes on with another sentence than they began.
    """
    special = set(tokenizer.all_special_ids)
    known: Sequence[int] = [token for token in range(len(tokenizer)) if token not in special]
    if fresh and chance.random() < FRESH_ECHOES:
        known = fresh
    elif read and chance.random() < PASSAGE_TOKENS:
        known = prompt.encode(tokenizer, read.page(chance, most=1)[0].text)
    size = chance.choice(PHRASE)
    phrases = [
        chance.choices(known, k=chance.randint(1, 2 * size - 1))
        for _ in range(max(2, count // (size * chance.choice(REPEATED))))
    ]
    ids: list[int] = []
    while len(ids) < count:
        ids += chance.choice(phrases)
    return ids[:count]


def _token_drill(
    taught: TokenDrill, tokenizer: Any, length: int, fresh: Sequence[int], read: Reading | None
) -> tuple[list[int], list[float]]:
    def encode(text: str) -> list[int]:
        return prompt.encode(tokenizer, text)

    chance = random.Random(taught.seed)
    stream = _random_tokens(chance, tokenizer, fresh, taught.length, read)[: length // 4]
    paged = chance.random() < PAGED
    lines: list[list[int]] = []
    pages: list[int] = []
    while stream:
        before, line, after = (chance.randint(*span) for span in (DRILL_BESIDE, DRILL_LINE, DRILL_BESIDE))
        start = min(before, len(stream) - 1) if paged else 0
        lines.append(stream[start : start + line])
        end = start + line + (after if paged else 0)
        pages += encode(f"[{len(lines)}] ") + stream[:end] + encode("\n\n")
        stream = stream[end:]
    marks = [encode(f" [{number}].") for number in range(1, len(lines) + 1)]
    ids = encode(f"{USER}<passages>\n") + pages + encode("</passages>\n") if paged else encode(USER)
    ids += encode("<highlights>\n")
    for line_ids, mark in zip(lines, marks, strict=True):
        ids += line_ids + mark + encode("\n")
    ids += encode("</highlights>\n")
    weights = [0.0] * len(ids)
    for place, asked in enumerate(chance.sample(range(len(lines)), len(lines))):
        said = lines[asked]
        words = sorted(chance.sample(range(len(said)), min(len(said), chance.randint(2, 6))))
        question = encode(f"{USER if place else ''}<question>\n") + [said[at] for at in words]
        question += encode(f"?\n</question>{END}{ASSISTANT}")
        answer = said + marks[asked] + encode(END)
        ids += question + answer
        weights += [0.0] * len(question) + _answer_weights(answer, tokenizer)
    return (ids, weights) if len(ids) <= length else ([], [])


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
        taught: Lesson | None = echo(course, lesson_number, progress)
        if taught is None and read and lesson_number % 2:
            taught = reading(course, read, lesson_number, progress)
        if taught is None:
            taught = lesson(course, lesson_number, progress)
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
