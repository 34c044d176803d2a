"""Differences of paired figures, and how sure they are."""

import numpy as np
import pytest

from finetune import bootstrap


def test_a_clear_difference_is_on_one_side_of_nothing() -> None:
    better = [0.9, 0.8, 0.95, 0.85, 0.9, 0.8]
    found = bootstrap.paired(better, [one - 0.3 for one in better], 1)
    assert found.difference == pytest.approx(0.3)
    assert found.above and not found.below
    assert (found.low, found.high) == (pytest.approx(0.3), pytest.approx(0.3))


def test_noise_holds_nothing_in_its_interval() -> None:
    drawn = np.random.default_rng(3)
    found = bootstrap.paired(drawn.normal(size=40).tolist(), drawn.normal(size=40).tolist(), 1)
    assert found.low < 0 < found.high
    assert not found.above and not found.below


def test_pairs_see_what_means_do_not() -> None:
    """Questions differ far more than the two sides do: only pairing shows the small gain."""
    hard = np.random.default_rng(5).normal(size=60)
    found = bootstrap.paired((hard + 0.05).tolist(), hard.tolist(), 1)
    assert found.above
    assert found.high < 0.06


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(11)
    hits = 0
    for number in range(200):
        found = bootstrap.paired((drawn.normal(0.2, 1, 50)).tolist(), [0.0] * 50, number, resamples=400)
        hits += found.low <= 0.2 <= found.high
    assert 180 <= hits <= 199


def test_the_same_seed_says_the_same() -> None:
    left, right = [0.1, 0.9, 0.4, 0.7], [0.3, 0.2, 0.4, 0.1]
    assert bootstrap.paired(left, right, 7) == bootstrap.paired(left, right, 7)
    assert bootstrap.paired(left, right, 7) != bootstrap.paired(left, right, 8)


def test_a_figure_of_sums_is_resampled_as_a_whole() -> None:
    def ratio(sums: bootstrap.Floats) -> float:
        return float(sums[0] / sums[1])

    counts = [[float(n), 10.0] for n in range(1, 9)]
    found = bootstrap.of_sums(counts, [[one - 1, whole] for one, whole in counts], ratio, 1)
    assert found.difference == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1)


def test_no_pairs_are_no_difference_and_unequal_sides_are_refused() -> None:
    assert bootstrap.paired([], []) == bootstrap.Interval(0.0, 0.0, 0.0, 0)
    assert bootstrap.of_sums([], [], lambda _sums: 1.0) == bootstrap.Interval(0.0, 0.0, 0.0, 0)
    with pytest.raises(ValueError, match="do not pair"):
        bootstrap.paired([1.0], [])
