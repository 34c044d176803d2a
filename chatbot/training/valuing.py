"""What reviewing an example is worth, and why; which ones are looked at by chance. Pure."""

from dataclasses import dataclass
from typing import Final

CHANCE: Final = 10
"""One in so many is of the random slice."""
_WORTH: Final = {
    "rewritten": 0.4,
    "edited": 0.25,
    "model_unsure": 0.2,
    "good_rating": 0.15,
    "own_words": 0.15,
    "preference": 0.15,
}


@dataclass(frozen=True)
class Signals:
    origin: str
    edit_distance: float | None = None
    confidence: float | None = None
    rating: int | None = None
    support: float = 0.0
    preference: bool = False
    near_duplicate: bool = False
    suspicious: bool = False


@dataclass(frozen=True)
class Value:
    value: float
    reasons: tuple[str, ...]


def value(signals: Signals) -> Value:
    """0..1. Corrections teach most; what is supported is surer to be kept; repetitions teach nothing."""
    distance = signals.edit_distance or 0.0
    says = {
        "rewritten": signals.origin == "edit" and distance >= 0.3,
        "edited": signals.origin == "edit" and distance < 0.3,
        "model_unsure": signals.confidence is not None and signals.confidence < 0.6,
        "good_rating": (signals.rating or 0) >= 4,
        "own_words": signals.origin == "reply",
        "preference": signals.preference,
    }
    reasons = [code for code, holds in says.items() if holds]
    total = 0.1 + sum(_WORTH[code] for code in reasons) + 0.2 * signals.support
    total *= 0.2 if signals.near_duplicate else 1.0
    total *= 0.5 if signals.suspicious else 1.0
    return Value(round(min(1.0, total), 4), tuple(reasons))


def by_chance(digest: str) -> bool:
    """The same for the same example, and out of reach of whoever wrote it."""
    return int(digest[:8], 16) % CHANCE == 0
