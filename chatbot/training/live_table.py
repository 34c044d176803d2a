"""Figures of a trial as lines of a table, and what there is to say about them. Pure; the words are the template's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from chatbot.training.live_deciding import MEANS, SHARES

COUNTS: Final = ("conversations", "answers", "named")


@dataclass(frozen=True)
class Line:
    """`verdict`: better, worse or "" where the 95 % interval holds no difference too."""

    figure: str
    canary: str
    stable: str
    difference: str = ""
    verdict: str = ""


def lines(figures: Mapping[str, Any]) -> list[Line]:
    """Nothing for figures that were never counted."""
    if not isinstance(figures.get("canary"), dict) or not isinstance(figures.get("stable"), dict):
        return []
    canary, stable = figures["canary"], figures["stable"]
    counts = [Line(name, str(canary.get(name, 0)), str(stable.get(name, 0))) for name in COUNTS]
    shares = [_line(name, row, -1) for name in SHARES if (row := figures["shares"].get(name))]
    means = [_line(name, row, better) for name, better in MEANS.items() if (row := figures["means"].get(name))]
    return [*counts, *shares, *means]


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
    texts = [_number(name, value, sign=True) for value in (row["difference"], low, high)]
    return Line(name, canary, stable, f"{texts[0]} ({texts[1]} … {texts[2]})", verdict)


def _share(cell: Mapping[str, Any]) -> str:
    if not cell["of"]:
        return "–"
    part = _("%(count)s of %(of)s") % {"count": cell["count"], "of": cell["of"]}
    return f"{cell['value'] * 100:.1f} % ({part}; {cell['low'] * 100:.0f}–{cell['high'] * 100:.0f} %)"


def _mean(name: str, cell: Mapping[str, Any]) -> str:
    if not cell["n"]:
        return "–"
    low, high = (_number(name, cell[key]) for key in ("low", "high"))
    return f"{_number(name, cell['value'])} ({low} … {high}; n = {cell['n']})"


def _number(name: str, value: float, *, sign: bool = False) -> str:
    form = "+" if sign else ""
    if name == "write_ms":
        return f"{value:{form}.0f} ms"
    return f"{value * 100:{form}.1f} %" if name in SHARES or name == "edits" else f"{value:{form}.2f}"
