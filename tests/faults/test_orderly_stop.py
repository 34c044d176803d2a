"""SIGTERM and SIGINT (Ctrl-C) end the one process soon, with status 0, and what it was at is done after the next start."""

import asyncio
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults import verdict
from tests.faults.customers import Customer
from tests.faults.stack import QUESTIONS, Stack, embedded, faultless_answers, wait_for_port

pytestmark = [pytest.mark.faults, pytest.mark.slow]

STOP_SECONDS: Final = 5.0
"""What the demo promises after Ctrl-C or SIGTERM."""
ENDLESS_ENGINE: Final = "first_token_ms=300,token_ms=1000"
"""A minute for an answer: every stop comes in the middle of it."""
QUICK_ENGINE: Final = "first_token_ms=10,token_ms=1"
STOPS: Final = (signal.SIGTERM, signal.SIGINT)


def test_a_stopped_process_ends_at_once_and_the_answer_it_was_writing_is_given_after_the_next_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with embedded(tmp_path, GENERATOR_OPTIONS=ENDLESS_ENGINE) as stack:
        answers = faultless_answers(stack, GENERATOR_OPTIONS=QUICK_ENGINE)
        customers = [Customer(stack.ports, [text], random.Random(number)) for number, text in enumerate(QUESTIONS)]
        took = asyncio.run(asyncio.wait_for(_stop_twice(stack, customers), 120))
        counts = verdict.check(_query(stack), customers, answers=answers)
        assert {row[0] for row in _query(stack)("SELECT attempt FROM conversations_replyjob")} == {1}, (
            "an orderly stop costs no attempt"
        )
    with capsys.disabled():
        print(f"\n  stopped while writing, after {took[0]:.1f} s and {took[1]:.1f} s: {counts}")
    assert max(took) <= STOP_SECONDS


async def _stop_twice(stack: Stack, customers: list[Customer]) -> list[float]:
    talking = asyncio.gather(*(customer.run() for customer in customers))
    server, took = stack.processes[0], []
    for number in STOPS:
        await _all_in_work(stack, len(customers))
        took.append(await asyncio.to_thread(_stop, stack, number))
        states = _query(stack)("SELECT DISTINCT state, worker, attempt FROM conversations_replyjob")
        assert states == [("queued", "", 0)], "what was in work is given back"
        if number == STOPS[-1]:
            server.environment["GENERATOR_OPTIONS"] = QUICK_ENGINE
        server.start()
        await asyncio.to_thread(wait_for_port, stack.ports[0])
    await talking
    return took


async def _all_in_work(stack: Stack, count: int) -> None:
    while len(_query(stack)("SELECT 1 FROM conversations_replyjob WHERE state = 'running'")) < count:
        await asyncio.sleep(0.1)


def _stop(stack: Stack, number: signal.Signals) -> float:
    began = time.monotonic()
    status = stack.processes[0].end(number)
    assert status == 0, stack.processes[0].output()
    return time.monotonic() - began


def test_a_process_that_is_still_loading_its_model_ends_as_soon(tmp_path: Path) -> None:
    with embedded(tmp_path, embedder=True, GENERATOR_OPTIONS=QUICK_ENGINE) as stack:
        assert _stop(stack, signal.SIGINT) <= STOP_SECONDS


def _query(stack: Stack) -> verdict.Query:
    def query(sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(Path(stack.environment["DATA_DIR"]) / "parley.sqlite3") as connection:
            return connection.execute(sql).fetchall()

    return query
