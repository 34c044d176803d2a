"""A customer is asked once, answers once, and may think again for a day."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chatbot.conversations import handling, ratings, rows, selectors, services
from chatbot.conversations.models import Activity, Conversation, ConversationRating
from tests import factories

pytestmark = pytest.mark.django_db


def handled(**inbox: object) -> Conversation:
    conversation = factories.conversation(inbox=factories.inbox(**inbox))
    agent = factories.user()
    factories.posted(conversation)
    handling.reply(conversation_id=conversation.pk, agent=agent, client_id="agent-0001", text="Here you are.")
    return conversation


def rate_of(conversation: Conversation) -> int | None:
    asked = selectors.snapshot(conversation_id=conversation.pk, last_seq=0).rate
    return asked.value if asked else None


def test_a_resolved_conversation_is_asked_about_once_in_its_life() -> None:
    conversation = handled()
    assert rate_of(conversation) is None
    agent = Conversation.objects.get().assignee
    assert agent is not None
    for _ in range(2):
        handling.resolve(conversation_id=conversation.pk, agent=agent)
    assert rate_of(conversation) == 0
    assert ConversationRating.objects.get().agent == agent
    handling.reopen(conversation_id=conversation.pk, agent=agent)
    assert rate_of(conversation) is None
    handling.resolve(conversation_id=conversation.pk, agent=agent)
    assert ConversationRating.objects.count() == 1
    assert rate_of(conversation) is None, "it was asked after the first time"


def test_the_bots_answer_is_rated_too() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    services.post_bot_reply(conversation=services.lock(conversation_id=conversation.pk), reply=factories.bot_reply())
    handling.resolve(conversation_id=conversation.pk)
    assert ConversationRating.objects.get().agent is None


def test_who_was_answered_by_nobody_or_by_an_inbox_that_asks_nothing_is_not_asked() -> None:
    silent = factories.conversation()
    factories.posted(silent)
    handling.resolve(conversation_id=silent.pk)
    handling.resolve(conversation_id=handled(ask_rating=False).pk)
    assert not ConversationRating.objects.exists()


def test_an_answer_is_kept_shown_and_on_record() -> None:
    conversation = handled()
    handling.resolve(conversation_id=conversation.pk)
    ratings.rate(conversation_id=conversation.pk, value=4, comment="quick\x00 help")
    kept = ConversationRating.objects.get()
    assert (kept.value, kept.comment) == (4, "quick help")
    assert rate_of(conversation) == 4
    assert Activity.objects.get(kind="rated").detail == {"value": 4, "comment": "quick help", "before": None}
    assert rows.row_out(rows.with_parts(Conversation.objects.all()).get()).rating == 4


def test_the_same_answer_again_is_one_answer_and_a_change_is_on_record() -> None:
    conversation = handled()
    handling.resolve(conversation_id=conversation.pk)
    for value in (2, 2, 5):
        ratings.rate(conversation_id=conversation.pk, value=value)
    assert [a.detail.get("before") for a in Activity.objects.filter(kind="rated")] == [None, 2]


def test_after_a_day_the_answer_stands() -> None:
    conversation = handled()
    handling.resolve(conversation_id=conversation.pk)
    ratings.rate(conversation_id=conversation.pk, value=1)
    ConversationRating.objects.update(rated_at=timezone.now() - timedelta(days=1, minutes=1))
    with pytest.raises(services.Refusal, match="no longer"):
        ratings.rate(conversation_id=conversation.pk, value=5)
    assert ConversationRating.objects.get().value == 1


@pytest.mark.parametrize("value", [0, 6, -1, 99])
def test_other_numbers_are_refused(value: int) -> None:
    conversation = handled()
    handling.resolve(conversation_id=conversation.pk)
    with pytest.raises(services.Refusal):
        ratings.rate(conversation_id=conversation.pk, value=value)


def test_what_was_not_asked_cannot_be_rated() -> None:
    with pytest.raises(services.Refusal):
        ratings.rate(conversation_id=handled().pk, value=5)


def test_a_long_comment_is_cut_and_kept() -> None:
    conversation = handled()
    handling.resolve(conversation_id=conversation.pk)
    ratings.rate(conversation_id=conversation.pk, value=3, comment="x" * 5000)
    assert len(ConversationRating.objects.get().comment) == 2000
