"""Why an answer was bad: asks again with the right passage given, decides the route, and carries it out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.accounts import audit
from chatbot.conversations.models import Conversation, Message, Suggestion
from chatbot.training.harvest_reading import group_of, redactor_for
from chatbot.training.harvesting import digest_of, flags_of
from chatbot.training.models import Consent, Diagnosis, Provenance
from chatbot.training.redaction import Redactor
from chatbot.training.supporting import measure, passage_hash
from finetune.models import Example
from finetune.records import ContextPassage, GenerationRequest, Turn
from finetune.requests import to_json
from retrieval.models import Passage

Route = Diagnosis.Route
Generate = Callable[[GenerationRequest], str]
Search = Callable[[str], list[int]]
LOOK: Final = 20
"""So many passages are looked through for one that says what is wanted."""
SAYS: Final = 0.5
"""Share of the sentences that must be supported."""


class FixRefused(ValueError):
    """The message is a sentence for people."""


@dataclass(frozen=True)
class Facts:
    passage: bool
    """A passage is named and says what is wanted."""
    was_shown: bool
    """The answer was written with it before the eyes."""
    right_with_it: bool


def routing(facts: Facts) -> Diagnosis.Route:
    """Nothing says it: write it. Right once it is given: find it. Wrong all the same, or in spite of it: learn it."""
    if not facts.passage:
        return Route.KNOWLEDGE
    if facts.was_shown or not facts.right_with_it:
        return Route.BEHAVIOUR
    return Route.RETRIEVAL


@dataclass(frozen=True)
class Applied:
    route: str
    example: Example | None = None
    document_id: int | None = None
    article: str = ""


def _generate(request: GenerationRequest) -> str:
    """Through the configured engine; loads it at the first call."""
    from chatbot.conversations.answers.composition import generator

    return "".join(generator().generate(request))


def _search(question: str) -> list[int]:
    """Numbers of the passages that come nearest, best first."""
    from retrieval.search import get_searcher

    return [hit.passage_id for hit in get_searcher().search(question, k=LOOK).hits]


def diagnose(
    *,
    by: str,
    message: Message | None = None,
    suggestion: Suggestion | None = None,
    question: str = "",
    wanted: str = "",
    passage_id: int | None = None,
    generate: Generate = _generate,
    search: Search = _search,
) -> Diagnosis:
    """`wanted` is the right answer, `passage_id` the passage that says it; without one, it is looked for."""
    question, before, shown = _asked(message, suggestion, question)
    redactor = _redactor(message, suggestion)
    question, wanted = redactor.redact(question).text, redactor.redact(wanted).text
    ranked = search(question)
    passage = _passage(passage_id, wanted, [*sorted(shown), *ranked])
    given = (_context(passage),) if passage else ()
    says = bool(given) and (not wanted or measure(wanted, given).share >= SAYS)
    after = generate(GenerationRequest((Turn("customer", question),), question, given)) if says else ""
    right = bool(after) and _agrees(after, wanted, given)
    facts = Facts(says, passage is not None and passage.pk in shown, right)
    rank = ranked.index(passage.pk) + 1 if passage and passage.pk in ranked else None
    evidence = {
        "before": redactor.redact(before).text,
        "after": after,
        "shown": sorted(shown),
        "rank": rank,
        "found_by_search": passage is not None and passage_id is None,
        **vars(facts),
    }
    route = routing(facts)
    made = _keep(
        message=message,
        suggestion=suggestion,
        question=question,
        wanted=wanted,
        passage_id=passage.pk if passage else None,
        route=route,
        evidence=evidence,
        article=f"# {question.splitlines()[0][:120]}\n\n{wanted}\n" if route == Route.KNOWLEDGE else "",
        made_by=by,
    )
    audit.record(actor=by, action="training.diagnose", target=f"diagnosis {made.pk}", detail={"route": route})
    return made


@transaction.atomic
def _keep(**fields: Any) -> Diagnosis:
    """With the conversation locked: it is not erased between the look and the row."""
    conversation = _conversation(fields["message"], fields["suggestion"])
    if conversation is not None and not _locked(conversation):
        raise FixRefused(_("This conversation has been deleted."))
    return Diagnosis.objects.create(**fields)


def _locked(conversation: Conversation) -> bool:
    return Conversation.objects.select_for_update().filter(pk=conversation.pk).first() is not None


def _passage(passage_id: int | None, wanted: str, near: list[int]) -> Passage | None:
    """The passage that a person named, else the first of the near ones that says what is wanted."""
    keys = [passage_id] if passage_id else list(dict.fromkeys(near)) if wanted else []
    found = Passage.objects.filter(pk__in=keys, retired=False).select_related("document").in_bulk()
    rows = [found[key] for key in keys if key in found]
    if passage_id:
        return rows[0] if rows else None
    return next((row for row in rows if measure(wanted, (_context(row),)).share >= SAYS), None)


def _agrees(after: str, wanted: str, given: tuple[ContextPassage, ...]) -> bool:
    if not wanted:
        return measure(after, given).supported
    return measure(wanted, (ContextPassage(1, "", "", after),)).share >= 0.5


def _context(passage: Passage) -> ContextPassage:
    heading = " › ".join(map(str, passage.heading_path))
    return ContextPassage(1, passage.document.title, heading, passage.text)


def _asked(message: Message | None, suggestion: Suggestion | None, question: str) -> tuple[str, str, set[int]]:
    """Question, the answer that was given, and the passages it had."""
    if suggestion is not None:
        shown = {int(one.get("passage_id", 0)) for one in suggestion.citations}
        return question or suggestion.trigger.text, suggestion.text, shown
    if message is not None:
        earlier = message.conversation.messages.filter(seq__lt=message.seq, role=Message.Role.CUSTOMER).last()
        shown = set(message.citations.values_list("passage_id", flat=True))
        return question or (earlier.text if earlier else ""), message.text, shown
    if not question.strip():
        raise FixRefused(_("Choose an answer, or write a question."))
    return question, "", set()


def _conversation(message: Message | None, suggestion: Suggestion | None) -> Any:
    return (message or suggestion).conversation if message or suggestion else None  # type: ignore[union-attr]


def _redactor(message: Message | None, suggestion: Suggestion | None) -> Redactor:
    conversation = _conversation(message, suggestion)
    return redactor_for(conversation) if conversation else Redactor()


def overrule(*, diagnosis: Diagnosis, route: str, by: str) -> Diagnosis:
    if route not in Route.values:
        raise FixRefused(_("Choose behaviour, retrieval or knowledge."))
    if Diagnosis.objects.filter(pk=diagnosis.pk, done_at=None).update(chosen=route) != 1:
        raise FixRefused(_("This diagnosis has been carried out already."))
    audit.record(actor=by, action="training.overrule", target=f"diagnosis {diagnosis.pk}", detail={"route": route})
    diagnosis.refresh_from_db()
    return diagnosis


@transaction.atomic
def apply(*, diagnosis: Diagnosis, by: str) -> Applied:
    """An example to review, the document to open, or the draft of an article."""
    diagnosis.refresh_from_db()
    if diagnosis.done_at is not None:
        raise FixRefused(_("This diagnosis has been carried out already."))
    route = diagnosis.chosen or diagnosis.route
    passage = Passage.objects.filter(pk=diagnosis.passage_id or 0).select_related("document").first()
    example = _example(diagnosis, passage) if route == Route.BEHAVIOUR else None
    if Diagnosis.objects.filter(pk=diagnosis.pk, done_at=None).update(done_at=timezone.now(), example=example) != 1:
        raise FixRefused(_("This diagnosis has been carried out already."))
    audit.record(actor=by, action="training.fix", target=f"diagnosis {diagnosis.pk}", detail={"route": route})
    document = passage.document_id if passage and route == Route.RETRIEVAL else None
    article = diagnosis.article or f"# {diagnosis.question[:120]}\n\n{diagnosis.wanted}\n"
    return Applied(route, example, document, article if route == Route.KNOWLEDGE else "")


def _example(diagnosis: Diagnosis, passage: Passage | None) -> Example:
    conversation = _conversation(diagnosis.message, diagnosis.suggestion)
    if not diagnosis.wanted.strip():
        raise FixRefused(_("Write the answer that is right; the example is made of it."))
    if conversation and not Consent.objects.filter(conversation=conversation, granted=True).exists():
        raise FixRefused(_("The customer has not agreed that this conversation is learnt from."))
    given = (_context(passage),) if passage else ()
    request = to_json(GenerationRequest((Turn("customer", diagnosis.question),), diagnosis.question, given))
    measured = measure(diagnosis.wanted, given)
    example, made = Example.objects.get_or_create(
        digest=digest_of(request, measured.marked),
        defaults={
            "request": request,
            "answer": measured.marked,
            "origin": "fix",
            "group": group_of(conversation.contact) if conversation else f"diagnosis-{diagnosis.pk}",
            "happened_at": diagnosis.made_at,
            "passages": [passage_hash(one.text) for one in given],
            "support": measured.share,
            "value": 0.9,
            "reasons": ["fix"],
            "flags": flags_of(diagnosis.question, measured.marked, supported=measured.supported, passages=bool(given)),
        },
    )
    if made and conversation:
        Provenance.objects.create(
            example=example, contact=conversation.contact, conversation=conversation, inbox=conversation.inbox
        )
    return example
