"""Paired bootstrap: how sure a difference between two systems on the same questions is. Pure; numpy, no model library.

Percentile intervals (Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 13) over resampled questions, both
systems always on the same ones (Koehn 2004, Statistical Significance Tests for Machine Translation Evaluation). It
knows nothing of which direction is better and refuses nothing: no pairs are an interval of width 0 with n = 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RESAMPLES: Final = 2000
LEVEL: Final = 0.95

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], float]
"""Sums of the questions' counts (one number per column) -> the figure of a whole set, for example corpus BLEU."""


@dataclass(frozen=True)
class Interval:
    """Candidate minus current, with its 95 % interval over `n` pairs."""

    difference: float
    low: float
    high: float
    n: int

    @property
    def above(self) -> bool:
        return self.n > 0 and self.low > 0

    @property
    def below(self) -> bool:
        return self.n > 0 and self.high < 0


def paired(
    candidate: Sequence[float], current: Sequence[float], seed: int = 0, *, resamples: int = RESAMPLES
) -> Interval:
    """The difference of the means. Raises ValueError where the two do not pair."""
    differences = _column(candidate) - _column(current) if _pairs(candidate, current) else np.zeros(0)
    if not len(differences):
        return Interval(0.0, 0.0, 0.0, 0)
    drawn = _draws(len(differences), seed, resamples)
    return _interval(float(differences.mean()), differences[drawn].mean(axis=1), len(differences))


def of_sums(
    candidate: Sequence[Sequence[float]],
    current: Sequence[Sequence[float]],
    statistic: Statistic,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """The difference of a figure that is computed from sums over all questions, not from one number for each."""
    if not _pairs(candidate, current):
        return Interval(0.0, 0.0, 0.0, 0)
    left, right = np.asarray(candidate, np.float64), np.asarray(current, np.float64)
    drawn = _draws(len(left), seed, resamples)
    differences = [statistic(left[rows].sum(axis=0)) - statistic(right[rows].sum(axis=0)) for rows in drawn]
    whole = statistic(left.sum(axis=0)) - statistic(right.sum(axis=0))
    return _interval(whole, np.asarray(differences, np.float64), len(left))


def _pairs(candidate: Sequence[Any], current: Sequence[Any]) -> bool:
    if len(candidate) != len(current):
        raise ValueError(f"{len(candidate)} figures of one side do not pair with {len(current)} of the other.")
    return bool(candidate)


def _column(values: Sequence[float]) -> Floats:
    return np.asarray(values, np.float64)


def _draws(n: int, seed: int, resamples: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, n, size=(resamples, n))


def _interval(difference: float, resampled: Floats, n: int) -> Interval:
    outside = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [outside, 1 - outside])
    return Interval(round(difference, 6), round(float(low), 6), round(float(high), 6), n)
