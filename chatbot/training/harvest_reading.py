"""Reads resolved conversations into candidates: redacted requests as they are served, with answers of agents only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac

from chatbot.accounts.models import User
from chatbot.conversations.answers.understanding import understand
from chatbot.conversations.models import Contact, Conversation, Message, Suggestion
from chatbot.training.models import HarvestRule
from chatbot.training.redaction import Redactor
from chatbot.training.served_passages import Find, merged, nothing
from chatbot.training.supporting import Measured, measure
from chatbot.training.suspicion import echoes
from finetune.records import ContextPassage, GenerationRequest
from finetune.records import Turn as GenerationTurn
from retrieval.models import Document
from retrieval.records import Turn

TURNS: Final = 12
_Role = Message.Role


@dataclass(frozen=True)
class Candidate:
    """One answer of an agent, redacted, with what it was made from."""

    request: GenerationRequest
    measured: Measured
    origin: str
    draft: str
    conversation: Conversation
    trigger: Message
    target: Message
    suggestion: Suggestion | None
    agent: User | None
    customer_said: tuple[str, ...]
    redactor: Redactor

    @property
    def answer(self) -> str:
        return self.measured.marked


def allowed(rule: HarvestRule, since: datetime | None) -> QuerySet[Conversation]:
    """Resolved, consented, rated well enough or not at all."""
    found = Conversation.objects.filter(inbox=rule.inbox, state=Conversation.State.RESOLVED)
    found = found.exclude(consent__granted=False)
    if rule.require_consent:
        found = found.filter(consent__granted=True)
    if rule.min_rating is not None:
        found = found.filter(
            Q(rating__isnull=True) | Q(rating__value__isnull=True) | Q(rating__value__gte=rule.min_rating)
        )
    if since is not None:
        found = found.filter(resolved_at__gte=since)
    return found.select_related("inbox", "contact", "rating").order_by("pk")


def group_of(contact: Contact) -> str:
    """An opaque name, the same for all examples of one customer."""
    return salted_hmac("training.group", str(contact.pk), algorithm="sha256").hexdigest()[:40]


def redactor_for(conversation: Conversation, passages: tuple[ContextPassage, ...] = ()) -> Redactor:
    contact = conversation.contact
    agents = User.objects.filter(pk__in=conversation.messages.exclude(author=None).values("author")).distinct()
    known = [contact.name, *(name for user in agents for name in (user.get_full_name(), user.last_name))]
    public = [f"{one.title} {one.heading} {one.text}" for one in passages]
    inbox = conversation.inbox
    values = [contact.email, contact.external_id or ""]
    goods = Document.objects.exclude(title="").order_by("pk").values_list("title", flat=True)[:5000]
    return Redactor(known=known, values=values, public=[*public, inbox.company, inbox.title, *goods])


def candidates(
    rule: HarvestRule, conversation: Conversation, find: Find = nothing, *, taken: frozenset[int] = frozenset()
) -> Iterator[Candidate]:
    """`find` gives the passages that each question is answered from today; messages that were `taken` are left out."""
    messages = list(conversation.messages.exclude(role=_Role.NOTICE).select_related("author", "rating").order_by("seq"))
    drafts = list(conversation.suggestions.exclude(state=Suggestion.State.FAILED).order_by("pk"))
    public = tuple(passage for draft in drafts for passage in passages_of(draft.citations))
    redactor = redactor_for(conversation, public)
    for place, target in enumerate(messages):
        if target.role != _Role.AGENT or target.kind != Message.Kind.TEXT or target.pk in taken or _disliked(target):
            continue
        made = _candidate(rule, messages[:place], target, drafts, redactor, find)
        if made is not None:
            yield made


def _disliked(message: Message) -> bool:
    rating = getattr(message, "rating", None)
    return rating is not None and rating.value < 0


def _candidate(
    rule: HarvestRule,
    before: list[Message],
    target: Message,
    drafts: list[Suggestion],
    redactor: Redactor,
    find: Find,
) -> Candidate | None:
    asked: list[Message] = []
    for message in reversed(before):
        if message.role != _Role.CUSTOMER:
            break
        asked.insert(0, message)
    used = next((one for one in drafts if one.sent_message_id == target.pk), None)
    customer = tuple(message.text for message in before if message.role == _Role.CUSTOMER)
    if not asked or not _wanted(rule, used) or echoes(target.text, customer):
        return None
    beside = used or next((one for one in reversed(drafts) if one.trigger_id == asked[-1].pk), None)
    history = before[: len(before) - len(asked)][-TURNS:]
    shown = passages_of(beside.citations) if beside else ()
    request = _request(target.conversation, asked, history, shown, redactor, find)
    draft = redactor.redact(used.text).text if used else ""
    return Candidate(
        request=request,
        measured=measure(redactor.redact(target.text).text, request.passages),
        origin=_origin(target, used),
        draft=draft,
        conversation=target.conversation,
        trigger=asked[-1],
        target=target,
        suggestion=used,
        agent=target.author,
        customer_said=customer,
        redactor=redactor,
    )


def _wanted(rule: HarvestRule, used: Suggestion | None) -> bool:
    return rule.suggestions if used is not None else rule.replies


def _origin(target: Message, used: Suggestion | None) -> str:
    if used is None:
        return "canned" if target.canned_reply_id else "reply"
    return "suggestion" if used.outcome == Suggestion.Outcome.UNCHANGED else "edit"


def passages_of(citations: list[dict[str, Any]]) -> tuple[ContextPassage, ...]:
    return tuple(
        ContextPassage(number, str(one.get("title", "")), str(one.get("heading", "")), str(one.get("text", "")))
        for number, one in enumerate(citations, start=1)
    )


def _request(
    conversation: Conversation,
    asked: list[Message],
    history: list[Message],
    shown: tuple[ContextPassage, ...],
    redactor: Redactor,
    find: Find,
) -> GenerationRequest:
    """Turns and question as `answering` would make them; redacted before anything reads them."""
    turns = tuple(
        Turn("customer" if one.role == _Role.CUSTOMER else "agent", redactor.redact(one.text).text) for one in history
    )
    said = "\n".join(redactor.redact(one.text).text for one in asked)
    inbox = conversation.inbox
    understood = understand(said, turns, language=inbox.language or conversation.language)
    single = understood.parts[0] if len(understood.parts) == 1 else None
    return GenerationRequest(
        turns=(
            *(GenerationTurn(turn.role, turn.text) for turn in turns),
            GenerationTurn("customer", single.text if single else said),
        ),
        question=single.query if single else said,
        passages=merged(find(understood, turns, frozenset(inbox.collections) or None), shown),
        language=understood.language,
        company=inbox.company or inbox.title or inbox.name,
    )
