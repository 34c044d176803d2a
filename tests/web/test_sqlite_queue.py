"""Threads of one process write to SQLite in turn, and a failed transaction never keeps the others out."""

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="the queue is SQLite's"),
]


def _together(count: int, work: Callable[[int], object]) -> None:
    def body(number: int) -> None:
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_thirty_threads_that_read_and_write_lose_nothing() -> None:
    group = Group.objects.create(name="0")

    def add_one(_number: int) -> None:
        for _ in range(5):
            with transaction.atomic():
                found = Group.objects.get(pk=group.pk)
                found.name = str(int(found.name) + 1)
                found.save()

    _together(30, add_one)
    group.refresh_from_db()
    assert group.name == "150"


def test_statements_outside_of_transactions_wait_their_turn() -> None:
    _together(20, lambda number: [Group.objects.create(name=f"{number}.{n}") for n in range(5)])
    assert Group.objects.count() == 100


def test_a_failed_transaction_lets_the_next_writer_in() -> None:
    Group.objects.create(name="taken")
    with pytest.raises(IntegrityError), transaction.atomic():
        Group.objects.create(name="taken")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Group.objects.create(name="other")
        raise ZeroDivisionError
    assert connection.gate.acquire(timeout=0)  # type: ignore[attr-defined]
    connection.gate.release()  # type: ignore[attr-defined]
    _together(2, lambda number: Group.objects.create(name=f"next {number}"))
    assert Group.objects.count() == 3


def test_a_connection_that_closes_in_a_transaction_gives_its_turn_back() -> None:
    def leave(_number: int) -> None:
        connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        connection.close()

    _together(1, leave)
    _together(1, lambda _number: Group.objects.create(name="after"))
    assert Group.objects.filter(name="after").exists()
