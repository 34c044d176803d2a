"""How long a training takes and how much memory it needs, before it starts. Reads files and rows; loads no weights.

Memory is counted: base weights, adapter with optimiser, activations. Time comes from the last training with the same
base on this machine where there was one, else from floating-point operations (Kaplan et al. 2020: 2 per parameter and
token forward; with frozen weights the backward pass through the layers that learn costs as much again).
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from finetune import dataset_rows, training_config, training_rows
from finetune.dataset_rows import DatasetRefused
from finetune.memory import available_bytes
from finetune.models import Dataset, TrainingRun
from finetune.training_config import SMALL, USUAL, TrainingConfig

CPU_FLOPS: Final = 2.5e10
"""What one core reached in training a 6-million-parameter model (measured); large models do better."""
SMALL_MOST: Final = 50_000_000
"""Parameters up to which a base counts as small."""
_CHARACTERS_PER_TOKEN: Final = 3.0
_RULES_TOKENS: Final = 250


@dataclass(frozen=True)
class Shape:
    """Of a base model, from its config.json and the headers of its weights."""

    parameters: int
    hidden: int
    layers: int
    vocabulary: int


@dataclass(frozen=True)
class Estimate:
    """None for what cannot be known while the base model is not on this machine. `problem` is a sentence."""

    examples: int
    steps: int
    tokens: int
    seconds: float | None = None
    memory_bytes: int | None = None
    free_bytes: int | None = None
    trainable: int | None = None
    measured: bool = False
    problem: str = ""


def estimate(*, dataset: Dataset, base_model: str, config: TrainingConfig) -> Estimate:
    """For the page and the command. Raises nothing: what is unknown is None."""
    examples = _examples(dataset, config)
    taught = (config.lessons + config.unanswered + config.quotations) * examples if config.method == "sft" else 0
    steps = training_config.steps(config, max(1, round(examples + taught)))
    per_example = min(config.max_tokens, _tokens_per_example(Path(dataset.folder), config.max_tokens))
    tokens = steps * config.batch * config.accumulate * per_example
    free = available_bytes()
    shape = read_shape(Path(base_model).expanduser())
    if shape is None:
        problem = "The base model is not on this machine yet, so time and memory cannot be estimated."
        return Estimate(examples, steps, tokens, free_bytes=free, problem=problem)
    trainable = _trainable(shape, config)
    memory = needed_bytes(shape, config, trainable, per_example)
    pace = _measured_pace(base_model)
    seconds = tokens / pace if pace else (2 + 2 * config.depth) * shape.parameters * tokens / CPU_FLOPS
    problem = ""
    if free is not None and memory > free:
        problem = "This needs more memory than is free: take fewer examples at once, or fewer tokens per example."
    return Estimate(examples, steps, tokens, round(seconds, 1), memory, free, trainable, pace is not None, problem)


def _examples(dataset: Dataset, config: TrainingConfig) -> int:
    if config.verbatim:
        try:
            rows = dataset_rows.read(Path(dataset.folder), "train", digest=dataset.digest)
            return len(training_rows.chosen(rows, config))
        except DatasetRefused:  # the training itself will say so
            pass
    return int(dataset.manifest.get("counts", {}).get("train", 0))


def usual(base_model: str) -> TrainingConfig:
    """The values to begin with: those for a small base where it is known to be one."""
    shape = read_shape(Path(base_model).expanduser()) if base_model else None
    return SMALL if shape is not None and shape.parameters <= SMALL_MOST else USUAL


def needed_bytes(shape: Shape, config: TrainingConfig, trainable: int, tokens: int) -> int:
    """Weights, then adapter with gradient and Adam's two moments, then activations and logits. float32. Pure."""
    weights = shape.parameters * (1 if config.quantized else 4)
    learning = trainable * 4 * 4
    activations = config.batch * tokens * (shape.layers * shape.hidden * 34 + shape.vocabulary * 3) * 4
    return weights + learning + activations


def _trainable(shape: Shape, config: TrainingConfig) -> int:
    """Seven linear layers a block, of about the hidden size each way (the MLP is larger, the keys are smaller)."""
    layers = len(config.targets) or 7
    return (
        training_config.learning_layers(config.depth, shape.layers) * layers * 2 * config.rank * shape.hidden * 3 // 2
    )


def read_shape(folder: Path) -> Shape | None:
    """None for a folder that is no model."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = config.get("text_config") or config
        parameters = sum(_parameters(path) for path in folder.glob("*.safetensors"))
        return Shape(
            parameters,
            int(config["hidden_size"]),
            int(config["num_hidden_layers"]),
            int(config["vocab_size"]),
        )
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None


def _parameters(path: Path) -> int:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(min(length, 64 * 1024 * 1024)))
    total = 0
    for name, row in header.items():
        if name != "__metadata__":
            size = 1
            for side in row["shape"]:
                size *= int(side)
            total += size
    return total


def _tokens_per_example(folder: Path, most: int) -> int:
    """From the characters of the first rows; the rules stand before each of them."""
    lengths = []
    try:
        with (folder / "train.jsonl").open(encoding="utf-8") as file:
            for _, line in zip(range(50), file, strict=False):
                row = json.loads(line)
                request = row["request"]
                said = [one["text"] for one in (*request.get("turns", ()), *request.get("passages", ()))]
                lengths.append(sum(map(len, said)) + len(request.get("question", "")) + len(row["answer"]))
    except (OSError, ValueError, KeyError, TypeError):
        return most
    if not lengths:
        return most
    return _RULES_TOKENS + round(sum(lengths) / len(lengths) / _CHARACTERS_PER_TOKEN)


def _measured_pace(base_model: str) -> float | None:
    """Tokens per second of the newest training with this base."""
    done = TrainingRun.objects.filter(base_model=base_model, state=TrainingRun.State.DONE).order_by("-pk")[:5]
    for run in done:
        pace = run.progress.get("tokens_per_second") if isinstance(run.progress, dict) else None
        if isinstance(pace, int | float) and pace > 0:
            return float(pace)
    return None
