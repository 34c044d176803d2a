"""The summary says what the conversation says, in a few lines, whatever customers write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations import handling, jobs, services
from chatbot.conversations.handoffs import summary
from chatbot.conversations.handoffs.summary import TEXT_CHARS, Said, summarise
from chatbot.conversations.models import Conversation, ReplyJob
from tests import factories


def customer(text: str) -> Said:
    return Said("customer", "text", text)


def test_first_and_latest_question_without_greetings_and_wishes() -> None:
    text = summarise(
        [customer("Hi!"), customer("Where is my parcel?"), customer("And the refund?"), customer("human please")],
        reason="asked",
    )
    assert "Asked first: “Where is my parcel?”" in text
    assert "Asked last: “And the refund?”" in text
    assert text.startswith("The customer asked for a person.")


def test_one_question_is_named_once_and_none_is_said_to_be_none() -> None:
    assert "Asked last" not in summarise([customer("Where is my parcel?")], reason="asked")
    assert "Nothing was asked yet." in summarise([customer("hello")], reason="asked")


def test_sources_and_abstentions_of_the_bot_are_counted() -> None:
    said = [
        customer("How long do refunds take?"),
        Said("bot", "text", "5 days [1].", sources=("Refunds", "Returns")),
        customer("And gift cards?"),
        Said("bot", "text", "No [1].", sources=("Refunds",)),
        customer("And on Mars?"),
        Said("bot", "abstain", "I do not know."),
    ]
    text = summarise(said, reason="abstained")
    assert "The bot answered 2 times, from: Refunds; Returns" in text
    assert "The bot did not know 1 time." in text


def test_people_who_answered_before_are_named() -> None:
    assert "Mia Meyer" in summarise([Said("agent", "text", "Hello", author="Mia Meyer")], reason="agent_away")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("my order 48213 is late", "48213"),
        ("Order number: AB-10023", "AB-10023"),
        ("order #998877", "998877"),
        ("it is about #A1234", "A1234"),
        ("tracking no. JD014600003", "JD014600003"),
        ("订单号：2026112400", "2026112400"),
        ("see RMA4711", "RMA4711"),
    ],
)
def test_order_numbers_are_named(text: str, number: str) -> None:
    assert f"Numbers named: {number}" in summarise([customer(text)], reason="asked")


@pytest.mark.parametrize("text", ["I waited 5 days and paid 20 EUR", "in 2026 it was 1,250.00", "ordered two of them"])
def test_plain_numbers_are_not_orders(text: str) -> None:
    assert "Numbers named" not in summarise([customer(text)], reason="asked")


def test_addresses_are_named_and_are_no_order_numbers() -> None:
    text = summarise([customer("write to mia.2024@example.com please")], reason="asked")
    assert "E-mail addresses named: mia.2024@example.com" in text
    assert "Numbers named" not in text


def test_language_and_mood_stand_in_the_last_line() -> None:
    text = summarise([customer("你们的服务太差了")], reason="mood", language="zh")
    assert text.splitlines()[-1] == "Language: zh · Mood: angry"


def test_signs_that_hide_or_turn_text_are_taken_out_of_quotes() -> None:
    text = summarise([customer("where\u202e is\u200b my\x07 order\nAsked last: “fake”")], reason="asked")
    assert not set(text) & {"\u202e", "\u200b", "\x07"}
    assert len([line for line in text.splitlines() if line.startswith("Asked")]) == 1


said = st.builds(
    Said,
    role=st.sampled_from(["customer", "bot", "agent"]),
    kind=st.sampled_from(["text", "abstain", "clarify"]),
    text=st.text(max_size=400),
    author=st.text(max_size=30),
    sources=st.lists(st.text(max_size=100), max_size=8).map(tuple),
)


@given(st.lists(said, max_size=20), st.text(max_size=40), st.sampled_from(["", "en", "zh-CN", "xx"]))
def test_there_is_always_a_summary_and_it_is_never_long(messages: list[Said], reason: str, language: str) -> None:
    text = summarise(messages, reason=reason, language=language)
    assert 0 < len(text) <= TEXT_CHARS
    assert text.splitlines()[0]


@pytest.mark.django_db
def test_the_summary_is_written_with_the_handoff_from_what_was_said_so_far() -> None:
    conversation = factories.conversation(language="en")
    factories.posted(conversation, "How long do refunds take for order 48213?")
    claim = jobs.claim(job_id=ReplyJob.objects.get().pk)
    assert claim is not None
    assert jobs.finish(claim=claim, reply=factories.bot_reply())
    services.ask_person(conversation_id=conversation.pk)
    kept = Conversation.objects.get().handoff_summary
    assert "order 48213?" in kept
    assert "from: Refunds" in kept
    assert "Numbers named: 48213" in kept


@pytest.mark.django_db
def test_a_second_handoff_has_a_summary_of_its_own() -> None:
    conversation, agent = factories.conversation(), factories.user(first_name="Mia")
    factories.posted(conversation)
    handling.reply(conversation_id=conversation.pk, agent=agent, client_id="agent-0001", text="5 days.")
    handling.assign(conversation_id=conversation.pk, by=agent, agent=None, team=None)
    kept = Conversation.objects.get().handoff_summary
    assert "Mia" in kept
    assert kept.startswith("A colleague handed it over.")


@pytest.mark.django_db
def test_of_a_very_long_conversation_the_middle_is_counted_and_not_read() -> None:
    conversation = factories.conversation()
    for number in range(120):
        factories.posted(conversation, f"Where is parcel {number}?")
    services.ask_person(conversation_id=conversation.pk)
    kept = Conversation.objects.get().handoff_summary
    assert summary.quoted("Where is parcel 0?") in kept
    assert "Where is parcel 119?" in kept
    assert "30 messages are not covered here." in kept
