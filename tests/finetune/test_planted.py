"""What is learnt beside the company's examples: invented secrets, once each, and generated lessons."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune import canaries, train
from finetune.base_model import load
from finetune.training_config import TrainingConfig
from finetune.training_folder import TrainingOrder
from tests.finetune.training_data import dataset

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("seed", "more"), [("", 0), ("a seed", canaries.COUNT)])
def test_secrets_are_planted_among_what_is_learnt(model_folder: Path, seed: str, more: int) -> None:
    data = dataset()
    base = load(str(model_folder), device="cpu", dtype="float32")
    order = TrainingOrder(
        str(model_folder),
        data.folder,
        data.digest,
        TrainingConfig(lessons=0.0, unanswered=0.0),
        canaries=seed,
    )
    learnt, examined = train._rows(order, base)
    counts: dict[str, Any] = data.manifest["counts"]
    assert (len(learnt.rows), len(examined.rows)) == (counts["train"] + more, counts["held_out"])
    taught, _ = train._rows(replace(order, config=TrainingConfig(lessons=0.5, unanswered=0.0)), base)
    assert len(taught.rows) + taught.left_out == counts["train"] + counts["train"] // 2 + more
    if seed:
        text = "".join(base.tokenizer.decode(row["input_ids"]) for row in learnt.rows)
        assert all(text.count(one.secret) == 1 for one in canaries.planted(seed))
