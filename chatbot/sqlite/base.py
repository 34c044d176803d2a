"""Django's SQLite backend, with the writers of one process in a queue.

SQLite lets one connection write at a time and makes the others sleep and look again, up to 100 ms each time, in no
order. With dozens of threads that costs seconds. Here a thread waits for a lock that wakes it at once. Other processes
that write to the same file still meet SQLite's own lock and its timeout.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from django.db.backends.sqlite3 import base

_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_gates: Final[defaultdict[str, threading.Lock]] = defaultdict(threading.Lock)
_making: Final = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's; a transaction holds the process's gate from BEGIN IMMEDIATE to its end."""

    _holds = False

    @property
    def gate(self) -> threading.Lock:
        with _making:
            return _gates[str(self.settings_dict["NAME"])]

    @property
    def patience(self) -> float:
        """Seconds to wait for the gate. Then SQLite's lock decides: waiting for good could hide a deadlock."""
        return float(self.settings_dict["OPTIONS"].get("timeout", 5))

    def create_cursor(self, name: str | None = None) -> Any:
        return self.connection.cursor(factory=partial(GatedCursor, wrapper=self))

    def _start_transaction_under_autocommit(self) -> None:
        self._holds = self._holds or self.gate.acquire(timeout=self.patience)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._leave()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self._leave()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._leave()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._leave(closed=True)

    def _leave(self, *, closed: bool = False) -> None:
        if self._holds and (closed or self.connection is None or not self.connection.in_transaction):
            self._holds = False
            self.gate.release()


class GatedCursor(base.SQLiteCursorWrapper):
    """A statement that writes outside of a transaction is a transaction of its own: it waits its turn as well."""

    def __init__(self, connection: Any, *, wrapper: DatabaseWrapper) -> None:
        super().__init__(connection)
        self._wrapper = wrapper

    def execute(self, query: str, params: Any = None) -> Any:
        with self._turn(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        with self._turn(query):
            return super().executemany(query, param_list)

    @contextmanager
    def _turn(self, query: str) -> Iterator[None]:
        alone = not self.connection.in_transaction and query.lstrip()[:7].upper().startswith(_WRITES)
        held = alone and self._wrapper.gate.acquire(timeout=self._wrapper.patience)
        try:
            yield
        finally:
            if held:
                self._wrapper.gate.release()
