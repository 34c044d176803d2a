"""Sides of a trial: sticky, in proportion, drawn anew for every trial, and never a side without a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.trial import side

KEYS = [str(number) for number in range(20_000)]


@given(st.text(min_size=1), st.integers(1, 10**9), st.floats(0, 1))
def test_the_same_conversation_is_always_on_the_same_side(key: str, promotion: int, share: float) -> None:
    first = side(key=key, promotion_id=promotion, share=share)
    assert all(side(key=key, promotion_id=promotion, share=share) == first for _ in range(3))


@given(st.text(min_size=1), st.integers(1, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_only_adds_conversations(key: str, promotion: int, one: float, other: float) -> None:
    small, large = sorted([one, other])
    assert side(key=key, promotion_id=promotion, share=large) or not side(key=key, promotion_id=promotion, share=small)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.5])
def test_the_share_is_what_was_asked_for(share: float) -> None:
    found = sum(side(key=key, promotion_id=7, share=share) for key in KEYS) / len(KEYS)
    assert found == pytest.approx(share, abs=4 * (share * (1 - share) / len(KEYS)) ** 0.5)


def test_nothing_and_everything() -> None:
    assert not any(side(key=key, promotion_id=7, share=0.0) for key in KEYS[:1000])
    assert all(side(key=key, promotion_id=7, share=1.0) for key in KEYS[:1000])


def test_two_trials_draw_independently() -> None:
    both = sum(side(key=key, promotion_id=1, share=0.5) and side(key=key, promotion_id=2, share=0.5) for key in KEYS)
    assert both / len(KEYS) == pytest.approx(0.25, abs=0.02)


def test_without_a_key_the_active_side_answers() -> None:
    assert not side(key="", promotion_id=1, share=1.0)
