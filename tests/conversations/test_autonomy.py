"""The dial's figures: worked out by hand, and properties that hold for any drafts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations.drafts.autonomy import MINIMUM, SETTINGS, Decided, at, dial, rate, weight_of, wilson

OUTCOMES = st.sampled_from(["unchanged", "light", "rewrite", "dismissed", "ignored"])
DRAFTS = st.lists(st.builds(Decided, st.floats(0, 1), OUTCOMES, st.floats(1, 100)), max_size=120)


def _drafts(confidence: float, **counts: int) -> list[Decided]:
    return [Decided(confidence, outcome, 1.0) for outcome, count in counts.items() for _one in range(count)]  # type: ignore[arg-type]


def test_wilson_agrees_with_figures_worked_out_by_hand() -> None:
    # 10 of 100: centre (0.1 + 3.8415/200) / 1.038415 = 0.1148; reach 1.96 * sqrt(0.0009 + 0.000096) / 1.038415 = 0.0596
    assert wilson(0.1, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0.0, 35) == pytest.approx((0.0, 3.8415 / 38.8415), abs=1e-4)
    assert wilson(0.5, 0) == (0.0, 1.0)


def test_a_perfect_record_of_fewer_drafts_than_the_minimum_cannot_rule_out_one_in_ten() -> None:
    assert wilson(0.0, MINIMUM)[1] < 0.1 < wilson(0.0, MINIMUM - 1)[1]


def test_a_setting_counts_what_would_have_gone_out() -> None:
    drafts = _drafts(0.9, unchanged=30, light=6, rewrite=3, dismissed=1, ignored=10) + _drafts(0.6, rewrite=50)
    found = at(0.7, drafts)
    assert found.alone is not None and found.heavy is not None and found.heavy_with_ignored is not None
    assert found.alone.value == pytest.approx(0.5)  # 50 of 100
    assert found.heavy.value == pytest.approx(0.1)  # 4 of 40: the ignored ones are no judgement
    assert found.heavy_with_ignored.value == pytest.approx(14 / 50)
    assert (found.judged, found.ignored) == (40, 10)


def test_ignored_drafts_alone_are_not_enough_data() -> None:
    found = at(0.5, _drafts(0.9, ignored=200))
    assert found.heavy is None
    assert found.ignored == 200


def test_one_draft_below_the_minimum_says_nothing() -> None:
    assert at(0.5, _drafts(0.9, unchanged=MINIMUM - 1)).heavy is None
    assert at(0.5, _drafts(0.9, unchanged=MINIMUM)).heavy is not None


def test_a_reviewed_draft_stands_for_the_answers_that_were_not_drawn() -> None:
    assert weight_of("review", 0.1) == pytest.approx(10)
    assert weight_of("review", 0.001) == 100
    assert [weight_of("unsure", 0.1), weight_of("review", None), weight_of("review", 0.0)] == [1, 1, 1]
    drafts = [Decided(0.9, "unchanged", 10.0)] * 40 + _drafts(0.4, rewrite=400)
    found = at(0.5, drafts)
    assert found.alone is not None
    assert found.alone.value == pytest.approx(0.5)  # 40 * 10 of 800


def test_unequal_weights_count_for_fewer_drafts() -> None:
    equal, unequal = rate([1.0] * 10, [1.0] * 10), rate([10.0], [1.0] * 10)
    assert equal is not None and unequal is not None
    assert equal.n == pytest.approx(20)
    assert unequal.n == pytest.approx(400 / 110)


@given(DRAFTS)
def test_rates_lie_in_their_intervals_and_a_higher_dial_answers_less(drafts: list[Decided]) -> None:
    found = dial(drafts)
    assert [one.threshold for one in found] == list(SETTINGS)
    for one in found:
        for share in (one.alone, one.heavy, one.heavy_with_ignored):
            assert share is None or 0 <= share.low <= share.value <= share.high <= 1
        if one.heavy and one.heavy_with_ignored:
            assert one.heavy_with_ignored.value >= one.heavy.value - 1e-9
    alone = [one.alone.value for one in found if one.alone]
    assert all(later <= earlier + 1e-9 for earlier, later in zip(alone, alone[1:], strict=False))
    assert [one.judged for one in found] == sorted((one.judged for one in found), reverse=True)


@given(st.floats(0, 1), st.floats(0.1, 1e6))
def test_more_drafts_never_widen_the_interval(share: float, n: float) -> None:
    low, high = wilson(share, n)
    closer_low, closer_high = wilson(share, n * 2)
    assert closer_high - closer_low <= high - low + 1e-9
