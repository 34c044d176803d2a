"""What the dial would do: from drafts that people judged, the share the bot would answer alone and how often it erred.

Pure. It counts and bounds; it sets nothing and promises nothing about drafts that nobody judged.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Outcome = Literal["unchanged", "light", "rewrite", "dismissed", "ignored"]

SETTINGS: Final = tuple(percent / 100 for percent in range(50, 100, 5))
"""Confidences the dial is shown at. Below the first one the bot never answers (`answering.ANSWER_FROM`)."""
MINIMUM: Final = 35
"""Judged drafts needed for a rate. With fewer, even a perfect record has an interval that reaches past one in ten."""
HEAVY: Final[frozenset[str]] = frozenset(["rewrite", "dismissed"])
GOOD: Final[frozenset[str]] = frozenset(["unchanged", "light"])
Z: Final = 1.959964
"""Of a two-sided 95 % interval."""
WEIGHT_MOST: Final = 100.0
"""One draft from a tiny sample must not outvote everything else."""


@dataclass(frozen=True)
class Decided:
    """One draft and what became of it. `weight` is how many answers it stands for; see `weight_of`."""

    confidence: float
    outcome: Outcome
    weight: float = 1.0


@dataclass(frozen=True)
class Rate:
    """A share (0..1) with its 95 % interval; `n` is the effective number of drafts behind it."""

    value: float
    low: float
    high: float
    n: float


@dataclass(frozen=True)
class Setting:
    """What would have happened with the dial at `threshold`. A rate is None where there is not enough data."""

    threshold: float
    alone: Rate | None
    """Share of all drafts that would have gone out without a person."""
    heavy: Rate | None
    """Share of rewritten or dismissed ones among the judged drafts that would have gone out."""
    judged: int
    ignored: int
    """Drafts that would have gone out and were passed over; they are in neither part of `heavy`."""
    heavy_with_ignored: Rate | None
    """The same when every ignored draft counts as a bad one: the worst that can be said."""


def weight_of(purpose: str, review_share: float | None) -> float:
    """A `review` draft stands for all answers above the dial that were not drawn; every other one for itself.

    The share is the one at the time of the draw. Where it is not known, the draft stands for itself.
    """
    if purpose != "review" or review_share is None or not 0 < review_share <= 1:
        return 1.0
    return min(1 / review_share, WEIGHT_MOST)


def wilson(share: float, n: float, z: float = Z) -> tuple[float, float]:
    """Wilson's interval of a share seen in `n` draws, 95 % unless told; (0, 1) when there are none."""
    if n <= 0:
        return 0.0, 1.0
    squared = z * z
    middle = share + squared / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + squared / (4 * n * n))
    low, high = (middle - reach) / (1 + squared / n), (middle + reach) / (1 + squared / n)
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def rate(hits: Sequence[float], misses: Sequence[float]) -> Rate | None:
    """The share of `hits` by weight. Unequal weights count for fewer draws (Kish's effective sample size)."""
    weights = [*hits, *misses]
    total = math.fsum(weights)
    if total <= 0:
        return None
    effective = total * total / math.fsum(weight * weight for weight in weights)
    share = min(1.0, math.fsum(hits) / total)
    low, high = wilson(share, effective)
    return Rate(share, low, high, effective)


def enough(found: Rate | None) -> Rate | None:
    """The rate, or None when too few drafts stand behind it."""
    return found if found is not None and found.n >= MINIMUM - 1e-9 else None


def at(threshold: float, drafts: Sequence[Decided]) -> Setting:
    """The figures at one setting of the dial."""
    above = [one for one in drafts if one.confidence >= threshold]
    below = [one.weight for one in drafts if one.confidence < threshold]
    good = [one.weight for one in above if one.outcome in GOOD]
    heavy = [one.weight for one in above if one.outcome in HEAVY]
    ignored = [one.weight for one in above if one.outcome == "ignored"]
    return Setting(
        threshold=threshold,
        alone=enough(rate([one.weight for one in above], below)),
        heavy=enough(rate(heavy, good)),
        judged=len(good) + len(heavy),
        ignored=len(ignored),
        heavy_with_ignored=enough(rate([*heavy, *ignored], good)),
    )


def dial(drafts: Iterable[Decided], settings: Sequence[float] = SETTINGS) -> tuple[Setting, ...]:
    """The figures at every setting, lowest first."""
    kept = list(drafts)
    return tuple(at(threshold, kept) for threshold in sorted(settings))
