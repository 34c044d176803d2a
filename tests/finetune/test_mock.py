"""The mock engine: as slow, as long and as broken as its dials say, and the same every time."""

import time

import pytest

from finetune.engines.mock import MockEngine
from finetune.records import EngineConfig
from tests.finetune.requests import ask


def engine(**dials: float) -> MockEngine:
    return MockEngine(EngineConfig(kind="mock", options=dials))


def test_it_copies_the_first_passage_and_cites_it() -> None:
    result = engine().generate(ask()).result
    assert result.text == "Worn shoes can be returned within 30 days [1]. 鞋子可以在三十天之内退回 [1]。"
    assert engine().generate(ask()).result.text == result.text


def test_without_passages_it_does_not_know() -> None:
    assert engine().generate(ask(passages=())).result.text == "I do not know."


@pytest.mark.parametrize("count", [1, 7, 30])
def test_it_writes_as_many_pieces_as_asked(count: int) -> None:
    generation = engine(tokens=count).generate(ask())
    pieces = list(generation)
    assert len(pieces) == generation.result.new_tokens == count
    assert "".join(pieces) == engine().generate(ask()).result.text


def test_it_waits_as_long_as_its_dials_say() -> None:
    result = engine(first_token_ms=60, token_ms=5, tokens=10).generate(ask()).result
    assert result.first_token_seconds >= 0.06
    assert result.seconds >= 0.06 + 9 * 0.005


def test_cancel_ends_it_during_a_wait() -> None:
    generation = engine(first_token_ms=60_000).generate(ask())
    generation.cancel()
    started = time.monotonic()
    assert generation.result.finish_reason == "cancelled"
    assert time.monotonic() - started < 30


def test_the_share_of_failures_follows_the_dial_and_the_same_request_fails_again() -> None:
    broken = engine(failure_rate=0.3)
    results = [broken.generate(ask(f"question {n}")).result for n in range(400)]
    failed = [result for result in results if result.finish_reason == "error"]
    assert 80 < len(failed) < 160
    assert all(result.error for result in failed)
    again = [broken.generate(ask(f"question {n}")).result.finish_reason for n in range(400)]
    assert again == [result.finish_reason for result in results]
