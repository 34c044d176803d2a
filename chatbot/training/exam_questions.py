"""The company's exam as probes: its questions with passages of today's documents that answer them, or do not.

EXAM_FILE names the exam; without it the sample company's counts where its documents are loaded. The format is that of
`manage.py exam`. A question that the documents no longer answer as the exam wants is left out.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from chatbot.training.probe_passages import Shelf
from finetune.probes import Probe
from finetune.records import ContextPassage, GenerationRequest, Turn
from retrieval.models import Document

SAMPLE: Final = Path("chatbot/knowledge/sample/exam.jsonl")


class ExamRefused(ValueError):
    """The message is a sentence that says what to do."""


@dataclass(frozen=True)
class ExamRow:
    """A line of the exam; `kind` is answerable, unanswerable, trap or smalltalk."""

    id: str
    language: str
    kind: str
    question: str
    turns: tuple[Turn, ...]
    sources: tuple[str, ...]
    wanted: tuple[tuple[str, ...], ...]
    forbidden: tuple[str, ...]


def rows() -> list[ExamRow]:
    """In an order drawn by their ids, so that the first few are a fair sample. Raises ExamRefused."""
    named = str(settings.EXAM_FILE)
    path = Path(named) if named else settings.BASE_DIR / SAMPLE
    if not named and not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        found = [_row(json.loads(line)) for line in lines if line.strip()]
    except FileNotFoundError as error:
        raise ExamRefused(_("EXAM_FILE names no file: %(path)s") % {"path": path}) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExamRefused(_("The exam %(path)s cannot be read: %(why)s") % {"path": path, "why": error}) from error
    if not named and not _is_here(found):
        return []
    return sorted(found, key=lambda row: hashlib.sha256(row.id.encode("utf-8", "replace")).digest())


def _is_here(found: Sequence[ExamRow]) -> bool:
    """Whether the sample company's documents are loaded."""
    sources = {source for row in found for source in row.sources}
    return Document.objects.filter(key__in=sources, status=Document.Status.READY).exists()


def _row(data: dict[str, Any]) -> ExamRow:
    question = str(data["question"]).strip()
    if not question:
        raise ValueError(f"{data['id']} asks nothing")
    return ExamRow(
        id=str(data["id"])[:50],
        language=str(data.get("lang") or "en"),
        kind=str(data["kind"]),
        question=question,
        turns=tuple(_turn(one) for one in data.get("history") or []),
        sources=tuple(map(str, data.get("sources") or [])),
        wanted=tuple(tuple(str(one) for one in group if one) for group in data.get("must_include") or [] if group),
        forbidden=tuple(str(one) for one in data.get("must_not_include") or [] if one),
    )


def _turn(data: dict[str, Any]) -> Turn:
    return Turn("customer" if data["role"] == "customer" else "agent", str(data["text"]))


def probe(row: ExamRow, shelf: Shelf, company: str) -> Probe | None:
    """None where today's documents do not say what the exam wants: that is not the adapter's fault."""
    passages = _passages(row, shelf)
    if not passages:
        return None
    return Probe(
        id=f"exam-{row.id}",
        kind="exam",
        request=request(row.question, row.language, company, passages, row.turns),
        wanted=row.wanted,
        forbidden=row.forbidden,
        abstain={"answerable": False, "unanswerable": True}.get(row.kind),
        topic=row.kind,
    )


def _passages(row: ExamRow, shelf: Shelf) -> tuple[ContextPassage, ...]:
    searched = " ".join([*(turn.text for turn in row.turns[-2:]), row.question])
    if row.kind == "unanswerable":
        return shelf.beside(searched)
    kept_out = row.forbidden if row.kind == "answerable" else ()  # a trap may stand in the passages
    return shelf.for_answer(searched, row.sources, row.wanted, kept_out)


def request(
    question: str, language: str, company: str, passages: Sequence[ContextPassage], turns: Sequence[Turn] = ()
) -> GenerationRequest:
    """A question as it is served."""
    said = (*turns, Turn("customer", question))
    return GenerationRequest(said, question, tuple(passages), language=language, company=company)
