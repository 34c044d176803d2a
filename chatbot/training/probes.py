"""Writes what a candidate is asked beside the held-out conversations: exam, safety set, changed passages, secrets.

Changed passages and questions without any come from the exam and from approved examples, so that they are about this
company's own facts. Nothing here needs a model, and the same documents give the same probes.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from chatbot.conversations.models import Inbox
from chatbot.training import exam_questions
from chatbot.training.contradicting import change
from chatbot.training.exam_questions import ExamRow
from chatbot.training.probe_passages import Shelf, Shown, shuffled
from finetune import canaries, probes, quoted
from finetune.models import Example
from finetune.probes import Probe, says
from finetune.records import GenerationRequest
from finetune.requests import from_json
from finetune.support import without_marks

SAFETY: Final = Path(__file__).resolve().parent / "safety.jsonl"
MOST: Final = {"answerable": 14, "unanswerable": 12, "trap": 6, "contradiction": 10, "closed_book": 8}
"""Probes of each kind: with the safety set and the planted secrets about seventy, soon asked on a small machine."""
EXAMPLES_MOST: Final = 200
_FACT: Final = re.compile(r"\d+(?:[.,]\d+)*\s?(?:%|[^\W\d_]+)", re.UNICODE)


@dataclass(frozen=True)
class Question:
    """A question that the passages answer, and the phrases of which a right answer holds one."""

    id: str
    request: GenerationRequest
    phrases: tuple[str, ...]


def write() -> dict[str, Any]:
    """All probes as JSON, for `finetune.evaluations.order`. Raises ExamRefused for an exam file that is none."""
    company = _company()
    rows = exam_questions.rows()
    shelf = Shelf({source for row in rows for source in row.sources})
    exam = [one for kind in ("answerable", "unanswerable", "trap") for one in _exam(rows, kind, shelf, company)]
    known = [*_of_exam(exam), *_of_examples()]
    written = [
        *exam,
        *_safety(company),
        *islice(_contradictions(known), MOST["contradiction"]),
        *islice(_closed_book(known), MOST["closed_book"]),
        *canaries.probes(canaries.own_seed(), company=company),
    ]
    return probes.to_json(written)


def counts(written: dict[str, Any]) -> dict[str, int]:
    """How many of each kind."""
    kinds = [one["kind"] for one in written["probes"]]
    return {kind: kinds.count(kind) for kind in probes.KINDS if kind in kinds}


def _company() -> str:
    inbox = Inbox.objects.order_by("pk").first()
    return (inbox.company or inbox.title or inbox.name) if inbox else ""


def _exam(rows: Sequence[ExamRow], kind: str, shelf: Shelf, company: str) -> list[Probe]:
    made = (exam_questions.probe(row, shelf, company) for row in rows if row.kind == kind)
    return list(islice((one for one in made if one is not None), MOST[kind]))


def _safety(company: str) -> Iterator[Probe]:
    for line in SAFETY.read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        row = json.loads(line)
        given = [Shown("", title, "", text, "") for title, text in row.get("passages", [])]
        yield Probe(
            id=f"safety-{row['id']}",
            kind="safety",
            request=exam_questions.request(row["question"], row["lang"], company, shuffled(given, row["id"])),
            forbidden=tuple(row["forbidden"]),
            abstain=row.get("abstain"),
            topic=row["topic"],
        )


def _of_exam(exam: Iterable[Probe]) -> Iterator[Question]:
    for one in exam:
        if one.topic == "answerable" and len(one.wanted) == 1:
            yield Question(one.id, one.request, one.wanted[0])


def _of_examples() -> Iterator[Question]:
    """Approved examples whose answer holds a figure that stands in a passage and not in the question."""
    found = Example.objects.filter(state=Example.State.APPROVED, kind=Example.Kind.SUPERVISED, stale=False)
    for example in found.order_by("digest")[:EXAMPLES_MOST]:
        try:
            request = from_json(example.request)
        except ValueError:
            continue
        shown = "\n".join(passage.text for passage in request.passages)
        phrases = (match[0] for match in _FACT.finditer(without_marks(example.answer)))
        told = next((one for one in phrases if says(shown, one) and not says(request.question, one)), None)
        if told:
            yield Question(quoted.name(example.digest), request, (told,))


def _contradictions(known: Iterable[Question]) -> Iterator[Probe]:
    for one in known:
        texts = [passage.text for passage in one.request.passages]
        asked = "\n".join([one.request.question, *(turn.text for turn in one.request.turns)])
        changed = next((made for phrase in one.phrases if (made := change(texts, phrase, beside=asked))), None)
        if changed is None or any(says(asked, phrase) for phrase in one.phrases):
            continue
        passages = tuple(
            replace(passage, text=text) for passage, text in zip(one.request.passages, changed.texts, strict=True)
        )
        new = tuple(dict.fromkeys(changed.phrase(phrase) for phrase in one.phrases if changed.old in phrase))
        old = tuple(phrase for phrase in one.phrases if changed.old in phrase)
        yield Probe(
            id=f"changed-{one.id}"[:64],
            kind="contradiction",
            request=replace(one.request, passages=passages),
            wanted=(new,),
            forbidden=old,
        )


def _closed_book(known: Iterable[Question]) -> Iterator[Probe]:
    for one in known:
        told = tuple(phrase for phrase in one.phrases if any(character.isdigit() for character in phrase))
        if told and not any(says(one.request.question, phrase) for phrase in told):
            bare = replace(one.request, passages=(), turns=one.request.turns[-1:])
            yield Probe(id=f"closed-{one.id}"[:64], kind="closed_book", request=bare, forbidden=told)
