"""Celery's doors into the learning side (queue `training`). Arguments are JSON primitives; heavy work is elsewhere.

Trainings and evaluations are processes of their own; a task only watches one. Every task may run twice: the rows decide
who works.
"""

from typing import Final

from celery import shared_task

HARD_LIMIT: Final = 7 * 24 * 3600
EVALUATION_LIMIT: Final = 5 * 3600


@shared_task(queue="training", ignore_result=True, time_limit=HARD_LIMIT)
def train(run_id: int) -> None:
    """See one training to its end."""
    from finetune import runs

    runs.carry_out(run_id)


@shared_task(queue="training", ignore_result=True, expires=30, time_limit=60)
def reclaim() -> None:
    """Find runs that nobody works on: their worker was killed, or the word never reached one."""
    from finetune import runs

    runs.reclaim()


@shared_task(queue="training", ignore_result=True, time_limit=EVALUATION_LIMIT, soft_time_limit=EVALUATION_LIMIT - 60)
def evaluate(evaluation_id: int) -> None:
    """Compare a candidate with what answers now, and ask the gate."""
    from finetune import evaluations

    evaluations.carry_out(evaluation_id)


@shared_task(queue="training", ignore_result=True, expires=30, time_limit=60)
def reconcile_evaluations() -> None:
    """Find evaluations that a killed worker or a lost message left undone."""
    from finetune import evaluations

    evaluations.reclaim()
