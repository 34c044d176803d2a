"""Training runs: ordered, claimed by a worker, watched while their process trains, ended with a verdict. No torch.

The row is the queue. A worker claims it by a conditional UPDATE and holds it by a lease; when the worker dies, the
training process notices and keeps a checkpoint, another worker claims the row and goes on from there.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from finetune import adapter_files, adapters, canaries, dataset_rows, training_folder, workers
from finetune.adapter_files import AdapterRefused
from finetune.dataset_rows import DatasetRefused
from finetune.lost_connections import let_go
from finetune.models import Adapter, Dataset, Example, TrainingRun
from finetune.training_config import TrainingConfig, TrainingRefused, from_json
from finetune.training_folder import CANCELLED, STOPPED, TrainingOrder, TrainingResult

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
POLL_SECONDS: Final = 1.0
TELL_SECONDS: Final = 3.0
GRACE_SECONDS: Final = 60.0
"""A process that was asked to end may finish its step and write a checkpoint."""
MOST_ATTEMPTS: Final = 4
MOST_WAITING: Final = 20
QUIET: Final = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}
"""The log is read by people."""
_State = TrainingRun.State
_DONE: Final = Q(state=_State.DONE, adapter__isnull=False, adapter__tainted="")


def order(*, dataset: Dataset, base_model: str, config: TrainingConfig, by: str) -> TrainingRun:
    """Put a training into the queue; one that is there already, or is done with the same result, is given back.

    Raises TrainingRefused.
    """
    base_model = base_model.strip()
    check_order(dataset, base_model, config)
    alike = TrainingRun.objects.filter(dataset=dataset, base_model=base_model, method=config.method)
    usable = alike.filter(_DONE | Q(state__in=[_State.QUEUED, _State.RUNNING], cancel_asked=False))
    if known := next((one for one in usable.order_by("pk") if _whole(one.config) == config.to_json()), None):
        return known
    if TrainingRun.objects.filter(state=_State.QUEUED).count() >= MOST_WAITING:
        raise TrainingRefused(f"{MOST_WAITING} trainings wait already: cancel some of them first.")
    run = TrainingRun.objects.create(
        dataset=dataset, method=config.method, base_model=base_model, config=config.to_json(), created_by=by[:150]
    )
    transaction.on_commit(partial(ring, run.pk))
    return run


def _whole(config: dict[str, Any]) -> dict[str, Any]:
    """With the usual values of settings that were not there yet when this was ordered."""
    return {**TrainingConfig().to_json(), **config}


def check_order(dataset: Dataset, base_model: str, config: TrainingConfig) -> None:
    """Raises TrainingRefused for what would fail at once."""
    if dataset.tainted:
        raise TrainingRefused(f"This dataset may be used no longer: {dataset.tainted} Freeze a new one.")
    try:
        dataset_rows.check(Path(dataset.folder), digest=dataset.digest)
    except DatasetRefused as refused:
        raise TrainingRefused(str(refused)) from refused
    if (config.method == "dpo") != (dataset.kind == Example.Kind.PREFERENCE):
        raise TrainingRefused("DPO learns from preferences and SFT from answers: choose the dataset that fits.")
    if not base_model or len(base_model) > 300 or "\x00" in base_model:
        raise TrainingRefused("Name the base model: a folder with safetensors, or a hub name such as Qwen/Qwen3-0.6B.")
    folder = Path(base_model).expanduser()
    local = folder.is_absolute() or base_model.startswith((".", "~")) or base_model.count("/") > 1
    if local and not ((folder / "config.json").is_file() and any(folder.glob("*.safetensors"))):
        raise TrainingRefused(f"{base_model} is no model folder: it needs config.json and *.safetensors.")


def cancel(*, run: TrainingRun, by: str) -> bool:
    """Ask a run to end for good; False when it has ended already. One that only waits ends at once."""
    verdict = f"Cancelled by {by or 'nobody'} before it began."
    now = timezone.now()
    waiting = TrainingRun.objects.filter(pk=run.pk, state=_State.QUEUED)
    if waiting.update(state=_State.CANCELLED, cancel_asked=True, verdict=verdict[:500], finished_at=now):
        return True
    return bool(TrainingRun.objects.filter(pk=run.pk, state=_State.RUNNING).update(cancel_asked=True))


def ring(run_id: int) -> None:
    """Tell a worker. Never raises: `reclaim` finds what was not heard."""
    from finetune.tasks import train

    try:
        train.apply_async((run_id,), retry=False)
    except Exception as error:  # noqa: BLE001 - whatever the broker says, the row waits
        logger.warning("No worker could be told of training %s: %s", run_id, error)


def lost() -> list[int]:
    """Runs whose worker is gone. No other begins before they have ended."""
    found = TrainingRun.objects.filter(workers.deserted(TrainingRun, timezone.now()), state=_State.RUNNING)
    return list(found.order_by("pk").values_list("pk", flat=True))


def reclaim() -> list[int]:
    """Ring for the oldest waiting run, and for one whose worker is gone."""
    if found := lost():
        pass
    elif not TrainingRun.objects.filter(state=_State.RUNNING).exists():
        found = list(TrainingRun.objects.filter(state=_State.QUEUED).order_by("pk").values_list("pk", flat=True)[:1])
    for run_id in found:
        ring(run_id)
    return found


def carry_out(run_id: int, *, spawn: Callable[[Path], subprocess.Popen[bytes]] | None = None) -> TrainingRun | None:
    """Claim a run and see it to its end; None when there is nothing to do here. Blocks for as long as it trains."""
    run = claim(run_id)
    if run is None:
        return None
    folder = Path(run.folder)
    try:
        _prepare(run, folder)
        result = (
            training_folder.read_result(folder) or _of_another(run, folder) or _attend(run, folder, spawn or _spawn)
        )
    except (TrainingRefused, DatasetRefused) as refused:
        result = TrainingResult("failed", str(refused))
    except OSError as error:
        result = TrainingResult("failed", f"The training could not begin: {error.strerror or error}.")
    if result is not None:
        _finish(run, folder, result)
    run.refresh_from_db()
    return run


def claim(run_id: int) -> TrainingRun | None:
    """The run, held by this worker; None when another one holds it or any other trains."""
    now = timezone.now()
    free = Q(state=_State.QUEUED) | (Q(state=_State.RUNNING) & workers.deserted(TrainingRun, now))
    run = TrainingRun.objects.filter(free, pk=run_id).first()
    if run is None:
        return None
    folder = run.folder or str(Path(settings.TRAINING_DIR) / f"{run.pk}-{uuid.uuid4().hex[:8]}")
    changes: dict[str, Any] = {
        "state": _State.RUNNING,
        "worker": workers.name(),
        "attempt": run.attempt + 1,
        "lease_until": now + LEASE,
        "folder": folder,
        "started_at": run.started_at or now,
    }
    try:
        with transaction.atomic():
            held = TrainingRun.objects.filter(free, pk=run_id, attempt=run.attempt).update(**changes)
    except IntegrityError:  # another run trains: one at a time
        return None
    return TrainingRun.objects.select_related("dataset").get(pk=run_id) if held else None


def _prepare(run: TrainingRun, folder: Path) -> None:
    """Write the order. Raises TrainingRefused when the run should not go on."""
    if run.attempt > MOST_ATTEMPTS:
        raise TrainingRefused(
            f"The training process died {MOST_ATTEMPTS} times without getting any further. Its log says more; when "
            "memory ran out, take fewer examples at once or a smaller base model."
        )
    if run.cancel_asked:
        training_folder.ask_to_cancel(folder)
    config = from_json(run.config)
    check_order(run.dataset, run.base_model, config)
    report_to = ("tensorboard", "wandb") if settings.WANDB_PROJECT else ("tensorboard",)
    training_folder.write_order(
        folder,
        TrainingOrder(
            base_model=run.base_model,
            dataset_folder=run.dataset.folder,
            dataset_digest=run.dataset.digest,
            config=config,
            name=f"parley-run-{run.pk}",
            report_to=report_to,
            device=settings.GENERATOR_DEVICE,
            canaries=canaries.own_seed(),
        ),
    )


def _of_another(run: TrainingRun, folder: Path) -> TrainingResult | None:
    """The weights of a run that differs in nothing but its strength: trained again they would come out the same."""
    wanted = _whole(run.config)
    alike = TrainingRun.objects.filter(_DONE, dataset=run.dataset, base_model=run.base_model, method=run.method)
    for other in alike.select_related("adapter").order_by("pk"):
        theirs = _whole(other.config)
        if other.adapter is None or {**theirs, "strength": wanted["strength"]} != wanted:
            continue
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as made:
            scaled = Path(made) / "adapter"
            try:
                adapter_files.scale(Path(other.adapter.path), scaled, wanted["strength"] / theirs["strength"])
            except AdapterRefused as refused:
                logger.warning("Run %s is trained anew, because the adapter of run %s: %s", run.pk, other.pk, refused)
                continue
            shutil.rmtree(folder / "adapter", ignore_errors=True)
            scaled.rename(folder / "adapter")
        if TrainingRun.objects.filter(pk=run.pk, cancel_asked=True).exists():
            return TrainingResult("cancelled", CANCELLED)
        said = f"Nothing was trained: run {other.pk} differs in its strength alone, and these are its weights.\n"
        (folder / "log.txt").write_text(said, encoding="utf-8")
        return TrainingResult("done", "The adapter is trained.", dict(other.adapter.card.get("figures") or {}))
    return None


def _spawn(folder: Path) -> subprocess.Popen[bytes]:
    """The training process: of lower priority, in a session of its own so that Ctrl-C does not reach it."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", **QUIET}
    if settings.WANDB_PROJECT:
        environment["WANDB_PROJECT"] = settings.WANDB_PROJECT
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module and a folder that we named
            [sys.executable, "-W", "ignore::FutureWarning", "-m", "finetune.train", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=settings.BASE_DIR,
            start_new_session=True,
        )


def _attend(run: TrainingRun, folder: Path, spawn: Callable[[Path], subprocess.Popen[bytes]]) -> TrainingResult | None:
    """Hold the lease and tell the row how far it is, until the process ends. None: it goes on later."""
    process = spawn(folder)
    TrainingRun.objects.filter(pk=run.pk, worker=run.worker).update(pid=process.pid)
    held_until, told, asked_at = time.monotonic() + LEASE.total_seconds(), 0.0, 0.0
    try:
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            now = time.monotonic()
            if now - told >= TELL_SECONDS:
                told = now
                try:
                    if not _tell(run, folder):
                        raise _Lost
                    held_until = now + LEASE.total_seconds()
                except DatabaseError as error:
                    logger.warning("Training %s could not be noted: %s", run.pk, error)
                    let_go()
                    if now > held_until:
                        raise _Lost from error
            if training_folder.cancel_asked(folder):
                asked_at = asked_at or now
                if now - asked_at > GRACE_SECONDS:
                    process.kill()
    except BaseException as error:
        _end(process)
        if isinstance(error, _Lost):
            return None
        raise
    return training_folder.read_result(folder) or _without_result(run, folder, process.returncode)


class _Lost(RuntimeError):
    """Another worker holds the run now."""


def _tell(run: TrainingRun, folder: Path) -> bool:
    """Whether the run is still held."""
    progress = training_folder.last_progress(folder)
    changes: dict[str, Any] = {"lease_until": timezone.now() + LEASE, "progress": progress}
    if progress.get("step", 0) > run.progress.get("step", 0):
        changes["attempt"] = 1  # it gets further, so the deaths before do not count
    if not TrainingRun.objects.filter(pk=run.pk, worker=run.worker, state=_State.RUNNING).update(**changes):
        return False
    if TrainingRun.objects.filter(pk=run.pk, cancel_asked=True).exists():
        training_folder.ask_to_cancel(folder)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _without_result(run: TrainingRun, folder: Path, status: int) -> TrainingResult | None:
    """A process that left no result: it was stopped or killed, and is tried again from its checkpoint."""
    if training_folder.cancel_asked(folder):
        return TrainingResult("cancelled", CANCELLED)
    if status != STOPPED:
        logger.warning("The process of training %s ended with status %s.", run.pk, status)
    waiting = {"state": _State.QUEUED, "worker": "", "pid": None, "lease_until": None}
    TrainingRun.objects.filter(pk=run.pk, worker=run.worker).update(**waiting)
    return None


def _finish(run: TrainingRun, folder: Path, result: TrainingResult) -> None:
    """Register the adapter and end the row, both or neither; then clear up."""
    ended: dict[str, Any] = {
        "state": _State(result.state),
        "verdict": result.verdict[:500],
        "finished_at": timezone.now(),
        "progress": training_folder.last_progress(folder),
        "pid": None,
        "lease_until": None,
    }
    ours = TrainingRun.objects.filter(pk=run.pk, worker=run.worker, state=_State.RUNNING)
    if result.state == "done":
        try:
            with transaction.atomic():
                if not ours.update(**ended, adapter=_register(run, folder, result)):
                    return
        except (AdapterRefused, OSError) as error:
            ours.update(**ended | {"state": _State.FAILED, "verdict": f"The adapter cannot be kept: {error}"[:500]})
    elif not ours.update(**ended):
        return
    training_folder.clear(folder)


def _register(run: TrainingRun, folder: Path, result: TrainingResult) -> Adapter | None:
    """With its lineage. None when another run made the very same adapter."""
    adapter = adapters.register(folder / "adapter", base_model=run.base_model)
    card = {
        "run": run.pk,
        "dataset": run.dataset.digest,
        "dataset_name": run.dataset.name,
        "method": run.method,
        "config": run.config,
        "base_model": run.base_model,
        "made_by": run.created_by,
        "figures": result.figures,
        "versions": _versions(),
    }
    if other := TrainingRun.objects.filter(adapter=adapter).exclude(pk=run.pk).first():
        logger.info("Run %s made the same adapter as run %s.", run.pk, other.pk)
        return None
    # The dataset may have been tainted while this trained; the adapter rests on it all the same.
    tainted = Dataset.objects.filter(pk=run.dataset_id).values_list("tainted", flat=True).first() or ""
    Adapter.objects.filter(pk=adapter.pk).update(card=card, tainted=tainted)
    return adapter


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("torch", "transformers", "peft", "trl"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def as_json(run: TrainingRun) -> dict[str, Any]:
    """For commands: how a run stands."""
    return {
        "run": run.pk,
        "state": run.state,
        "verdict": run.verdict,
        "adapter": run.adapter.digest if run.adapter else "",
        "progress": run.progress,
        "config": asdict(from_json(run.config)),
    }
