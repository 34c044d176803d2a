"""Questions of a company's own examples with the passages that answer them taken away: the answer is not to know.

Agents answer nearly everything they are asked, so a model that learns from them alone learns to answer whatever the
passages say. Generated lessons do not help enough, because their passages look different (RAFT, Zhang et al. 2024: part
of the training questions is shown without the document that answers them). Pure and seeded.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import Final

from finetune.dataset_rows import DatasetRow
from finetune.records import ContextPassage, GenerationRequest
from finetune.sentences import sentences
from finetune.starter.companies import Language, phrases
from finetune.support import citation_marks, support, without_marks
from finetune.terms import term_set

PASSAGES_MOST: Final = 4
NEAREST: Final = 12
"""Strangers' passages are drawn from so many that share most words with the question: those a search would find."""


def rows(learnt: Sequence[DatasetRow], share: float, *, seed: int = 0) -> list[DatasetRow]:
    """For `share` of the examples another one, of the same customer and language, that says that it does not know."""
    chance = random.Random(f"unanswered {seed}")
    cited = [row for row in learnt if row.request.passages and citation_marks(row.answer)]
    chosen = chance.sample(cited, min(len(cited), round(share * len(learnt))))
    texts = {passage.text: passage for row in learnt for passage in row.request.passages} if chosen else {}
    pool = [(passage, term_set(text)) for text, passage in texts.items()]
    made = (_without(row, pool, chance) for row in chosen)
    return [row for row in made if row is not None]


def _without(
    row: DatasetRow, pool: Sequence[tuple[ContextPassage, frozenset[str]]], chance: random.Random
) -> DatasetRow | None:
    """None where no passage is left that could be shown."""
    request = row.request
    claims = [without_marks(one) for one in sentences(row.answer)]
    cited = set(citation_marks(row.answer))
    own = _silent((one for one in request.passages if one.number not in cited), claims)
    shown = {one.text for one in request.passages}
    asked = term_set(request.question)
    near = nlargest(2 * NEAREST, (one for one in pool if one[0].text not in shown), key=lambda one: len(asked & one[1]))
    others = _silent((passage for passage, _terms in near), claims)[:NEAREST]
    wanted = max(1, min(len(request.passages), PASSAGES_MOST))
    kept = own[:wanted]
    kept += chance.sample(others, min(len(others), wanted - len(kept)))
    if not kept:
        return None
    chance.shuffle(kept)
    passages = tuple(replace(one, number=number) for number, one in enumerate(kept, start=1))
    answer = chance.choice(phrases(_language(request)).unknown)
    return replace(row, id="", request=replace(request, passages=passages), answer=answer, rejected="")


def _silent(passages: Iterable[ContextPassage], claims: Sequence[str]) -> list[ContextPassage]:
    """Those that say nothing of the answer."""
    return [
        one
        for one in passages
        if not any(support(claim, [one.text], titles=[one.title]).supported for claim in claims if claim.strip())
    ]


def _language(request: GenerationRequest) -> Language:
    return "zh" if request.language.startswith("zh") else "en"
