"""A database connection that broke stays broken for a thread that no request or task ends: it has to be given up."""

from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")


def through_a_lost_connection(work: Callable[[], T]) -> T:
    """Do it; where this thread's connection broke since it was last used, once more on a new one."""
    try:
        return work()
    except (OperationalError, InterfaceError):
        if not let_go():
            raise
        return work()


def let_go() -> bool:
    """Give up a connection that failed, so that the next try opens a new one. False within a transaction."""
    if connection.in_atomic_block:
        return False
    connection.close()
    return True
