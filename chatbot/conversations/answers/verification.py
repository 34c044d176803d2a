"""Checks each sentence of an answer against the passages before anybody sees it. Pure.

A sentence that a passage says and goes on with is quoted to its end. A sentence stays when a passage supports it and
its numbers, dates, names and addresses stand there too; else it is cut. Citation marks that point nowhere are removed,
and a supported sentence without one gets that of its passage. A plain courtesy claims nothing and needs no source.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from finetune.courtesy import is_plain_courtesy
from finetune.orders import without_orders
from finetune.prompt import FENCES
from finetune.records import ContextPassage
from finetune.sentences import units
from finetune.support import citation_marks, sentences, support, without_marks
from finetune.terms import is_cjk

_MARK: Final = re.compile(r"\s*\[(\d{1,3})\]")
_END: Final = re.compile(r"[.!?。！？…]+[\"'”’»)）」]*$")
_STUTTER: Final = re.compile(
    r"\b([^\W\d_]+(?:[^\w.!?]+[^\W\d_]+){0,5}?)(?:[^\w.!?]+\1\b){3,}|([\u4e00-\u9fff]{1,8}?)\2{3,}"
    r"|([^\W_][^\n.!?。！？]{2,29}?)\3{3,}|([^\W_])\4{11,}",
    re.IGNORECASE,
)
_TAIL: Final = 400
"""Characters of an unfinished sentence that are looked at for a stutter."""
_FENCE: Final = re.compile(rf"</?\s*(?:{FENCES})\b|\b(?:passages|highlights|question)>|<\|")
_NO_WORD: Final = re.compile(r"\W+$")
_BEGUN: Final = {True: 5, False: 3}
"""Characters of Chinese, and words of other languages, that tell which sentence was begun."""
_TORN_TAIL: Final = 2
"""Words at the end of a sentence that are looked for in the passages."""
_GOES_ON: Final = re.compile(r"\w{4}|[.@/]\w")
"""What follows where a word or an address is torn; "day" for "days" is none."""
_OPENING_WORDS: Final = 4
"""So few words that begin a sentence of a passage with its subject say nothing by themselves."""
_SUBJECT: Final = re.compile(r"(?:the|an?|our|your|this|these|each|every)\b", re.I)
_ADDRESS: Final = re.compile(r"https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.]+")


class Cut(StrEnum):
    """Why a sentence is not said. Logged with the turn, so a value stays what it is; the pages have words for each."""

    ADDRESS = "an address that no passage holds"
    FACT = "a number, date or amount that no passage holds there"
    NAME = "a name that no passage holds"
    OPPOSITE = "a passage says the opposite"
    UNSUPPORTED = "no passage supports it"
    NOTHING = "nothing supports it"
    STUTTER = "the same words over and over"
    REPEATED = "said already"
    TORN = "a piece torn out of a sentence"
    FENCE = "marks of the prompt"
    ALONE = "a courtesy, and nothing else to say"


@dataclass(frozen=True)
class Checked:
    """A judged sentence. `passages` are indexes of those it rests on; `gap` separates it from the one before.

    A `courtesy` rests on none: it is kept where something else is said (`answering`).
    """

    text: str
    kept: bool
    score: float
    passages: tuple[int, ...]
    reason: str = ""
    gap: str = " "
    courtesy: bool = False

    def renumbered(self, numbers: Mapping[int, int]) -> str:
        """The sentence with the passages' numbers exchanged for the answer's own; unknown marks vanish."""

        def exchange(match: re.Match[str]) -> str:
            number = numbers.get(int(match[1]))
            return "" if number is None else match[0].replace(match[1], str(number))

        return _MARK.sub(exchange, self.text)

    def card(self) -> dict[str, Any]:
        return {
            "text": without_marks(self.text).strip(),
            "kept": self.kept,
            "support": self.score,
            "passages": [index + 1 for index in self.passages],
            "reason": str(self.reason),
            **({"courtesy": True} if self.courtesy else {}),
        }


def stutters(text: str) -> bool:
    """Whether the same words come four times in a row, as from a small model that found no end."""
    return _STUTTER.search(text) is not None


def torn(sentence: str, texts: Sequence[str]) -> bool:
    """Whether a small model stopped in the middle of what it quoted: within a word or an address, or after the first
    few words of a sentence. English and the like; a Chinese sentence has no such joints.
    """
    said = _said(sentence)
    words = said.split(" ")
    if not said or is_cjk(said):
        return False
    flat = [" ".join(line.split()) for text in texts for line in text.splitlines()]
    tail = re.escape(" ".join(words[-_TORN_TAIL:]))
    after = [text[match.end() : match.end() + 4] for text in flat for match in re.finditer(rf"\b{tail}", text, re.I)]
    if len(words) >= _TORN_TAIL and after and all(_GOES_ON.match(rest) for rest in after):
        return True
    opens = re.compile(rf"(?:^\W*|[.!?] ){re.escape(said)} \w", re.I)
    return len(words) <= _OPENING_WORDS and bool(_SUBJECT.match(said)) and any(map(opens.search, flat))


def ended(sentence: str, texts: Sequence[str]) -> str:
    """`sentence` to its end, where it is the beginning of one sentence of the passages; else as it is.

    Half a sentence often leaves out the condition ("within 60 days", and not "if they are unworn"). An order to a model
    that a page holds is never completed.
    """
    said = _said(sentence)
    chinese = is_cjk(said)
    if (len(said) if chinese else len(said.split())) < _BEGUN[chinese]:
        return sentence
    begun = [
        unit.text
        for text in texts
        for unit in units(without_orders(text))
        if unit.kind in ("text", "item") and unit.text.casefold().startswith(said.casefold())
    ]
    whole = {text for text in begun if len(text) > len(said)}
    if len(whole) != 1 or any(_NO_WORD.sub("", text) == said for text in begun):
        return sentence
    return _marked(whole.pop(), *citation_marks(sentence))


def _said(sentence: str) -> str:
    """Without marks, line breaks and its final stop."""
    return _NO_WORD.sub("", " ".join(without_marks(sentence).split()))


def check(sentence: str, passages: Sequence[ContextPassage], *, trusted: bool = False) -> Checked:
    """Judge one sentence. `trusted`: cut out of the passages by our own code, so only its marks are resolved."""
    gap = "\n\n" if sentence.startswith("\n\n") else "\n" if sentence.startswith("\n") else " "
    gap = "" if gap == " " and is_cjk(sentence) else gap
    marks = tuple(dict.fromkeys(mark - 1 for mark in citation_marks(sentence) if 0 < mark <= len(passages)))
    texts = [passage.text for passage in passages]
    if not trusted:
        sentence = ended(sentence, texts)
        if is_plain_courtesy(bare := without_marks(sentence).strip()):
            return Checked(bare, False, 0.0, (), Cut.ALONE, gap, courtesy=True)
    found = support(sentence, texts, titles=[f"{passage.title} {passage.heading}" for passage in passages])
    if trusted and marks:
        return Checked(sentence.strip(), True, max(found.score, 0.98), marks, gap=gap)
    if spoilt := _spoilt(sentence, texts):
        return Checked(sentence.strip(), False, 0.0, marks, spoilt, gap)
    stray = [address for address in _ADDRESS.findall(sentence) if not any(address in text for text in texts)]
    reason = _reason(found.supported, bool(found.facts), bool(found.names), found.contradicted, bool(stray))
    if reason or found.passage < 0:
        return Checked(sentence.strip(), False, found.score, marks, reason or Cut.NOTHING, gap)
    own = support(sentence, [texts[index] for index in marks]) if marks else None
    if own is not None and own.supported:
        return Checked(sentence.strip(), True, found.score, marks, gap=gap)
    bare = without_marks(sentence).strip()
    return Checked(_marked(bare, found.passage + 1), True, found.score, (found.passage,), gap=gap)


def _spoilt(sentence: str, texts: Sequence[str]) -> str:
    """Why a sentence is none, although every word of it may stand in a passage."""
    if stutters(sentence):
        return Cut.STUTTER
    if _FENCE.search(sentence):
        return Cut.FENCE
    return Cut.TORN if torn(sentence, texts) else ""


def _reason(supported: bool, facts: bool, names: bool, contradicted: bool, stray: bool) -> str:
    if stray:
        return Cut.ADDRESS
    if facts:
        return Cut.FACT
    if names:
        return Cut.NAME
    if contradicted:
        return Cut.OPPOSITE
    return "" if supported else Cut.UNSUPPORTED


def _marked(sentence: str, *numbers: int) -> str:
    """With its marks before the final stop."""
    end = _END.search(sentence)
    at = end.start() if end else len(sentence)
    space = "" if is_cjk(sentence) or not numbers else " "
    return f"{sentence[:at]}{space}{''.join(f'[{number}]' for number in numbers)}{sentence[at:]}"


class StreamedSentences:
    """Cuts a stream into whole sentences as soon as the next one has begun."""

    def __init__(self) -> None:
        self._waiting = ""

    def feed(self, piece: str) -> Iterator[str]:
        self._waiting += piece
        bounds = [match.end() for match in re.finditer(r"[.!?](?=\s+\S)|[。！？](?=\S)|\n+(?=\S)", self._waiting)]
        for end in reversed(bounds):
            head, tail = self._waiting[:end], self._waiting[end:]
            if len(sentences(f"{head.strip()} {tail.strip()}")) > len(sentences(tail.strip())):
                self._waiting = tail
                yield from self._whole(head)
                return

    @property
    def stuck(self) -> bool:
        """Whether what has come of the next sentence goes round in circles."""
        return stutters(self._waiting[-_TAIL:])

    def flush(self) -> Iterator[str]:
        head, self._waiting = self._waiting, ""
        yield from self._whole(head)

    @staticmethod
    def _whole(text: str) -> Iterator[str]:
        lead = re.match(r"\s*", text)
        gap = lead[0] if lead and "\n" in lead[0] else ""
        for number, sentence in enumerate(sentences(text.strip())):
            yield gap + sentence if number == 0 else sentence
