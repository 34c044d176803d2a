"""The one-process installation is killed again and again while customers talk: nothing lost, nothing doubled."""

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from tests.faults.customers import Customer
from tests.faults.stack import Stack, embedded, wait_for_port

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(420)]

CUSTOMERS, MESSAGES, KILLS = 12, 10, 4
QUESTIONS = ["When are refunds paid?", "When does the shop open?", "When does the shop close?"]


def test_every_message_is_kept_once_in_order_and_answered_though_the_process_is_killed(tmp_path: Path) -> None:
    with embedded(tmp_path) as stack:
        customers = [
            Customer(stack.ports, [f"{QUESTIONS[n % 3]} ({seed}-{n})" for n in range(MESSAGES)], random.Random(seed))
            for seed in range(CUSTOMERS)
        ]
        asyncio.run(asyncio.wait_for(_talk_and_kill(stack, customers), 360))
        rows = _rows(stack)
    sent = [client_id for customer in customers for client_id in customer.sent]
    kept = [client_id for _conversation, _seq, client_id, _role in rows if client_id]
    print(f"sent {len(sent)}, kept {len(kept)}, kills {KILLS}, reconnects {sum(c.reconnects for c in customers)}")
    assert sorted(kept) == sorted(sent), "every message once"
    assert len(sent) == CUSTOMERS * MESSAGES
    for conversation in {row[0] for row in rows}:
        numbers = [seq for other, seq, _client, _role in rows if other == conversation]
        assert numbers == list(range(1, len(numbers) + 1)), "numbered without a gap"
    assert _unanswered(stack) == []
    for customer in customers:
        assert not customer.out_of_order
        assert not customer.errors
        assert sorted(customer.messages) == list(range(1, customer.last_seq + 1))


async def _talk_and_kill(stack: Stack, customers: list[Customer]) -> None:
    process = stack.processes[0]
    talking = asyncio.gather(*(customer.run() for customer in customers))
    for _ in range(KILLS):
        await asyncio.sleep(5)
        process.kill()
        process.start()
        await asyncio.to_thread(wait_for_port, stack.ports[0])
    await talking


def _rows(stack: Stack) -> list[tuple[int, int, str | None, str]]:
    with sqlite3.connect(Path(stack.environment["DATA_DIR"]) / "parley.sqlite3") as connection:
        return connection.execute(
            "SELECT conversation_id, seq, client_id, role FROM conversations_message ORDER BY conversation_id, seq"
        ).fetchall()


def _unanswered(stack: Stack) -> list[tuple[int, str]]:
    with sqlite3.connect(Path(stack.environment["DATA_DIR"]) / "parley.sqlite3") as connection:
        return connection.execute(
            "SELECT id, state FROM conversations_replyjob WHERE state NOT IN ('done', 'absorbed') OR answer_id IS NULL"
        ).fetchall()
