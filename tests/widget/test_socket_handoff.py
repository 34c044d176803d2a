"""The socket around people: who is writing, which page, who is there, the queue, an address, a rating. And abuse."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.utils import timezone

from chatbot.conversations import desk_events, events, handling, services
from chatbot.conversations.live import customer_presence, publishing
from chatbot.conversations.models import Activity, Contact, Conversation, ConversationRating, Inbox, Message, PageView
from tests import factories
from tests.widget.socket_client import Browser

pytestmark = pytest.mark.django_db(transaction=True)


async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.fixture
def shop(transactional_db: None) -> Inbox:
    return factories.inbox()


@pytest.fixture
def key(shop: Inbox) -> str:
    return shop.key


class Desk:
    """A desk that has the browser's conversation open."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._layer: Any = get_channel_layer()

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self._layer.receive(self._channel)
            event: dict[str, Any] = json.loads(message["text"])
            if event["type"] == kind:
                return event

    def waiting(self, kind: str) -> list[dict[str, Any]]:
        """What has come and was not read."""
        queue = self._layer.channels.get(self._channel)
        found = []
        while queue is not None and not queue.empty():
            event = json.loads(queue.get_nowait()["text"])
            found += [event] if event["type"] == kind else []
        return found


@asynccontextmanager
async def desk(browser: Browser) -> AsyncIterator[Desk]:
    layer: Any = get_channel_layer()
    channel = await layer.new_channel()
    group = desk_events.followers_group((await run(conversation_of, browser)).pk)
    await layer.group_add(group, channel)
    yield Desk(channel)
    await layer.group_discard(group, channel)


def conversation_of(browser: Browser) -> Conversation:
    return Conversation.objects.select_related("contact").get(public_id=browser.conversation)


async def settled(browser: Browser) -> None:
    """All that was sent before has been handled."""
    await browser.send(type="ping", last_seq=2**31 - 1)
    await browser.until("pong")


async def resolved(browser: Browser) -> Conversation:
    """An agent answers the browser's conversation and resolves it."""
    conversation: Conversation = await run(conversation_of, browser)
    agent = await run(factories.user)
    await run(
        handling.reply, conversation_id=conversation.pk, agent=agent, client_id="agent-0001", text="Done.", resolve=True
    )
    await browser.until("rate.ask")
    return conversation


# --- Writing -------------------------------------------------------------------------------------------------
async def test_the_desk_sees_that_the_customer_writes_and_stops(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        async with desk(browser) as people:
            await browser.send(type="typing", on=True)
            told = await people.until("customer.typing")
            assert (told["conversation"], told["on"]) == (browser.conversation, True)
            await browser.send(type="typing", on=False)
            assert (await people.until("customer.typing"))["on"] is False


async def test_sending_ends_the_writing_even_if_the_browser_does_not_say_so(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        async with desk(browser) as people:
            await browser.send(type="typing", on=True)
            await browser.write("there it is")
            assert [(await people.until("customer.typing"))["on"] for _ in range(2)] == [True, False]


async def test_a_browser_that_goes_away_while_writing_has_stopped(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        async with desk(browser) as people:
            await browser.send(type="typing", on=True)
            await people.until("customer.typing")
            await browser.socket.disconnect(timeout=10)
            assert (await people.until("customer.typing"))["on"] is False


async def test_writing_before_there_is_a_conversation_is_told_to_nobody(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.send(type="typing", on=True)
        await settled(browser)
    assert await run(Contact.objects.count) == 0


async def test_a_flood_of_writing_reaches_the_desk_as_one_word(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        async with desk(browser) as people:
            for number in range(30):
                await browser.send(type="typing", on=number % 2 == 0)
            await settled(browser)
            assert [event["on"] for event in people.waiting("customer.typing")] == [True, False]


async def test_who_floods_on_is_shut_out(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        for _ in range(80):
            await browser.send(type="typing", on=True)
        assert await browser.closed_with() == 4008


async def test_the_customer_sees_that_an_agent_writes(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        conversation = await run(conversation_of, browser)
        publishing.publish(conversation.pk, events.TypingOut(name="Ann", on=True))
        assert await browser.until("typing") == {"type": "typing", "name": "Ann", "on": True}


# --- Pages -----------------------------------------------------------------------------------------------------
def pages() -> list[tuple[str, str]]:
    return list(PageView.objects.values_list("url", "title"))


async def test_pages_are_kept_from_the_first_message_on(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello(page={"url": "https://shop.test/", "title": "Home"})
        await browser.send(type="page", url="https://shop.test/shoes", title="Shoes")
        await settled(browser)
        assert await run(Contact.objects.count) == 0, "nobody who only looks becomes a contact"
        await browser.write()
        await browser.send(type="page", url="https://shop.test/cart", title="Cart")
        await settled(browser)
    async with browser.again() as back:
        await back.hello(page={"url": "https://shop.test/cart", "title": "Cart (1)"})
        await settled(back)
    assert await run(pages) == [("https://shop.test/cart", "Cart (1)"), ("https://shop.test/shoes", "Shoes")]
    assert (await run(conversation_of, browser)).page_url == "https://shop.test/shoes"


async def test_an_address_that_would_run_is_kept_nowhere(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello(page={"url": "javascript:alert(1)", "title": "x"})
        await browser.write()
        for url in ("javascript:alert(1)", "data:text/html,x", "https://u:p@shop.test/", ""):
            await browser.send(type="page", url=url)
        await settled(browser)
    assert await run(pages) == []
    assert (await run(conversation_of, browser)).page_url == ""


async def test_huge_titles_and_addresses_are_refused_and_the_socket_lives(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.send(type="page", url="https://shop.test/", title="x" * 301)
        assert (await browser.until("error"))["code"] == "bad_event"
        await browser.send(type="page", url="https://shop.test/" + "x" * 2000)
        assert (await browser.until("error"))["code"] == "bad_event"
        assert (await browser.write("still here"))["type"] == "ack"


async def test_a_flood_of_pages_writes_a_few_rows_and_is_not_a_crime(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        for number in range(30):
            await browser.send(type="page", url=f"https://shop.test/{number}")
        await settled(browser)
        assert (await browser.write("still here"))["type"] == "ack"
    assert 1 <= len(await run(pages)) <= 11


# --- Being there ---------------------------------------------------------------------------------------------
async def test_the_desk_sees_what_was_read_and_when_the_customer_leaves(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        conversation = await run(conversation_of, browser)
        async with desk(browser) as people:
            await browser.send(type="seen", seq=1)
            seen = await people.until("customer.seen")
            assert (seen["seq"], seen["online"]) == (1, True)
            await browser.send(type="seen", seq=1)
            async with browser.again() as tab:
                await tab.hello()
                assert (await people.until("customer.seen"))["online"] is True
                await browser.socket.disconnect(timeout=10)
                assert (await people.until("customer.seen"))["online"] is True, "the other tab is open"
            assert (await people.until("customer.seen"))["online"] is False
        assert not await run(customer_presence.here, conversation_id=conversation.pk)
        assert (await run(conversation_of, browser)).contact.last_seen_at is not None


async def test_a_customer_who_starts_anew_has_left_the_old_conversation(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        old = await run(conversation_of, browser)
        await browser.send(type="conversation.new")
        browser.keep(await browser.until("welcome"))
        await settled(browser)
        new = await run(conversation_of, browser)
        assert not await run(customer_presence.here, conversation_id=old.pk)
        assert await run(customer_presence.here, conversation_id=new.pk)


# --- The queue -----------------------------------------------------------------------------------------------
async def test_a_waiting_customer_is_told_the_place_in_the_queue_also_after_a_reload(shop: Inbox) -> None:
    await run(factories.agent_there, shop)
    before = await run(factories.conversation, inbox=shop)
    await run(services.ask_person, conversation_id=before.pk)
    async with Browser(shop.key) as browser:
        await browser.hello()
        await browser.send(type="person.ask")
        await browser.until("state")
        browser.conversation = str((await run(Conversation.objects.latest, "pk")).public_id)
    async with browser.again() as back:
        welcome = await back.hello()
        assert welcome["queue"] == {"type": "queue", "position": 2, "wait_minutes": None}
        await back.send(type="person.cancel")
        await back.until("state")
    async with browser.again() as later:
        assert (await later.hello())["queue"] is None


# --- The address ---------------------------------------------------------------------------------------------
async def test_an_address_is_kept_unverified_and_shown_in_part(key: str) -> None:
    async with Browser(key) as browser:
        assert (await browser.hello())["email"] == ""
        await browser.send(type="person.ask")
        await browser.until("state")
        await browser.send(type="email.set", email=" ada@Example.com ")
        welcome = await browser.until("welcome")
        assert (welcome["email"], welcome["reset"]) == ("a***@example.com", False)
    async with browser.again() as back:
        assert (await back.hello())["email"] == "a***@example.com"
    contact = await run(Contact.objects.get)
    assert (contact.email, contact.email_verified) == ("ada@example.com", False)


TRICKS = [
    "ada@example.com\r\nBcc: all@example.com",
    "ada@example.com\nBcc: all@example.com",
    "ada@example.com%0aBcc:all@example.com",
    "ada@example.com, bob@example.com",
    "ada@example.com;bob@example.com",
    "Ada <ada@example.com>",
    '"ada\r\nBcc: x"@example.com',
    "ada@example.com\x00",
    "ada@example.com\u2028Bcc: x",
    "а" + "da@example.com",  # a Cyrillic letter
    "ada@exаmple.com",
    "ada\u202e@example.com",
    "<script>alert(1)</script>@example.com",
    "ada@localhost",
    "ada@",
    "@example.com",
    "",
    "a" * 250 + "@b.c",
]


@pytest.mark.parametrize("address", TRICKS)
async def test_an_address_with_tricks_is_refused_with_a_sentence(key: str, address: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.send(type="email.set", email=address)
        error = await browser.until("error")
        assert (error["code"], error["fatal"]) == ("bad_email", False)
        assert error["message"]
    contact = await run(Contact.objects.get)
    assert contact.email == ""


async def test_an_address_too_long_for_the_catalogue_is_no_event(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.send(type="email.set", email="a" * 300 + "@example.com")
        assert (await browser.until("error"))["code"] == "bad_event"


async def test_without_a_conversation_there_is_nothing_to_write_about(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        for event in ({"type": "email.set", "email": "ada@example.com"}, {"type": "conversation.rate", "value": 5}):
            await browser.send(**event)
            assert (await browser.until("error"))["code"] == "not_found"


async def test_a_tab_of_somebody_who_signed_out_may_neither_rate_nor_leave_an_address(key: str) -> None:
    for event in ({"type": "email.set", "email": "thief@example.com"}, {"type": "conversation.rate", "value": 1}):
        async with Browser(key) as browser:
            await browser.hello()
            await browser.write()
            async with browser.again() as tab:
                await tab.hello()
                await browser.send(type="logout")
                await browser.until("welcome")
                await tab.send(**event)
                assert (await tab.until("error"))["code"] == "signed_out"
                assert await tab.closed_with() == 4003
    assert not await run(Contact.objects.exclude(email="").exists)
    assert not await run(ConversationRating.objects.filter(value__isnull=False).exists)


# --- The rating ----------------------------------------------------------------------------------------------
async def test_after_resolution_the_customer_is_asked_once_and_the_answer_stays(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        conversation = await resolved(browser)
        async with browser.again() as tab:
            assert (await tab.hello())["rate"] == {"type": "rate.ask", "value": 0}
            async with desk(browser) as people:
                await browser.send(type="conversation.rate", value=4, comment="Quick\x00 and friendly")
                assert (await people.until("activity"))["kind"] == "rated"
            assert (await tab.until("rate.ask"))["value"] == 4, "the other tab knows"
    async with browser.again() as back:
        assert (await back.hello())["rate"] == {"type": "rate.ask", "value": 4}
        await back.write("one more thing")
        await back.until("state")
    async with browser.again() as later:
        assert (await later.hello())["rate"] is None
    rating = await run(ConversationRating.objects.get, conversation=conversation)
    assert (rating.value, rating.comment) == (4, "Quick and friendly")


async def test_an_open_conversation_cannot_be_rated(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.send(type="conversation.rate", value=1)
        assert (await browser.until("error"))["code"] == "not_found"
    assert not await run(ConversationRating.objects.exists)


@pytest.mark.parametrize("value", [0, 6, -1, 2.5, "5", None])
async def test_a_value_beyond_one_to_five_is_no_event(key: str, value: object) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await resolved(browser)
        await browser.send(type="conversation.rate", value=value)
        assert (await browser.until("error"))["code"] == "bad_event"


async def test_nobody_rates_the_conversation_of_another(key: str) -> None:
    async with Browser(key) as owner, Browser(key) as thief:
        await owner.hello()
        await owner.write()
        conversation = await resolved(owner)
        welcome = await thief.hello(conversation=owner.conversation)
        assert (welcome["rate"], welcome["email"]) == (None, "")
        await thief.send(type="conversation.rate", value=1)
        assert (await thief.until("error"))["code"] == "not_found"
        await thief.write()
        await thief.send(type="conversation.rate", value=1)
        assert (await thief.until("error"))["code"] == "not_found"
    assert (await run(ConversationRating.objects.get, conversation=conversation)).value is None


async def test_an_old_rating_can_no_longer_be_changed(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await resolved(browser)
        await browser.send(type="conversation.rate", value=4)
        await browser.until("rate.ask")
        await run(ConversationRating.objects.update, rated_at=timezone.now() - timedelta(days=2))
        await browser.send(type="conversation.rate", value=1)
        assert (await browser.until("error"))["code"] == "too_late"
    assert (await run(ConversationRating.objects.get)).value == 4


async def test_changing_ones_mind_forever_ends_at_a_limit(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await resolved(browser)
        codes = []
        for number in range(25):
            await browser.send(type="conversation.rate", value=1 + number % 5)
            event = await browser.receive()
            while event["type"] not in ("error", "rate.ask"):
                event = await browser.receive()
            codes.append(event.get("code"))
    assert codes[:20] == [None] * 20
    assert set(codes[20:]) == {"rate_limited"}
    assert await run(Activity.objects.filter(kind="rated").count) == 20


async def test_the_words_of_agents_carry_their_name(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        conversation = await run(conversation_of, browser)
        agent = await run(factories.user, first_name="Ann")
        await run(handling.reply, conversation_id=conversation.pk, agent=agent, client_id="agent-0002", text="Hello.")
        shown = await browser.until("message")
        while shown["role"] != Message.Role.AGENT:
            shown = await browser.until("message")
    assert shown["author"] == "Ann"
