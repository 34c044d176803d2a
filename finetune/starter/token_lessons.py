"""Lessons on tokens without a meaning, so that every token can be copied and not only those that texts hold often.

Pure but for the tokenizer it is given; seeded.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from finetune import prompt
from finetune.starter.found import Reading
from finetune.starter.lessons import ASSISTANT, END, USER, Echo, TokenDrill

FRESH_ECHOES: Final = 0.7
"""Share of the echoes that are of tokens the model has only just been given, where there are any."""
PASSAGE_TOKENS: Final = 0.5
"""Share of the echoes and drills whose tokens are those of a passage in any order, where there are documents: else the
everyday words would hardly come, and would be followed by what mostly follows them instead of by what is to be copied."""
PHRASE: Final = (1, 1, 3, 5)
"""Tokens of a phrase of an echo or drill, on average."""
REPEATED: Final = (1, 2, 3, 4)
"""How often a phrase comes in an echo or drill, on average."""
DRILL_LINE: Final = (5, 50)
"""Tokens of a line of random ones."""
DRILL_BESIDE: Final = (0, 40)
"""Tokens before and after it on its page."""
PAGED: Final = 0.6
"""Share of the drills that show pages as well, which hold the lines and more of the same: what is quoted is the line."""


@dataclass(frozen=True)
class Material:
    """What tokens are drawn from: those of the tokenizer, of `fresh` (new to the model) and of the passages of `read`."""

    tokenizer: Any
    fresh: Sequence[int] = ()
    read: Reading | None = None

    def encode(self, text: str) -> list[int]:
        return prompt.encode(self.tokenizer, text)

    def phrases(self, chance: random.Random, count: int) -> list[int]:
        """`count` tokens in phrases that come again and again in another order.

        So what goes on after one depends on what came before it. A company's pages say the same of many things ("Parcels
        to Norway take …"), and who copies by the last word or two alone goes on with another sentence than they began.
        """
        known: Sequence[int]
        if self.fresh and chance.random() < FRESH_ECHOES:
            known = self.fresh
        elif self.read and chance.random() < PASSAGE_TOKENS:
            known = self.encode(self.read.page(chance, most=1)[0].text)
        else:
            special = set(self.tokenizer.all_special_ids)
            known = [token for token in range(len(self.tokenizer)) if token not in special]
        size = chance.choice(PHRASE)
        phrases = [
            chance.choices(known, k=chance.randint(1, 2 * size - 1))
            for _ in range(max(2, count // (size * chance.choice(REPEATED))))
        ]
        ids: list[int] = []
        while len(ids) < count:
            ids += chance.choice(phrases)
        return ids[:count]


def echoed(taught: Echo, material: Material, *, most: int) -> list[int]:
    """The tokens that are to be said again, at most `most`."""
    return material.phrases(random.Random(taught.seed), taught.length)[:most]


def drilled(taught: TokenDrill, material: Material, *, most: int) -> list[tuple[list[int], bool]]:
    """Ids in their order, each with whether they are an answer: highlights, perhaps after pages, and questions on them."""
    chance = random.Random(taught.seed)
    stream = material.phrases(chance, taught.length)[:most]
    paged = chance.random() < PAGED
    lines, pages = _lines(stream, chance, material, paged=paged)
    marks = [material.encode(f" [{number}].") for number in range(1, len(lines) + 1)]
    shown = material.encode(USER)
    if paged:
        shown = material.encode(f"{USER}<passages>\n") + pages + material.encode("</passages>\n")
    shown += material.encode("<highlights>\n")
    for line, mark in zip(lines, marks, strict=True):
        shown += line + mark + material.encode("\n")
    pieces = [(shown + material.encode("</highlights>\n"), False)]
    for place, asked in enumerate(chance.sample(range(len(lines)), len(lines))):
        line = lines[asked]
        words = sorted(chance.sample(range(len(line)), min(len(line), chance.randint(2, 6))))
        question = material.encode(f"{USER if place else ''}<question>\n") + [line[at] for at in words]
        pieces.append((question + material.encode(f"?\n</question>{END}{ASSISTANT}"), False))
        pieces.append((line + marks[asked] + material.encode(END), True))
    return pieces


def _lines(
    stream: list[int], chance: random.Random, material: Material, *, paged: bool
) -> tuple[list[list[int]], list[int]]:
    """The stream cut into lines, and the pages that they stand on."""
    lines: list[list[int]] = []
    pages: list[int] = []
    while stream:
        before, length, after = (chance.randint(*span) for span in (DRILL_BESIDE, DRILL_LINE, DRILL_BESIDE))
        start = min(before, len(stream) - 1) if paged else 0
        lines.append(stream[start : start + length])
        end = start + length + (after if paged else 0)
        pages += material.encode(f"[{len(lines)}] ") + stream[:end] + material.encode("\n\n")
        stream = stream[end:]
    return lines, pages
