"""Celery's doors into the learning side (queue `training`). Arguments are JSON primitives; heavy work is elsewhere.

A training is a process of its own; the task only watches it. Every task may run twice: the rows decide who works.
"""

from typing import Final

from celery import shared_task

HARD_LIMIT: Final = 7 * 24 * 3600


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
