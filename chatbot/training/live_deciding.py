"""Whether a canary goes back by itself: is it surely worse than the others on a figure that was agreed on? Pure.

A trial is looked at every minute, and who looks often finds something by chance. So "surely" is far stricter than the
95 % that a page shows: `z` holds over a whole trial (docs/promotion.md has the simulation). It never promotes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from chatbot.training.live_intervals import Interval, Sample, sample_difference, share_difference

Action = Literal["wait", "go_on", "roll_back"]
SHARES: Final = ("cut", "abstained", "handed_over", "thumbs_down", "drafts_rejected")
"""Shares of conversations; the smaller the better."""
MEANS: Final = {"stars": 1, "edits": -1, "write_ms": -1}
"""Figure -> 1 where more is better, -1 where less is."""
SLOWER: Final = 0.5


@dataclass(frozen=True)
class Limits:
    """`least`: conversations on each side before anything is decided. `margins`: how much worse is still tolerated,
    as the figure itself (0.02 of a share, 0.2 stars), but for `write_ms` as a part of the others' time."""

    least: int = 30
    z: float = 3.7
    margins: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, dials: Mapping[str, float]) -> "Limits":
        """From a setting like least=50,handed_over=0.02. Raises ValueError."""
        known = {*SHARES, *MEANS, "least", "z"}
        if unknown := sorted(set(dials) - known):
            raise ValueError(f"{', '.join(unknown)} is not known; write one of {', '.join(sorted(known))}.")
        margins = {name: value for name, value in dials.items() if name not in ("least", "z")}
        least, z = dials.get("least", 30.0), dials.get("z", 3.7)
        if not (5 <= least <= 1_000_000 and 1 <= z <= 10 and all(0 <= one < 1e6 for one in margins.values())):
            raise ValueError("least is at least 5, z from 1 to 10, and a margin is not below 0.")
        return cls(int(least), z, margins)

    def margin(self, figure: str) -> float:
        return self.margins.get(figure, SLOWER if figure == "write_ms" else 0.0)


@dataclass(frozen=True)
class Reason:
    """A figure on which the canary is surely worse; `low` and `high` bound canary less the others."""

    figure: str
    canary: float
    stable: float
    low: float
    high: float


@dataclass(frozen=True)
class Decision:
    action: Action
    reasons: tuple[Reason, ...] = ()


def decide(figures: Mapping[str, Any], limits: Limits) -> Decision:
    """From `live_figures.figures`; the same figures always decide alike."""
    if min(figures[side]["conversations"] for side in ("canary", "stable")) < limits.least:
        return Decision("wait")
    found = [*_of_shares(figures, limits), *_of_means(figures, limits)]
    return Decision("roll_back" if found else "go_on", tuple(found))


def _of_shares(figures: Mapping[str, Any], limits: Limits) -> list[Reason]:
    found = []
    for name in SHARES:
        row = figures["shares"].get(name)
        if row is None:
            continue
        canary, stable = ((int(row[side]["count"]), int(row[side]["of"])) for side in ("canary", "stable"))
        if min(canary[1], stable[1]) < limits.least:
            continue
        difference = share_difference(canary, stable, limits.z)
        if difference.low > limits.margin(name):
            found.append(_reason(name, row, difference))
    return found


def _of_means(figures: Mapping[str, Any], limits: Limits) -> list[Reason]:
    found = []
    for name, direction in MEANS.items():
        row = figures["means"].get(name)
        if row is None:
            continue
        canary, stable = (Sample(**{key: row[side][key] for key in _SAMPLE}) for side in ("canary", "stable"))
        if min(canary.n, stable.n) < limits.least:
            continue
        difference = sample_difference(canary, stable, limits.z)
        margin = limits.margin(name) * (stable.value if name == "write_ms" else 1.0)
        worse = difference.high < -margin if direction > 0 else difference.low > margin
        if worse:
            found.append(_reason(name, row, difference))
    return found


_SAMPLE: Final = ("n", "value", "low", "high", "error")


def _reason(name: str, row: Mapping[str, Any], difference: Interval) -> Reason:
    values = (row["canary"]["value"], row["stable"]["value"])
    return Reason(name, *(round(one, 6) for one in (*values, difference.low, difference.high)))
