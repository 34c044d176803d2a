"""Approved examples, frozen: JSON Lines and a manifest in a folder named by its digest. Decides nothing about review.

A folder is made beside its place and moved there whole; the row comes last. What is visible is complete. What became of
no dataset after all (an example was tainted meanwhile, a process died) is swept away: it holds what people wrote.
"""

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from finetune import dataset_rows, splitting
from finetune.dataset_rows import FORMAT, MANIFEST, SPLITS, DatasetRefused, DatasetRow, digest_of, sound
from finetune.models import Dataset, DatasetExample, Example

__all__ = ["LEAST", "DatasetRefused", "DatasetRow", "check", "freeze", "rows"]

LEAST: Final = 10
"""Examples below which a held-out part says nothing."""
ORPHAN_SECONDS: Final = 3600.0
"""A folder without a row that is older belongs to no freezing that is still under way."""


def freeze(*, name: str, kind: str = "supervised", by: str, held_out: float = 0.2) -> Dataset:
    """Every approved example of the kind that is not stale; the same examples and split are the same dataset.

    Raises DatasetRefused.
    """
    if not name.strip() or len(name) > 120 or "\x00" in name:
        raise DatasetRefused("Give the dataset a name of 1 to 120 characters.")
    if kind not in Example.Kind.values:
        raise DatasetRefused(f"There is no kind {kind!r}: supervised and preference are known.")
    if not 0.05 <= held_out <= 0.5:
        raise DatasetRefused("Hold out between 5 % and 50 % of the examples.")
    found = list(Example.objects.filter(kind=kind, state=Example.State.APPROVED, stale=False).order_by("digest"))
    if len(found) < LEAST:
        raise DatasetRefused(f"{len(found)} approved examples are too few: approve at least {LEAST} in the review.")
    kept_out = splitting.held_out([_row(one) for one in found], held_out)
    if not kept_out or len(kept_out) == len(found):
        raise DatasetRefused(
            "These examples cannot be split without one customer on both sides: approve examples of more customers."
        )
    return _write(name.strip(), kind, by, found, kept_out)


def rows(dataset: Dataset, split: str) -> list[DatasetRow]:
    """The lines of one side. Raises DatasetRefused for a tainted dataset and for files that are gone or changed."""
    if dataset.tainted:
        raise DatasetRefused(f"Dataset {dataset.digest[:12]} may be used no longer: {dataset.tainted}")
    return dataset_rows.read(Path(dataset.folder), split, digest=dataset.digest)


def check(dataset: Dataset) -> None:
    """Whether the dataset may be used and its files are what was frozen. Raises DatasetRefused."""
    dataset_rows.check(Path(dataset.folder), digest=dataset.digest)


def _row(example: Example) -> splitting.Row:
    text = f"{example.request.get('question', '')}\n{example.answer}"
    return splitting.Row(example.digest, example.group, example.happened_at, text)


def _line(example: Example) -> str:
    names = ("answer", "rejected", "group", "language", "topic")
    data = {"id": example.digest, "request": example.request} | {name: getattr(example, name) for name in names}
    return json.dumps(data, ensure_ascii=False, sort_keys=True)


def _write(name: str, kind: str, by: str, found: Sequence[Example], kept_out: frozenset[str]) -> Dataset:
    sides = {
        "train": [one for one in found if one.digest not in kept_out],
        "held_out": [one for one in found if one.digest in kept_out],
    }
    files = {split: "".join(f"{_line(one)}\n" for one in sides[split]).encode("utf-8", "replace") for split in SPLITS}
    digest = digest_of(files)
    if known := Dataset.objects.filter(digest=digest).first():
        return _mended(known, files)
    manifest = {"format": FORMAT, "digest": digest, "kind": kind, **_statistics(sides)}
    folder = _kept(digest, files, manifest)
    try:
        return _noted(digest, name, kind, by, folder, manifest, sides)
    except DatasetRefused:
        if not Dataset.objects.filter(digest=digest).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _mended(known: Dataset, files: dict[str, bytes]) -> Dataset:
    """The files again, where they were lost or changed; not where the dataset was tainted, even at this moment."""
    folder = Path(known.folder) if known.tainted else _kept(known.digest, files, known.manifest)
    known.refresh_from_db()
    if known.tainted:
        if folder.name == known.digest:
            shutil.rmtree(folder, ignore_errors=True)
        raise DatasetRefused(f"Just this dataset may be used no longer: {known.tainted}")
    return known


def _noted(
    digest: str, name: str, kind: str, by: str, folder: Path, manifest: dict[str, Any], sides: dict[str, list[Example]]
) -> Dataset:
    """The row. The examples are locked: who taints one of them meanwhile comes before it or finds it."""
    keys = [one.pk for split in SPLITS for one in sides[split]]
    with transaction.atomic():
        still = Example.objects.select_for_update().filter(pk__in=keys, state=Example.State.APPROVED, stale=False)
        if len(still.order_by("pk").values_list("pk", flat=True)) != len(keys):
            raise DatasetRefused("The examples changed while they were frozen: freeze them again.")
        dataset, made = Dataset.objects.get_or_create(
            digest=digest,
            defaults={"name": name, "kind": kind, "folder": str(folder), "manifest": manifest, "created_by": by},
        )
        if made:
            DatasetExample.objects.bulk_create(
                DatasetExample(dataset=dataset, example=one, split=split) for split in SPLITS for one in sides[split]
            )
    return dataset


def _kept(digest: str, files: dict[str, bytes], manifest: dict[str, Any]) -> Path:
    """The folder with just these files; one that is not what it should be is put aside first."""
    root = Path(settings.DATASET_DIR)
    target = root / digest
    if sound(target, digest):
        os.utime(target)  # no orphan: it is being taken up
        return target
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as made:
        new = Path(made) / "dataset"
        new.mkdir()
        for split, content in files.items():
            _store(new / f"{split}.jsonl", content)
        _store(new / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
        if target.exists() and not sound(target, digest):
            target.rename(Path(made) / "broken")
        try:
            new.rename(target)
        except OSError:
            if not sound(target, digest):  # otherwise another process was first
                raise
    return target


def sweep(*, now: float | None = None) -> int:
    """Remove folders that no row names and no running freeze can still be making. Returns how many."""
    root = Path(settings.DATASET_DIR)
    oldest = (time.time() if now is None else now) - ORPHAN_SECONDS
    known = set(Dataset.objects.values_list("digest", flat=True))
    found = [one for one in root.iterdir() if one.is_dir()] if root.is_dir() else []
    orphans = [one for one in found if one.name not in known and one.stat().st_mtime < oldest]
    for folder in orphans:
        shutil.rmtree(folder, ignore_errors=True)
    return len(orphans)


def _store(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _statistics(sides: dict[str, list[Example]]) -> dict[str, Any]:
    both = [one for split in SPLITS for one in sides[split]]
    return {
        "counts": {split: len(sides[split]) for split in SPLITS},
        "groups": {split: len({one.group for one in sides[split]}) for split in SPLITS},
        "languages": dict(Counter(one.language for one in both)),
        "topics": dict(Counter(one.topic for one in both).most_common(50)),
        "origins": dict(Counter(one.origin for one in both)),
        "flags": dict(Counter(flag for one in both for flag in one.flags)),
        "answer_characters": _spread([len(one.answer) for one in both]),
        "mean_support": round(sum(one.support for one in both) / len(both), 4),
        "leak_report": dict(_leaks(sides)),
    }


def _spread(lengths: list[int]) -> dict[str, int]:
    ordered = sorted(lengths)
    return {"least": ordered[0], "median": ordered[len(ordered) // 2], "most": ordered[-1]}


def _leaks(sides: dict[str, list[Example]]) -> Iterator[tuple[str, int]]:
    """Counted anew from the two sides, not taken from how they were made."""
    train, examined = sides["train"], sides["held_out"]
    yield "groups_across_splits", len({one.group for one in train} & {one.group for one in examined})
    texts = [_row(one).text for one in (*train, *examined)]
    across = [left for left, right in splitting.near_pairs(texts) if left < len(train) <= right]
    yield "near_duplicates_across_splits", len(across)
