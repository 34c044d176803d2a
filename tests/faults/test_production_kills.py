"""Web, reply workers, clock and Redis are killed while a hundred customers talk: nothing lost, nothing doubled.

The whole production set-up on PostgreSQL, with a Redis of its own that carries work, events and counts.
"""

import asyncio
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from tests.faults import verdict
from tests.faults.customers import Customer, acknowledged
from tests.faults.stack import QUESTIONS, Process, Stack, faultless_answers, production
from tests.services import require

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(660)]

CUSTOMERS: Final = 100
MESSAGES: Final = 20
ROUNDS: Final = 2
"""How often each process is killed."""
QUICK_ENGINE: Final = "first_token_ms=40,token_ms=4"


def test_two_thousand_messages_are_kept_once_in_order_and_answered_while_everything_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with production(tmp_path, postgres=_postgres(), GENERATOR_OPTIONS=QUICK_ENGINE) as stack:
        answers = faultless_answers(stack)
        customers = _customers(stack, CUSTOMERS, MESSAGES)
        began = time.monotonic()
        killed = asyncio.run(asyncio.wait_for(_talk(stack, customers), 480))
        seconds = time.monotonic() - began
        counts = verdict.check(_query(stack), customers, answers=answers)
    with capsys.disabled():
        kills = ", ".join(f"{name} {times}x" for name, times in sorted(killed.items()))
        print(f"\n  production, killed {kills}, in {seconds:.0f} s: {counts}")
    assert sum(len(customer.sent) for customer in customers) >= 2000


def test_customers_come_and_write_while_redis_hangs_and_are_answered_when_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres = _postgres()
    with production(tmp_path, postgres=postgres, webs=1, workers=1, GENERATOR_OPTIONS=QUICK_ENGINE) as stack:
        answers = faultless_answers(stack)
        customers = _customers(stack, 10, 3)
        for customer in customers:
            customer.patience = 0
        asyncio.run(asyncio.wait_for(_talk_to_a_hanging_redis(stack, customers), 120))
        counts = verdict.check(_query(stack), customers, answers=answers)
    with capsys.disabled():
        print(f"\n  all written while Redis hung: {counts}")


async def _talk_to_a_hanging_redis(stack: Stack, customers: Sequence[Customer]) -> None:
    redis = next(process for process in stack.processes if process.name == "redis")
    wanted = sum(len(customer.texts) for customer in customers)
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        talking = asyncio.gather(*(customer.run() for customer in customers))
        await acknowledged(customers, wanted)
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    await talking


def _postgres() -> str:
    url = require("postgres")
    if shutil.which("redis-server") is None:
        require("redis")
        pytest.skip("redis-server is not installed here, so no Redis can be killed")
    return url


def _customers(stack: Stack, count: int, messages: int) -> list[Customer]:
    made = []
    for number in range(count):
        dice = random.Random(number)
        texts = [dice.choice(QUESTIONS) for _ in range(messages)]
        made.append(Customer(stack.ports, texts, dice, patience=0.35, cuts=0.005))
    return made


async def _talk(stack: Stack, customers: Sequence[Customer]) -> Counter[str]:
    """Let everybody talk and kill one process after the other, in random order, until all was said and answered."""
    talking = asyncio.gather(*(customer.run() for customer in customers))
    dice = random.Random(0)
    victims = stack.processes * ROUNDS
    dice.shuffle(victims)
    for number, victim in enumerate(victims, 1):
        await acknowledged(customers, number * CUSTOMERS * MESSAGES // (len(victims) + 1))
        await _kill_and_start(victim, pause=dice.uniform(0.2, 2.0))
    await talking
    return Counter(victim.name for victim in victims)


async def _kill_and_start(process: Process, *, pause: float) -> None:
    await asyncio.to_thread(process.kill)
    await asyncio.sleep(pause)
    process.start()


def _query(stack: Stack) -> verdict.Query:
    def query(sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
            return connection.execute(sql).fetchall()  # type: ignore[call-overload]

    return query
