"""What a training may be asked to do, and that it comes back from JSON as it went."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.training_config import TrainingConfig, TrainingRefused, from_json, steps


@given(
    rank=st.integers(1, 256),
    epochs=st.integers(1, 100),
    batch=st.integers(1, 256),
    learning_rate=st.floats(1e-7, 0.1),
    targets=st.lists(st.text(min_size=1, max_size=20), max_size=4),
)
def test_a_configuration_comes_back_from_json_as_it_went(
    rank: int, epochs: int, batch: int, learning_rate: float, targets: list[str]
) -> None:
    config = TrainingConfig(rank=rank, epochs=epochs, batch=batch, learning_rate=learning_rate, targets=tuple(targets))
    assert from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    "bad",
    [
        {"method": "ppo"},
        {"rank": 0},
        {"rank": 2.5},
        {"rank": True},
        {"learning_rate": float("nan")},
        {"learning_rate": 1.0},
        {"strength": 0.0},
        {"strength": 1.5},
        {"batch": "4"},
        {"max_tokens": 8},
        {"method": "dpo", "packing": True},
    ],
)
def test_what_cannot_be_trained_is_refused_with_a_sentence(bad: dict[str, Any]) -> None:
    with pytest.raises(TrainingRefused, match=r"\.$"):
        TrainingConfig(**bad)


@pytest.mark.parametrize("bad", [{}, {"version": 2}, {"version": 1, "fancy": 1}])
def test_json_of_another_kind_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(TrainingRefused, match=r"\.$"):
        from_json(bad)


def test_steps_follow_the_budget() -> None:
    assert steps(TrainingConfig(batch=4, epochs=3), 10) == 9
    assert steps(TrainingConfig(batch=4, epochs=3, accumulate=2), 10) == 6
    assert steps(TrainingConfig(batch=4, epochs=3, max_steps=7), 10) == 7
