"""Evaluations: ordering one, carrying it out, and its answers. Writes rows and folders; the models are elsewhere.

A killed worker's evaluation begins anew; answers, figures and verdict become visible together or not at all. It
promotes nothing: what passed the gate is still a person's to let live.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from finetune import adapters, datasets, evaluation_claims, evaluation_job, evaluation_questions, gate
from finetune import probes as probing
from finetune.evaluation_claims import Lost, ours
from finetune.evaluation_job import EvaluationRefused, Job
from finetune.evaluation_process import EvaluationDied, examine
from finetune.lost_connections import through_a_lost_connection
from finetune.models import Adapter, Dataset, Evaluation

logger = logging.getLogger(__name__)

WAITING_MOST: Final = 5
"""Evaluations that may wait or run at once."""
UNFORESEEN: Final = "The evaluation failed in a way that nobody foresaw. The worker's log says why."
_State = Evaluation.State

Examine = Callable[[Job, Path], Iterator[dict[str, Any]]]


def order(*, adapter: Adapter, dataset: Dataset, by: str, probes: dict[str, Any]) -> Evaluation:
    """Note what is to be compared, and ring for a worker. Raises EvaluationRefused."""
    _check(adapter, dataset, probes)
    against = adapters.active()
    if against is not None and against.pk == adapter.pk:
        against = None  # it cannot be compared with itself
    busy = Evaluation.objects.filter(state__in=[_State.QUEUED, _State.RUNNING])
    if busy.filter(adapter=adapter, dataset=dataset, against=against).exists():
        raise EvaluationRefused("Just this evaluation is on its way already.")
    if busy.count() >= WAITING_MOST:
        raise EvaluationRefused(f"{WAITING_MOST} evaluations wait already: let them end first.")
    made = Evaluation.objects.create(
        adapter=adapter, dataset=dataset, against=against, probes=probes, created_by=by[:150]
    )
    transaction.on_commit(partial(_ring, made.pk))
    return made


def _check(adapter: Adapter, dataset: Dataset, asked: dict[str, Any]) -> None:
    if adapter.tainted:
        raise EvaluationRefused("This adapter may be used no longer: train a new one.")
    if dataset.tainted:
        raise EvaluationRefused("This dataset may be used no longer: freeze a new one.")
    if not (adapter.base_model or settings.GENERATOR_MODEL):
        raise EvaluationRefused("The adapter names no base model: set GENERATOR_MODEL.")
    try:
        probing.from_json(asked)
    except ValueError as error:
        raise EvaluationRefused(str(error)) from error


def _ring(evaluation_id: int | None) -> None:
    from finetune.tasks import evaluate

    if evaluation_id is None:
        return
    try:
        evaluate.apply_async(args=(evaluation_id,), retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways; the clock finds the row
        logger.warning("Evaluation %d waits for the next reconcile: %s", evaluation_id, error)


def carry_out(evaluation_id: int, *, examine: Examine = examine) -> bool:
    """Do it if nobody else does. False when it is another's, over already, or another one runs."""
    claimed = evaluation_claims.claim(evaluation_id)
    if claimed is None:
        return False
    out = _folder(claimed)
    try:
        for told in examine(evaluation_questions.job(claimed), out):
            evaluation_claims.beat(claimed, told)
        through_a_lost_connection(partial(_finish, claimed, out))
    except Lost:
        logger.warning("Evaluation %d is another worker's now, or was finished.", claimed.pk)
        _remove(out)
        return False
    except (EvaluationRefused, EvaluationDied, datasets.DatasetRefused) as error:
        _fail(claimed, out, str(error))
    except Exception:
        logger.exception("Evaluation %d failed.", claimed.pk)
        _fail(claimed, out, UNFORESEEN)
    _ring(evaluation_claims.next_waiting())
    return True


def _folder(evaluation: Evaluation) -> Path:
    """Of this attempt; what earlier ones may have left is removed."""
    root = Path(settings.EVALUATION_DIR)
    root.mkdir(parents=True, exist_ok=True)
    for old in root.glob(f"evaluation-{evaluation.pk}-*"):
        shutil.rmtree(old, ignore_errors=True)
    return root / f"evaluation-{evaluation.pk}-{evaluation.attempt}"


@transaction.atomic
def _finish(evaluation: Evaluation, out: Path) -> None:
    """Figures, verdict and folder become visible together. Raises Lost."""
    figures = evaluation_job.read_figures(out)
    decision = gate.decide(figures, gate.Limits.of(settings.GATE_LIMITS))
    verdict = Evaluation.Verdict.PASSED if decision.passed else Evaluation.Verdict.BLOCKED
    changed = ours(evaluation).update(
        state=_State.DONE, figures=figures, verdict=verdict, folder=str(out), finished_at=timezone.now(),
        reasons=[check.as_json() for check in decision.checks], worker="", lease_until=None, progress={},
    )  # fmt: skip
    if changed != 1:
        raise Lost
    adapter = Adapter.objects.select_for_update().get(pk=evaluation.adapter_id)
    noted = {"id": evaluation.pk, "verdict": str(verdict), "dataset": evaluation.dataset.digest}
    adapter.card = {**adapter.card, "evaluation": noted}
    adapter.save(update_fields=["card"])


def _fail(evaluation: Evaluation, out: Path, sentence: str) -> None:
    _remove(out)
    over = {"state": _State.FAILED, "error": sentence[:500], "finished_at": timezone.now()}
    through_a_lost_connection(lambda: ours(evaluation).update(**over, worker="", lease_until=None, progress={}))


def _remove(out: Path) -> None:
    """Unless a row shows it: a commit whose answer was lost may have been made."""
    if not Evaluation.objects.filter(folder=str(out)).exists():
        shutil.rmtree(out, ignore_errors=True)


def reclaim() -> int:
    """For the clock: put back what a dead worker held, and ring for what waits. Returns how many were put back."""
    back = evaluation_claims.put_back()
    _ring(evaluation_claims.next_waiting())
    return back


def wait(evaluation: Evaluation, *, seconds: float, every: float = 0.5) -> Evaluation:
    """For commands: until it is over or the time is up."""
    until = time.monotonic() + seconds
    while evaluation.state in (_State.QUEUED, _State.RUNNING) and time.monotonic() < until:
        time.sleep(every)
        evaluation.refresh_from_db()
    return evaluation


def forget(*, evaluation: Evaluation) -> bool:
    """Remove its answers, for somebody whose conversations are among them. Figures and verdict stay."""
    folder = Evaluation.objects.filter(pk=evaluation.pk).values_list("folder", flat=True).first()
    if not folder or not Evaluation.objects.filter(pk=evaluation.pk, folder=folder).update(folder=""):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True


def answers(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Every question with the three answers, held-out conversations first. Raises OSError where the folder is gone."""
    return list(evaluation_job.read_answers(Path(evaluation.folder))) if evaluation.folder else []


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """For commands: how an evaluation stands."""
    return {
        "evaluation": evaluation.pk,
        "state": evaluation.state,
        "verdict": str(evaluation.verdict),
        "error": evaluation.error,
        "adapter": evaluation.adapter.digest,
        "against": evaluation.against.digest if evaluation.against else "",
        "figures": evaluation.figures,
        "reasons": evaluation.reasons,
    }
