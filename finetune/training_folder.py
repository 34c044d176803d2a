"""The folder of one training: what was ordered, how far it is, how it ended. Files only: no torch, no database.

order.json        what to train, written before the process starts
progress.jsonl    a line for every log of the trainer
log.txt           what the process printed
cancel            its presence asks the process to stop for good
checkpoints/      to go on from; removed when the run has ended
tensorboard/      event files
adapter/          the result, moved here whole
result.json       how it ended, written last and whole
"""

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from finetune.training_config import TrainingConfig, TrainingRefused, from_json

CANCELLED: Final = "The training was cancelled. What it had learnt is not used."
STOPPED: Final = 75
"""Exit status of a process that was told to stop and can go on later (EX_TEMPFAIL)."""
_TAIL: Final = 64 * 1024


class FolderBusy(RuntimeError):
    """Another process trains in this folder."""


@dataclass(frozen=True)
class TrainingOrder:
    """All that a training process is told. `dataset_folder` and `base_model` are names or places on this machine."""

    base_model: str
    dataset_folder: str
    dataset_digest: str
    config: TrainingConfig
    name: str = ""
    report_to: tuple[str, ...] = ("tensorboard",)
    device: str = ""
    canaries: str = ""
    """Seed of the invented secrets that are planted among the examples, to see later whether they are given away."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended. `verdict` is a sentence; `figures` go onto the adapter's card."""

    state: Literal["done", "cancelled", "failed"]
    verdict: str
    figures: dict[str, Any] = field(default_factory=dict)


def write_order(folder: Path, order: TrainingOrder) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(folder / "order.json", {**asdict(order), "config": order.config.to_json()})


def read_order(folder: Path) -> TrainingOrder:
    """Raises TrainingRefused."""
    try:
        data = json.loads((folder / "order.json").read_text(encoding="utf-8"))
        return TrainingOrder(
            **{**data, "config": from_json(data["config"]), "report_to": tuple(data.get("report_to") or ())}
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingRefused(f"The order of this training cannot be read: {error}") from error


def write_result(folder: Path, result: TrainingResult) -> None:
    _write_whole(folder / "result.json", asdict(result))


def read_result(folder: Path) -> TrainingResult | None:
    """None while it has not ended; also for a file that is not one of ours."""
    try:
        return TrainingResult(**json.loads((folder / "result.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def add_progress(folder: Path, figures: dict[str, Any]) -> None:
    """One line, in one write, so that a reader never sees half of it."""
    with (folder / "progress.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")


def last_progress(folder: Path) -> dict[str, Any]:
    """The newest whole line; empty before the first."""
    for line in reversed(tail(folder / "progress.jsonl").splitlines()):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            return row
    return {}


def tail(path: Path, limit: int = _TAIL) -> str:
    """The end of a file from its first whole line on; "" where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            text = file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""
    return text.partition("\n")[2] if size > limit else text


def ask_to_cancel(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cancel").touch()


def cancel_asked(folder: Path) -> bool:
    return (folder / "cancel").exists()


def clear(folder: Path) -> None:
    """Remove what only a training in progress needs. Log, figures and result stay."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    for left in folder.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def alone(folder: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the folder. The lock goes with the process, so that one whose worker was killed cannot meet its successor.

    Raises FolderBusy when another process still has it after `wait_seconds`.
    """
    until = time.monotonic() + wait_seconds
    with (folder / "lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= until:
                    raise FolderBusy(f"Another process trains in {folder.name}.") from error
                time.sleep(0.2)
        yield


def _write_whole(path: Path, data: dict[str, Any]) -> None:
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
