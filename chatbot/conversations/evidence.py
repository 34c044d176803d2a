"""How sure one may be that the passages found answer a question: signs, a small logistic model, and vetoes.

Pure. The coefficients are fitted on public sets by `manage.py fit_confidence` (docs/answering.md tells which and how
well); a veto is a rule: a country, product or model number that was asked for and is not in the passage.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chatbot.conversations import places
from finetune.facts import names
from finetune.questions import is_question
from finetune.ranking import Candidate
from finetune.records import ContextPassage
from finetune.terms import Idf, coverage, flat_idf, is_stopword, normalise, term_set
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
)
COEFFICIENTS: Final[dict[str, float]] = {
    "unit_words": 2.0,
    "own_words": 1.0,
    "passage_words": 2.0,
    "all_words": 1.0,
    "rare_missing": -1.5,
    "meaning": 3.0,
    "meaning_known": -1.0,
    "dense": 1.0,
    "kind": 0.5,
    "name_missing": -1.5,
    "lead": 0.5,
    "asked": 0.5,
    "length": 0.0,
}
INTERCEPT: Final = -3.5
VETO: Final = 0.15
"""What is left of the confidence when something the customer named is not in the passage."""


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
    *,
    idf: Idf = flat_idf,
) -> Evidence:
    """Judge the best sentence for a question; `passages` and `hits` run in parallel."""
    if not ranked or not hits:
        return Evidence(0.0, dict.fromkeys(FEATURES, 0.0), reasons=("Nothing was found.",))
    features = signs(question, passages, hits, ranked, idf=idf)
    confidence = probability(features)
    missing = lacking(question, passages, ranked[0].passage)
    reasons = []
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
    *,
    idf: Idf = flat_idf,
) -> dict[str, float]:
    """The features of the model, each about 0..1."""
    best = ranked[0]
    wanted = term_set(question)
    weights = {term: idf(term) for term in wanted}
    texts = [term_set(_whole(passage)) for passage in passages]
    here = texts[best.passage]
    everywhere = frozenset().union(*texts)
    missing = sorted((weights[term] for term in wanted - here), reverse=True)
    unit = best.unit
    around = term_set(
        f"{unit.text} {unit.lead} {unit.heading} {passages[best.passage].heading} {passages[best.passage].title}"
    )
    meanings = [one.meaning for one in ranked[:5] if one.meaning is not None]
    known = 1.0 if meanings else 0.0
    asked_names = {name for name in names(question) if not places.countries(name)}
    gone = [name for name in asked_names if not _written(name, _whole(passages[best.passage]))]
    dense = [hit.dense for hit in hits if hit.dense is not None]
    rest = [one.score for one in ranked[1:] if one.passage != best.passage]
    return {
        "unit_words": coverage(wanted, around, idf),
        "own_words": coverage(wanted, term_set(unit.text), idf),
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
    }


def _written(name: str, text: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", normalise(text)) is not None


_NUMBERED: Final = re.compile(
    r"\b([^\W\d_][\w-]{2,})[ -](\d{1,4}[a-z]?)(?![\w.,:%/-]*\d|\s*(?:days?|weeks?|months?|years?|hours?|%|cm|mm|kg|g|usd|eur|dollars?|euros?)\b)",
    re.I,
)
_NOT_A_MODEL: Final = frozenset(
    """
    size sizes order number about after within under over for than least most only take takes last next first
    page step option case line item level grade class age aged and with the from until till before chapter
    section article room
    """.split()
)


def lacking(question: str, passages: Sequence[ContextPassage], best: int) -> tuple[str, ...]:
    """What the question names that the best passage does not: countries, and models by their number."""
    text = _whole(passages[best])
    gone = []
    asked = places.countries(question)
    if asked and not asked <= places.covered(text) and not places.EVERYWHERE.search(text):
        gone.extend(sorted(asked - places.covered(text)))
    plain = normalise(text)
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
