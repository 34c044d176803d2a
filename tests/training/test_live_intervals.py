"""Intervals of shares and means: against published examples, and honest where little is known."""

import math
import random
import statistics

import pytest

from chatbot.training.live_intervals import sample, sample_difference, share, share_difference


def test_newcombes_own_example() -> None:
    """56/70 less 48/80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    found = share_difference((56, 70), (48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-4)


def test_nothing_seen_is_nothing_known() -> None:
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)
    found = share_difference((0, 0), (5, 10))
    assert found.low < -0.2 and found.high > 0.2
    assert sample([]).n == 0
    assert sample_difference(sample([]), sample([1.0, 2.0])).high == math.inf


def test_a_perfect_record_of_few_is_not_surely_better() -> None:
    assert share_difference((0, 10), (2, 10)).high > 0


def test_a_stricter_interval_holds_the_other() -> None:
    loose, strict = (share_difference((20, 100), (10, 100), z) for z in (1.96, 3.7))
    assert strict.low < loose.low < loose.value < loose.high < strict.high


def test_a_mean_is_bounded_as_theory_says() -> None:
    dice = random.Random(1)
    values = [dice.gauss(5, 2) for _ in range(400)]
    found = sample(values)
    assert found.error == pytest.approx(statistics.stdev(values) / 20, rel=0.15)
    assert found.low < statistics.fmean(values) < found.high


def test_the_same_values_give_the_same_interval_in_any_order() -> None:
    values = [float(number % 7) for number in range(100)]
    assert sample(values) == sample(values[::-1])


def test_many_values_are_bounded_from_an_even_part() -> None:
    values = [float(number % 100) for number in range(50_000)]
    assert sample(values).n == 50_000
    assert sample(values).low < 49.5 < sample(values).high
