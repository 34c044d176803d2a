"""The one-process installation is killed and stopped while customers talk: nothing lost, nothing doubled."""

import asyncio
import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults import verdict
from tests.faults.customers import Customer, acknowledged
from tests.faults.stack import QUESTIONS, Stack, embedded, faultless_answers, wait_for_port

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]

CUSTOMERS: Final = 12
MESSAGES: Final = 10
ENDS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGKILL)
SLOW_ENGINE: Final = "first_token_ms=150,token_ms=15"
STOP_SECONDS: Final = 5.0
"""What the demo promises after Ctrl-C or SIGTERM."""


def test_every_message_is_kept_once_in_order_and_answered_though_the_process_is_killed_or_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with embedded(tmp_path, GENERATOR_OPTIONS=SLOW_ENGINE) as stack:
        answers = faultless_answers(stack)
        customers = _customers(stack)
        stops = asyncio.run(asyncio.wait_for(_talk(stack, customers), 200))
        counts = verdict.check(_query(stack), customers, answers=answers)
    with capsys.disabled():
        stopped = ", ".join(f"{seconds:.1f} s" for seconds in stops)
        print(f"\n  one process, {len(ENDS) - len(stops)} kills, stops in {stopped}: {counts}")
    assert max(stops) <= STOP_SECONDS


def _customers(stack: Stack) -> list[Customer]:
    made = []
    for number in range(CUSTOMERS):
        dice = random.Random(number)
        made.append(Customer(stack.ports, [dice.choice(QUESTIONS) for _ in range(MESSAGES)], dice))
    return made


async def _talk(stack: Stack, customers: Sequence[Customer]) -> list[float]:
    """Let everybody talk; end and start the process in between. Returns how long each orderly end took."""
    talking = asyncio.gather(*(customer.run() for customer in customers))
    process, stops = stack.processes[0], []
    for number, end in enumerate(ENDS, 1):
        await acknowledged(customers, number * CUSTOMERS * MESSAGES // (len(ENDS) + 1))
        started = time.monotonic()
        await asyncio.to_thread(process.end, end)
        if end != signal.SIGKILL:
            stops.append(time.monotonic() - started)
        process.start()
        await asyncio.to_thread(wait_for_port, stack.ports[0])
    await talking
    return stops


def _query(stack: Stack) -> verdict.Query:
    def query(sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(Path(stack.environment["DATA_DIR"]) / "parley.sqlite3") as connection:
            return connection.execute(sql).fetchall()

    return query
