"""Writing messages: once, in order, whole; and what happens around a handoff."""

from typing import Any, Final

import pytest

from chatbot.conversations import handling, jobs, selectors, services
from chatbot.conversations.models import Conversation, Inbox, Message, Rating, ReplyJob
from tests import factories

pytestmark = pytest.mark.django_db
SAVEPOINTS: Final = 2
"""A test's transaction makes one of the product's a savepoint: made and released."""


def test_messages_are_numbered_from_one_without_gaps() -> None:
    conversation = factories.conversation()
    numbers = [factories.posted(conversation, f"question {n}").message_out.seq for n in range(5)]
    assert numbers == [1, 2, 3, 4, 5]


def test_the_same_client_id_is_kept_once() -> None:
    conversation = factories.conversation()
    first = factories.posted(conversation, "Hello there", "same-client-id")
    again = factories.posted(conversation, "Hello there", "same-client-id")
    assert (first.created, again.created) == (True, False)
    assert first.message_out == again.message_out
    assert Message.objects.count() == 1
    assert ReplyJob.objects.count() == 1


def test_a_message_to_an_agent_asks_the_database_eight_times(django_assert_num_queries: Any) -> None:
    """SQLite lets one transaction write at a time: each further query is time that every other customer waits."""
    conversation = factories.conversation()
    handling.take(conversation_id=conversation.pk, agent=factories.agent_there(conversation.inbox))
    factories.posted(conversation)
    with django_assert_num_queries(8 + SAVEPOINTS):
        factories.posted(conversation, "and another thing")


def test_the_same_client_id_in_another_conversation_is_another_message() -> None:
    for _ in range(2):
        assert factories.posted(factories.conversation(), "Hi", "same-client-id").created


@pytest.mark.parametrize("text", ["", "   \n ", "\x00\x01"])
def test_an_empty_message_is_refused_with_advice(text: str) -> None:
    conversation = factories.conversation()
    with pytest.raises(services.Refusal, match="write something"):
        services.post_customer_message(conversation_id=conversation.pk, client_id="client-1", text=text)


def test_an_overlong_message_is_refused_with_both_numbers(settings) -> None:  # type: ignore[no-untyped-def]
    settings.MESSAGE_MAX_CHARS = 100
    with pytest.raises(services.Refusal, match="101 characters; please send at most 100"):
        factories.posted(factories.conversation(), "x" * 101)


def test_characters_a_database_refuses_are_dropped_and_the_rest_is_kept() -> None:
    shown = factories.posted(factories.conversation(), "a\x00b\ud800c\n👟").message_out
    assert shown.text == "ab\ufffdc\n👟"


def test_the_bot_owes_an_answer_to_a_customer() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    assert selectors.busy(conversation_id=conversation.pk)


@pytest.mark.parametrize("mode", [Inbox.Mode.DRAFT, Inbox.Mode.OFF])
def test_without_an_answering_bot_the_customer_waits_for_a_person_at_once(mode: str) -> None:
    conversation = factories.conversation(inbox=factories.inbox(mode=mode))
    factories.agent_there(conversation.inbox)
    factories.posted(conversation)
    conversation.refresh_from_db()
    assert conversation.state == Conversation.State.WAITING
    assert not ReplyJob.objects.exists()
    assert [m.kind for m in Message.objects.all()] == ["text", "handoff"]


def test_asking_for_a_person_twice_gives_one_notice_and_cancels_the_running_answer() -> None:
    conversation = factories.conversation()
    factories.agent_there(conversation.inbox)
    factories.posted(conversation)
    claim = jobs.claim(job_id=ReplyJob.objects.get().pk)
    assert claim is not None
    for _ in range(2):
        services.ask_person(conversation_id=conversation.pk)
    assert Message.objects.filter(kind="handoff").count() == 1
    assert ReplyJob.objects.get().state == ReplyJob.State.CANCELLED
    assert jobs.finish(claim=claim, reply=factories.bot_reply()) is False
    assert not Message.objects.filter(role="bot").exists()


def test_messages_written_while_waiting_are_kept_and_left_to_people() -> None:
    conversation = factories.conversation()
    services.ask_person(conversation_id=conversation.pk)
    factories.posted(conversation, "Still there?")
    assert not ReplyJob.objects.exists()
    assert Message.objects.filter(role="customer").count() == 1


def test_a_customer_may_go_back_from_waiting_to_the_bot_but_not_from_an_agent() -> None:
    conversation = factories.conversation()
    services.ask_person(conversation_id=conversation.pk)
    services.cancel_person(conversation_id=conversation.pk)
    conversation.refresh_from_db()
    assert conversation.state == "bot"
    handling.take(conversation_id=conversation.pk, agent=factories.user())
    services.cancel_person(conversation_id=conversation.pk)
    conversation.refresh_from_db()
    assert conversation.state == "agent"


def test_an_agents_reply_takes_the_conversation_and_is_kept_once() -> None:
    conversation, agent = factories.conversation(), factories.user(first_name="Mia")
    factories.posted(conversation)
    for _ in range(2):
        handling.reply(conversation_id=conversation.pk, agent=agent, client_id="agent-msg-1", text="I will look.")
    conversation.refresh_from_db()
    assert (conversation.state, conversation.assignee) == ("agent", agent)
    assert Message.objects.filter(role="agent").count() == 1
    assert "Mia" in Message.objects.get(role="notice").text


def test_a_notice_speaks_the_language_of_the_conversation() -> None:
    conversation = factories.conversation(language="zh-CN")
    assert services.language_of(conversation) == "zh-hans"


def test_a_rating_is_kept_changed_and_taken_back() -> None:
    conversation = _answered()
    services.rate(conversation_id=conversation.pk, seq=2, value=-1, comment="wrong price")
    services.rate(conversation_id=conversation.pk, seq=2, value=1)
    assert Rating.objects.get().value == 1
    assert selectors.messages_after(conversation_id=conversation.pk, seq=1)[0].rating == 1
    services.rate(conversation_id=conversation.pk, seq=2, value=0)
    assert not Rating.objects.exists()


def test_a_customers_own_message_and_a_foreign_one_cannot_be_rated() -> None:
    conversation = _answered()
    for seq in (1, 99):
        with pytest.raises(services.Refusal):
            services.rate(conversation_id=conversation.pk, seq=seq, value=1)


def test_seen_only_moves_forward_and_never_past_the_last_message() -> None:
    conversation = _answered()
    for seq in (2, 1, 50):
        services.mark_seen(conversation_id=conversation.pk, seq=seq)
    conversation.refresh_from_db()
    assert conversation.customer_seen_seq == 2


def test_context_is_merged_and_bounded() -> None:
    contact = factories.contact()
    services.set_context(contact_id=contact.pk, data={"plan": "x" * 9999, "cart": 3})
    services.set_context(contact_id=contact.pk, data={f"k{n}": n for n in range(100)})
    contact.refresh_from_db()
    assert len(contact.context) == services.CONTEXT_MAX_KEYS
    assert contact.context["k99"] == 99


def _answered() -> Conversation:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = jobs.claim(job_id=ReplyJob.objects.get(conversation=conversation).pk)
    assert claim is not None
    assert jobs.finish(claim=claim, reply=factories.bot_reply())
    return conversation
