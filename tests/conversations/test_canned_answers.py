"""The bot and its canned replies: the exact text where it is sure, the documents everywhere else, changes at once."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chatbot.conversations import jobs, replying, services
from chatbot.conversations.answers.answering import Answer, AnswerContext, Answerer
from chatbot.conversations.answers.collection import CollectionWords
from chatbot.conversations.canned_replies import canned_services, live_replies
from chatbot.conversations.canned_replies.canned_services import CannedText
from chatbot.conversations.canned_replies.intents import Asker
from chatbot.conversations.canned_replies.live_replies import LiveReplies
from chatbot.conversations.canned_replies.matching import ExampleMatcher
from chatbot.conversations.models import CannedReply, Conversation, Inbox, Message, ReplyJob
from finetune.engines.extractive import ExtractiveEngine
from retrieval.records import SearchResult, Turn
from tests import factories
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db(transaction=True)  # matchers are built on threads of their own

HOURS = ("When do you open on Saturday?", "What are your opening hours?", "Are you open on Sunday?")
HOURS_ZH = ("你们几点开门？", "周末营业吗？", "营业时间是几点到几点？")
CATALOGUE = ("Can you send me a printed catalogue?", "I would like a paper catalogue", "Do you print a catalogue?")


class Nothing:
    """A searcher without documents that counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def search(self, query: str, **_more: Any) -> SearchResult:
        self.asked.append(query)
        return SearchResult(hits=())

    def similarity(self, left: Any, right: Any) -> list[list[float]]:
        return [[0.0 for _one in right] for _other in left]


def said(shortcut: str, text: str, examples: tuple[str, ...], **more: Any) -> CannedText:
    texts = more.pop("texts", {"en": text})
    return CannedText(
        title=shortcut.title(), shortcut=shortcut, texts=texts, examples=tuple(("en", one) for one in examples),
        for_bot=more.pop("for_bot", True), **more,
    )  # fmt: skip


@pytest.fixture
def live() -> LiveReplies:
    return LiveReplies(lambda: HashEmbedder(knows=str.isascii))


@pytest.fixture
def hours() -> CannedReply:
    texts = {"en": "Hello {{customer}}, we open at 9.", "zh-hans": "我们九点开门。"}
    return canned_services.save(said=said("hours", "", (*HOURS, *HOURS_ZH), texts=texts))


@pytest.fixture
def catalogue() -> CannedReply:
    return canned_services.save(said=said("catalogue", "We print none.", CATALOGUE))


def bot(live: LiveReplies, searcher: Nothing | None = None) -> Answerer:
    searcher = searcher or Nothing()
    floor = ExtractiveEngine(similarity=searcher.similarity)
    words = CollectionWords(["Shoes and boots"])
    return Answerer(searcher=searcher, engine=floor, fallback=floor, words_of=lambda _version: words, prepared=live)


def ask(live: LiveReplies, question: str, **more: Any) -> Answer:
    return bot(live).answer(AnswerContext(question=question, **more))


def settled(live: LiveReplies) -> None:
    """Until every matcher that is being built is there."""
    for thread in list(live._building.values()):
        thread.join()


def test_a_sure_question_gets_the_exact_text_filled_in(live: LiveReplies, hours: CannedReply, catalogue: Any) -> None:
    searcher = Nothing()
    context = AnswerContext(question="When do you open on Sunday?", asker=Asker(None, {"customer": "Ada"}))
    answer = bot(live, searcher).answer(context)
    assert (answer.decision, answer.text, answer.canned, answer.topic) == (
        "canned", "Hello Ada, we open at 9.", hours.pk, "hours",
    )  # fmt: skip
    card = answer.card["canned"][0]
    assert card["score"] >= card["threshold"] > card["second"]
    assert card["nearest"][0]["text"] in HOURS
    assert searcher.asked == []
    assert 0.8 < answer.confidence < 1


def test_a_chinese_question_gets_the_chinese_text(live: LiveReplies, hours: CannedReply, catalogue: Any) -> None:
    assert ask(live, "你们周末营业吗？").text == "我们九点开门。"


def test_a_customer_is_never_answered_in_another_language(live: LiveReplies, catalogue: CannedReply) -> None:
    examples = (*((("en", one)) for one in CATALOGUE), ("de", "Gibt es einen gedruckten Katalog?"))
    canned_services.save(
        said=CannedText("C", "catalogue", {"en": "We print none."}, examples, for_bot=True), canned=catalogue
    )
    assert ask(live, "Gibt es einen gedruckten Katalog?").decision != "canned"


@pytest.mark.parametrize(
    "question", ["Which boot is best for wide feet?", "能开发票吗？", "When do you open a new shop in Rome?"]
)
def test_a_question_out_of_scope_is_searched(live: LiveReplies, hours: Any, catalogue: Any, question: str) -> None:
    searcher = Nothing()
    answer = bot(live, searcher).answer(AnswerContext(question=question))
    assert answer.decision != "canned"
    assert searcher.asked


def test_of_two_questions_one_canned_text_answers_neither(live: LiveReplies, hours: Any, catalogue: Any) -> None:
    one = "What are your opening hours?"
    assert ask(live, f"{one} How do I clean suede boots?").decision != "canned"
    both = ask(live, f"{one} Do you print a catalogue?")
    assert both.decision == "canned"
    assert "9." in both.text
    assert "none" in both.text


def test_whoever_asks_for_a_person_as_well_is_not_put_off_with_a_text(live: LiveReplies, hours: Any) -> None:
    assert ask(live, "What are your opening hours? I want to talk to a human.").decision != "canned"


def test_a_question_that_hangs_on_the_one_before_is_not_matched(live: LiveReplies, hours: Any) -> None:
    history = (Turn("customer", "Do you ship to France?"), Turn("agent", "Yes."))
    assert ask(live, "And on Sunday?", history=history).decision != "canned"


@pytest.mark.parametrize("change", [{"for_bot": False}, {"active": False}])
def test_what_is_switched_off_is_said_no_more_at_once(live: LiveReplies, hours: CannedReply, change: Any) -> None:
    assert ask(live, HOURS[1]).decision == "canned"
    CannedReply.objects.filter(pk=hours.pk).update(**change)
    assert ask(live, HOURS[1]).decision != "canned"


def test_a_deleted_reply_is_said_no_more_at_once(live: LiveReplies, hours: CannedReply) -> None:
    assert ask(live, HOURS[1]).decision == "canned"
    canned_services.delete(canned=hours)
    assert ask(live, HOURS[1]).decision != "canned"


def test_a_new_text_is_said_at_once_and_new_examples_are_learned(live: LiveReplies, hours: CannedReply) -> None:
    assert ask(live, HOURS[1]).decision == "canned"
    canned_services.save(said=said("hours", "We open at 10.", (*HOURS, "Is the shop closed today?")), canned=hours)
    assert ask(live, HOURS[1]).text == "We open at 10."
    settled(live)
    assert ask(live, "Is the shop closed today?").text == "We open at 10."


def test_nobody_waits_while_new_examples_are_learned(
    live: LiveReplies, hours: CannedReply, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(live, HOURS[1]).decision == "canned"
    gate = threading.Event()

    def slow(*args: Any) -> ExampleMatcher:
        gate.wait(20)
        return ExampleMatcher(*args)

    monkeypatch.setattr(live_replies, "ExampleMatcher", slow)
    canned_services.save(said=said("hours", "We open at 10.", (*HOURS, "Is the shop closed?")), canned=hours)
    assert ask(live, HOURS[1]).text == "We open at 10."  # answered by the old matcher, with the new text
    gate.set()
    settled(live)


def test_a_reply_of_one_inbox_is_not_said_in_another(live: LiveReplies) -> None:
    here, there = factories.inbox(), factories.inbox()
    canned_services.save(said=said("hours", "We open at 9.", HOURS, inboxes=(here,)))
    assert ask(live, HOURS[1], asker=Asker(here.pk)).decision == "canned"
    assert ask(live, HOURS[1], asker=Asker(there.pk)).decision != "canned"
    assert ask(live, HOURS[1]).decision != "canned"


def test_a_broken_embedder_leaves_the_bot_searching(hours: CannedReply) -> None:
    def broken() -> HashEmbedder:
        raise RuntimeError("no model")

    assert ask(LiveReplies(broken), HOURS[1]).decision != "canned"


# --- Through the whole way of a job -------------------------------------------------------------------
@pytest.fixture
def serving(live: LiveReplies, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = bot(live)
    monkeypatch.setattr(replying, "answerer", lambda: made)
    yield
    settled(live)


def _answered(conversation: Conversation) -> Message | None:
    replying.run(ReplyJob.objects.get().pk)
    return Message.objects.filter(conversation=conversation, role="bot").first()


def test_message_topic_card_and_uses_say_which_reply_it_was(serving: None, hours: CannedReply) -> None:
    conversation = factories.conversation(inbox=factories.inbox(mode=Inbox.Mode.AUTO, auto_confidence=0.0))
    conversation.contact.name = "Ada {{agent}}"
    conversation.contact.save()
    factories.posted(conversation, "What are your opening hours?")
    message = _answered(conversation)
    assert message is not None
    assert (message.text, message.canned_reply) == ("Hello Ada {{agent}}, we open at 9.", hours)
    assert (message.card.decision, message.card.data["canned"][0]["shortcut"]) == ("canned", "hours")
    conversation.refresh_from_db()
    hours.refresh_from_db()
    assert (conversation.topic, hours.uses) == ("hours", 1)


def test_after_a_handoff_nothing_is_said(serving: None, hours: CannedReply) -> None:
    conversation = factories.conversation()
    factories.posted(conversation, "What are your opening hours?")
    services.ask_person(conversation_id=conversation.pk)
    assert _answered(conversation) is None
    hours.refresh_from_db()
    assert hours.uses == 0


def test_a_reply_deleted_while_its_answer_is_written_leaves_the_answer(hours: CannedReply) -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = jobs.claim(job_id=ReplyJob.objects.get().pk)
    assert claim is not None
    reply = services.BotReply(**{**factories.bot_reply().__dict__, "canned_id": hours.pk, "topic": "hours"})
    canned_services.delete(canned=hours)
    assert jobs.finish(claim=claim, reply=reply)
    assert Message.objects.get(role="bot").canned_reply is None
