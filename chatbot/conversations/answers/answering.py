"""From a customer's words to a verified answer with its sources: understand, search, decide, generate, verify.

Pure orchestration over two protocols (`Searcher`, `Engine`); no Django, no model library. What is emitted has passed
verification and is never taken back: the final text is exactly what was emitted, unless it is withheld from the
customer, and then nothing was.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from chatbot.conversations.answers import finding
from chatbot.conversations.answers import language as languages
from chatbot.conversations.answers import understanding as understandings
from chatbot.conversations.answers.dial import Dial, Withheld
from chatbot.conversations.answers.finding import Found
from chatbot.conversations.answers.understanding import Understanding
from chatbot.conversations.answers.verification import Checked, Cut, StreamedSentences, check
from chatbot.conversations.answers.wording import other_words
from chatbot.conversations.canned_replies.intents import Asker, Chosen, PreparedReplies, choose
from finetune.records import Engine, GenerationRequest, GenerationResult
from finetune.records import Turn as GenerationTurn
from finetune.support import without_marks
from retrieval.records import Hit, Searcher, Turn

Decision = Literal["answer", "clarify", "abstain", "handoff", "smalltalk", "canned"]

ANSWER_FROM: Final = 0.5
"""Confidence from which a question is answered; the confidence is calibrated (see `evidence.py`)."""
CLARIFY_OPTIONS: Final = 3
COURTESIES_BEHIND: Final = 2
REPEATED_MOST: Final = 2
"""Sentences said again after which the rest of an answer is not waited for: a small model has found no end."""


class Cancelled(Exception):
    """The answer is wanted no longer: a person took over, or the job is another worker's."""


@dataclass(frozen=True)
class AnswerContext:
    """`question` holds all unanswered messages joined by newlines; `history` is oldest first and leaves them out."""

    question: str
    history: tuple[Turn, ...] = ()
    language: str = ""
    company: str = ""
    collections: frozenset[str] | None = None
    abstentions: int = 0
    handoff_after: int = 2
    """Times in a row that it may not know before it hands over; the last of them is the handoff."""
    asker: Asker = field(default_factory=Asker)
    wish: str = ""
    """What an agent asked for when a draft is made again; only engines that read follow it."""
    dial: Dial = field(default_factory=Dial)
    key: str = ""
    """Of the conversation: all its answers come from the same side of a trial."""
    prompt: int = 0
    """Generation of the prompt; 0 is the present one."""


@dataclass(frozen=True)
class Source:
    number: int
    passage_id: int
    document_id: int
    title: str
    heading: str
    url: str
    text: str


@dataclass(frozen=True)
class Answer:
    """`text` cites its sources as [n]; `card` is JSON and says why this was said."""

    decision: Decision
    text: str
    sources: tuple[Source, ...] = ()
    confidence: float = 1.0
    offer_person: bool = False
    card: dict[str, Any] = field(default_factory=dict)
    withheld: Withheld = ""
    """Not for the customer: an agent gets it as a draft, and nothing of it was emitted."""
    engine: str = ""
    adapter: str = ""
    index_version: str = ""
    prompt_digest: str = ""
    canned: int | None = None
    """The canned reply this is, of the first question when there are several."""
    topic: str = ""


class _Writing:
    """What has been said so far: text, sources in order of appearance, checked sentences, what engines reported."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self.text = ""
        self.sources: list[Source] = []
        self.checked: list[dict[str, Any]] = []
        self.results: list[tuple[GenerationResult, bool]] = []
        """What each engine reported, and whether any of its text was kept."""

    def say(self, text: str) -> None:
        if text:
            self.text += text
            self._emit(text)

    def whisper(self) -> None:
        """From here on nothing is shown to the customer."""
        self._emit = lambda _text: None

    def number_of(self, hit: Hit) -> int:
        for source in self.sources:
            if source.passage_id == hit.passage_id:
                return source.number
        heading = " › ".join(hit.heading_path)
        self.sources.append(
            Source(len(self.sources) + 1, hit.passage_id, hit.document_id, hit.title, heading, hit.url, hit.text)
        )
        return len(self.sources)


class Answerer:
    """Answers one message at a time, from any number of threads. `fallback` writes where `engine` fails."""

    def __init__(
        self,
        *,
        searcher: Searcher,
        engine: Engine,
        fallback: Engine,
        words_of: finding.WordsOf,
        prepared: PreparedReplies | None = None,
    ) -> None:
        self._searcher = searcher
        self._engine = engine
        self._fallback = fallback
        self._words_of = words_of
        self._prepared = prepared

    def answer(
        self,
        context: AnswerContext,
        *,
        emit: Callable[[str], None] = lambda _text: None,
        stage: Callable[[str], None] = lambda _stage: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """`emit` gets verified text, `stage` "searching" and "writing". Raises Cancelled."""
        started = time.perf_counter()
        understood = understandings.understand(context.question, context.history, language=context.language)
        writing = _Writing(emit)
        if understood.intent != "question":
            answer = self._fixed(understood, context, writing)
        elif chosen := self._chosen(understood, context):
            writing.say(chosen.text)
            answer = _canned(chosen, understood)
        else:
            stage("searching")
            found = [
                finding.find(
                    part,
                    searcher=self._searcher,
                    words_of=self._words_of,
                    history=context.history,
                    language=understood.language,
                    collections=context.collections,
                )
                for part in understood.parts
            ]
            searched = time.perf_counter()
            stage("writing")
            answer = self._from_found(found, understood, context, writing, cancelled)
            answer.card["timings"] = {
                "search_ms": round(1000 * (searched - started), 1),
                "write_ms": round(1000 * (time.perf_counter() - searched), 1),
            }
        answer.card.setdefault("timings", {})["total_ms"] = round(1000 * (time.perf_counter() - started), 1)
        return answer

    def _fixed(self, understood: Understanding, context: AnswerContext, writing: _Writing) -> Answer:
        """Small talk, a wish for a person, orders to the bot: fixed sentences, nothing is searched."""
        if understood.intent == "person":
            writing.say(languages.say("handoff", understood.language, company=context.company))
            return Answer("handoff", writing.text, card={"person_asked": True, "language": understood.language})
        topic = understood.topic or "clarify_open"
        writing.say(languages.say(topic, understood.language, company=context.company))
        offer = topic == "insult"
        return Answer("smalltalk", writing.text, offer_person=offer, card={"topic": topic, "orders": understood.orders})

    def _chosen(self, understood: Understanding, context: AnswerContext) -> Chosen | None:
        """The canned replies that surely answer all that is asked. A question that hangs on earlier ones never is."""
        parts = understood.parts
        if self._prepared is None or understood.person or understood.orders:
            return None
        if any(part.vague or part.follow_up for part in parts):
            return None
        return choose(
            [self._prepared.match(part.text, language=understood.language, asker=context.asker) for part in parts]
        )

    # --- Decide --------------------------------------------------------------------------------------
    def _from_found(
        self,
        found: Sequence[Found],
        understood: Understanding,
        context: AnswerContext,
        writing: _Writing,
        cancelled: Callable[[], bool],
    ) -> Answer:
        card = _card(found, understood)
        if all(one.part.vague for one in found):
            return self._clarify(found, understood, writing, card)
        known = [one for one in found if _answerable(one)]
        withheld = context.dial.withholds(min(one.evidence.confidence for one in known)) if known else ""
        if withheld:
            writing.whisper()
        elif understood.person and known:
            writing.say(languages.say("answer_first", understood.language) + "\n\n")
        said: list[Found] = []
        for one in known:
            if said and not writing.text.endswith("\n\n"):
                writing.say("\n\n")
            if self._write(one, understood, context, writing, cancelled):
                said.append(one)
        unknown = [one for one in found if one not in said]
        card["sentences"] = writing.checked
        card["written_by"] = [_writer(result, kept) for result, kept in writing.results]
        index_version = next((one.result.index_version for one in found), "")
        if not said:
            return replace(self._abstain(found, understood, context, writing, card), index_version=index_version)
        for one in unknown if len(found) > 1 else []:
            writing.say("\n\n" + languages.say("unknown_part", understood.language, part=one.part.text))
        wrote = [result for result, kept in writing.results if kept]
        named = next((result for result in wrote if result.adapter), wrote[-1])
        return Answer(
            decision="handoff" if understood.person else "answer",
            text=writing.text,
            sources=tuple(writing.sources),
            confidence=min(one.evidence.confidence for one in said),
            offer_person=bool(unknown),
            card={**card, "person_asked": understood.person, **(context.dial.card() if withheld else {})},
            withheld=withheld,
            engine=named.engine,
            adapter=named.adapter,
            index_version=index_version,
            prompt_digest=named.prompt_digest,
        )

    def _clarify(
        self, found: Sequence[Found], understood: Understanding, writing: _Writing, card: dict[str, Any]
    ) -> Answer:
        titles = list(dict.fromkeys(hit.title for one in found for hit in one.hits if hit.title))
        options = " / ".join(titles[:CLARIFY_OPTIONS])
        key: languages.Key = "clarify" if options else "clarify_open"
        writing.say(languages.say(key, understood.language, options=options))
        return Answer("clarify", writing.text, confidence=0.0, card=card)

    def _abstain(
        self,
        found: Sequence[Found],
        understood: Understanding,
        context: AnswerContext,
        writing: _Writing,
        card: dict[str, Any],
    ) -> Answer:
        give_up = understood.person or context.abstentions + 1 >= context.handoff_after
        key: languages.Key = "handoff" if understood.person else "gave_up" if give_up else "abstain"
        writing.say(languages.say(key, understood.language))
        return Answer(
            decision="handoff" if give_up else "abstain",
            text=writing.text,
            confidence=max((one.evidence.confidence for one in found), default=0.0),
            offer_person=not give_up,
            card={**card, "person_asked": understood.person},
        )

    # --- Generate and verify ---------------------------------------------------------------------------
    def _write(
        self,
        one: Found,
        understood: Understanding,
        context: AnswerContext,
        writing: _Writing,
        cancelled: Callable[[], bool],
    ) -> bool:
        """Write the answer to one question. False when nothing survived verification."""
        request = _request(one, understood, context)
        for engine in dict.fromkeys([self._engine, self._fallback]):
            said: set[str] = set()
            repeated = 0
            trusted = engine is self._fallback
            generation = engine.generate(request)
            written = _sentences(iter(generation), cancelled, generation.cancel, trusted=trusted)
            for checked in _beside_courtesies(check(text, one.passages, trusted=trusted) for text in written):
                key = without_marks(checked.text).strip().casefold()
                if checked.kept and key in said:
                    checked = replace(checked, kept=False, reason=Cut.REPEATED)
                    repeated += not trusted  # documents may say a thing in two places
                writing.checked.append(checked.card())
                if repeated == REPEATED_MOST:
                    generation.cancel()
                    break
                if not checked.kept:
                    continue
                if one.lookup and trusted and not said:  # it quotes, in the documents' language
                    writing.say(languages.say("other_language", understood.language) + "\n")
                self._say(checked, one, writing, first=not said)
                said.add(key)
            writing.results.append((generation.result, bool(said)))
            if said:
                return True
        return False

    def _say(self, checked: Checked, one: Found, writing: _Writing, *, first: bool) -> None:
        numbers = {index + 1: writing.number_of(one.hits[index]) for index in checked.passages}
        text = checked.renumbered(numbers)
        writing.say(text.lstrip() if first else checked.gap + text.lstrip())


def _canned(chosen: Chosen, understood: Understanding) -> Answer:
    first = chosen.replies[0]
    return Answer(
        decision="canned",
        text=chosen.text,
        confidence=chosen.trust,
        card={"language": understood.language, "canned": [one.card() for one in chosen.replies]},
        canned=first.reply,
        topic=first.shortcut,
    )


def _writer(result: GenerationResult, kept: bool) -> dict[str, Any]:
    """Who wrote, also what was cut afterwards: engine and adapter ("" is the base model), and how it ended."""
    return {
        "engine": result.engine,
        "adapter": result.adapter,
        "finish": result.finish_reason,
        "error": result.error[:200],
        "kept": kept,
    }


def _answerable(one: Found) -> bool:
    return bool(one.passages) and one.evidence.confidence >= ANSWER_FROM


def _request(one: Found, understood: Understanding, context: AnswerContext) -> GenerationRequest:
    turns = (*context.history, Turn("customer", one.part.text))
    return GenerationRequest(
        turns=tuple(GenerationTurn(turn.role, turn.text) for turn in turns),
        question=one.part.query,
        passages=one.passages,
        language=understood.language,
        company=context.company,
        lookup=one.lookup,
        also=other_words(one.lookup or one.part.query),
        wish=context.wish,
        key=context.key,
        prompt=context.prompt,
    )


def _sentences(
    pieces: Iterator[str], cancelled: Callable[[], bool], cancel: Callable[[], None], *, trusted: bool
) -> Iterator[str]:
    """Whole sentences of a running generation, which ends early where it stutters, unless it is `trusted`: quotations
    may.

    Raises Cancelled after telling the engine.
    """
    stream = StreamedSentences()
    for piece in pieces:
        if cancelled():
            cancel()
            raise Cancelled
        yield from stream.feed(piece)
        if not trusted and stream.stuck:
            cancel()
            break
    yield from stream.flush()


def _beside_courtesies(judged: Iterable[Checked]) -> Iterator[Checked]:
    """The same sentences; courtesies are kept beside what is said, one in front of it and two behind."""
    waiting: Checked | None = None
    said, left = False, COURTESIES_BEHIND
    for checked in judged:
        if not checked.courtesy:
            if checked.kept and waiting is not None:
                yield replace(waiting, kept=True, reason="")
                waiting = None
            said = said or checked.kept
            yield checked
        elif said:
            left -= 1
            yield replace(checked, kept=True, reason="") if left >= 0 else checked
        elif waiting is None:
            waiting = checked
        else:
            yield checked
    if waiting is not None:
        yield waiting


def _card(found: Sequence[Found], understood: Understanding) -> dict[str, Any]:
    return {
        "language": understood.language,
        "orders": understood.orders,
        "questions": [finding.card(one) for one in found],
    }
