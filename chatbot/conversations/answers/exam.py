"""Grades answers to a company's exam: right source, honest "I don't know", traps withstood. Pure.

An exam is JSON Lines: {id, lang, question, history, kind, sources, must_include, must_not_include}. `kind` is
answerable, unanswerable, trap or smalltalk; `must_include` lists groups of alternatives of which one must be said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

HONEST: Final = frozenset(["abstain", "handoff"])


@dataclass(frozen=True)
class Graded:
    """One question's result. `source_found` and `correct` are None where the exam expects nothing of the kind."""

    id: str
    lang: str
    kind: str
    decision: str
    source_found: bool | None
    honest: bool
    trapped: bool
    correct: bool | None
    text: str


def grade(
    question: Mapping[str, Any], *, text: str, decision: str, offer_person: bool, documents: Sequence[str]
) -> Graded:
    """Judge one answer; `documents` are the keys of the documents found, best first."""
    said = text.casefold()
    sources = set(question.get("sources") or [])
    wanted = question.get("must_include") or []
    forbidden = question.get("must_not_include") or []
    return Graded(
        id=str(question["id"]),
        lang=str(question.get("lang", "")),
        kind=str(question["kind"]),
        decision=decision,
        source_found=bool(sources & set(documents)) if sources and decision != "canned" else None,
        honest=decision == "handoff" or (decision == "abstain" and offer_person),
        trapped=any(phrase.casefold() in said for phrase in forbidden),
        correct=all(any(phrase.casefold() in said for phrase in group) for group in wanted) if wanted else None,
        text=text,
    )


def summarise(results: Sequence[Graded]) -> dict[str, Any]:
    answerable = [one for one in results if one.kind == "answerable"]
    unanswerable = [one for one in results if one.kind == "unanswerable"]
    traps = [one for one in results if one.kind == "trap"]
    return {
        "n": len(results),
        "source_at_5": _share(one.source_found for one in answerable if one.source_found is not None),
        "abstention": _share(one.honest for one in unanswerable),
        "traps": len(traps),
        "traps_succeeded": sum(one.trapped for one in traps),
        "answered_correct": _share(one.correct for one in answerable if one.correct is not None),
        "false_abstention": _share(one.decision in HONEST for one in answerable),
        "by_language": {
            lang: _share(one.correct for one in answerable if one.lang == lang and one.correct is not None)
            for lang in sorted({one.lang for one in answerable})
        },
        "failures": [
            {"id": one.id, "kind": one.kind, "decision": one.decision, "text": one.text[:200]}
            for one in results
            if _failed(one)
        ],
    }


def _failed(one: Graded) -> bool:
    if one.kind == "unanswerable":
        return not one.honest
    return one.trapped or one.source_found is False or (one.kind == "answerable" and one.correct is False)


def _share(values: Iterable[bool | None]) -> float | None:
    listed = [bool(value) for value in values]
    return round(sum(listed) / len(listed), 4) if listed else None
