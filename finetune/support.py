"""How far passages support a sentence: shared words in one place, and every fact equal.

Pure, and the one judge of support: the extractive engine, the verification of generated answers and the checks of
training examples all ask here. It compares words, not meaning: a paraphrase in wholly other words is not supported.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from finetune.facts import Fact, facts, missing_facts, missing_names
from finetune.sentences import Unit, sentences, units
from finetune.terms import Idf, coverage, flat_idf, is_cjk, normalise, term_set

__all__ = [
    "Support",
    "Unit",
    "citation_marks",
    "facts",
    "sentences",
    "support",
    "units",
    "verbatim",
    "without_marks",
]

SUPPORTED: Final = 0.6
"""Share of a sentence's content that one stretch of a passage must hold. Sentences cut from a passage reach 1;
0.6 lets a model join and shorten, and stops what only shares a topic."""
_NEAR: Final = 0.6
"""A fact must stand where the rest of the sentence stands: in a unit that covers this share of what the best one does."""
_MARK: Final = re.compile(r"\s*\[(\d{1,3})\]")
_CLAUSE: Final = re.compile(r"[,;:()，；：（）]|\bbut\b|\bunless\b|\bexcept\b|但是?|除非|除了")
_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|cannot|can't|won't|don't|doesn't|isn't|aren't|without|neither|nor|except|unable|excluded|nicht|kein\w*|pas|jamais)\b"
    r"|不|没有|沒有|无法|無法|未|禁止|除外",
    re.I,
)


@dataclass(frozen=True)
class Support:
    """`score` 0..1; `passage` is the index of the best passage, -1 for none; what is missing is in no passage."""

    score: float
    passage: int = -1
    unit: str = ""
    facts: frozenset[Fact] = field(default_factory=frozenset)
    names: frozenset[str] = field(default_factory=frozenset)
    contradicted: bool = False

    @property
    def supported(self) -> bool:
        return self.score >= SUPPORTED and not self.facts and not self.names and not self.contradicted


def citation_marks(text: str) -> tuple[int, ...]:
    """Numbers of the marks [n] in a text, in order."""
    return tuple(int(match[1]) for match in _MARK.finditer(text))


def without_marks(text: str) -> str:
    return _MARK.sub("", text)


def _unit_text(unit: Unit) -> str:
    return " ".join(part for part in (unit.heading, unit.lead, unit.text) if part)


@lru_cache(maxsize=1024)
def _windows(passage: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """Every unit with its heading, lead and neighbours, as (unit with its context, terms of the window)."""
    pieces = units(passage)
    texts = [_unit_text(unit) for unit in pieces]
    return tuple(
        (texts[index], term_set(" \n ".join(texts[max(0, index - 1) : index + 2]))) for index in range(len(pieces))
    )


def _negated(text: str) -> bool:
    return bool(_NEGATION.search(text))


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(text) if clause and clause.strip()]


def _contradicts(sentence: str, unit: str) -> bool:
    """A clause in nearly the same words as one of the unit's, but only one of the two says no."""
    theirs = [(clause, term_set(clause)) for clause in _clauses(unit)]
    for clause in _clauses(sentence):
        wanted = term_set(clause)
        if len(wanted) < 2:
            continue
        share, match = max(((coverage(wanted, there), text) for text, there in theirs), default=(0.0, ""))
        if share >= 0.75 and _negated(clause) != _negated(match):
            return True
    return False


def verbatim(sentence: str, passages: Sequence[str]) -> int:
    """Index of the passage with a unit that says exactly this, or -1."""
    wanted = _squeeze(sentence)
    for index, passage in enumerate(passages):
        if len(wanted) > 8 and any(wanted in _squeeze(_unit_text(unit)) for unit in units(passage)):
            return index
    return -1


@lru_cache(maxsize=8192)
def _squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", normalise(text))


def _fact_stands_alone(fact: Fact, sentence: str, wanted: frozenset[str], passages: Sequence[str]) -> bool:
    """Whether a fact stands only in units about something else than the sentence."""
    best, near = 0.0, 0.0
    content = frozenset(
        term for term in wanted if term != fact.unit and not any(character.isdigit() for character in term)
    )
    for passage in passages:
        for text, window in _windows(passage):
            here = coverage(content, term_set(text))
            if fact in facts(text):
                near = max(near, here, 0.5 * coverage(content, window))
            best = max(best, here)
    return best > 0 and near < _NEAR * best


def support(sentence: str, passages: Sequence[str], *, titles: Sequence[str] = (), idf: Idf = flat_idf) -> Support:
    """Support of one sentence by the passages; `titles` (title and headings, one per passage) count as context."""
    sentence = without_marks(sentence).strip()
    wanted = term_set(sentence)
    exact = verbatim(sentence, passages)
    if exact >= 0:
        return Support(score=1.0, passage=exact, unit=sentence)
    context = [*titles, *[""] * (len(passages) - len(titles))]
    gone_facts = missing_facts(sentence, [*passages, *context])
    gone_names = frozenset() if is_cjk(sentence) else missing_names(sentence, [*passages, *context])
    best, where, unit_text = 0.0, -1, ""
    for index, passage in enumerate(passages):
        about = term_set(context[index])
        for text, window in _windows(passage):
            score = coverage(wanted, window | about, idf) * 0.98 + coverage(wanted, term_set(text), idf) * 0.02
            if score > best:
                best, where, unit_text = score, index, text
    if not wanted:
        best = 1.0 if not gone_facts else 0.0
    present = facts(sentence) - gone_facts
    stray = frozenset(
        fact for fact in present if len(wanted) >= 3 and _fact_stands_alone(fact, sentence, wanted, passages)
    )
    return Support(
        score=round(best, 4),
        passage=where,
        unit=unit_text,
        facts=gone_facts | stray,
        names=gone_names,
        contradicted=_contradicts(sentence, unit_text),
    )
