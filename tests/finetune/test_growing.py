"""A grown model says what it said before, and can learn with its new layers."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from finetune.starter import growing
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
