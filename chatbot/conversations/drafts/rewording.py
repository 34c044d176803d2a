"""What may not change when a text is said in other words: numbers, dates, amounts, names, links. Pure.

It refuses rather than mends: a text with another figure is not shown at all. Whether the words are good is the agent's
to see.
"""

import re
from collections import Counter
from enum import Enum
from typing import Final, Literal

from finetune.facts import missing_facts, missing_names

Style = Literal["shorter", "friendlier", "translate"]

_ADDRESS: Final = re.compile(
    r"https?://[^\s<>\"'，。；）)\]]+|www\.[^\s<>\"'，。；）)\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
_DIGITS: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_FENCE: Final = re.compile(r"^\s*<message>\s*|\s*</message>\s*$")
_QUOTES: Final = (('"', '"'), ("“", "”"), ("「", "」"))
_SWOLLEN: Final = 2.5
_ROOM: Final = 200


class Problem(Enum):
    EMPTY = "empty"
    NOT_SHORTER = "not shorter"
    FACTS = "facts"
    ADDRESSES = "addresses"
    NAMES = "names"
    SWOLLEN = "swollen"


def bare(text: str) -> str:
    """Without what models like to put around a text: our own fence, and quotation marks around all of it."""
    text = _FENCE.sub("", text).strip()
    for opening, closing in _QUOTES:
        if len(text) > 2 and text[0] == opening and text[-1] == closing and text.count(opening) <= 2:
            return text[1:-1].strip()
    return text


def problem(before: str, after: str, *, style: Style) -> Problem | None:
    """Why `after` may not stand for `before`; None when it may."""
    if not after.strip():
        return Problem.EMPTY
    if style == "shorter" and len(after) >= len(before):
        return Problem.NOT_SHORTER
    if len(after) > _SWOLLEN * len(before) + _ROOM:
        return Problem.SWOLLEN
    if _addresses(before) != _addresses(after):
        return Problem.ADDRESSES
    if not _same_facts(before, after, across=style == "translate"):
        return Problem.FACTS
    if style != "translate" and (missing_names(before, [after]) or missing_names(after, [before])):
        return Problem.NAMES
    return None


def _addresses(text: str) -> frozenset[str]:
    return frozenset(found.rstrip(".,;:!?。，") for found in _ADDRESS.findall(text))


def _same_facts(before: str, after: str, *, across: bool) -> bool:
    """Either every fact stands in both, or (in another language, where units have other names) every figure does."""
    before, after = _ADDRESS.sub(" ", before), _ADDRESS.sub(" ", after)
    if not missing_facts(before, [after]) and not missing_facts(after, [before]):
        return True
    return across and _figures(before) == _figures(after)


def _figures(text: str) -> Counter[str]:
    return Counter(re.sub(r"[.,](?=\d{3}(?!\d))", "", figure).replace(",", ".") for figure in _DIGITS.findall(text))
