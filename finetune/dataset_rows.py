"""The lines of a frozen dataset, read from its folder alone: a training process needs no database."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from finetune import requests
from finetune.records import GenerationRequest

SPLITS: Final = ("train", "held_out")
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1


class DatasetRefused(ValueError):
    """The message is a sentence that says what to do."""


@dataclass(frozen=True)
class DatasetRow:
    """One line of a dataset. `id` is the example's digest; `rejected` is empty but for preferences."""

    id: str
    request: GenerationRequest
    answer: str
    rejected: str
    group: str
    language: str
    topic: str


def read(folder: Path, split: str, *, digest: str) -> list[DatasetRow]:
    """The lines of one side. Raises DatasetRefused for a folder that is gone or is not what was frozen."""
    if split not in SPLITS:
        raise DatasetRefused(f"There is no split {split!r}: {' and '.join(SPLITS)} are known.")
    check(folder, digest=digest)
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")
    return [_parsed(json.loads(line)) for line in lines if line]


def check(folder: Path, *, digest: str) -> None:
    """Raises DatasetRefused for a folder that is gone or is not what was frozen."""
    if not sound(folder, digest):
        raise DatasetRefused(f"The files of dataset {digest[:12]} are gone or were changed: freeze it again.")


def digest_of(files: dict[str, bytes]) -> str:
    """SHA-256 over the names and contents of both sides."""
    whole = hashlib.sha256(f"dataset {FORMAT}\n".encode())
    for name in sorted(files):
        whole.update(f"{name} {hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return whole.hexdigest()


def sound(folder: Path, digest: str) -> bool:
    """Whether the folder holds just what that digest names."""
    try:
        kept = json.loads((folder / MANIFEST).read_bytes())
        return bool(
            kept["digest"] == digest == digest_of({one: (folder / f"{one}.jsonl").read_bytes() for one in SPLITS})
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _parsed(data: dict[str, Any]) -> DatasetRow:
    return DatasetRow(**{**data, "request": requests.from_json(data["request"])})
