"""Leases on rows that are work: this process's name, one heartbeat for all that it holds, and giving back.

A holder keeps a row while its lease runs; the heartbeat extends it and notices what was lost. When a process dies, its
leases expire, and who looks after that kind of row puts it back.
"""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from typing import Any, Final, Protocol, TypeVar

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from chatbot.conversations.models import ReplyJob, Suggestion

logger = logging.getLogger(__name__)

WORKER: Final = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
HEARTBEAT_SECONDS: Final = 1.0
KINDS: Final = (ReplyJob, Suggestion)
"""Tables whose rows are leased. Each has the states `queued` and `running`."""


class Held(Protocol):
    """A row that this process holds. `lost` is set when it does no longer."""

    @property
    def model(self) -> Any: ...

    @property
    def pk(self) -> int: ...

    @property
    def attempt(self) -> int: ...

    @property
    def lost(self) -> threading.Event: ...


H = TypeVar("H", bound=Held)


def lease() -> timedelta:
    return timedelta(seconds=settings.REPLY_LEASE_SECONDS)


class _Heartbeat:
    """One thread per process that extends the leases of all held rows and notices those that were lost."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], Held] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, claim: Held) -> None:
        with self._lock:
            self._held[_key(claim)] = claim
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
        self._wake.set()

    def remove(self, claim: Held) -> None:
        with self._lock:
            if self._held.get(_key(claim)) is claim:
                del self._held[_key(claim)]

    def held(self) -> list[Held]:
        with self._lock:
            return list(self._held.values())

    def _run(self) -> None:
        while True:
            held = self.held()
            if not held:
                self._wake.clear()
                if not self.held():
                    self._wake.wait()
            else:
                try:
                    self.beat(held)
                except DatabaseError as error:
                    logger.warning("Leases could not be extended: %s", error)
                finally:
                    connections.close_all()
                threading.Event().wait(HEARTBEAT_SECONDS)

    def beat(self, held: Sequence[Held]) -> None:
        for _name, group in groupby(sorted(held, key=_key), key=lambda claim: _key(claim)[0]):
            claims = list(group)
            rows = claims[0].model.objects.filter(pk__in=[claim.pk for claim in claims], worker=WORKER, state="running")
            attempts = dict(rows.values_list("pk", "attempt"))
            for claim in claims:
                if attempts.get(claim.pk) != claim.attempt:
                    claim.lost.set()
            rows.update(lease_until=timezone.now() + lease())


def _key(claim: Held) -> tuple[str, int]:
    return claim.model.__name__, claim.pk


heartbeat: Final = _Heartbeat()


@contextmanager
def held(claim: H) -> Iterator[H]:
    """Keep the lease alive while the block runs."""
    heartbeat.add(claim)
    try:
        yield claim
    finally:
        heartbeat.remove(claim)


def ours(claim: Held) -> Any:
    """The row as a QuerySet, if this process still holds it on this attempt."""
    return claim.model.objects.filter(pk=claim.pk, worker=WORKER, attempt=claim.attempt, state="running")


def give_back_all() -> int:
    """At an orderly stop: give every held row back without counting the attempt. Returns how many."""
    claims = heartbeat.held()
    for claim in claims:
        claim.lost.set()
        try:
            ours(claim).update(
                state="queued", worker="", lease_until=None, attempt=claim.attempt - 1, available_at=timezone.now()
            )
        except DatabaseError as error:
            logger.warning("%s %d waits for its lease to expire: %s", claim.model.__name__, claim.pk, error)
    return len(claims)


def give_back_of_dead_workers() -> int:
    """At the start of an embedded process: rows whose process on this host is gone need not wait for their lease."""
    released = 0
    for model in KINDS:
        for row in model.objects.filter(state="running"):
            host, _sep, rest = row.worker.partition(":")
            pid = rest.partition(":")[0]
            if host == socket.gethostname() and pid.isdigit() and not _alive(int(pid)):
                released += model.objects.filter(
                    pk=row.pk, worker=row.worker, attempt=row.attempt, state="running"
                ).update(state="queued", worker="", lease_until=None)
    return released


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return False  # an earlier process had our number
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
