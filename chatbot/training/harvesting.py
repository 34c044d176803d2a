"""Resolved conversations become examples for review, by the inbox's rule. Again is safe: an example has a digest."""

import hashlib
import json
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction

from chatbot.accounts import audit
from chatbot.conversations.models import Conversation, Inbox
from chatbot.training import harvest_reading, suspicion, valuing
from chatbot.training.harvest_reading import Candidate
from chatbot.training.models import Diagnosis, HarvestRule, Provenance
from chatbot.training.redaction import left
from chatbot.training.served_passages import Find, searching
from chatbot.training.supporting import passage_hash
from finetune.models import Example
from finetune.records import ContextPassage
from finetune.requests import to_json
from finetune.support import citation_marks

RECENT: Final = 5000
"""Examples looked through for repetitions and planted phrases."""


@dataclass
class HarvestReport:
    conversations: int = 0
    examples: int = 0
    preferences: int = 0
    known: int = 0
    capped: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    to_knowledge: int = 0
    inboxes: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def harvest(
    *, inbox: Inbox | None = None, since: datetime | None = None, by: str, find: Find | None = None
) -> HarvestReport:
    """Of one inbox or all whose rule is on. `find` searches for the passages; by default the answerer's search."""
    report, seen, find = HarvestReport(), _seen(), find or searching()
    rules = HarvestRule.objects.filter(enabled=True).select_related("inbox")
    for rule in rules.filter(inbox=inbox) if inbox else rules:
        report.inboxes += 1
        for conversation in harvest_reading.allowed(rule, since).iterator(chunk_size=200):
            report.conversations += 1
            taken = _taken(conversation)
            report.known += len(taken)
            for candidate in harvest_reading.candidates(rule, conversation, find, taken=taken):
                with suppress(IntegrityError):  # the customer is erased at this moment
                    _take(rule, candidate, seen, report)
    _flag_planted()
    flags = Counter(flag for row in Example.objects.values_list("flags", flat=True) for flag in row)
    report.flagged = dict(flags)
    target = inbox.key if inbox else "all"
    audit.record(actor=by, action="training.harvest", target=target, detail=report.as_json())
    return report


def _taken(conversation: Conversation) -> frozenset[int]:
    """Messages that are examples already: asked for before the search, which is what a harvest spends its time on.

    Edits are looked at again, because a preference may follow their example.
    """
    found = Provenance.objects.filter(conversation=conversation, example__kind=Example.Kind.SUPERVISED)
    return frozenset(found.exclude(target=None).exclude(example__origin="edit").values_list("target_id", flat=True))


def digest_of(request: dict[str, Any], answer: str, rejected: str = "") -> str:
    data = json.dumps([request, answer, rejected], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()


def _seen() -> suspicion.Seen:
    seen = suspicion.Seen()
    rows = Example.objects.filter(kind=Example.Kind.SUPERVISED).exclude(answer="").order_by("-pk")[:RECENT]
    for request, answer in rows.values_list("request", "answer"):
        seen.add(request.get("question", ""), answer)
    return seen


def _take(rule: HarvestRule, candidate: Candidate, seen: suspicion.Seen, report: HarvestReport) -> None:
    """An example, for a supported edit also a preference; an edit that adds a fact goes to the knowledge base."""
    request = to_json(candidate.request)
    if _known(candidate, Example.Kind.SUPERVISED):
        report.known += 1
    else:
        near = seen.add(candidate.request.question, candidate.answer)
        report.examples += _store(rule, candidate, request, "", near, report)
    if candidate.origin != "edit":
        return
    if not candidate.measured.supported:
        report.to_knowledge += _to_knowledge(candidate)
        return
    draft = candidate.draft.strip()
    known = _known(candidate, Example.Kind.PREFERENCE)
    if draft and draft != candidate.answer.strip() and not known:
        report.preferences += _store(rule, candidate, request, candidate.draft, False, report)


def _known(candidate: Candidate, kind: str) -> bool:
    """Whether this message was taken before: by itself, because passages change with the documents."""
    return Provenance.objects.filter(target=candidate.target, example__kind=kind).exists()


def flags_of(question: str, answer: str, *, supported: bool, passages: bool, near: bool = False) -> list[str]:
    flags = suspicion.suspicions(question, answer)
    flags += ["near_duplicate"] if near else []
    flags += [] if supported else ["unsupported"] if passages else ["no_passages"]
    return flags


@transaction.atomic
def _store(
    rule: HarvestRule, candidate: Candidate, request: dict[str, Any], rejected: str, near: bool, report: HarvestReport
) -> int:
    """1 when it was kept. The rule's row is locked, so that two harvests cannot both use the last place of a cap."""
    HarvestRule.objects.select_for_update().get(pk=rule.pk)
    if _capped(rule, candidate):
        report.capped += 1
        return 0
    measured, draft = candidate.measured, candidate.suggestion
    flags = flags_of(
        candidate.request.question,
        candidate.answer,
        supported=measured.supported,
        passages=bool(candidate.request.passages),
        near=near,
    )
    redactor = candidate.redactor
    if any(left(turn.text, redactor) for turn in candidate.request.turns) or left(candidate.answer, redactor):
        flags.append("personal_data")
    rating = getattr(candidate.conversation, "rating", None)
    worth = valuing.value(
        valuing.Signals(
            origin=candidate.origin,
            edit_distance=draft.edit_distance if draft else None,
            confidence=draft.confidence if draft else None,
            rating=rating.value if rating else None,
            support=measured.share,
            preference=bool(rejected),
            near_duplicate=near,
            suspicious=bool({"hidden_characters", "orders_to_model", "odd_words"} & set(flags)),
        )
    )
    digest = digest_of(request, candidate.answer, rejected)
    example, made = Example.objects.get_or_create(
        digest=digest,
        defaults={
            "kind": Example.Kind.PREFERENCE if rejected else Example.Kind.SUPERVISED,
            "request": request,
            "answer": candidate.answer,
            "rejected": rejected,
            "language": candidate.request.language[:16],
            "topic": candidate.conversation.topic,
            "origin": candidate.origin,
            "group": harvest_reading.group_of(candidate.conversation.contact),
            "happened_at": candidate.target.created_at,
            "passages": [passage_hash(passage.text) for passage in _relied_on(candidate)],
            "support": measured.share,
            "value": worth.value,
            "reasons": list(worth.reasons),
            "flags": flags,
            "by_chance": valuing.by_chance(digest),
        },
    )
    if made:
        _remember(example, candidate)
    return int(made)


def _relied_on(candidate: Candidate) -> list[ContextPassage]:
    """The passages that the answer cites; all of them where it cites none."""
    numbers, shown = set(citation_marks(candidate.answer)), candidate.request.passages
    return [one for one in shown if one.number in numbers] or list(shown)


def _capped(rule: HarvestRule, candidate: Candidate) -> bool:
    ours = Provenance.objects.filter(inbox=rule.inbox)
    if ours.filter(contact=candidate.conversation.contact).count() >= rule.per_contact:
        return True
    return ours.filter(agent=candidate.agent).count() >= rule.per_agent


def _remember(example: Example, candidate: Candidate) -> None:
    Provenance.objects.create(
        example=example,
        contact=candidate.conversation.contact,
        conversation=candidate.conversation,
        trigger=candidate.trigger,
        target=candidate.target,
        suggestion=candidate.suggestion,
        agent=candidate.agent,
        inbox=candidate.conversation.inbox,
    )


@transaction.atomic
def _to_knowledge(candidate: Candidate) -> int:
    """An agent knew something that no passage says: an article has to be written. Once for each draft."""
    if candidate.suggestion is None or Diagnosis.objects.filter(suggestion=candidate.suggestion).exists():
        return 0
    if Conversation.objects.select_for_update().filter(pk=candidate.conversation.pk).first() is None:
        return 0  # erased a moment ago
    Diagnosis.objects.create(
        suggestion=candidate.suggestion,
        message=candidate.target,
        question=candidate.request.question,
        wanted=candidate.answer,
        route=Diagnosis.Route.KNOWLEDGE,
        evidence={"support": candidate.measured.share, "why": "unsupported_edit"},
        article=f"# {candidate.request.question.splitlines()[0][:120]}\n\n{candidate.answer}\n",
        made_by="harvest",
    )
    return 1


def _flag_planted() -> None:
    rows = Example.objects.filter(kind=Example.Kind.SUPERVISED, state=Example.State.PENDING).order_by("-pk")[:RECENT]
    found = {row.pk: row for row in rows}
    looked = [
        suspicion.Row(
            row.pk,
            row.request.get("question", ""),
            row.answer,
            tuple(one["text"] for one in row.request.get("passages", [])),
        )
        for row in found.values()
    ]
    for key in suspicion.planted(looked):
        flags = found[key].flags
        if "trigger_phrase" not in flags:
            Example.objects.filter(pk=key).update(flags=[*flags, "trigger_phrase"])
