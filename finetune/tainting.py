"""What may be used no longer: examples, and all that was made from them. Wipes texts and removes files; deletes no row.

Lineage goes one way: examples -> datasets -> training runs -> adapters, and datasets -> evaluations; probes quote
examples too. A tainted adapter keeps its weights and its place: nothing here makes a model forget. Who is to be
forgotten is not known here.
"""

import hashlib
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from finetune import quoted
from finetune.models import Adapter, Dataset, Evaluation, Example, TrainingRun

AT_ONCE: Final = 500
"""So many rows are named in one query."""
EMPTY: Final[dict[str, Any]] = {"turns": [], "question": "", "passages": [], "language": "", "company": ""}
"""The request of an example whose words are gone; it can still be read as one."""
STOPPED: Final = "The dataset may be used no longer. Freeze a new one and train on that."
_Run = TrainingRun.State
_Evaluated = Evaluation.State


@dataclass(frozen=True)
class Lineage:
    """What rests on some examples: keys, and digests for people."""

    examples: tuple[int, ...] = ()
    datasets: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()
    evaluations: tuple[int, ...] = ()


def lineage(example_ids: Collection[int]) -> Lineage:
    """All that rests on the examples. Reads only."""
    examples = sorted(set(example_ids))
    datasets = {key: digest for part in _parts(examples) for key, digest in _datasets_of(part)}
    runs = TrainingRun.objects.filter(dataset__in=datasets).order_by("pk")
    adapters = Adapter.objects.filter(run__dataset__in=datasets).order_by("pk")
    evaluations = Evaluation.objects.filter(dataset__in=datasets).values_list("pk", flat=True)
    return Lineage(
        examples=tuple(examples),
        datasets=tuple(datasets.values()),
        adapters=tuple(adapters.values_list("digest", flat=True)),
        runs=tuple(runs.values_list("pk", flat=True)),
        evaluations=tuple(sorted({*evaluations, *quoted.quoting(_digests(examples))})),
    )


def _digests(example_ids: list[int]) -> list[str]:
    parts = _parts(example_ids)
    return [one for part in parts for one in Example.objects.filter(pk__in=part).values_list("digest", flat=True)]


def _datasets_of(example_ids: Collection[int]) -> list[tuple[int, str]]:
    found = Dataset.objects.filter(examples__in=example_ids).order_by("pk").distinct()
    return list(found.values_list("pk", "digest"))


def _parts(keys: list[int]) -> list[list[int]]:
    return [keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE)]


# --- Rows ------------------------------------------------------------------------------------------------
def taint(*, example_ids: Collection[int], because: str) -> Lineage:
    """Wipe the examples, mark what rests on them and stop what is being made of it; in the caller's transaction.

    The examples come first: a freezing that has locked them is waited for, and its dataset is found.
    """
    examples = sorted(set(example_ids))
    digests = _digests(examples)
    quotes = quoted.quoting(digests)
    for key in examples:
        _wipe(key)
    found = lineage(examples)
    for digest in found.datasets:
        _mark_dataset(digest, because)
    for key in quotes:
        quoted.take_out(evaluation_id=key, digests=digests, error=STOPPED)
    spread()
    return replace(found, evaluations=tuple(sorted({*found.evaluations, *quotes})))


def _wipe(key: int) -> None:
    """Nothing of what was said, of whom, or when is left; nor a digest of it."""
    Example.objects.filter(pk=key).update(
        state=Example.State.TAINTED,
        digest=hashlib.sha256(f"wiped example {key}".encode()).hexdigest(),
        request=EMPTY,
        answer="",
        rejected="",
        topic="",
        note="",
        group="",
        passages=[],
        reasons=[],
        flags=[],
        value=0.0,
        happened_at=F("created_at"),
    )


def _mark_dataset(digest: str, because: str) -> None:
    for row in Dataset.objects.select_for_update().filter(digest=digest):
        row.tainted = row.tainted or because[:200]
        row.manifest = {name: value for name, value in row.manifest.items() if name != "topics"}
        row.save(update_fields=["tainted", "manifest"])


def catch_up() -> None:
    """What came too late to be found: runs that ended, and evaluations ordered, at the moment of a tainting."""
    spread()
    for key, names in quoted.of_nobody().items():
        remove_files(evaluations=[key])
        with transaction.atomic():
            quoted.take_out(evaluation_id=key, digests=names, error=STOPPED)
    remove_files()


def spread() -> int:
    """From tainted datasets to adapters; runs and evaluations of such are stopped. Returns how many adapters.

    Safe to run at any time: a run that ended while its dataset was tainted is caught up with here.
    """
    now, runs = timezone.now(), TrainingRun.objects.exclude(dataset__tainted="")
    runs.filter(state=_Run.QUEUED).update(state=_Run.CANCELLED, cancel_asked=True, verdict=STOPPED, finished_at=now)
    runs.filter(state=_Run.RUNNING, cancel_asked=False).update(cancel_asked=True)
    asked = Evaluation.objects.filter(state__in=[_Evaluated.QUEUED, _Evaluated.RUNNING])
    asked.exclude(dataset__tainted="").update(state=_Evaluated.FAILED, error=STOPPED, finished_at=now)
    made = runs.filter(adapter__tainted="").values_list("adapter_id", "dataset__tainted")
    return sum(Adapter.objects.filter(pk=key, tainted="").update(tainted=because) for key, because in list(made))


# --- Files -----------------------------------------------------------------------------------------------
def remove_files(*, evaluations: Collection[int] = ()) -> int:
    """Remove the words that tainted datasets left on disk: frozen lines, answers of evaluations, logs of runs.

    Of the evaluations that are named it goes whatever they rest on. Rows, figures and adapters stay. Safe to run at any
    time, and again. Returns how many folders and files went.
    """
    paths = [Path(name) for name in Dataset.objects.exclude(tainted="").values_list("folder", flat=True) if name]
    paths += [*_of_evaluations(evaluations), *_of_runs()]
    return sum(_remove(path) for path in paths)


def _of_evaluations(keys: Collection[int]) -> Iterator[Path]:
    """Folders that rows name and nobody works in, and what those that were killed left beside them.

    The questions of an evaluation are in a folder that names none: while one runs, they may be its own.
    """
    root = Path(settings.EVALUATION_DIR)
    ended = Evaluation.objects.exclude(state=_Evaluated.RUNNING)
    found = ended.filter(~Q(dataset__tainted="") | Q(pk__in=[*keys])).values_list("pk", "folder")
    for key, folder in found:
        yield from [Path(folder)] if folder else []
        yield from root.glob(f"evaluation-{key}-*")
        yield from root.glob(f".new-evaluation-{key}-*")
    if not Evaluation.objects.filter(state=_Evaluated.RUNNING).exists():
        yield from root.glob(".job-*")


def _of_runs() -> Iterator[Path]:
    """Of runs that have ended: whatever is not figures. The adapter was copied into its own place."""
    ended = TrainingRun.objects.filter(state__in=[_Run.DONE, _Run.CANCELLED, _Run.FAILED])
    for name in ended.exclude(dataset__tainted="").exclude(folder="").values_list("folder", flat=True):
        yield from (Path(name) / part for part in ("log.txt", "checkpoints", "adapter"))


def _remove(path: Path) -> bool:
    """Only inside our own folders; a row that names another place removes nothing."""
    if path.is_symlink() or not path.exists() or not _is_ours(path.resolve()):
        return False
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return True


def _is_ours(path: Path) -> bool:
    """Below a folder that only the learning side writes into; no such folder itself, and no adapter."""
    roots = (settings.DATASET_DIR, settings.TRAINING_DIR, settings.EVALUATION_DIR)
    return any(Path(root).resolve() in path.parents for root in roots)
