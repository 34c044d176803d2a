"""Whether a customer is there: several tabs, a lost mark, a killed process, a cache that is away."""

import time
from typing import Any

import pytest
from django.core.cache import cache

from chatbot.conversations import desk_events
from chatbot.conversations.live import customer_presence, publishing
from chatbot.conversations.models import Conversation
from tests import factories


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What desks were told, oldest first."""
    heard: list[bool] = []

    def hear(_group: str, event: Any) -> None:
        assert isinstance(event, desk_events.CustomerSeen)
        heard.append(event.online)

    monkeypatch.setattr(publishing, "publish_desk_on_commit", hear)
    return heard


@pytest.fixture
def conversation(db: None) -> Conversation:
    return factories.conversation()


def test_a_customer_is_there_until_the_last_tab_closes(conversation: Conversation, told: list[bool]) -> None:
    here = {"conversation_id": conversation.pk}
    customer_presence.arrive(**here, socket="one")
    customer_presence.arrive(**here, socket="two")
    customer_presence.leave(**here, socket="one")
    assert customer_presence.here(**here)
    customer_presence.leave(**here, socket="two")
    assert not customer_presence.here(**here)
    assert told == [True, True, True, False]


def test_leaving_twice_or_without_having_come_is_no_harm(conversation: Conversation, told: list[bool]) -> None:
    customer_presence.leave(conversation_id=conversation.pk, socket="one")
    customer_presence.leave(conversation_id=conversation.pk, socket="one")
    assert told == [False, False]


def test_a_mark_that_was_lost_comes_back_with_the_next_heartbeat(conversation: Conversation, told: list[bool]) -> None:
    here = {"conversation_id": conversation.pk}
    customer_presence.arrive(**here, socket="one")
    cache.clear()  # two tabs wrote at the same time, or the cache was emptied
    assert not customer_presence.here(**here)
    customer_presence.stay(**here, socket="one")
    customer_presence.stay(**here, socket="one")
    assert customer_presence.here(**here)
    assert told == [True, True]


def test_what_a_killed_process_left_expires_although_another_tab_lives(
    conversation: Conversation, told: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"conversation_id": conversation.pk}
    customer_presence.arrive(**here, socket="killed")
    later = time.time() + customer_presence.ALIVE_SECONDS + 1
    monkeypatch.setattr(customer_presence.time, "time", lambda: later)
    customer_presence.arrive(**here, socket="alive")
    customer_presence.leave(**here, socket="alive")
    assert told[-1] is False


def test_the_time_of_the_last_sign_is_kept(conversation: Conversation, told: list[bool]) -> None:
    assert conversation.contact.last_seen_at is None
    customer_presence.arrive(conversation_id=conversation.pk, socket="one")
    conversation.contact.refresh_from_db()
    assert conversation.contact.last_seen_at is not None


def test_a_thousand_sockets_leave_a_small_mark(conversation: Conversation, told: list[bool]) -> None:
    for number in range(1000):
        customer_presence.arrive(conversation_id=conversation.pk, socket=f"socket-{number}")
    assert len(cache.get(f"customer-here:{conversation.pk}")) <= 20


def test_without_a_cache_nothing_breaks(
    conversation: Conversation, told: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("the cache is away")

    for name in ("get", "set", "delete"):
        monkeypatch.setattr(cache, name, away, raising=False)
    customer_presence.arrive(conversation_id=conversation.pk, socket="one")
    customer_presence.stay(conversation_id=conversation.pk, socket="one")
    customer_presence.leave(conversation_id=conversation.pk, socket="one")
    assert told == [True, True, False]
    monkeypatch.undo()


def test_a_conversation_that_is_gone_is_nobodys(db: None, told: list[bool]) -> None:
    customer_presence.arrive(conversation_id=4711, socket="one")
    assert told == []
