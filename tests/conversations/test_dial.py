"""The autonomy dial: answers below it, and a random share of the others, go to an agent; the customer sees none of it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations import leases, replying, services
from chatbot.conversations.answers.answering import AnswerContext
from chatbot.conversations.answers.dial import Dial, in_review
from chatbot.conversations.drafts import suggesting
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation, Message, ReplyJob, Suggestion
from tests import factories
from tests.conversations import shop

QUESTION = "What does shipping to Germany cost?"


# --- Decided by pure functions -----------------------------------------------------------------------------
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(1, 10**9))
def test_nothing_below_the_dial_is_said_and_nothing_above_it_is_unsure(
    confidence: float, least: float, share: float, message: int
) -> None:
    found = Dial(least, share, message).withholds(confidence)
    assert (found == "unsure") is (confidence < least)


@given(st.integers(1, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_reviews_all_that_a_smaller_one_does(message: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert in_review(message, low) <= in_review(message, high)
    assert in_review(message, low) == in_review(message, low)
    assert not in_review(message, 0.0)
    assert in_review(message, 1.0)


def test_the_share_is_the_share() -> None:
    assert 900 < sum(in_review(message, 0.1) for message in range(10_000)) < 1100


# --- Decided before a word is written ----------------------------------------------------------------------
def test_a_withheld_answer_emits_nothing_and_an_answer_above_the_dial_all(tmp_path: Path) -> None:
    answerer = shop.answerer(shop.searcher(tmp_path))
    emitted: list[str] = []
    sure = answerer.answer(AnswerContext(question=QUESTION), emit=emitted.append)
    assert (sure.withheld, "".join(emitted)) == ("", sure.text)
    emitted.clear()
    unsure = answerer.answer(AnswerContext(question=QUESTION, dial=Dial(1.01)), emit=emitted.append)
    assert (unsure.withheld, unsure.text, emitted) == ("unsure", sure.text, [])
    assert unsure.card["auto_confidence"] == 1.01


def test_what_the_bot_does_not_know_is_said_whatever_the_dial(tmp_path: Path) -> None:
    answerer = shop.answerer(shop.searcher(tmp_path))
    emitted: list[str] = []
    context = AnswerContext(question="Who won the football game yesterday?", dial=Dial(1.01, 1.0))
    answer = answerer.answer(context, emit=emitted.append)
    assert (answer.decision, answer.withheld, "".join(emitted)) == ("abstain", "", answer.text)


# --- Carried out in rows -------------------------------------------------------------------------------------
@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everything that the customer's sockets are sent."""
    sent: list[Any] = []
    put = publishing.publish
    monkeypatch.setattr(publishing, "publish", lambda pk, event: sent.append(event) or put(pk, event))
    return sent


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = shop.answerer(shop.searcher(tmp_path))
    monkeypatch.setattr(replying, "answerer", lambda: made)


def asked(**inbox: Any) -> Conversation:
    conversation = factories.conversation(inbox=factories.inbox(**inbox))
    factories.agent_there(conversation.inbox)
    factories.posted(conversation, QUESTION)
    return conversation


def run(conversation: Conversation) -> None:
    replying.run(ReplyJob.objects.get(conversation=conversation, state="queued").pk)
    conversation.refresh_from_db()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("dial", "purpose"), [({"auto_confidence": 1.01}, "unsure"), ({"review_share": 1.0}, "review")]
)
def test_a_withheld_answer_is_a_draft_that_is_ready_and_the_customer_sees_no_word_of_it(
    answered: None, published: list[Any], dial: dict[str, float], purpose: str
) -> None:
    conversation = asked(**dial)
    run(conversation)
    draft = Suggestion.objects.get()
    assert (draft.state, draft.purpose, draft.outcome) == ("ready", purpose, "")
    assert "15 USD" in draft.text
    assert draft.citations[0]["title"] == "Shipping"
    assert draft.confidence >= 0.5
    assert draft.card["review_share"] == conversation.inbox.review_share
    assert (conversation.state, conversation.handoff_reason) == ("waiting", purpose)
    assert not Message.objects.filter(role="bot").exists()
    assert ReplyJob.objects.get().state == "done"
    told = [event.model_dump(mode="json") for event in published]
    assert "15 USD" not in str(told)
    assert [event["stage"] for event in told if event["type"] == "stream.status"][-1] == "dropped"


@pytest.mark.django_db(transaction=True)
def test_an_answer_above_the_dial_is_said(answered: None) -> None:
    conversation = asked(auto_confidence=0.5)
    run(conversation)
    assert conversation.state == "bot"
    assert "15 USD" in Message.objects.get(role="bot").text
    assert not Suggestion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_withheld_answer_is_not_computed_twice(answered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = asked(auto_confidence=1.01)
    run(conversation)

    def never() -> Any:
        raise AssertionError("asked again")

    monkeypatch.setattr(replying, "answerer", never)
    suggesting.recover()
    suggesting.run(Suggestion.objects.get().pk)
    assert Suggestion.objects.get().state == "ready"


@pytest.mark.django_db(transaction=True)
def test_a_second_attempt_after_a_killed_worker_decides_alike(answered: None) -> None:
    conversation = asked(review_share=1.0)
    job = ReplyJob.objects.get()
    ReplyJob.objects.filter(pk=job.pk).update(state="running", attempt=1, worker="gone:1:x", lease_until=job.created_at)
    from chatbot.conversations import jobs

    jobs.recover()
    run(conversation)
    assert Suggestion.objects.get().purpose == "review"
    assert ReplyJob.objects.get().attempt == 2


@pytest.mark.django_db(transaction=True)
def test_a_message_written_meanwhile_gets_a_draft_of_its_own(answered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = asked(auto_confidence=1.01)
    real = replying.answerer()

    class Slow:
        def answer(self, *args: Any, **kwargs: Any) -> Any:
            factories.posted(conversation, "And to Canada?")
            return real.answer(*args, **kwargs)

    monkeypatch.setattr(replying, "answerer", lambda: Slow())
    run(conversation)
    draft = Suggestion.objects.get()
    assert (draft.state, draft.trigger.text, draft.text) == ("queued", "And to Canada?", "")
    assert not ReplyJob.objects.filter(state__in=["queued", "running"]).exists()


@pytest.mark.django_db(transaction=True)
def test_a_lost_job_withholds_nothing(answered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = asked(auto_confidence=1.01)
    real = replying.answerer()

    class Robbed:
        def answer(self, *args: Any, **kwargs: Any) -> Any:
            ReplyJob.objects.update(worker="another:1:x", attempt=9)
            return real.answer(*args, **kwargs)

    monkeypatch.setattr(replying, "answerer", lambda: Robbed())
    run(conversation)
    assert conversation.state == "bot"
    assert not Suggestion.objects.exists()
    assert leases.heartbeat.held() == []


@pytest.mark.django_db(transaction=True)
def test_after_giving_back_the_bot_does_not_answer_what_was_withheld(answered: None) -> None:
    conversation = asked(auto_confidence=1.01)
    factories.posted(conversation, "Please be quick.")
    replying.run(ReplyJob.objects.order_by("-pk")[0].pk)
    services.cancel_person(conversation_id=conversation.pk)
    factories.posted(conversation, "What does shipping to Canada cost?")
    job = ReplyJob.objects.order_by("-pk")[0]
    from chatbot.conversations import jobs

    claim = jobs.claim(job_id=job.pk)
    assert claim is not None
    assert [message.text for message in claim.messages] == ["What does shipping to Canada cost?"]
