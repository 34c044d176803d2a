"""Who carries out which evaluation: claims, leases and what became of a dead worker's. One runs at a time.

A claim is a conditional UPDATE that must change exactly one row; every sign of life extends its lease.
"""

import logging
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from finetune import workers
from finetune.lost_connections import through_a_lost_connection
from finetune.models import Evaluation

logger = logging.getLogger(__name__)

WORKER: Final = workers.name()
LEASE: Final = timedelta(seconds=45)
ATTEMPTS: Final = 3
_BEAT: Final = timedelta(seconds=2)
_State = Evaluation.State


class Lost(Exception):
    """Another worker holds the row now, or it is gone."""


def claim(evaluation_id: int) -> Evaluation | None:
    """The row for this worker alone; None when it is another's, over already, or another one runs."""
    now = timezone.now()
    free = Q(state=_State.QUEUED) | (Q(state=_State.RUNNING) & workers.deserted(Evaluation, now))
    found = Evaluation.objects.filter(free, pk=evaluation_id).only("attempt").first()
    if found is None:
        return None
    if found.attempt >= ATTEMPTS:
        _give_up(found)
        return None
    mine = Evaluation.objects.filter(free, pk=evaluation_id, attempt=found.attempt)
    try:
        with transaction.atomic():
            taken = mine.update(
                state=_State.RUNNING, attempt=found.attempt + 1, worker=WORKER, lease_until=now + LEASE,
                started_at=now, progress={}, error="",
            )  # fmt: skip
    except IntegrityError:  # another one runs; it rings for this one when it is done
        return None
    return Evaluation.objects.select_related("adapter", "against", "dataset").get(pk=evaluation_id) if taken else None


def _give_up(evaluation: Evaluation) -> None:
    waiting = Evaluation.objects.filter(pk=evaluation.pk, attempt=evaluation.attempt)
    waiting.filter(state__in=[_State.QUEUED, _State.RUNNING]).update(
        state=_State.FAILED, error=f"It was begun {ATTEMPTS} times, and the worker died each time. See its log.",
        worker="", lease_until=None, finished_at=timezone.now(),
    )  # fmt: skip


def ours(evaluation: Evaluation) -> Any:
    """The row as a QuerySet, if this worker still holds it on this attempt."""
    return Evaluation.objects.filter(pk=evaluation.pk, worker=WORKER, attempt=evaluation.attempt, state=_State.RUNNING)


def beat(evaluation: Evaluation, told: dict[str, Any]) -> None:
    """Extend the lease and keep the progress, every other second and not with every line. Raises Lost."""
    now = timezone.now()
    if told.get("steps"):
        evaluation.progress = _progress(evaluation, told)
    if evaluation.lease_until and evaluation.lease_until - now > LEASE - _BEAT:
        return
    evaluation.lease_until = now + LEASE
    changes = {"lease_until": evaluation.lease_until, "progress": evaluation.progress}
    if through_a_lost_connection(lambda: ours(evaluation).update(**changes)) != 1:
        raise Lost


def _progress(evaluation: Evaluation, told: dict[str, Any]) -> dict[str, Any]:
    begun = evaluation.started_at or timezone.now()
    passed = max(0.0, (timezone.now() - begun).total_seconds())
    done, steps = int(told["done"]), int(told["steps"])
    left = round(passed / done * (steps - done)) if done else None
    return {"done": done, "steps": steps, "side": str(told.get("side", "")), "eta_seconds": left}


def put_back() -> int:
    """Rows of workers that died wait again. Returns how many."""
    dead = Evaluation.objects.filter(workers.deserted(Evaluation, timezone.now()), state=_State.RUNNING)
    back = dead.update(state=_State.QUEUED, worker="", lease_until=None, progress={})
    if back:
        logger.warning("%d evaluations of a worker that died begin anew.", back)
    return back


def next_waiting() -> int | None:
    """The oldest that waits; None while one runs."""
    if Evaluation.objects.filter(state=_State.RUNNING).exists():
        return None
    return Evaluation.objects.filter(state=_State.QUEUED).order_by("pk").values_list("pk", flat=True).first()
