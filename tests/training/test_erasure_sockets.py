"""Who has the chat or the desk open when a customer is erased is told, and shows nothing of it any more."""

from typing import Any

import pytest
from channels.db import database_sync_to_async

from chatbot.conversations.models import Contact, Conversation, Inbox
from chatbot.training import erasure
from chatbot.widget.models import Visitor
from tests import factories
from tests.desk.socket_client import Desk
from tests.widget.socket_client import Browser

pytestmark = pytest.mark.django_db(transaction=True)


async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.fixture
def inbox(transactional_db: None) -> Inbox:
    return factories.inbox()


def _erase() -> None:
    erasure.erase(contact=Contact.objects.get(), by="boss")


async def test_a_customers_socket_is_told_and_closed(inbox: Inbox) -> None:
    async with Browser(inbox.key) as browser, Browser(inbox.key) as second:
        await browser.hello()
        await browser.write("Hello")
        second.token = browser.token
        await second.hello()
        await run(_erase)
        for one in (browser, second):
            assert (await one.until("gone"))["type"] == "gone"
            assert await one.closed_with() == 4003


async def test_the_old_token_opens_a_chat_in_which_nothing_was_said(inbox: Inbox) -> None:
    async with Browser(inbox.key) as browser:
        await browser.hello()
        await browser.write("Hello")
        token, conversation = browser.token, browser.conversation
        await run(_erase)
    async with Browser(inbox.key) as again:
        again.token, again.conversation = token, conversation
        welcome = await again.hello()
    assert (welcome["conversation"], welcome["messages"], welcome["reset"]) == (None, [], True)
    assert welcome["token"] != token
    assert await run(Contact.objects.count) == 0


async def test_a_socket_that_heard_nothing_cannot_write_any_more(inbox: Inbox) -> None:
    async with Browser(inbox.key) as browser:
        await browser.hello()
        await browser.write("Hello")
        await run(lambda: Contact.objects.get().delete())  # as if the event were lost
        await browser.send(type="message.send", client_id="client-id-9", text="Still here")
        assert (await browser.until("error"))["code"] == "signed_out"
        assert await browser.closed_with() == 4003
    assert await run(Conversation.objects.count) == 0


async def test_context_and_identity_do_not_bring_the_erased_back(inbox: Inbox) -> None:
    async with Browser(inbox.key) as browser:
        await browser.hello()
        await browser.write("Hello")
        await run(lambda: Contact.objects.get().delete())
        await browser.send(type="context", data={"plan": "gold"})
        assert (await browser.until("error"))["code"] == "signed_out"
    assert (await run(Contact.objects.count), await run(Visitor.objects.count)) == (0, 0)


async def test_every_desk_of_the_inbox_is_told_that_the_row_is_gone(inbox: Inbox) -> None:
    talk = await run(factories.conversation, inbox=inbox)
    await run(factories.posted, talk)
    mia = await run(factories.user)
    await run(inbox.members.add, mia)
    other = await run(factories.user)  # of no inbox
    async with Desk(mia) as desk, Desk(other) as stranger:
        await desk.ask("open", conversation=str(talk.public_id), last_seq=0)
        await run(_erase)
        told = await desk.until("gone")
        assert (told["conversation"], told["inbox"]) == (str(talk.public_id), inbox.pk)
        refused = await desk.ask("take", conversation=str(talk.public_id))
        assert refused["code"] == "not_found"
        await stranger.send(type="ping", last_seq=0)
        assert (await stranger.until("pong"))["type"] == "pong"
        assert "gone" not in {event["type"] for event in stranger.waiting}
