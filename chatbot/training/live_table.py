"""Figures of a trial as lines of a table, and what there is to say about them. Pure; the words are the template's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from chatbot.training.live_deciding import MEANS, SHARES

COUNTS: Final = ("conversations", "answers", "named")


@dataclass(frozen=True)
class Cell:
    """A figure, and how sure it is in small print."""

    value: str
    detail: str = ""


@dataclass(frozen=True)
class Line:
    """`verdict`: better, worse or "" where the 95 % interval holds no difference too."""

    figure: str
    canary: Cell
    stable: Cell
    difference: Cell | None = None
    verdict: str = ""


def lines(figures: Mapping[str, Any]) -> list[Line]:
    """Nothing for figures that were never counted."""
    canary, stable = figures.get("canary"), figures.get("stable")
    if not isinstance(canary, dict) or not isinstance(stable, dict):
        return []
    counts = [Line(name, Cell(str(canary.get(name, 0))), Cell(str(stable.get(name, 0)))) for name in COUNTS]
    shares = [_line(name, row, -1) for name in SHARES if (row := figures["shares"].get(name))]
    means = [_line(name, row, better) for name, better in MEANS.items() if (row := figures["means"].get(name))]
    return [*counts, *shares, *means]


def number(name: str, value: float, *, sign: bool = False) -> str:
    """A figure with its unit."""
    form = "+" if sign else ""
    if name == "write_ms":
        return f"{value:{form}.0f} ms"
    return f"{value * 100:{form}.1f} %" if name in SHARES or name == "edits" else f"{value:{form}.2f}"


def unheard(figures: Mapping[str, Any]) -> bool:
    """Answers were drawn to the canary and none of them is its own."""
    canary = figures.get("canary")
    return isinstance(canary, dict) and canary.get("answers", 0) > 0 and not canary.get("named", 0)


def _line(name: str, row: Mapping[str, Any], better: int) -> Line:
    canary, stable = (_share(row[side]) if name in SHARES else _mean(name, row[side]) for side in ("canary", "stable"))
    if "difference" not in row:
        return Line(name, canary, stable)
    low, high = row["low"], row["high"]
    verdict = "" if low <= 0 <= high else "better" if (low > 0) == (better > 0) else "worse"
    value, least, most = (number(name, one, sign=True) for one in (row["difference"], low, high))
    return Line(name, canary, stable, Cell(value, f"{least} … {most}"), verdict)


def _share(cell: Mapping[str, Any]) -> Cell:
    if not cell["of"]:
        return Cell("–")
    part = _("%(count)s of %(of)s") % {"count": cell["count"], "of": cell["of"]}
    return Cell(f"{cell['value'] * 100:.1f} %", f"{part} · {cell['low'] * 100:.0f}–{cell['high'] * 100:.0f} %")


def _mean(name: str, cell: Mapping[str, Any]) -> Cell:
    if not cell["n"]:
        return Cell("–")
    low, high = (number(name, cell[key]) for key in ("low", "high"))
    return Cell(number(name, cell["value"]), f"n = {cell['n']} · {low} … {high}")
