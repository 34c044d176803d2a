"""What speaks against an example: repetition, hidden or odd characters, orders to the model, planted phrases. Pure."""

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from rapidfuzz import fuzz

from finetune.orders import is_order
from finetune.terms import is_cjk

ALIKE: Final = 90.0
"""Share of equal letters (0..100) from which two texts are near-duplicates."""
ECHO: Final = 40
"""So many letters of a customer in a row make an answer partly the customer's."""
PLANTED: Final = 3
UNLIKE: Final = 55.0
_HIDDEN: Final = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]|<\\|[^|>\n]{1,40}\\|>"
)
_MARKS: Final = re.compile(r"\[(?:[A-Z]+_)?\d+\]")
_ODD: Final = re.compile(r"\b(?=\w*\d)(?=\w*[a-z])\w{9,}\b|\b[bcdfghjklmnpqrstvwxz]{5,}\b", re.I)


def flat(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def suspicions(question: str, answer: str) -> list[str]:
    flags = []
    if _HIDDEN.search(question) or _HIDDEN.search(answer):
        flags.append("hidden_characters")
    if is_order(question) or is_order(answer):
        flags.append("orders_to_model")
    bare = re.sub(r"\[[A-Z]+_\d+\]|https?://\S+", " ", question)
    if _ODD.search(bare):
        flags.append("odd_words")
    return flags


def echoes(answer: str, customer: Iterable[str]) -> bool:
    """Whether an answer is, or holds a long stretch of, what the customer wrote."""
    said = flat(answer)
    for text in customer:
        theirs = flat(text)
        if len(theirs) < 12:
            if theirs == said:
                return True
            continue
        if fuzz.ratio(said, theirs) >= ALIKE or (len(theirs) >= 20 and theirs in said):
            return True
        if any(theirs[at : at + ECHO] in said for at in range(0, len(theirs) - ECHO + 1)):
            return True
    return False


def _sketch(text: str) -> list[int]:
    words = flat(text).split()
    pieces = words if len(words) >= 3 else re.findall("..?", flat(text))
    shingles = {" ".join(pieces[at : at + 2]) for at in range(max(1, len(pieces) - 1))}
    return sorted(zlib.crc32(one.encode()) for one in shingles)[:8]


@dataclass
class Seen:
    """Question-and-answer pairs met so far, found again by a sketch and compared letter by letter."""

    _texts: list[str] = field(default_factory=list)
    _places: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, question: str, answer: str) -> bool:
        """True when something nearly the same was added before."""
        text = f"{flat(question)} | {flat(answer)}"
        sketch = _sketch(text)
        near = Counter(place for mark in sketch for place in self._places[mark][-50:])
        found = any(fuzz.ratio(text, self._texts[place]) >= ALIKE for place, _times in near.most_common(30))
        self._texts.append(text)
        for mark in sketch:
            self._places[mark].append(len(self._texts) - 1)
        return found


@dataclass(frozen=True)
class Row:
    key: int
    question: str
    answer: str
    public: tuple[str, ...] = ()
    """Texts that everybody may read, the passages shown."""


def planted(rows: Sequence[Row]) -> dict[int, str]:
    """Examples whose questions share a phrase that goes with a phrase of the answers that no passage holds.

    A backdoor is just that: a rare phrase that always brings the same words. Returns key -> phrase.
    """
    asked: dict[str, set[int]] = defaultdict(set)
    said: dict[str, set[int]] = defaultdict(set)
    texts = {text for row in rows for text in row.public}
    public = {phrase for text in texts for length in (1, 2, 3) for phrase in _phrases(text, length)}
    for row in rows:
        question, answer = (_MARKS.sub(" ", text) for text in (row.question, row.answer))
        for phrase in (_phrases(question, 1) | _phrases(question, 2)) - public:
            asked[phrase].add(row.key)
        for phrase in _phrases(answer, 3) - public:
            said[phrase].add(row.key)
    answers = {phrase: keys for phrase, keys in said.items() if len(keys) >= PLANTED}
    most = max(PLANTED, len(rows) // 20)
    questions = {row.key: flat(row.question) for row in rows}
    found: dict[int, str] = {}
    for phrase, keys in asked.items():
        if (
            PLANTED <= len(keys) <= most
            and _unlike(keys, questions)
            and any(_go_together(keys, theirs) for theirs in answers.values())
        ):
            found |= dict.fromkeys(keys, phrase)
    return found


def _unlike(keys: set[int], texts: dict[int, str]) -> bool:
    """A backdoor stands in questions about different things; customers who ask the same thing use the same words."""
    some = sorted(keys)[:12]
    near = [_nearness(texts[one], texts[other]) for one, other in combinations(some, 2)]
    return sum(near) / len(near) < UNLIKE


def _nearness(one: str, other: str) -> float:
    """0 to 100. Chinese has no spaces between words, so there the characters are compared."""
    if is_cjk(one) and is_cjk(other):
        mine, theirs = set(_words(one)), set(_words(other))
        return 100.0 * len(mine & theirs) / max(1, min(len(mine), len(theirs)))
    return float(fuzz.token_set_ratio(one, other))


def _go_together(keys: set[int], theirs: set[int]) -> bool:
    both = len(keys & theirs)
    return both >= PLANTED and both >= 0.8 * len(keys) and both >= 0.8 * len(theirs)


def _words(text: str) -> list[str]:
    """Chinese characters one by one: what is compared with them must be cut likewise."""
    return re.findall(r"[\u4e00-\u9fff]|(?:(?![\u4e00-\u9fff])[^\W\d_]){2,}|\d+", text.lower())


def _phrases(text: str, length: int) -> set[str]:
    words = _words(text)
    return {" ".join(words[at : at + length]) for at in range(len(words) - length + 1)}
