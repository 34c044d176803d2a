"""A passage with one thing changed, and a question without its passage: does a model believe what it reads? Pure.

A number, a day of the week or a month becomes another one, everywhere in the passages. A model that answers with the
old one answers from its weights. What holds nothing of the kind is left alone.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_WORDS: Final = (
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "January February March April June July August September October November December".split(),
    "周一 周二 周三 周四 周五 周六 周日".split(),
    "星期一 星期二 星期三 星期四 星期五 星期六 星期日".split(),
)


@dataclass(frozen=True)
class Change:
    """`old` as it stood in the passages and in the answer, `new` as it stands there now."""

    texts: tuple[str, ...]
    old: str
    new: str

    def phrase(self, text: str) -> str:
        """A phrase of the right answer, changed in the same way."""
        return _replaced(text, self.old, self.new)


def change(texts: Sequence[str], phrase: str, *, beside: str = "") -> Change | None:
    """Change what `phrase` says in `texts`; None where there is nothing to change. `beside` holds none of the new."""
    for old in [*(match[0] for match in _NUMBER.finditer(phrase)), *_words_in(phrase)]:
        changed = tuple(_replaced(text, old, "\0") for text in texts)
        if changed == tuple(texts):
            continue
        new = _another(old, "\n".join([*texts, beside]))
        if new:
            return Change(tuple(text.replace("\0", new) for text in changed), old, new)
    return None


def _replaced(text: str, old: str, new: str) -> str:
    if old[0].isdigit():
        pattern = rf"(?<![\d.,]){re.escape(old)}(?!\d|[.,]\d)"
    else:
        pattern = rf"\b{re.escape(old)}(?![a-z])" if old.isascii() else re.escape(old)
    return re.sub(pattern, lambda _match: new, text)


def _words_in(phrase: str) -> list[str]:
    return [word for row in _WORDS for word in row if _replaced(phrase, word, "\0") != phrase]


def _another(old: str, everything: str) -> str:
    """Always the same for the same text; "" when everything like it is taken."""
    drawn = int.from_bytes(hashlib.sha256(f"{old} {everything}".encode("utf-8", "replace")).digest()[:6])
    choices = _numbers(old) if old[0].isdigit() else next(row for row in _WORDS if old in row)
    for turn in range(len(choices)):
        new = choices[(drawn + turn) % len(choices)]
        if new != old and _replaced(everything, new, "\0") == everything:
            return new
    return ""


def _numbers(old: str) -> list[str]:
    """As many digits in the whole part, and the same fraction: 4.90 becomes 7.90."""
    whole = re.match(r"\d+(?:,\d{3})*", old)
    head = whole[0] if whole else old
    digits = len(head.replace(",", ""))
    least = 10 ** (digits - 1) if digits > 1 else 2
    rows = [least + step for step in range(1, 10**digits - least, max(1, (10**digits - least) // 40))]
    return [f"{row:,}{old[len(head) :]}" if "," in head else f"{row}{old[len(head) :]}" for row in rows]
