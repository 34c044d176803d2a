"""What an evaluation's own process is given, and what it leaves: files in one folder. No torch, no database.

`job.json` goes in; `answers.jsonl` and `figures.json` come out, in a folder that appears whole or not at all.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from finetune import probes
from finetune.probes import Probe

JOB: Final = "job.json"
ANSWERS: Final = "answers.jsonl"
FIGURES: Final = "figures.json"
SIDES: Final = ("candidate", "current", "base")


class EvaluationRefused(ValueError):
    """The message is a sentence that says what to do."""


@dataclass(frozen=True)
class Side:
    """A base model and the adapter folder on it, "" for none."""

    base_model: str
    adapter: str = ""


@dataclass(frozen=True)
class Job:
    """`customers` and `others` are the texts of the training part, by who wrote them."""

    candidate: Side
    current: Side
    base: Side
    questions: tuple[Probe, ...]
    customers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    device: str = ""
    dtype: str = ""
    context_tokens: int = 3072
    new_tokens: int = 128
    """Longer answers are cut: enough to see that one is inflated."""
    seed: int = 0

    def sides(self) -> dict[Side, tuple[str, ...]]:
        """Each model once, with the names that it answers under: the base is often also what answers now."""
        found: dict[Side, tuple[str, ...]] = {}
        for name in SIDES:
            side: Side = getattr(self, name)
            found[side] = (*found.get(side, ()), name)
        return found


@dataclass(frozen=True)
class Outcome:
    """A row per question with three answers, and the figures over all of them."""

    rows: tuple[dict[str, Any], ...]
    figures: dict[str, dict[str, Any]]


def write_job(job: Job, folder: Path) -> None:
    data = {**asdict(job), "questions": probes.to_json(job.questions)}
    _store(folder / JOB, json.dumps(data, ensure_ascii=False))


def read_job(folder: Path) -> Job:
    data: dict[str, Any] = json.loads((folder / JOB).read_text(encoding="utf-8"))
    data |= {name: Side(**data[name]) for name in SIDES}
    data |= {name: tuple(data[name]) for name in ("customers", "others")}
    return Job(**{**data, "questions": probes.from_json(data["questions"])})


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Make `folder` with both files. One that is there already, of an earlier attempt, is replaced whole."""
    new = folder.with_name(f".new-{folder.name}-{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        _store(new / ANSWERS, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in outcome.rows))
        _store(new / FIGURES, json.dumps(outcome.figures, ensure_ascii=False, indent=1))
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def read_figures(folder: Path) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
    return loaded


def read_answers(folder: Path) -> Iterator[dict[str, Any]]:
    # Not splitlines(): answers hold line separators of other alphabets.
    for line in (folder / ANSWERS).read_text(encoding="utf-8").split("\n"):
        if line:
            yield json.loads(line)


def _store(path: Path, text: str) -> None:
    with path.open("wb") as file:
        file.write(text.encode("utf-8", "replace"))
        file.flush()
        os.fsync(file.fileno())


def texts_of(questions: Sequence[Probe]) -> tuple[list[str], list[str]]:
    """(customers' texts, everybody else's) of some conversations."""
    customers = [turn.text for one in questions for turn in one.request.turns if turn.role == "customer"]
    others = [turn.text for one in questions for turn in one.request.turns if turn.role == "agent"]
    others += [passage.text for one in questions for passage in one.request.passages]
    return customers, [*others, *(one.reference for one in questions)]
