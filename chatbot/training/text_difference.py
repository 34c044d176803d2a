"""Two texts in pieces, each marked where the other lacks it. Pure."""

import difflib
import re
from typing import Final

MOST: Final = 1500
"""Words that are compared; what follows stands as one piece. Comparing takes the product of both lengths."""
_UNIT: Final = re.compile(r"[㐀-鿿]|\s+|[^\s㐀-鿿]+")
Pieces = list[tuple[str, bool]]


def pieces(before: str, after: str) -> dict[str, Pieces]:
    """By words, or by characters where there are no spaces."""
    left, right = _UNIT.findall(before), _UNIT.findall(after)
    found: dict[str, Pieces] = {"before": [], "after": []}
    matcher = difflib.SequenceMatcher(None, left[:MOST], right[:MOST], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        found["before"].append(("".join(left[a:b]), kind != "equal"))
        found["after"].append(("".join(right[c:d]), kind != "equal"))
    rest = ["".join(units[MOST:]) for units in (left, right)]
    for side, text in zip(("before", "after"), rest, strict=True):
        found[side].append((text, rest[0] != rest[1]))
    return {side: [one for one in rows if one[0]] for side, rows in found.items()}
