"""What a training is asked to do: a frozen record that round-trips to JSON, with the limits it must keep. Pure."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, cast

VERSION: Final = 1
Method = Literal["sft", "dpo"]


class TrainingRefused(ValueError):
    """The order cannot be carried out; the message is a sentence that says what to change."""


@dataclass(frozen=True)
class TrainingConfig:
    """LoRA by TRL. `max_steps` 0 means as many as the epochs need; sizes are in tokens or examples as they say."""

    method: Method = "sft"
    rank: int = 16
    alpha: int = 0
    """0: twice the rank."""
    dropout: float = 0.0
    targets: tuple[str, ...] = ()
    """Names of the layers that get an adapter; empty: every linear layer but the head; "mlp": those of the feed-forward
    blocks, which learn as much and leave the attention as it was, with which a small model copies what it quotes (LoRA
    Without Regret, Schulman et al. 2025)."""
    depth: float = 1.0
    """Share of the model's layers that get an adapter, from the top. Nothing is computed backwards below them: with
    half of the layers a training takes little more than half the time, and what finds the passage stays as it was."""
    quantized: bool = False
    """QLoRA: the base in 4 bits. Needs a GPU and bitsandbytes."""
    epochs: int = 3
    max_steps: int = 0
    batch: int = 4
    accumulate: int = 1
    """Batches that make one step."""
    learning_rate: float = 2e-4
    max_tokens: int = 2048
    """Of prompt and answer together; passages are shortened to fit, as they are when an answer is served."""
    lessons: float = 0.5
    """SFT alone: generated lessons beside each example (`finetune.starter.examples`). Agents never write "I do not
    know" and their drafts rarely hold orders, so a model that learns from them alone forgets what to do then."""
    unanswered: float = 0.12
    """SFT alone: share of the examples that are shown once more without the passages that answer them, to be answered
    with "I do not know" (`finetune.unanswered`)."""
    quotations: float = 0.0
    """SFT alone, and off until a model is shown to gain by it: questions for each example that are made of sentences
    of the passages shown in the examples, and answered by quoting them, or with "I do not know" where they are not
    shown (`finetune.quotations`)."""
    verbatim: bool = False
    """SFT alone: learn only from answers whose every claim stands word for word in a passage. From reworded ones a
    model that is too small to reword learns to leave the passage, and then invents (Gekhman et al. 2024 found the like
    for what a model did not know)."""
    strength: float = 1.0
    """How far the model goes towards what was learnt, 1: all the way. Below, the adapter's scale is reduced after the
    training: the line between base and trained weights on which a model keeps more of what it could do before (WiSE-FT,
    Wortsman et al. 2022)."""
    packing: bool = False
    beta: float = 0.1
    """DPO alone: how far the policy may go from where it began."""
    checkpoint_steps: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises TrainingRefused."""
        if self.method not in ("sft", "dpo"):
            raise TrainingRefused(f"There is no method {self.method!r}: sft and dpo are known.")
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise TrainingRefused(f"{name} must be a number.")
            if not least <= value <= most:
                raise TrainingRefused(f"{name} must be between {least:g} and {most:g}; it is {value:g}.")
            if name not in _REAL and value != int(value):
                raise TrainingRefused(f"{name} must be a whole number.")
        if self.packing and self.method == "dpo":
            raise TrainingRefused("Packing is for supervised training; leave it off for DPO.")

    def to_json(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self), "targets": list(self.targets)}


_REAL: Final = ("dropout", "learning_rate", "lessons", "unanswered", "quotations", "strength", "depth", "beta")
_LIMITS: Final[dict[str, tuple[float, float]]] = {
    "rank": (1, 256),
    "alpha": (0, 1024),
    "dropout": (0.0, 0.5),
    "epochs": (1, 100),
    "max_steps": (0, 1_000_000),
    "batch": (1, 256),
    "accumulate": (1, 256),
    "learning_rate": (1e-7, 0.1),
    "max_tokens": (64, 32768),
    "lessons": (0.0, 10.0),
    "unanswered": (0.0, 1.0),
    "quotations": (0.0, 10.0),
    "strength": (0.05, 1.0),
    "depth": (0.05, 1.0),
    "beta": (0.001, 10.0),
    "checkpoint_steps": (1, 100_000),
    "seed": (0, 2**31 - 1),
}


USUAL: Final = TrainingConfig()
SMALL: Final = TrainingConfig(
    targets=("mlp",), depth=0.5, epochs=2, learning_rate=1e-3, lessons=1.0, unanswered=0.06, verbatim=True
)
"""What suits a base of some million parameters, such as the starter model, which has to keep what it copies with
(docs/benchmarks.md)."""


def from_json(data: dict[str, Any]) -> TrainingConfig:
    """Raises TrainingRefused for anything `to_json` of this version would not write."""
    if data.get("version") != VERSION:
        raise TrainingRefused(f"This configuration has version {data.get('version')!r}; {VERSION} is understood.")
    known = {field.name for field in fields(TrainingConfig)}
    if unknown := sorted(set(data) - known - {"version"}):
        raise TrainingRefused(f"Unknown settings of a training: {', '.join(unknown)}.")
    values = {name: value for name, value in data.items() if name != "version"}
    values["targets"] = tuple(str(one) for one in values.get("targets") or ())
    return TrainingConfig(**cast(Any, values))


def from_options(options: Mapping[str, Any]) -> TrainingConfig:
    """What a command was told; its other options are not looked at. Raises TrainingRefused."""
    told = {one.name: options[one.name] for one in fields(TrainingConfig) if one.name in options}
    return TrainingConfig(**told | ({"targets": tuple(told["targets"])} if "targets" in told else {}))


def learning_layers(depth: float, layers: int) -> int:
    """How many of a model's layers get an adapter, at least the uppermost."""
    return max(1, int(depth * layers))


def steps(config: TrainingConfig, examples: int) -> int:
    """Optimiser steps that the budget gives, at least 1."""
    if config.max_steps:
        return config.max_steps
    batches = math.ceil(examples / config.batch)
    return max(1, math.ceil(batches / config.accumulate) * config.epochs)
