"""Sliding windows: what fits is let through, what does not is told when it will."""

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations import rates
from chatbot.conversations.rates import Limit, OverLimit, Rate, Window
from chatbot.widget import limits

NOON = 1_800_000_000.0


def taken(limit: Limit, at: float) -> float:
    """0 when one more was counted at that second, else the seconds to wait."""
    try:
        rates.take([limit], now=at)
    except OverLimit as over:
        return over.retry_after
    return 0.0


@pytest.mark.parametrize(("text", "rate"), [("20/minute", Rate(20, 60)), (" 1 / day ", Rate(1, 86400))])
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert rates.parse(text, "LIMIT_X") == rate


@pytest.mark.parametrize("text", ["", "20", "20/fortnight", "-1/minute", "0/minute", "a/minute"])
def test_a_wrong_rate_is_refused_with_the_settings_name(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="LIMIT_X"):
        rates.parse(text, "LIMIT_X")


@given(
    count=st.integers(1, 50),
    seconds=st.sampled_from([1, 60, 3600]),
    previous=st.integers(0, 60),
    current=st.integers(0, 60),
    share=st.floats(0, 0.999),
)
def test_after_the_announced_wait_one_more_fits_and_a_little_earlier_it_does_not(
    count: int, seconds: int, previous: int, current: int, share: float
) -> None:
    rate = Rate(count, seconds)
    window = Window(previous, current, share * seconds)
    wait = rates.wait(rate, window)
    assert 0 <= wait <= 2 * seconds

    def later(by: float) -> Window:
        elapsed = window.elapsed + by
        if elapsed < seconds:
            return Window(previous, current, elapsed)
        return Window(current, 0, elapsed - seconds) if elapsed < 2 * seconds else Window(0, 0, elapsed - 2 * seconds)

    assert rates.wait(rate, later(wait + 1e-6 * seconds)) <= 1e-6 * seconds
    if wait > 0.01 * seconds:
        assert rates.wait(rate, later(wait - 0.01 * seconds)) > 0


def test_no_window_of_the_clock_lets_a_double_burst_through() -> None:
    limit = Limit(Rate(10, 60), "test", "a")
    start = NOON - NOON % 60
    assert sum(taken(limit, start + 59.0) == 0 for _ in range(15)) == 10
    assert sum(taken(limit, start + 60.5) == 0 for _ in range(15)) <= 1


def test_a_refused_attempt_is_not_counted() -> None:
    limit = Limit(Rate(2, 60), "test", "b")
    start = NOON - NOON % 60
    assert [taken(limit, start) for _ in range(2)] == [0, 0]
    first = taken(limit, start)
    for _ in range(50):
        assert taken(limit, start) == first
    assert taken(limit, start + first + 0.1) == 0


def test_what_one_visitor_may_not_do_uses_up_nothing_that_others_share(settings) -> None:  # type: ignore[no-untyped-def]
    settings.LIMIT_MESSAGES_PER_VISITOR = "2/hour"
    settings.LIMIT_MESSAGES_PER_ADDRESS = "100/hour"
    settings.LIMIT_MESSAGES_PER_INBOX = "5/hour"
    refused = 0
    for _ in range(30):
        try:
            limits.message(visitor_id=1, address="10.0.0.1", inbox_id=1)
        except OverLimit:
            refused += 1
    assert refused == 28
    for _ in range(2):
        limits.message(visitor_id=2, address="10.0.0.2", inbox_id=1)


def test_an_inbox_has_its_own_limit(settings) -> None:  # type: ignore[no-untyped-def]
    settings.LIMIT_MESSAGES_PER_INBOX = "3/hour"
    for visitor in range(3):
        limits.message(visitor_id=visitor, address=f"10.0.0.{visitor}", inbox_id=1)
    with pytest.raises(OverLimit):
        limits.message(visitor_id=9, address="10.0.0.9", inbox_id=1)
    limits.message(visitor_id=9, address="10.0.0.9", inbox_id=2)


def test_addresses_of_one_ipv6_network_count_as_one(settings) -> None:  # type: ignore[no-untyped-def]
    settings.LIMIT_CONVERSATIONS_PER_ADDRESS = "2/hour"
    limits.conversation(address="2001:db8::1")
    limits.conversation(address="2001:db8::2")
    with pytest.raises(OverLimit):
        limits.conversation(address="2001:db8::3")
    limits.conversation(address="2001:db8:0:1::1")


def test_without_a_cache_messages_pass(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("no cache here")

    monkeypatch.setattr(cache, "incr", away)
    for _ in range(100):
        limits.message(visitor_id=1, address="10.0.0.1", inbox_id=1)
    assert "cache does not answer" in caplog.text


def test_a_refusal_says_when_to_try_again() -> None:
    assert "Please try again in 3 seconds." in OverLimit(2.4).message
    assert "Please try again in 1 second." in OverLimit(0.2).message


def test_a_socket_has_a_bucket_that_fills_again() -> None:
    flood = rates.Flood(burst=3, per_second=1.0)
    start = 10.0**9
    assert [flood.allows(now=start) for _ in range(4)] == [True, True, True, False]
    assert flood.allows(now=start + 1.1)
    assert not flood.allows(now=start + 1.1)
