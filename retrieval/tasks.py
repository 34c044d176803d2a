"""Celery's doors into retrieval (queue `index`). Arguments are JSON primitives; heavy imports happen inside.

Every task may run twice or at the same time as another: the build lock and the hashes decide what is left to do.
"""

import logging
from functools import partial
from typing import Any, Final

from celery import shared_task
from django.db import transaction

from retrieval import intake_tasks  # noqa: F401 - Celery looks for tasks in modules of this name only

logger = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 0.5
HARD_LIMIT: Final = 6 * 3600


@shared_task(queue="index", ignore_result=True, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def sync_document(document_id: int) -> None:
    """Bring one extracted document into the answers (and whatever else waits)."""
    _sync()


@shared_task(queue="index", ignore_result=True, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def sync_documents() -> None:
    """Bring everything that changed into the answers."""
    _sync()


@shared_task(queue="index", ignore_result=True, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def rebuild() -> None:
    """Build and activate a version even where nothing changed: a damaged folder, another embedder."""
    _sync(force=True)


@shared_task(queue="index", ignore_result=True, expires=30, time_limit=HARD_LIMIT, soft_time_limit=HARD_LIMIT - 60)
def reconcile() -> None:
    """Find what a killed process or a lost message left undone."""
    from retrieval import sync

    if sync.is_due():
        _sync(force=sync.needs_rebuild())


def request_sync() -> None:
    """Ask for a sync after the present transaction. Call it as often as you like: a second one ends at once."""
    transaction.on_commit(partial(_ring, sync_documents))


def request_reconcile() -> None:
    """Ask for a look at what is wrong. Never raises."""
    _ring(reconcile)


def _ring(task: Any) -> None:
    try:
        task.apply_async(retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways; reconcile finds the work in the database
        logger.warning("Documents wait for the next reconcile: the broker did not take the task (%s).", error)


def _sync(*, force: bool = False) -> None:
    from retrieval import sync
    from retrieval.embedding import EmbedderUnavailable

    try:
        sync.run(force=force, settle_seconds=SETTLE_SECONDS)
    except EmbedderUnavailable as error:
        logger.error("The index was not built. %s", error)
        sync.note_trouble(str(error))
