"""A logged turn as it was asked, and what was answered: from a message of the bot or a draft. Reads only.

The question is every message that the answer was for, the history what had been said until then. What the inbox says
today (language, company, collections) stands in for what it said then.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from chatbot.conversations import replying
from chatbot.conversations.drafts import suggesting
from chatbot.conversations.models import AnswerCard, Conversation, Message, ReplyJob, Suggestion

if TYPE_CHECKING:
    from chatbot.conversations.answers.answering import Answer, AnswerContext
    from retrieval.records import Turn


class ReplayRefused(ValueError):
    """The message is a sentence for people."""


@dataclass(frozen=True)
class Shown:
    """A passage that was looked at. `cited`: the answer names it."""

    passage_id: int
    title: str
    heading: str
    score: float = 0.0
    cited: bool = False


@dataclass(frozen=True)
class Said:
    """An answer with what it rests on. `sentences` are those that verification judged, kept and cut; `written_by` says
    which engines and adapters wrote them."""

    text: str
    decision: str
    confidence: float
    engine: str = ""
    adapter: str = ""
    index_version: str = ""
    prompt_digest: str = ""
    passages: tuple[Shown, ...] = ()
    sentences: tuple[dict[str, Any], ...] = ()
    written_by: tuple[dict[str, Any], ...] = ()
    milliseconds: float = 0.0


@dataclass(frozen=True)
class LoggedTurn:
    conversation: Conversation
    question: str
    history: "tuple[Turn, ...]"
    said: Said
    abstentions: int = 0
    wish: str = ""


def of_message(message: Message) -> LoggedTurn:
    """Raises ReplayRefused where no customer asked anything before it."""
    if message.role != Message.Role.BOT:
        raise ReplayRefused(_("Only what the bot has written can be answered again."))
    asked = _asked(message)
    if not asked:
        raise ReplayRefused(_("No question of a customer stands before this message."))
    return LoggedTurn(
        conversation=message.conversation,
        question="\n".join(one.text for one in asked),
        history=_history(message, asked),
        said=_said(message),
        abstentions=_abstentions(message),
    )


def of_suggestion(suggestion: Suggestion) -> LoggedTurn:
    """Raises ReplayRefused for a draft that was never made."""
    if suggestion.ready_at is None:
        raise ReplayRefused(_("This draft was never finished, so there is nothing to compare."))
    asked, history = suggesting.said(suggestion.conversation, suggestion.trigger)
    cited = {int(one.get("passage_id", 0)) for one in suggestion.citations}
    said = of_card(suggestion.card, suggestion, text=suggestion.text, cited=cited)
    question = "\n".join(one.text for one in asked)
    return LoggedTurn(suggestion.conversation, question, history, said, wish=suggestion.hint)


def of_answer(answer: "Answer") -> Said:
    """What was answered just now, in the same shape."""
    return of_card(answer.card, answer, text=answer.text, cited={one.passage_id for one in answer.sources})


def of_card(card: Any, row: Any, *, text: str, cited: set[int]) -> Said:
    """`row` names engine, adapter, index version, prompt, decision and confidence; `card` holds the rest."""
    data: dict[str, Any] = card if isinstance(card, dict) else {}
    return Said(
        text=text,
        decision=row.decision,
        confidence=round(row.confidence, 4),
        engine=row.engine,
        adapter=row.adapter,
        index_version=row.index_version,
        prompt_digest=row.prompt_digest,
        passages=tuple(_passages(data, cited)),
        sentences=_rows(data, "sentences"),
        written_by=_rows(data, "written_by"),
        milliseconds=float(data.get("timings", {}).get("total_ms", 0.0)),
    )


def _rows(card: dict[str, Any], name: str) -> tuple[dict[str, Any], ...]:
    return tuple(one for one in card.get(name, []) if isinstance(one, dict))


def context_of(turn: LoggedTurn, *, prompt: int = 0) -> "AnswerContext":
    """What the answerer is given; without canned replies, dial and trial: those are not what is tried."""
    from chatbot.conversations.answers.answering import AnswerContext

    inbox = turn.conversation.inbox
    return AnswerContext(
        question=turn.question,
        history=turn.history,
        language=inbox.language or turn.conversation.language,
        company=inbox.company or inbox.title or inbox.name,
        collections=frozenset(inbox.collections) or None,
        abstentions=turn.abstentions,
        handoff_after=inbox.handoff_after,
        wish=turn.wish,
        prompt=prompt,
    )


def _said(message: Message) -> Said:
    card = AnswerCard.objects.filter(message=message).first()
    if card is None:  # from somewhere else, or from before there were cards
        return Said(message.text, "", 0.0)
    cited = set(message.citations.values_list("passage_id", flat=True))
    return of_card(card.data, card, text=message.text, cited=cited)


def _asked(message: Message) -> list[Message]:
    """The messages that this one answers: those of its jobs, else what the customer wrote last before it."""
    jobs = ReplyJob.objects.filter(answer=message).select_related("trigger").order_by("trigger__seq")
    if asked := [job.trigger for job in jobs]:
        return asked
    found: list[Message] = []
    before = Message.objects.filter(conversation=message.conversation, seq__lt=message.seq)
    for one in before.exclude(role=Message.Role.NOTICE).order_by("-seq")[:10]:
        if one.role != Message.Role.CUSTOMER:
            break
        found.insert(0, one)
    return found


def _history(message: Message, asked: list[Message]) -> "tuple[Turn, ...]":
    from retrieval.records import Turn

    before = Message.objects.filter(conversation=message.conversation, seq__lt=message.seq)
    before = before.exclude(role=Message.Role.NOTICE).exclude(pk__in=[one.pk for one in asked])
    newest = list(before.order_by("-seq").values_list("role", "text")[: replying.HISTORY_TURNS])
    return tuple(
        Turn("customer" if role == Message.Role.CUSTOMER else "agent", text) for role, text in reversed(newest)
    )


def _abstentions(message: Message) -> int:
    """Times in a row that the bot had not known before this message."""
    kinds = Message.objects.filter(conversation=message.conversation, seq__lt=message.seq, role=Message.Role.BOT)
    count = 0
    for kind in kinds.order_by("-seq").values_list("kind", flat=True)[:10]:
        if kind != Message.Kind.ABSTAIN:
            break
        count += 1
    return count


def _passages(card: dict[str, Any], cited: set[int]) -> "list[Shown]":
    """Those that were given to the engine, best first; each once."""
    found: dict[int, Shown] = {}
    for question in card.get("questions", []):
        for one in question.get("passages", []):
            key = int(one.get("passage_id", 0))
            score = round(float(one.get("score", 0.0)), 4)
            found.setdefault(key, Shown(key, one.get("title", ""), one.get("heading", ""), score, key in cited))
    return list(found.values())
