"""Celery's doors into the learning side (queue `training`). Arguments are JSON primitives; heavy work is elsewhere.

A task may run twice: rows are claimed by a conditional UPDATE, and who comes second leaves.
"""

from typing import Final

from celery import shared_task

HARD_LIMIT: Final = 5 * 3600


@shared_task(queue="training", ignore_result=True, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def evaluate(evaluation_id: int) -> None:
    """Compare a candidate with what answers now, in a process of its own, and ask the gate."""
    from finetune import evaluations

    evaluations.carry_out(evaluation_id)


@shared_task(queue="training", ignore_result=True, expires=30, time_limit=60)
def reconcile_evaluations() -> None:
    """Find what a killed worker or a lost message left undone."""
    from finetune import evaluations

    evaluations.reclaim()
