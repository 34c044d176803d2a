"""Which sentence of some passages answers a question best, and why: words, meaning, kind of answer, age of the source.

Pure but for the similarity it is given. It ranks; it neither writes the answer nor says whether the best is good enough.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from finetune.facts import facts
from finetune.orders import without_orders
from finetune.questions import Ask, asks, fits
from finetune.records import ContextPassage
from finetune.sentences import Unit, units
from finetune.terms import Idf, flat_idf, is_cjk, term_set

Similarity = Callable[[Sequence[str], Sequence[str]], list[list[float]]]
"""Cosines, len(left) x len(right)."""

_ARCHIVED: Final = re.compile(
    r"\b(?:archived?|no longer (?:valid|applies|in force|available)|out[- ]of[- ]date|outdated|superseded|replaced (?:on|by)|obsolete|expired on|"
    r"previous version|old (?:version|policy|price list)|veraltet|archiv)\b|已失效|已废止|已作废|不再有效|旧版|存档|歷史版本|历史版本|已过期|已被取代",
    re.I,
)
_ASKS_PAST: Final = re.compile(
    r"\b(?:(?:old|previous|former|archived|earlier|last year's) (?:\w+ )?(?:policy|policies|rules?|terms|version|prices?|conditions?)|back in|in 20[012]\d|last year)\b"
    r"|(?:以前|过去|旧|去年|之前)的?(?:政策|规定|规则|版本|条款|价格)|20[012]\d ?年",
    re.I,
)
_TELLING: Final[frozenset[Ask]] = frozenset(
    {"money", "duration", "clock", "date", "place", "phone", "email", "quantity", "person", "why"}
)
_MAX_COMPARED: Final = 32
"""Sentences whose meaning is compared; the embedder takes about 5 ms for each on a CPU."""


@dataclass(frozen=True)
class Weights:
    """How much each sign counts for the rank of a sentence."""

    words: float = 0.5
    meaning: float = 0.5
    kind: float = 0.12
    order: float = 0.10
    recent: float = 0.04
    archived: float = 0.30
    language: float = 0.25
    short: float = 0.08


WEIGHTS: Final = Weights()


@dataclass(frozen=True)
class Candidate:
    """One sentence that may answer. `passage` and `position` index the passages and the units of that passage.

    `words` is the share of the question's weight that the sentence and its context hold, `own` that of the sentence
    alone, `meaning` the cosine or None, `kind` -1..1 (holds the wanted kind of answer).
    """

    passage: int
    position: int
    unit: Unit
    score: float
    words: float
    own: float
    meaning: float | None
    kind: float
    archived: bool


def asks_past(question: str) -> bool:
    """Whether what is out of date is what is asked for."""
    return bool(_ASKS_PAST.search(question))


def archived(passage: ContextPassage) -> bool:
    """Whether title, heading or the beginning of the text says that this is out of date."""
    return bool(
        _ARCHIVED.search(passage.title) or _ARCHIVED.search(passage.heading) or _ARCHIVED.search(passage.text[:200])
    )


def local_idf(texts: Iterable[str], base: Idf = flat_idf) -> Idf:
    """Weights of terms by how few of `texts` hold them, times `base`: what all of them say tells none apart."""
    count, total = Counter[str](), 0
    for text in texts:
        total += 1
        count.update(term_set(text))
    top = math.log1p(total + 1)

    def weight(term: str) -> float:
        return base(term) * (
            0.35 + 0.65 * math.log1p((total + 1) / (count[term] + 0.5)) / math.log1p((total + 1) / 0.5) if top else 1.0
        )

    return weight


def _kind(wanted: frozenset[Ask], unit: Unit) -> float:
    telling = wanted & _TELLING
    if not telling:
        return 0.0
    got = sum(1 for ask in telling if fits(ask, unit.text))
    return 2.0 * got / len(telling) - 1.0


def _words(weights: dict[str, float], unit: Unit, before: Unit | None, passage: ContextPassage) -> tuple[float, float]:
    """(with context, alone): what the sentence says itself counts in full, what stands around it counts less."""
    total = sum(weights.values())
    if not total:
        return 0.0, 0.0
    own = term_set(unit.text)
    lead = term_set(unit.lead)
    heading = term_set(f"{unit.heading} {passage.heading}")
    title = term_set(passage.title)
    near = term_set(before.text) if before is not None else frozenset()
    score = alone = 0.0
    for term, weight in weights.items():
        share = (
            1.0
            if term in own
            else 0.9
            if term in lead
            else 0.75
            if term in heading
            else 0.6
            if term in title or term in near
            else 0.0
        )
        score += share * weight
        alone += weight if term in own else 0.0
    return score / total, alone / total


def _recency(passages: Sequence[ContextPassage]) -> list[float]:
    dates = sorted({passage.updated for passage in passages if passage.updated})
    if len(dates) < 2:
        return [0.0] * len(passages)
    return [dates.index(passage.updated) / (len(dates) - 1) if passage.updated else 0.5 for passage in passages]


def readable(unit: Unit) -> str:
    """The unit with what it hangs on, for comparing meaning."""
    return " ".join(part for part in (unit.heading, unit.lead, unit.text) if part)


def rank(
    question: str,
    passages: Sequence[ContextPassage],
    *,
    context: str = "",
    idf: Idf = flat_idf,
    similarity: Similarity | None = None,
    weights: Weights = WEIGHTS,
) -> list[Candidate]:
    """Sentences of the passages, best first. `context` (earlier turns) adds its words at a small weight."""
    wanted = asks(question)
    clean = [without_orders(passage.text) for passage in passages]
    pieces = [units(text) for text in clean]
    local = local_idf((unit.text for group in pieces for unit in group), idf)
    terms = {term: local(term) for term in term_set(question)}
    for term in term_set(context) - terms.keys():
        terms[term] = 0.2 * local(term)
    recency = _recency(passages)
    past = asks_past(question)
    same_script = is_cjk(question)
    found: list[Candidate] = []
    for number, passage in enumerate(passages):
        old = archived(passage) and not past
        base = weights.order / (1 + number) + weights.recent * recency[number]
        base -= weights.archived if old else 0.0
        base -= weights.language if is_cjk(passage.text) != same_script else 0.0
        for position, unit in enumerate(pieces[number]):
            if unit.kind in ("heading", "question"):
                continue
            before = (
                pieces[number][position - 1] if position and pieces[number][position - 1].kind != "heading" else None
            )
            words, own = _words(terms, unit, before, passage)
            kind = _kind(wanted, unit)
            length = len(unit.text) / (1.0 if is_cjk(unit.text) else 4.0)
            score = (
                base
                + weights.words * words
                + weights.kind * kind
                - (weights.short if length < 6 and not facts(unit.text) else 0.0)
            )
            found.append(Candidate(number, position, unit, score, words, own, None, kind, old))
    found.sort(key=lambda one: -one.score)
    if similarity is not None and found:
        found = _with_meaning(question, found, passages, similarity, weights)
    return found


def _with_meaning(
    question: str,
    found: list[Candidate],
    passages: Sequence[ContextPassage],
    similarity: Similarity,
    weights: Weights,
) -> list[Candidate]:
    first, rest = found[:_MAX_COMPARED], found[_MAX_COMPARED:]
    texts = [
        " ".join(
            part
            for part in (
                one.unit.lead or one.unit.heading or passages[one.passage].heading or passages[one.passage].title,
                one.unit.text,
            )
            if part
        )
        for one in first
    ]
    cosines = similarity([question], texts)[0]
    ranked = [
        Candidate(
            one.passage,
            one.position,
            one.unit,
            one.score + weights.meaning * cosine,
            one.words,
            one.own,
            cosine,
            one.kind,
            one.archived,
        )
        for one, cosine in zip(first, cosines, strict=True)
    ]
    ranked.sort(key=lambda one: -one.score)
    return ranked + rest
