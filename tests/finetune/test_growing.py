"""A grown model says what it said before, and can learn with its new layers and tokens."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GPT2Config, Qwen3Config

from finetune import pretraining
from finetune.starter import growing, vocabulary
from tests.finetune import tiny_model


def test_it_says_the_same_with_more_layers_and_all_of_them_learn(tmp_path: Path) -> None:
    folder = tiny_model.build_model(tmp_path / "model", layers=4)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    grown = growing.grown(model, 6).eval()
    assert grown.config.num_hidden_layers == len(grown.model.layers) == 6
    ids = torch.arange(20).unsqueeze(0)
    with torch.no_grad():
        assert torch.equal(model(ids).logits, grown(ids).logits)
    grown(ids, labels=ids).loss.backward()
    last = [layer.self_attn.o_proj.weight.grad.abs().max() for layer in grown.model.layers]
    assert all(one > 0 for one in last)


@pytest.mark.parametrize(("before", "after"), [(4, 6), (6, 9), (3, 6), (5, 6), (6, 11)])
def test_new_layers_stand_behind_the_ones_they_copy(before: int, after: int) -> None:
    places = growing.origins(before, after)
    assert len(places) == after
    assert [layer for layer, new in places if not new] == list(range(before))
    assert all(places[place - 1] == (layer, False) for place, (layer, new) in enumerate(places) if new)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_it_grows_to_at_most_twice_its_layers(tmp_path: Path, layers: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model.build_model(tmp_path / "model", layers=2))
    with pytest.raises(growing.CannotGrow, match="can grow to 3 to 4"):
        growing.grown(model, layers)


def tokenizers(folder: Path, size: int) -> tuple[Any, Any]:
    before = AutoTokenizer.from_pretrained(folder)
    pretraining.grow_tokenizer(before, [tiny_model.TEXT] * 3, folder / "more", vocabulary=size)
    return before, AutoTokenizer.from_pretrained(folder / "more")


def fresh(folder: Path, *, tied: bool) -> Any:
    config = AutoConfig.from_pretrained(folder)
    config.tie_word_embeddings = tied
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_with_more_tokens_says_the_same_about_the_old_ones(tmp_path: Path, tied: bool) -> None:
    folder = tiny_model.build_model(tmp_path / "model")
    before, after = tokenizers(folder, 2000)
    model = fresh(folder, tied=tied)
    ids = torch.tensor([before(tiny_model.TEXT)["input_ids"]])
    known = len(before)
    rows = model.get_input_embeddings().weight[:known].clone()
    with torch.no_grad():
        expected = model(ids).logits[..., :known]
        grown = growing.with_vocabulary(model, before, after)
        assert torch.allclose(grown(ids).logits[..., :known], expected, atol=1e-5)
    said, head = grown.get_input_embeddings().weight, grown.get_output_embeddings().weight
    assert torch.equal(said[:known], rows)
    assert (said is head) == tied
    assert grown.config.vocab_size == len(said) == len(head) == len(after) == 2000


@pytest.mark.parametrize("tied", [True, False])
def test_a_new_token_begins_near_its_parts_and_apart_from_tokens_of_the_same_parts(tmp_path: Path, tied: bool) -> None:
    folder = tiny_model.build_model(tmp_path / "model")
    before, after = tokenizers(folder, 3000)
    model = fresh(folder, tied=tied)
    with torch.no_grad():
        for table in (model.get_input_embeddings().weight, model.get_output_embeddings().weight):
            table[:, 0] = 3.0  # the same for all tokens, as the circuit that copies wants it
    model = growing.with_vocabulary(model, before, after)
    parts = vocabulary.leaves(json.loads(after.backend_tokenizer.to_str()), before.get_vocab())
    for table in (model.get_input_embeddings().weight.detach(), model.get_output_embeddings().weight.detach()):
        assert torch.allclose(table[len(before) :, 0], torch.tensor(3.0), atol=1e-3)
        old = table[: len(before), 1:]
        apart = torch.stack(
            [
                table[after.convert_tokens_to_ids(token), 1:] - old[before.convert_tokens_to_ids(leaves)].mean(0)
                for token, leaves in parts.items()
            ]
        )
        assert float(apart.std() / old.std()) == pytest.approx(0.5, abs=0.02)
        assert torch.cdist(apart, apart).fill_diagonal_(1).min() > 0.1 * float(old.std())
    again = growing.with_vocabulary(fresh(folder, tied=tied), before, after)
    once_more = growing.with_vocabulary(fresh(folder, tied=tied), before, after)
    assert torch.equal(again.get_input_embeddings().weight, once_more.get_input_embeddings().weight)


def test_a_model_without_a_new_token_stays_as_it_is(tmp_path: Path) -> None:
    folder = tiny_model.build_model(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(folder)
    before = AutoTokenizer.from_pretrained(folder)
    assert growing.with_vocabulary(model, before, before).config.vocab_size == 512


def test_it_learns_to_read_more_tokens_but_never_fewer() -> None:
    model = SimpleNamespace(config=Qwen3Config(max_position_embeddings=1024))
    growing.with_positions(model, 768)
    assert model.config.max_position_embeddings == 1024
    growing.with_positions(model, 2048)
    assert model.config.max_position_embeddings == 2048
    by_heart = SimpleNamespace(config=GPT2Config(n_positions=1024))
    with pytest.raises(growing.CannotGrow, match="1024 tokens"):
        growing.with_positions(by_heart, 2048)


def another_tokenizer(folder: Path) -> Any:
    pretraining.train_tokenizer(["boots and shoes and boots, returns within 30 days"] * 40, folder, vocabulary=300)
    return AutoTokenizer.from_pretrained(folder)


def test_another_tokenizer_keeps_the_tokens_that_both_have_and_begins_the_others_from_their_parts(
    tmp_path: Path,
) -> None:
    folder = tiny_model.build_model(tmp_path / "model")
    before, after = AutoTokenizer.from_pretrained(folder), another_tokenizer(tmp_path / "other")
    model = fresh(folder, tied=True)
    old = model.get_input_embeddings().weight.detach().clone()
    made = growing.with_tokenizer(model, before, after)
    rows, known = made.get_input_embeddings().weight, before.get_vocab()
    assert len(rows) == made.config.vocab_size == len(after)
    assert rows is made.get_output_embeddings().weight
    kept = [token for token in after.get_vocab() if token in known]
    assert len(kept) >= 250
    assert all(torch.equal(rows[after.get_vocab()[token]], old[known[token]]) for token in kept)
    new = sorted(set(after.get_vocab()) - known.keys(), key=len)[-1]
    parts = before.backend_tokenizer.model.tokenize(new)
    assert len(parts) > 1
    mean = old[[known[one.value] for one in parts]].mean(0)
    assert torch.cosine_similarity(rows[after.get_vocab()[new]], mean, dim=0) > 0.5
    assert made.config.eos_token_id == made.generation_config.eos_token_id == after.eos_token_id
    assert made(torch.tensor([after("boots")["input_ids"]])).logits.isfinite().all()


def test_a_model_with_a_head_of_its_own_keeps_its_tokenizer(tmp_path: Path) -> None:
    folder = tiny_model.build_model(tmp_path / "model")
    before, after = AutoTokenizer.from_pretrained(folder), another_tokenizer(tmp_path / "other")
    with pytest.raises(growing.CannotGrow, match="whose head is its table"):
        growing.with_tokenizer(fresh(folder, tied=False), before, after)
