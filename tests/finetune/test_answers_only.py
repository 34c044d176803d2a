"""Scoring the answers alone gives the losses and the weights that TRL's own way gives."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.training_rate import write_dataset
from finetune import train, trainers
from finetune.training_config import TrainingConfig
from finetune.training_folder import TrainingOrder


def trained(folder: Path, order: TrainingOrder, monkeypatch: pytest.MonkeyPatch, kind: Any) -> tuple[Any, list[float]]:
    monkeypatch.setattr(trainers, "AnswersOnlyTrainer", kind)
    monkeypatch.setattr(trainers, "computes_bfloat16", lambda _device: False)  # 16 bits round away what is compared
    base = train._base(order)
    learnt, examined = train._rows(order, base)
    assert len({len(row["input_ids"]) for row in learnt.rows}) > 1, "some rows are padded"
    trainer, _watch = train._trainer(folder, order, base, learnt, examined)
    assert type(trainer) is kind
    trainer.train()
    losses = [row[name] for row in trainer.state.log_history for name in ("loss", "eval_loss") if name in row]
    return trainer, losses


def test_losses_tokens_and_weights_are_those_of_trl(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = write_dataset(tmp_path / "dataset", 24)
    config = TrainingConfig(batch=4, max_steps=6, learning_rate=5e-3)
    order = TrainingOrder(str(model_folder), str(tmp_path / "dataset"), digest, config)
    ours, losses = trained(tmp_path / "ours", order, monkeypatch, trainers.AnswersOnlyTrainer)
    theirs, expected = trained(tmp_path / "theirs", order, monkeypatch, trainers.SFTTrainer)
    assert losses == pytest.approx(expected, rel=1e-4)
    assert len(losses) == 6 and losses[-1] < losses[0]
    assert ours._total_train_tokens == theirs._total_train_tokens > 0
    moved = dict(theirs.model.named_parameters())
    for name, one in ours.model.named_parameters():
        assert (one - moved[name]).abs().max() < 2e-3, name
