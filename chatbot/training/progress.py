"""A training's figures for its page: the file a run writes line by line, and the places of its chart."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext_noop

from finetune import training_folder
from finetune.models import TrainingRun

READ_BYTES: Final = 512 * 1024
POINTS: Final = 200
LEFT: Final = 56
TOP: Final = 12
WIDE: Final = 548
HIGH: Final = 180
VERDICTS: Final = (
    gettext_noop("The adapter is trained."),
    gettext_noop("The training was cancelled. What it had learnt is not used."),
    gettext_noop(
        "The memory was not enough. Take fewer examples at once, fewer tokens per example, a smaller rank or a "
        "smaller base model."
    ),
    gettext_noop("The disk is full. Free some space, then order the training again."),
    gettext_noop("The base model is not on this machine yet, so time and memory cannot be estimated."),
    gettext_noop("This needs more memory than is free: take fewer examples at once, or fewer tokens per example."),
    gettext_noop("Name the base model: a folder with safetensors, or a hub name such as Qwen/Qwen3-0.6B."),
)
"""Said as they are by `finetune`; the pages translate them."""


@dataclass(frozen=True)
class Chart:
    """In whole pixels; `points` as SVG wants them."""

    points: str
    dots: list[tuple[int, int]]
    grid: list[tuple[int, str]]
    first: int
    last: int


def steps(run: TrainingRun) -> list[dict[str, Any]]:
    """Every figure that was written, thinned out; broken lines are passed over."""
    if not run.folder:
        return []
    rows = []
    for line in training_folder.tail(Path(run.folder) / "progress.jsonl", READ_BYTES).splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int) and _finite(row.get("loss")):
            rows.append(row)
    stride = max(1, math.ceil(len(rows) / POINTS))
    return [*rows[:-1:stride], rows[-1]] if rows else []


def log(run: TrainingRun, lines: int = 40) -> str:
    """The end of what the run's process wrote."""
    if not run.folder:
        return ""
    text = training_folder.tail(Path(run.folder) / "log.txt", 16 * 1024)
    return "\n".join(line.rpartition("\r")[2] for line in text.splitlines()[-lines:])


def chart(rows: list[dict[str, Any]]) -> Chart | None:
    """Loss over steps; None with fewer than two points."""
    if len(rows) < 2:
        return None
    first, last = rows[0]["step"], rows[-1]["step"]
    losses = [float(row["loss"]) for row in rows]
    low, high = min(losses), max(losses)
    across, up = max(1, last - first), (high - low) or 1.0
    dots = [
        (round(LEFT + WIDE * (row["step"] - first) / across), round(TOP + HIGH * (high - loss) / up))
        for row, loss in zip(rows, losses, strict=True)
    ]
    grid = [(round(TOP + HIGH * part / 4), f"{high - up * part / 4:.2f}") for part in range(5)]
    return Chart(" ".join(f"{x},{y}" for x, y in dots), dots[-1:], grid, first, last)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
