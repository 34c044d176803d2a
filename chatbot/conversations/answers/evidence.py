"""How sure one may be that the passages found answer a question: signs, a small logistic model, and vetoes.

Pure. The coefficients are fitted on public sets by `manage.py fit_confidence` (docs/answering.md tells which and how
well); a veto is a rule: a country, product or model number that was asked for and is not in the passage.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from chatbot.conversations.answers import places
from chatbot.conversations.answers.wording import alternatives
from finetune.facts import names
from finetune.questions import is_question
from finetune.ranking import Candidate
from finetune.records import ContextPassage
from finetune.terms import coverage, is_cjk, is_stopword, normalise, term_set
from retrieval.records import Hit

FEATURES: Final = (
    "unit_words",
    "own_words",
    "passage_words",
    "all_words",
    "rare_missing",
    "meaning",
    "meaning_known",
    "dense",
    "kind",
    "name_missing",
    "lead",
    "asked",
    "length",
    "unknown",
)
COEFFICIENTS: Final[dict[str, float]] = {
    "unit_words": 1.548,
    "own_words": 0.209,
    "passage_words": 2.052,
    "all_words": -1.506,
    "rare_missing": 1.122,
    "meaning": 2.778,
    "meaning_known": -1.304,
    "dense": -1.6,
    "kind": -0.072,
    "name_missing": -0.953,
    "lead": 7.524,
    "asked": 0.265,
    "length": 0.308,
    "unknown": -0.91,
}
INTERCEPT: Final = -2.102
"""The fitted one, raised by log 3: gold passages of public sets are stricter than customers, and a confidence of 0.5 is
meant to be where answering begins (docs/answering.md has the figures)."""
VETO: Final = 0.15
"""What is left of the confidence when something the customer named is not in the passage."""
UNKNOWN_NOUN: Final = 0.6
"""What is left of it when no document holds a Chinese noun of the question. Only nouns are looked at there, so this says
more than an unknown English word, which may be any word."""


class Words(Protocol):
    """What is known of the words of the whole collection."""

    def idf(self, term: str) -> float:
        """Weight of a term, 0 (in every passage) to 1 (in none)."""
        ...

    def unknown(self, question: str) -> tuple[str, ...]:
        """Words of a question that no document holds."""
        ...

    def respelled(self, question: str) -> str:
        """Words of the documents that misspelled ones of the question stand for."""
        ...


@dataclass(frozen=True)
class Evidence:
    """Why a question can be answered or not. `missing` is what was named and not found; `reasons` are for people."""

    confidence: float
    features: dict[str, float]
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def weigh(
    question: str,
    passages: Sequence[ContextPassage],
    hits: Sequence[Hit],
    ranked: Sequence[Candidate],
    words: Words,
    unknown: Sequence[str] = (),
    original: str = "",
) -> Evidence:
    """Judge the best sentence for a question; `passages` and `hits` run in parallel. `unknown`: the customer's words
    that no document holds; `original`: the question before it was put into the passages' language."""
    if not ranked or not hits:
        return Evidence(0.0, dict.fromkeys(FEATURES, 0.0), reasons=("Nothing was found.",))
    features = signs(question, passages, hits, ranked, words, unknown)
    confidence = probability(features)
    if unknown and is_cjk("".join(unknown)):
        confidence *= UNKNOWN_NOUN
    missing = lacking(original or question, passages, ranked[0])
    reasons = [f"No document mentions {', '.join(unknown)}."] if unknown else []
    if missing:
        confidence *= VETO
        reasons.append(f"Asked about {', '.join(missing)}, which the best passage does not mention.")
    return Evidence(round(confidence, 4), features, missing, tuple(reasons))


def probability(features: dict[str, float]) -> float:
    total = INTERCEPT + sum(COEFFICIENTS[name] * features[name] for name in FEATURES)
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def _whole(passage: ContextPassage) -> str:
    return f"{passage.title}\n{passage.heading}\n{passage.text}"


def signs(
    question: str,
    passages: Sequence[ContextPassage],
    hits: Sequence[Hit],
    ranked: Sequence[Candidate],
    words: Words,
    unknown: Sequence[str] = (),
) -> dict[str, float]:
    """The features of the model, each about 0..1."""
    best = ranked[0]
    wanted = term_set(question)
    idf = words.idf
    weights = {term: idf(term) for term in wanted}
    other = alternatives(question)
    texts = [_with_others(term_set(_whole(passage)), other) for passage in passages]
    here = texts[best.passage]
    everywhere = frozenset().union(*texts)
    missing = sorted((weights[term] for term in wanted - here), reverse=True)
    unit = best.unit
    context = f"{unit.text} {unit.lead} {unit.heading} {passages[best.passage].heading} {passages[best.passage].title}"
    around = _with_others(term_set(context), other)
    meanings = [one.meaning for one in ranked[:5] if one.meaning is not None]
    known = 1.0 if meanings else 0.0
    asked_names = {name for name in names(question) if not places.countries(name)}
    gone = [name for name in asked_names if not _written(name, _whole(passages[best.passage]))]
    dense = [hit.dense for hit in hits if hit.dense is not None]
    rest = [one.score for one in ranked[1:] if one.passage != best.passage]
    return {
        "unit_words": coverage(wanted, around, idf),
        "own_words": coverage(wanted, _with_others(term_set(unit.text), other), idf),
        "passage_words": coverage(wanted, here, idf),
        "all_words": coverage(wanted, everywhere, idf),
        "rare_missing": missing[0] if missing else 0.0,
        "meaning": max(0.0, max(meanings)) if meanings else 0.0,
        "meaning_known": known,
        "dense": max(0.0, max(dense, default=0.0)) * known,
        "kind": best.kind,
        "name_missing": min(1.0, float(len(gone))),
        "lead": min(1.0, max(0.0, best.score - rest[0])) if rest else 0.0,
        "asked": 1.0 if is_question(question) else 0.0,
        "length": min(1.0, len(wanted) / 12),
        "unknown": 1.0 if unknown else 0.0,
    }


def _with_others(present: frozenset[str], other: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """`present` with the terms of the question that it says in other words: half of those are enough."""
    return present | {term for term, said in other.items() if said and 2 * len(said & present) >= len(said)}


def _written(name: str, text: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", normalise(text)) is not None


_NUMBERED: Final = re.compile(
    r"\b([^\W\d_][\w-]{2,})[ -](\d{1,4}[a-z]?)(?![\w.,:%/-]*\d|\s*(?:days?|weeks?|months?|years?|hours?|%|cm|mm|kg|g|usd|eur|dollars?|euros?)\b)",
    re.I,
)
# "Where is my order FW20481733?" asks for what only a person can look up; "FW20481733 came broken" does not.
_ABOUT_ONE: Final = re.compile(
    r"\b(?:where|when|status|track|shipped|arrive|paid out|still|yet|how much is on|balance)\b|在哪|到哪|什么时候|状态|查",
    re.I,
)
_IDENTIFIER: Final = re.compile(r"\b(?=[\w-]*\d{4})(?=[\w-]*[A-Za-z])[A-Za-z\d-]{7,}\b|\b\d{7,}\b")
_NOT_A_MODEL: Final = frozenset(
    """
    size sizes order number about after within under over for than least most only take takes last next first
    page step option case line item level grade class age aged and with the from until till before chapter
    section article room
    """.split()
)


def lacking(question: str, passages: Sequence[ContextPassage], best: Candidate) -> tuple[str, ...]:
    """What the question names that the best passage does not: countries, models by their number, one's own order. A
    sentence about other countries is no answer either."""
    text = _whole(passages[best.passage])
    said = f"{best.unit.heading}\n{best.unit.lead}\n{best.unit.text}"
    gone: list[str] = []
    asked = places.countries(question)
    if asked and not asked <= places.covered(text) and not places.EVERYWHERE.search(text):
        gone.extend(sorted(asked - places.covered(text)))
    elif asked and places.countries(said) and not asked & places.covered(said):
        gone.extend(sorted(asked))
    plain = normalise(text)
    if _ABOUT_ONE.search(question):
        gone.extend(one for one in _IDENTIFIER.findall(question) if normalise(one) not in plain)
    for match in _NUMBERED.finditer(question):
        word, number = normalise(match[1]), normalise(match[2])
        if (
            word in _NOT_A_MODEL
            or is_stopword(word)
            or not re.search(rf"\b{re.escape(word)}[ -]?\d", normalise(" ".join(_whole(one) for one in passages)))
        ):
            continue
        if not re.search(rf"\b{re.escape(word)}[ -]?{re.escape(number)}(?![a-z0-9])", plain):
            gone.append(match[0])
    return tuple(gone)
