"""Celery's doors into intake (queue `index`). The rows are the queue; a task only says: look now.

A task that finds another at work ends at once. `reconcile` finds what a killed process or a lost message left.
"""

import logging
from typing import Any, Final

from celery import shared_task
from django.db import transaction

logger = logging.getLogger(__name__)

HARD_LIMIT: Final = 6 * 3600


@shared_task(queue="index", ignore_result=True, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def extract_waiting() -> None:
    """Turn waiting bytes into Markdown until none is left."""
    from retrieval import intake_work

    intake_work.extract_waiting()


@shared_task(queue="index", ignore_result=True, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def sync_waiting() -> None:
    """Fetch what sources have to offer until no source waits."""
    from retrieval import intake_work

    intake_work.sync_waiting()


@shared_task(queue="index", ignore_result=True, expires=30, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def reconcile() -> None:
    """Go on with what was accepted and not finished, and clear away what was deleted."""
    from retrieval import intake_work

    intake_work.clear_away()
    intake_work.extract_waiting()
    intake_work.sync_waiting()


def ring_documents() -> None:
    """Ask for extraction after the present transaction."""
    transaction.on_commit(lambda: _ring(extract_waiting))


def ring_sources() -> None:
    """Ask for a sync of the waiting sources after the present transaction."""
    transaction.on_commit(lambda: _ring(sync_waiting))


def _ring(task: Any) -> None:
    try:
        task.apply_async(retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways; reconcile finds the rows
        logger.warning("Documents wait for the next reconcile: the broker did not take the task (%s).", error)
