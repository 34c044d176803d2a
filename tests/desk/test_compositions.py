"""Help with a text over the socket: the desk that asked is told, another desk of the same person is not."""

from typing import Any

import pytest
from channels.db import database_sync_to_async

from chatbot.accounts.models import User
from chatbot.conversations import desk_events, queueing
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation
from tests import factories
from tests.desk.socket_client import Desk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[str]:
    settings.GENERATOR = "transformers"
    rung: list[str] = []
    monkeypatch.setattr(queueing, "enqueue_composition", rung.append)
    return rung


@pytest.fixture
def mia() -> User:
    return factories.user(username="mia")


@pytest.fixture
def conversation(mia: User) -> Conversation:
    made = factories.conversation()
    made.inbox.members.add(mia)
    factories.posted(made)
    return made


def compose(conversation: Conversation, ref: int) -> dict[str, Any]:
    return {
        "type": "compose", "ref": ref, "conversation": str(conversation.public_id),
        "text": "Thank you, it takes 5 days.", "style": "shorter",
    }  # fmt: skip


async def test_only_the_desk_that_asked_gets_the_text(keys: list[str], mia: User, conversation: Conversation) -> None:
    async with Desk(mia) as asking, Desk(mia) as other:
        assert asking.welcome["may_compose"]
        await asking.send(**compose(conversation, 7))
        other_answer = await other.ask("counts")
        while not keys:
            await asking.ask("counts")
        group = desk_events.person_group(mia.pk)
        publishing.publish_desk(group, desk_events.Composition(key="another", text="No."))
        publishing.publish_desk(group, desk_events.Composition(key=keys[0], text="It takes 5 days."))
        assert await asking.until("composed") == {"type": "composed", "ref": 7, "text": "It takes 5 days."}
        assert other_answer["type"] == "counts"
        await other.ask("counts")
        assert "composed" not in {event["type"] for event in other.waiting}


async def test_what_a_worker_refused_is_an_error_of_the_request(
    keys: list[str], mia: User, conversation: Conversation
) -> None:
    async with Desk(mia) as desk:
        await desk.send(**compose(conversation, 3))
        while not keys:
            await desk.ask("counts")
        told = desk_events.Composition(key=keys[0], code="changed", message="The model changed a name.")
        publishing.publish_desk(desk_events.person_group(mia.pk), told)
        error = await desk.until("error")
        assert (error["ref"], error["code"], error["message"]) == (3, "changed", "The model changed a name.")


async def test_one_desk_waits_for_few_texts_at_once(keys: list[str], mia: User, conversation: Conversation) -> None:
    async with Desk(mia) as desk:
        for ref in range(1, 5):
            await desk.send(**compose(conversation, ref))
        assert (await desk.until("error"))["ref"] == 4
    assert len(keys) == 3


async def test_what_an_agent_may_not_see_cannot_be_asked_about(keys: list[str], mia: User) -> None:
    foreign = await database_sync_to_async(factories.conversation, thread_sensitive=False)()
    async with Desk(mia) as desk:
        await desk.send(**compose(foreign, 1))
        assert (await desk.until("error"))["code"] == "not_found"
    assert keys == []


async def test_without_a_model_that_writes_a_desk_is_told_so(
    keys: list[str], mia: User, conversation: Conversation, settings: Any
) -> None:
    settings.GENERATOR = "extractive"
    async with Desk(mia) as desk:
        assert not desk.welcome["may_compose"]
        await desk.send(**compose(conversation, 1))
        assert (await desk.until("error"))["code"] == "not_available"
