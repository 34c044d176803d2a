"""Places of the dial's chart: pure geometry, drawn by the template as SVG. The table beside it holds the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chatbot.conversations.drafts.autonomy import Setting

LEFT: Final = 44
TOP: Final = 12
WIDE: Final = 560
HIGH: Final = 200
BAR: Final = 24


@dataclass(frozen=True)
class Column:
    """One setting, in whole pixels; `bar` and `dot` are None where there is not enough data."""

    label: str
    x: int
    left: int
    bar: int | None
    bar_high: int
    dot: int | None
    low: int
    high: int
    chosen: bool


def columns(settings: Sequence[Setting], *, chosen: float | None) -> list[Column]:
    """`chosen` is the dial's present confidence, None where the bot does not answer alone."""
    step = WIDE / max(1, len(settings))
    passed = [one.threshold for one in settings if chosen is not None and one.threshold <= chosen + 1e-9]
    return [_column(one, round(LEFT + step * (place + 0.5)), passed[-1:]) for place, one in enumerate(settings)]


def _column(one: Setting, x: int, chosen: list[float]) -> Column:
    bar = None if one.alone is None else _y(one.alone.value)
    dot = None if one.heavy is None else _y(one.heavy.value)
    low, high = (0, 0) if one.heavy is None else (_y(one.heavy.low), _y(one.heavy.high))
    return Column(
        f"{one.threshold * 100:.0f}", x, x - BAR // 2, bar, 0 if bar is None else TOP + HIGH - bar, dot, low, high,
        one.threshold in chosen,
    )  # fmt: skip


def _y(share: float) -> int:
    return round(TOP + HIGH * (1 - share))


def lines() -> list[tuple[int, str]]:
    """Heights of the grid and their labels."""
    return [(_y(share / 100), str(share)) for share in (0, 25, 50, 75, 100)]
