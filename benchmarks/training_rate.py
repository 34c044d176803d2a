"""Training through Parley against bare TRL with the same settings, rows and model: tokens per second.

    python -m benchmarks.training_rate [--steps 24] [--rounds 3] [--hidden 256] [--layers 6] [--out FILE]

Both take turns, so that a busy machine is as busy for one as for the other. Parley's figure includes what it adds while
it trains: the watch that can cancel and resume, progress for the page, event files, checkpoints. Bare TRL gets the rows
tokenized already and writes nothing.
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import figures
from finetune import threads

RESULT = figures.RESULTS / "training_rate.json"
SENTENCE = "Worn shoes can be returned within 30 days when they are clean and the box is there. "


def write_dataset(folder: Path, count: int) -> str:
    """A frozen dataset without a database; returns its digest."""
    from finetune import dataset_rows, requests
    from finetune.records import ContextPassage, GenerationRequest, Turn

    def line(number: int) -> str:
        question = f"Question {number}: how long do I have to return my shoes?"
        passages = (ContextPassage(1, "Returns", "Worn shoes", SENTENCE * (3 + number % 5)),)
        request = GenerationRequest((Turn("customer", question),), question, passages)
        data = {"id": str(number), "request": requests.to_json(request), "answer": f"{number} days [1].",
                "rejected": "", "group": "", "language": "en", "topic": ""}  # fmt: skip
        return json.dumps(data) + "\n"

    files = {"train": "".join(map(line, range(count))).encode(), "held_out": b""}
    digest = dataset_rows.digest_of(files)
    folder.mkdir()
    for split, content in files.items():
        (folder / f"{split}.jsonl").write_bytes(content)
    (folder / dataset_rows.MANIFEST).write_text(json.dumps({"digest": digest}))
    return digest


def ours(folder: Path, order: Any) -> tuple[float, int]:
    """(seconds of training, tokens seen), with everything that Parley adds."""
    from finetune import train, training_folder

    training_folder.write_order(folder, order)
    base = train._base(order)
    learnt, examined = train._rows(order, base)
    trainer, _watch = train._trainer(folder, order, base, learnt, examined)
    return _timed(trainer)


def bare(folder: Path, order: Any) -> tuple[float, int]:
    """(seconds, tokens) of SFTTrainer alone."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers.trainer_callback import PrinterCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from finetune import train, trainers

    base = train._base(order)
    learnt, _examined = train._rows(order, base)
    settings = trainers._arguments(folder, order, base, len(learnt.rows), examines=False)
    settings |= {"report_to": [], "save_strategy": "no"}
    config = order.config
    lora = LoraConfig(
        r=config.rank, lora_alpha=2 * config.rank, lora_dropout=config.dropout, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    rows = Dataset.from_list(learnt.rows)
    trainer: Any = SFTTrainer
    trainer = trainer(
        model=base.model,
        args=SFTConfig(**settings),
        train_dataset=rows,
        processing_class=base.tokenizer,
        peft_config=lora,
    )
    trainer.remove_callback(PrinterCallback)
    return _timed(trainer)


def _timed(trainer: Any) -> tuple[float, int]:
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    return seconds, int(trainer.state.log_history[-2]["num_tokens"])


def measure(*, steps: int, rounds: int, hidden: int, layers: int, batch: int) -> dict[str, Any]:
    from finetune.training_config import TrainingConfig
    from finetune.training_folder import TrainingOrder
    from tests.finetune import tiny_model

    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        model = tiny_model.build_model(root / "model", hidden=hidden, layers=layers, vocabulary=4096)
        digest = write_dataset(root / "dataset", steps * batch)
        config = TrainingConfig(batch=batch, max_steps=steps, checkpoint_steps=max(1, steps // 2))
        order = TrainingOrder(str(model), str(root / "dataset"), digest, config)
        rates: dict[str, list[float]] = {"parley": [], "trl": []}
        for turn in range(rounds):
            for name, way in (("parley", ours), ("trl", bare)) if turn % 2 else (("trl", bare), ("parley", ours)):
                seconds, tokens = way(root / f"{name}-{turn}", order)
                rates[name].append(tokens / seconds)
    return {
        "steps": steps,
        "batch": batch,
        "parley_tokens_per_second": round(statistics.median(rates["parley"]), 1),
        "trl_tokens_per_second": round(statistics.median(rates["trl"]), 1),
        "ratio": round(statistics.median(a / b for a, b in zip(rates["parley"], rates["trl"], strict=True)), 3),
        **figures.machine(),
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    threads.prepare_environment()
    figures.command(__doc__, measure, RESULT, steps=24, rounds=3, hidden=256, layers=6, batch=4)
