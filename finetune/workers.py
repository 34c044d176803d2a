"""Names of workers, and which of them are surely dead: so that a restart need not wait for a lease to run out.

A worker of this machine and process space whose process is gone holds nothing; of others only the lease tells.
"""

import hashlib
import os
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.db.models import Model, Q


def _place() -> str:
    """This boot and this space of process numbers: the same number elsewhere is another process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: nobody is ever surely dead
        return uuid.uuid4().hex[:16]
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:16]


PLACE = _place()


def name() -> str:
    """A new one for each claim."""
    return f"{PLACE}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def dead(names: Iterable[str]) -> list[str]:
    """Those whose process is gone."""
    return [one for one in names if _is_dead(one)]


def deserted(table: type[Model], now: datetime) -> Q:
    """Of rows that run: the lease ran out, or the worker's process is gone."""
    held = table._default_manager.filter(state="running").values_list("worker", flat=True)
    return Q(lease_until__lt=now) | Q(worker__in=dead(held))


def _is_dead(worker: str) -> bool:
    place, _, rest = worker.partition(":")
    number = rest.partition(":")[0]
    if place != PLACE or not number.isdigit() or int(number) <= 0:
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
