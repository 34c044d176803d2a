"""Questions about sentences that stand in the passages of a company's own examples, answered by quoting them. Pure.

Agents answer some hundred questions; the passages beside those hold thousands of sentences. Asked of them, a model
learns to find and to copy in the language of the company's documents, and, where the sentence asked for is in none of
the passages shown, to say that it does not know.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from finetune.dataset_rows import DatasetRow
from finetune.records import ContextPassage
from finetune.starter.found import Reading
from finetune.training_rows import beside

PASSAGES_MOST: Final = 4


def rows(learnt: Sequence[DatasetRow], share: float, *, seed: int = 0) -> list[DatasetRow]:
    """`share` times as many rows as examples; fewer where their passages hold few sentences that can be asked for."""
    chance = random.Random(f"quotations {seed}")
    read = Reading(_passages(learnt), company=learnt[0].request.company if learnt else "")
    made: list[DatasetRow] = []
    wanted = round(share * len(learnt)) if read else 0
    for _ in range(2 * wanted):
        example = read.example(chance, read.page(chance, most=PASSAGES_MOST))
        if example is not None and len(made) < wanted:
            made.append(beside(example.request, example.answer))
    return made


def _passages(learnt: Sequence[DatasetRow]) -> list[ContextPassage]:
    """Each once, those of a document beside each other."""
    texts = {one.text: replace(one, number=0) for row in learnt for one in row.request.passages}
    return sorted(texts.values(), key=lambda one: (one.title, one.heading, one.text))
