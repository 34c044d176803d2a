"""Drafts for agents: made from what was asked, withdrawn when stale, never lost with a worker, never shown to customers."""

import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from chatbot.conversations import handling, leases, replying, services
from chatbot.conversations.answers.answering import Answer, AnswerContext, Source
from chatbot.conversations.drafts import suggesting, suggestions, wishes
from chatbot.conversations.models import Conversation, Message, Suggestion
from tests import factories

pytestmark = pytest.mark.django_db

SOURCE = Source(1, 7, 3, "Returns", "Worn shoes", "https://shop.test/returns", "Worn shoes: 30 days.")


class Writer:
    """Stands in for the answerer: keeps what it was asked, gives what it was told to."""

    def __init__(self) -> None:
        self.asked: list[AnswerContext] = []
        self.answer_with = Answer("answer", "You have 30 days [1].", (SOURCE,), 0.83, engine="extractive")
        self.meanwhile: Callable[[], Any] = lambda: None

    def answer(self, context: AnswerContext, *, cancelled: Callable[[], bool], **_more: Any) -> Answer:
        self.asked.append(context)
        self.meanwhile()
        cancelled()
        return self.answer_with


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Writer:
    made = Writer()
    monkeypatch.setattr(replying, "answerer", lambda: made)
    return made


@pytest.fixture
def waiting() -> Conversation:
    conversation = factories.conversation()
    factories.agent_there(conversation.inbox)
    factories.posted(conversation, "How long do I have?")
    services.ask_person(conversation_id=conversation.pk)
    return conversation


def newest() -> Suggestion:
    return Suggestion.objects.order_by("-pk")[0]


def test_a_waiting_customer_gets_a_draft_with_its_sources(writer: Writer, waiting: Conversation) -> None:
    suggesting.run(newest().pk)
    draft = newest()
    assert (draft.state, draft.text, draft.confidence, draft.engine) == (
        "ready", "You have 30 days [1].", 0.83, "extractive",
    )  # fmt: skip
    assert draft.citations[0]["title"] == "Returns"
    assert draft.ready_at is not None
    assert not Message.objects.filter(role="bot").exists()


def test_everything_written_in_one_go_is_asked_together_with_what_was_said_before(
    writer: Writer, waiting: Conversation
) -> None:
    agent = factories.user()
    handling.reply(conversation_id=waiting.pk, agent=agent, client_id="agent-000001", text="For shoes?")
    factories.posted(waiting, "Yes, shoes.")
    factories.posted(waiting, "Worn ones!")
    suggesting.run(newest().pk)
    assert writer.asked[-1].question == "Yes, shoes.\nWorn ones!"
    assert [turn.text for turn in writer.asked[-1].history] == ["How long do I have?", "For shoes?"]


def test_what_the_bot_does_not_know_is_a_draft_without_words(writer: Writer, waiting: Conversation) -> None:
    writer.answer_with = Answer("abstain", "I do not know.", confidence=0.1, offer_person=True, card={"questions": []})
    suggesting.run(newest().pk)
    assert (newest().state, newest().decision, newest().text) == ("ready", "abstain", "")


def test_a_draft_is_withdrawn_by_a_newer_message_while_it_is_made(writer: Writer, waiting: Conversation) -> None:
    first = newest()
    writer.meanwhile = lambda: factories.posted(waiting, "Forget it, other question.")
    suggesting.run(first.pk)
    first.refresh_from_db()
    assert (first.state, first.text) == ("withdrawn", "")
    assert newest().state == "queued"
    assert newest().pk != first.pk


def test_two_workers_make_one_draft(writer: Writer, waiting: Conversation) -> None:
    draft = newest()
    writer.meanwhile = lambda: suggesting.run(draft.pk)
    suggesting.run(draft.pk)
    assert len(writer.asked) == 1


def test_a_failure_is_tried_again_and_ends_with_a_sentence_for_the_agent(
    writer: Writer, waiting: Conversation, settings: Any
) -> None:
    settings.REPLY_ATTEMPTS = 2

    def fail() -> None:
        raise RuntimeError("the model fell over")

    writer.meanwhile = fail
    began = timezone.now()
    suggesting.run(newest().pk)
    assert (newest().state, newest().attempt) == ("queued", 1)
    assert newest().available_at >= began + timedelta(seconds=2)
    Suggestion.objects.update(available_at=timezone.now())
    suggesting.run(newest().pk)
    assert newest().state == "failed"
    assert "Write the reply yourself" in newest().error


def test_a_killed_workers_draft_is_made_by_another(writer: Writer, waiting: Conversation) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Suggestion.objects.update(state="running", worker="gone:1:x", attempt=1, lease_until=long_ago)
    assert suggesting.recover() == 1
    suggesting.run(newest().pk)
    assert (newest().state, newest().attempt) == ("ready", 2)


def test_a_holder_whose_lease_ran_out_cannot_overwrite_the_next_ones_draft(
    writer: Writer, waiting: Conversation
) -> None:
    draft = newest()
    claim = suggesting._claim(draft.pk)
    assert claim is not None
    Suggestion.objects.update(attempt=5)
    suggesting._keep(claim, writer.answer_with)
    assert (newest().state, newest().text) == ("running", "")


def test_an_orderly_stop_gives_drafts_back_uncounted(waiting: Conversation) -> None:
    claim = suggesting._claim(newest().pk)
    assert claim is not None
    with leases.held(claim):
        assert leases.give_back_all() == 1
    assert claim.lost.is_set()
    assert (newest().state, newest().attempt, newest().worker) == ("queued", 0, "")


def test_no_more_drafts_than_allowed_are_made_at_once_and_each_rings_for_the_next(
    writer: Writer, waiting: Conversation, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DRAFT_CONCURRENCY = 1
    rung: list[int] = []
    monkeypatch.setattr(suggesting.queueing, "enqueue_suggestion", rung.append)
    other = factories.conversation()
    factories.posted(other)
    services.ask_person(conversation_id=other.pk)
    first, second = Suggestion.objects.order_by("pk")
    make = suggesting._make

    def meanwhile(claim: Any) -> None:
        suggesting.run(second.pk)  # no place
        assert Suggestion.objects.get(pk=second.pk).state == "queued"
        make(claim)

    monkeypatch.setattr(suggesting, "_make", meanwhile)
    rung.clear()
    suggesting.run(first.pk)
    assert rung == [second.pk]
    monkeypatch.setattr(suggesting, "_make", make)
    suggesting.run(second.pk)
    assert [one.state for one in Suggestion.objects.all()] == ["ready", "ready"]
    assert rung == [second.pk]


@pytest.mark.parametrize(("took", "rest"), [(0.2, 0.2), (9.0, 0.5)])
def test_where_sockets_share_the_process_a_draft_is_followed_by_a_rest(
    waiting: Conversation, settings: Any, monkeypatch: pytest.MonkeyPatch, took: float, rest: float
) -> None:
    settings.DRAFT_CONCURRENCY, settings.DRAFT_REST_SECONDS = 1, 0.5
    rests: list[float] = []

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        assert not suggesting._places.taken()  # nobody else has the place before it has rested

    clock = SimpleNamespace(monotonic=iter([10.0, 10.0 + took]).__next__, sleep=sleep)
    monkeypatch.setattr(suggesting, "_make", lambda claim: None)
    monkeypatch.setattr(suggesting, "time", clock)
    suggesting.run(newest().pk)
    assert rests == [pytest.approx(rest)]


@pytest.mark.parametrize("resolved", [True, False])
def test_giving_back_or_resolving_takes_the_draft_off(writer: Writer, waiting: Conversation, resolved: bool) -> None:
    suggesting.run(newest().pk)
    agent = factories.user()
    if resolved:
        handling.resolve(conversation_id=waiting.pk, agent=agent)
    else:
        handling.give_back(conversation_id=waiting.pk, agent=agent)
    assert newest().state == "withdrawn"


def test_an_agents_wish_reaches_the_engine(writer: Writer, waiting: Conversation) -> None:
    suggesting.run(newest().pk)
    conversation = services.lock(conversation_id=waiting.pk)
    again = suggestions.request(conversation, hint="offer the refund", agent=factories.user())
    assert again is not None
    suggesting.run(again.pk)
    assert writer.asked[-1].wish == "offer the refund"
    assert "cannot do this" in newest().error


def test_shorter_needs_no_model() -> None:
    text = "You have 30 days [1]. Keep the box [1]. Write to us first [2]. Thank you [2]."
    assert wishes.applied(text, "make it SHORTER please", engine="extractive") == (
        "You have 30 days [1]. Keep the box [1].", "",
    )  # fmt: skip
    assert wishes.shorter("您有三十天。请保留包装。") == "您有三十天。"
    assert wishes.applied(text, "", engine="extractive") == (text, "")
    assert wishes.applied(text, "translate", engine="transformers") == (text, "")


def test_no_draft_is_asked_for_while_the_bot_answers() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    assert not Suggestion.objects.exists()


def test_in_a_draft_inbox_every_message_gets_one() -> None:
    conversation = factories.conversation(inbox=factories.inbox(mode="draft"))
    factories.posted(conversation)
    assert newest().purpose == "draft"
    factories.posted(conversation, "And another thing?")
    assert [one.state for one in Suggestion.objects.order_by("pk")] == ["withdrawn", "queued"]


def test_a_claim_knows_when_it_is_lost(waiting: Conversation) -> None:
    claim = suggesting._claim(newest().pk)
    assert claim is not None
    assert isinstance(claim.lost, threading.Event)
    suggestions.withdraw(waiting)
    leases.heartbeat.beat([claim])
    assert claim.lost.is_set()


def test_a_draft_whose_workers_all_died_fails_with_a_sentence(waiting: Conversation, settings: Any) -> None:
    settings.REPLY_ATTEMPTS = 1
    long_ago = timezone.now() - timedelta(minutes=5)
    Suggestion.objects.update(state="running", worker="gone:1:x", attempt=1, lease_until=long_ago)
    suggesting.recover()
    assert newest().state == "failed"
    assert "Write the reply yourself" in newest().error
