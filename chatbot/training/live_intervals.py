"""How sure a difference between two sides is: shares by Wilson and Newcombe, means and medians by bootstrap. Pure.

Sides are independent samples of conversations, so nothing is paired here. In plain Python: the process that shows these
figures has no numpy. Newcombe 1998, Interval estimation for the difference between independent proportions, method 10.
"""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chatbot.conversations.drafts.autonomy import Z as Z95
from chatbot.conversations.drafts.autonomy import wilson

RESAMPLES: Final = 400
MOST: Final = 4000
"""Values that are resampled; of more, an even part is taken."""
Statistic = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float


def share(count: int, of: int, z: float = Z95) -> Interval:
    """A share with Wilson's interval; 0 in (0, 1) where nothing was seen."""
    found = count / of if of > 0 else 0.0
    return Interval(found, *wilson(found, of, z))


def share_difference(left: tuple[int, int], right: tuple[int, int], z: float = Z95) -> Interval:
    """First share less the second, each as (count, of)."""
    one, two = share(*left, z), share(*right, z)
    down = math.hypot(one.value - one.low, two.high - two.value)
    up = math.hypot(one.high - one.value, two.value - two.low)
    difference = one.value - two.value
    return Interval(difference, max(-1.0, difference - down), min(1.0, difference + up))


@dataclass(frozen=True)
class Sample:
    """A figure of one side: `error` is its standard error by bootstrap."""

    n: int
    value: float
    low: float
    high: float
    error: float


def sample(values: Sequence[float], statistic: Statistic = statistics.fmean, *, seed: int = 0) -> Sample:
    """The statistic of the values (one per conversation) with its percentile interval."""
    if not values:
        return Sample(0, 0.0, 0.0, 0.0, 0.0)
    kept = _part(sorted(values))
    dice = random.Random(seed)  # noqa: S311 - statistics, not secrets
    drawn = sorted(statistic(dice.choices(kept, k=len(kept))) for _ in range(RESAMPLES))
    low, high = drawn[round(0.025 * (RESAMPLES - 1))], drawn[round(0.975 * (RESAMPLES - 1))]
    return Sample(len(values), statistic(values), low, high, statistics.pstdev(drawn))


def sample_difference(left: Sample, right: Sample, z: float = Z95) -> Interval:
    """First less second. Without values on a side nothing is known."""
    if not left.n or not right.n:
        return Interval(0.0, -math.inf, math.inf)
    difference, reach = left.value - right.value, z * math.hypot(left.error, right.error)
    return Interval(difference, difference - reach, difference + reach)


def _part(ordered: Sequence[float]) -> Sequence[float]:
    if len(ordered) <= MOST:
        return ordered
    return [ordered[number * len(ordered) // MOST] for number in range(MOST)]
