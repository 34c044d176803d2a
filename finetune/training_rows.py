"""Rows of a dataset as token ids, made by the one renderer that serving uses. Pure but for the given tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune import prompt
from finetune.dataset_rows import DatasetRow
from finetune.metrics import quotes
from finetune.records import GenerationRequest
from finetune.support import citation_marks
from finetune.training_config import TrainingConfig

IGNORED = -100


@dataclass(frozen=True)
class Tokenized:
    """`rows` as the trainer wants them; `left_out` counts examples that cannot be shown whole enough.

    Either the question alone is past the budget, or a passage that the answer cites had to be dropped: learning to cite
    what was not shown is learning to invent.
    """

    rows: list[dict[str, list[int]]]
    left_out: int = 0


def supervised(rows: Sequence[DatasetRow], tokenizer: Any, *, max_tokens: int) -> Tokenized:
    """input_ids and labels, at most `max_tokens` each; only the answer is learnt."""
    made = []
    for row in rows:
        answer = prompt.answer_part(row.answer, tokenizer)
        asked = _asked(row, tokenizer, max_tokens - len(answer))
        if asked is not None:
            made.append({"input_ids": asked + answer, "labels": [IGNORED] * len(asked) + answer})
    return Tokenized(made, len(rows) - len(made))


def preferences(rows: Sequence[DatasetRow], tokenizer: Any, *, max_tokens: int) -> Tokenized:
    """prompt_ids, chosen_ids and rejected_ids; prompt and the longer answer take at most `max_tokens`."""
    made = []
    for row in rows:
        chosen, rejected = prompt.answer_part(row.answer, tokenizer), prompt.answer_part(row.rejected, tokenizer)
        asked = _asked(row, tokenizer, max_tokens - max(len(chosen), len(rejected)))
        if asked is not None and chosen != rejected:
            made.append({"prompt_ids": asked, "chosen_ids": chosen, "rejected_ids": rejected})
    return Tokenized(made, len(rows) - len(made))


def chosen(rows: Sequence[DatasetRow], config: TrainingConfig) -> list[DatasetRow]:
    """Those that a training learns from."""
    if config.method != "sft" or not config.verbatim:
        return list(rows)
    return [row for row in rows if quotes(row.answer, [one.text for one in row.request.passages])]


def beside(request: GenerationRequest, answer: str) -> DatasetRow:
    """What no example of the company says, as a row: a generated lesson, an invented secret."""
    return DatasetRow("", request, answer, "", "", request.language, "")


def _asked(row: DatasetRow, tokenizer: Any, budget: int) -> list[int] | None:
    try:
        made = prompt.render(row.request, tokenizer, budget=budget)
    except prompt.PromptTooLong:
        return None
    gone = {*made.dropped.passages, *made.dropped.trimmed}
    return None if gone & set(citation_marks(row.answer)) else list(made.token_ids)
