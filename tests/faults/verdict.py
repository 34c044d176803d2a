"""What must hold after any run: every message once, in order, answered by a whole answer, and seen once by its customer.

Reads the rows as they lie in the database, with no code of the product in between.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.faults.customers import Customer

Query = Callable[[str], list[tuple[Any, ...]]]

MESSAGES: Final = (
    "SELECT conversation_id, seq, client_id, role, text, id FROM conversations_message ORDER BY conversation_id, seq"
)
JOBS: Final = """
    SELECT job.conversation_id, trigger.seq, job.state, answer.seq, answer.text, job.attempt
    FROM conversations_replyjob job
    JOIN conversations_message trigger ON trigger.id = job.trigger_id
    LEFT JOIN conversations_message answer ON answer.id = job.answer_id
"""
CITED: Final = "SELECT message_id, number FROM conversations_citation"


def shape(text: str) -> str:
    """An answer without the numbers of its sources, which depend on what else is answered with it."""
    return re.sub(r"\[\d+\]", "[n]", text)


def check(query: Query, customers: Sequence[Customer], *, answers: Sequence[str]) -> str:
    """Assert everything; return the counts as one readable line. `answers` are whole ones, from a run without faults."""
    rows, jobs = query(MESSAGES), query(JOBS)
    _stored_once_in_order(rows, customers)
    _answered_whole(rows, jobs, query(CITED), {shape(answer) for answer in answers})
    _seen_once_in_order(rows, customers)
    counts = sum((customer.counts for customer in customers), Counter())
    states = Counter(state for _conversation, _seq, state, _answer, _text, _attempt in jobs)
    return (
        f"customers {len(customers)}, messages sent {sum(len(c.sent) for c in customers)}, "
        f"kept {sum(1 for row in rows if row[3] == 'customer')}, answers {sum(1 for row in rows if row[3] == 'bot')} "
        f"(own {states['done']}, together with a later message {states['absorbed']}), "
        f"second tries {sum(1 for job in jobs if job[5] > 1)}, {dict(sorted(counts.items()))}"
    )


def _stored_once_in_order(rows: list[tuple[Any, ...]], customers: Sequence[Customer]) -> None:
    sent = [client_id for customer in customers for client_id in customer.sent]
    kept = [row[2] for row in rows if row[2]]
    assert Counter(kept) == Counter(sent), "every message is kept once"
    assert all(not customer.texts for customer in customers), "every message was sent"
    numbers: dict[int, list[int]] = defaultdict(list)
    for conversation, seq, *_rest in rows:
        numbers[conversation].append(seq)
    for found in numbers.values():
        assert found == list(range(1, len(found) + 1)), "numbered without a gap"
    place = {row[2]: (row[0], row[1]) for row in rows if row[2]}
    for customer in customers:
        places = [place[client_id] for client_id in customer.sent]
        assert len({conversation for conversation, _seq in places}) == 1, "a customer keeps one conversation"
        assert places == sorted(places), "kept in the order they were written"
        assert all(place[client_id][1] == seq for client_id, seq in customer.acked.items()), "acknowledged as kept"


def _answered_whole(
    rows: list[tuple[Any, ...]], jobs: list[tuple[Any, ...]], cited: list[tuple[Any, ...]], whole: set[str]
) -> None:
    asked = {(row[0], row[1]) for row in rows if row[3] == "customer"}
    assert Counter((job[0], job[1]) for job in jobs) == Counter(asked), "one job for each message"
    unanswered = [job for job in jobs if job[2] not in ("done", "absorbed") or job[3] is None or job[3] < job[1]]
    assert not unanswered, f"unanswered: {unanswered[:5]}"
    answers = {(row[0], row[1]) for row in rows if row[3] == "bot"}
    assert Counter((job[0], job[3]) for job in jobs if job[2] == "done") == Counter(answers), "no answer twice"
    for _conversation, seq, _client, role, text, _message in rows:
        if role == "bot":
            assert all(part in whole for part in shape(text).split("\n\n")), f"answer {seq} is not whole: {text!r}"
    sources = {message for message, _number in cited}
    assert all(row[5] in sources for row in rows if row[3] == "bot"), "an answer has its sources"


def _seen_once_in_order(rows: list[tuple[Any, ...]], customers: Sequence[Customer]) -> None:
    kept: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
    conversation_of = {row[2]: row[0] for row in rows if row[2]}
    for conversation, seq, _client, role, text, _message in rows:
        kept[conversation].append((seq, role, text))
    for customer in customers:
        assert not customer.errors, customer.errors[:3]
        assert not customer.torn, customer.torn[:3]
        seen = [(message["seq"], message["role"], message["text"]) for message in customer.messages]
        assert seen == kept[conversation_of[customer.sent[0]]], "the customer saw what was kept, once and in order"
