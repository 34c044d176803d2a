"""Composes an answer from the best-supported sentences of the passages. Pure but for the similarity it is given.

It writes nothing that no passage says and repeats no order that stands in one. The extractive engine answers with it, and
the prompt shows it to models as highlights.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from finetune.orders import is_dictation, without_orders
from finetune.questions import asks
from finetune.ranking import Candidate, Similarity, rank
from finetune.records import ContextPassage, GenerationRequest
from finetune.sentences import Unit, units
from finetune.terms import Idf, flat_idf, is_cjk, term_set

_DEPENDENT: Final = re.compile(
    r"^(?:it|its|they|their|them|this|that|these|those|he|she|his|her|such|both|either|otherwise|however|then|there|also|"
    r"in (?:this|that|these|those|such) cases?|if so|if not|after that|afterwards|instead|therefore|so|but|and|or|"
    r"(?:dies\w*|das|sie|er|es)\b|(?:cela|ceci|ils?|elles?)\b|(?:esto|eso|ellos)\b)\b|^(?:它|他|她|这|那|此|该|其|否则|另外|但是?|不过|如果这样|届时|因此|所以|之后)",
    re.I,
)
_CONTINUES: Final = re.compile(
    r"^(?:however|but|otherwise|except|unless|only|instead|it|they|this|these|you (?:also|then|must|need)|after that|then|please note|note)\b"
    r"|^(?:但|不过|否则|除|仅|它|这|请注意|注意|此外)",
    re.I,
)
_MOST_UNITS: Final = 3
_MOST_WORDS: Final = 75
_LIST_ITEMS: Final = 8


@dataclass(frozen=True)
class Piece:
    """A stretch of one passage that will be one cited sentence or more."""

    passage: int
    first: int
    last: int
    text: str


def _size(text: str) -> float:
    return len(text) / 2 if is_cjk(text) else len(text.split())


def _closed(text: str) -> str:
    """The text with an end that a sentence has."""
    text = text.strip()
    if text.endswith((":", "：", ";", "；", ",", "，")):
        text = text[:-1]
    return (
        text
        if text.endswith((".", "!", "?", "。", "！", "？", "…", ")", "）", '"', "”"))
        else text + ("。" if is_cjk(text) else ".")
    )


def _cited(text: str, number: int) -> str:
    """The sentence with its mark before the final stop: "… 30 days [1]."."""
    text = _closed(text)
    end = len(text.rstrip(".!?。！？…"))
    if end == len(text):
        return f"{text} [{number}]"
    return f"{text[:end]}{'' if is_cjk(text) else ' '}[{number}]{text[end:]}"


def _group(pieces: Sequence[Unit], position: int) -> range:
    """The list that the item at `position` belongs to."""
    lead = pieces[position].lead
    first = last = position
    while first > 0 and pieces[first - 1].kind == "item" and pieces[first - 1].lead == lead:
        first -= 1
    while last + 1 < len(pieces) and pieces[last + 1].kind == "item" and pieces[last + 1].lead == lead:
        last += 1
    return range(first, last + 1)


def _listed(lead: str, items: Sequence[str]) -> str:
    """A list as running text."""
    chinese = is_cjk("".join(items))
    whole = all(item.endswith((".", "。", "!", "！")) for item in items)
    joined = (
        ("" if chinese else " ").join(items)
        if whole
        else ("；" if chinese else "; ").join(item.rstrip(".;；。,，") for item in items)
    )
    if not lead or lead.endswith(("?", "？")):
        return _closed(joined)
    return _closed(f"{lead.rstrip(':： ')}{'：' if chinese else ': '}{joined}")


class _Composer:
    """Grows the best candidate into a readable answer and adds what the question asks besides."""

    def __init__(self, question: str, passages: Sequence[ContextPassage], ranked: Sequence[Candidate]) -> None:
        self.question = question
        self.passages = passages
        self.ranked = ranked
        self.units = [units(without_orders(passage.text)) for passage in passages]
        self.how = "how" in asks(question)

    def compose(self) -> list[Piece]:
        if not self.ranked:
            return []
        best = self.ranked[0]
        taken = [self._grown(best)]
        wanted = term_set(self.question)
        covered = wanted & self._terms(taken[0])
        for other in self.ranked[1:8]:
            if len(taken) >= _MOST_UNITS or sum(_size(piece.text) for piece in taken) >= _MOST_WORDS:
                break
            if other.score < 0.8 * best.score or other.archived != best.archived or self._inside(other, taken):
                continue
            piece = self._grown(other)
            gain = (wanted & self._terms(piece)) - covered
            if len(gain) < max(1, round(0.2 * len(wanted))) or self._repeats(piece, taken):
                continue
            taken.append(piece)
            covered |= gain
        return self._in_order(taken)

    def _terms(self, piece: Piece) -> frozenset[str]:
        return term_set(piece.text)

    def _inside(self, one: Candidate, taken: Sequence[Piece]) -> bool:
        return any(piece.passage == one.passage and piece.first <= one.position <= piece.last for piece in taken)

    def _repeats(self, piece: Piece, taken: Sequence[Piece]) -> bool:
        mine = self._terms(piece)
        return any(len(mine & self._terms(other)) >= 0.7 * max(1, len(mine)) for other in taken)

    def _in_order(self, taken: list[Piece]) -> list[Piece]:
        """Best passage first; inside one passage in the passage's order."""
        order = list(dict.fromkeys(piece.passage for piece in taken))
        return sorted(taken, key=lambda piece: (order.index(piece.passage), piece.first))

    def _grown(self, one: Candidate) -> Piece:
        pieces, position = self.units[one.passage], one.position
        unit = pieces[position]
        if unit.kind == "item":
            return self._item(one, pieces, position)
        if unit.kind == "row":
            text = f"{unit.lead.rstrip(':：')}: {unit.text}" if unit.lead.endswith((":", "：")) else unit.text
            return Piece(one.passage, position, position, _closed(text))
        first = last = position
        while (
            first > 0 and self._joined(pieces, first) and _DEPENDENT.match(pieces[first].text) and position - first < 2
        ):
            first -= 1
        texts = [pieces[index].text for index in range(first, position + 1)]
        if unit.text.endswith((":", "：")):
            items = [
                piece.text for piece in pieces[position + 1 : position + 1 + _LIST_ITEMS] if piece.lead == unit.text
            ]
            if items:
                last = position + len(items)
                return Piece(one.passage, first, last, " ".join([*texts[:-1], _listed(unit.text, items)]).strip())
        elif last + 1 < len(pieces) and self._continues(pieces, position, sum(map(_size, texts))):
            last = position + 1
            texts.append(pieces[last].text)
        return Piece(one.passage, first, last, ("" if is_cjk(unit.text) else " ").join(map(_closed, texts)))

    def _joined(self, pieces: Sequence[Unit], position: int) -> bool:
        before, here = pieces[position - 1], pieces[position]
        return before.kind == "text" and before.paragraph == here.paragraph

    def _continues(self, pieces: Sequence[Unit], position: int, size: float) -> bool:
        """Whether the next sentence belongs to this one: it leans on it, or this one alone says too little."""
        after = pieces[position + 1]
        if (
            after.kind != "text"
            or after.paragraph != pieces[position].paragraph
            or size + _size(after.text) > _MOST_WORDS
        ):
            return False
        return size < 6 or bool(_CONTINUES.match(after.text))

    def _item(self, one: Candidate, pieces: Sequence[Unit], position: int) -> Piece:
        unit = pieces[position]
        group = _group(pieces, position)
        texts = [pieces[index].text for index in group]
        steps = self.how and 1 < len(group) <= _LIST_ITEMS and sum(map(_size, texts)) <= 1.6 * _MOST_WORDS
        if steps:
            return Piece(one.passage, group[0], group[-1], _listed(unit.lead, texts))
        if unit.lead.endswith((":", "：")):
            return Piece(one.passage, position, position, _listed(unit.lead, [unit.text]))
        return Piece(one.passage, position, position, _closed(unit.text))


def compose(
    request: GenerationRequest, *, similarity: Similarity | None = None, idf: Idf = flat_idf
) -> tuple[str, ...]:
    """The sentences that answer best, each with its citation; none where the passages hold no sentence.

    `similarity` compares meanings (an embedder), `idf` weighs terms; both are optional.
    """
    context = " ".join(turn.text for turn in request.turns[-4:-1] if turn.role == "customer")
    asked, context = request.lookup or request.question, f"{context} {request.also}"
    ranked = rank(asked, request.passages, context=context, idf=idf, similarity=similarity)
    return tuple(
        _cited(piece.text, request.passages[piece.passage].number)
        for piece in _Composer(asked, request.passages, ranked).compose()
        if not is_dictation(piece.text)
    )
