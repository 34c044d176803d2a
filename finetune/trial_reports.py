"""What workers say about loading a canary, for a page in another process. A hint in the cache, never the record."""

import logging
import os
import socket
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import cache

from finetune.trial_side import TrialReport

logger = logging.getLogger(__name__)

_PROBLEM_SECONDS: Final = 900
"""A worker tries again, and says so again, within this time."""
_READY_SECONDS: Final = 7 * 86400
_WORKER: Final = f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True)
class Loading:
    """`problem` is a sentence of a worker that could not load; `ready` says that some worker could."""

    ready: bool
    problem: str


def tell(report: TrialReport) -> None:
    """Called by the engine, which must go on when the cache is away."""
    try:
        if report.state == "ready":
            cache.set(_key(report.promotion_id, "ready"), _WORKER, _READY_SECONDS)
            kept: Any = cache.get(_key(report.promotion_id, "problem"))
            if isinstance(kept, dict) and kept.get("worker") == _WORKER:
                cache.delete(_key(report.promotion_id, "problem"))
        elif report.problem:
            said = {"worker": _WORKER, "problem": report.problem}
            cache.set(_key(report.promotion_id, "problem"), said, _PROBLEM_SECONDS)
    except Exception as error:  # noqa: BLE001 - caches fail in many ways
        logger.warning("The state of the canary could not be told: %s", error)


def known(promotion_id: int) -> Loading:
    try:
        kept: Any = cache.get(_key(promotion_id, "problem"))
        ready = bool(cache.get(_key(promotion_id, "ready")))
    except Exception as error:  # noqa: BLE001
        logger.warning("The state of the canary could not be read: %s", error)
        return Loading(False, "")
    return Loading(ready, str(kept["problem"]) if isinstance(kept, dict) else "")


def _key(promotion_id: int, what: str) -> str:
    return f"finetune:trial:{promotion_id}:{what}"
