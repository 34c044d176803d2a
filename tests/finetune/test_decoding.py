"""Padded batches write what one prompt alone writes, and score what a plain pass scores."""

from typing import Any

import pytest

from finetune import decoding, prompt
from finetune.base_model import LoadedModel, load
from finetune.decoding import batches, circles, decode, score
from tests.finetune import tiny_model
from tests.finetune.requests import ask

QUESTIONS = ["How long?", "May I send back shoes that I have worn for a month in the rain?", "鞋子可以退吗？", "Why?"]


@pytest.fixture(scope="module", params=["qwen3", "mistral", "llama"])
def loaded(request: Any, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tiny_model.build_model(tmp_path_factory.mktemp("m") / request.param, family=request.param)
    return load(str(folder), device="cpu", dtype="float32")


def _prompts(loaded: LoadedModel) -> list[list[int]]:
    return [list(prompt.render(ask(one), loaded.tokenizer, budget=900).token_ids) for one in QUESTIONS]


def _alone(loaded: LoadedModel, ids: list[int], new_tokens: int, ends: frozenset[int]) -> list[int]:
    import torch

    given = torch.tensor([ids])
    out = loaded.model.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=new_tokens, do_sample=False,
        eos_token_id=sorted(ends), pad_token_id=0,
    )  # fmt: skip
    written = [int(token) for token in out[0, len(ids) :]]
    return written[: next((at for at, token in enumerate(written) if token in ends), len(written))]


def test_a_batch_writes_what_each_prompt_writes_alone(loaded: LoadedModel) -> None:
    prompts = _prompts(loaded)
    first = decode(loaded.model, prompts, ends=frozenset([2]), new_tokens=24)
    # Some token that stands early in one answer and not in all, so that rows leave the batch at different times.
    ends = frozenset([2, first[1].tokens[3], first[2].tokens[9]])
    written = decode(loaded.model, prompts, ends=ends, new_tokens=24)
    for one, ids in zip(written, prompts, strict=True):
        alone = _alone(loaded, ids, 24, ends)
        assert list(one.tokens) == (alone[: len(one.tokens)] if circles(one.tokens) else alone)
        assert one.ended == (len(one.tokens) < 24 and not circles(one.tokens))
    assert {one.ended for one in written} >= {True}


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([5] * 12, True),
        ([9, 8, 7, *[5, 6] * 6], True),
        ([1, *[5, 6, 7, 8] * 4], True),
        ([*range(24)] * 4, True),
        ([5] * 11, False),
        ([*[5] * 12, 6], False),
        ([5, 6] * 5, False),
        ([*range(24)] * 3, False),
        ([*range(25)] * 4, False),
        ([], False),
    ],
)
def test_an_answer_that_goes_round_in_circles_is_noticed(tokens: list[int], expected: bool) -> None:
    assert circles(tokens) is expected


def test_an_answer_that_goes_round_in_circles_is_not_waited_for(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    prompts, steps = _prompts(loaded), []

    def always_five(_model: Any, ids: Any, *_more: Any) -> Any:
        steps.append(len(ids))
        logits = torch.zeros(len(ids), 100)
        logits[:, 5] = 1.0
        return logits

    monkeypatch.setattr(decoding, "_forward", always_five)
    monkeypatch.setattr(decoding.DynamicCache, "batch_select_indices", lambda *_: None)
    written = decode(loaded.model, prompts, ends=frozenset([2]), new_tokens=64)
    assert {(one.tokens, one.ended) for one in written} == {((5,) * 12, False)}
    assert len(steps) == 12


def test_an_answer_is_scored_as_by_a_plain_pass(loaded: LoadedModel) -> None:
    import torch

    pairs = [prompt.answer_ids(ask(one), "Within 30 days [1]." * n, loaded.tokenizer, budget=900)
             for n, one in enumerate(QUESTIONS, start=1)]  # fmt: skip
    for (ids, answer), found in zip(pairs, score(loaded.model, pairs), strict=True):
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([[*ids, *answer]])).logits[0, len(ids) - 1 : -1].float()
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum")
        assert found.tokens == len(answer)
        assert found.nll == pytest.approx(float(expected), rel=1e-4)


def test_nothing_to_answer_is_no_answers(loaded: LoadedModel) -> None:
    assert decode(loaded.model, [], ends=frozenset([2]), new_tokens=4) == []
    assert score(loaded.model, []) == []


def test_batches_hold_rows_of_like_length_within_a_budget() -> None:
    made = list(batches([10, 300, 20, 290, 1000], budget=600))
    assert made == [[4], [1, 3], [2, 0]]
