"""Identities over the socket: whose history a browser reads before, during and after signing in."""

import time
import uuid
from typing import Any

import jwt
import pytest
from channels.db import database_sync_to_async

from chatbot.conversations import handling, services
from chatbot.conversations.models import Contact, Conversation, Inbox
from tests import factories
from tests.widget.socket_client import Browser

pytestmark = pytest.mark.django_db(transaction=True)


async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.fixture
def shop(transactional_db: None) -> Inbox:
    return factories.inbox()


def passport(shop: Inbox, subject: str, secret: str = "", **more: str) -> str:
    now = int(time.time())
    body = {"sub": subject, "aud": shop.key, "iat": now, "exp": now + 300, "jti": uuid.uuid4().hex, **more}
    return jwt.encode(body, secret or shop.secret, algorithm="HS256")


async def test_an_anonymous_conversation_goes_on_after_signing_in(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello()
        await browser.write("before signing in")
        before = browser.conversation
        await browser.send(type="identify", token=passport(shop, "ada"))
        welcome = browser.keep(await browser.until("welcome"))
        assert (welcome["conversation"], welcome["reset"]) == (before, False)
        assert (await browser.write("after"))["type"] == "ack"


async def test_the_history_follows_the_person_to_another_browser(shop: Inbox) -> None:
    async with Browser(shop.key) as desk:
        await desk.hello()
        await desk.send(type="identify", token=passport(shop, "ada"))
        await desk.until("welcome")
        await desk.write("from my desk")
    async with Browser(shop.key) as phone:
        welcome = await phone.hello(identity=passport(shop, "ada"))
        assert [message["text"] for message in welcome["messages"]] == ["from my desk"]
    async with phone.again() as later:
        assert [m["text"] for m in (await later.hello(last_seq=0))["messages"]] == ["from my desk"]


async def test_another_identity_in_the_same_browser_sees_nothing_of_the_first(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello()
        await browser.write("anonymous secret")
        await browser.send(type="identify", token=passport(shop, "ada"))
        browser.keep(await browser.until("welcome"))
        old_token = browser.token
        await browser.send(type="identify", token=passport(shop, "bob"))
        welcome = browser.keep(await browser.until("welcome"))
        assert (welcome["messages"], welcome["conversation"], welcome["reset"]) == ([], None, True)
        assert await browser.silence()
    async with browser.again() as bob:
        assert (await bob.hello())["messages"] == []
    async with Browser(shop.key) as thief:
        assert (await thief.hello(token=old_token))["messages"] == []


async def test_offered_with_hello_a_switch_shows_nothing_of_the_first_person(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello(identity=passport(shop, "ada"))
        await browser.write("ada's question")
    async with browser.again() as back:
        welcome = await back.hello(identity=passport(shop, "bob"))
    assert (welcome["messages"], welcome["reset"]) == ([], True)


async def test_a_forged_identity_is_refused_and_the_visitor_stays_who_it_was(shop: Inbox) -> None:
    async with Browser(shop.key) as ada:
        await ada.hello(identity=passport(shop, "ada"))
        await ada.write("ada's question")
    async with Browser(shop.key) as thief:
        welcome = await thief.hello(identity=passport(shop, "ada", secret="x" * 48))
        assert welcome["messages"] == []
        assert (await thief.receive())["code"] == "identity_invalid"
        await thief.send(type="identify", token="garbage")
        assert (await thief.receive())["code"] == "identity_invalid"
        assert (await thief.write("still anonymous"))["type"] == "ack"


async def test_a_stolen_identity_token_cannot_be_used_a_second_time(shop: Inbox) -> None:
    token = passport(shop, "ada")
    async with Browser(shop.key) as ada:
        await ada.hello(identity=token)
        await ada.write("ada's question")
    async with Browser(shop.key) as thief:
        welcome = await thief.hello(identity=token)
        assert welcome["messages"] == []
        assert (await thief.receive())["code"] == "identity_replayed"


async def test_logging_out_leaves_a_fresh_visitor_and_a_dead_token(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello(identity=passport(shop, "ada"))
        await browser.write("ada's question")
        old_token = browser.token
        async with browser.again() as tab:
            await tab.hello()
            await browser.send(type="logout")
            welcome = browser.keep(await browser.until("welcome"))
            assert (welcome["messages"], welcome["conversation"], welcome["reset"]) == ([], None, True)
            assert (await browser.write("somebody else"))["type"] == "ack"
            refused = await tab.write("from the tab that was left open")
            assert refused["code"] == "signed_out"
            assert await tab.closed_with() == 4003
    async with Browser(shop.key) as late:
        assert (await late.hello(token=old_token))["messages"] == []


async def test_what_is_said_anonymously_after_a_logout_is_not_the_first_persons(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello(identity=passport(shop, "ada"))
        await browser.send(type="logout")
        browser.keep(await browser.until("welcome"))
        await browser.write("anonymous after logout")
    async with Browser(shop.key) as ada:
        assert (await ada.hello(identity=passport(shop, "ada")))["messages"] == []


async def test_an_inbox_that_demands_an_identity_serves_who_has_one(shop: Inbox) -> None:
    await run(Inbox.objects.filter(pk=shop.pk).update, require_identity=True)
    async with Browser(shop.key) as browser:
        await browser.hello()
        assert (await browser.write())["code"] == "identity_required"
        await browser.send(type="identify", token=passport(shop, "ada"))
        browser.keep(await browser.until("welcome"))
        assert (await browser.write())["type"] == "ack"


# --- What people around a conversation asked for -----------------------------------------------------------
async def test_an_address_in_the_token_is_vouched_for_and_a_typed_one_does_not_replace_it(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        welcome = await browser.hello(identity=passport(shop, "ada", email="ada@example.com"))
        await browser.write()
        await browser.send(type="email.set", email="thief@example.com")
        assert (await browser.until("error"))["code"] == "email_known"
    async with browser.again() as back:
        welcome = await back.hello()
    assert welcome["email"] == "a***@example.com"
    ada = await run(Contact.objects.get, external_id="ada")
    assert (ada.email, ada.email_verified) == ("ada@example.com", True)


async def test_a_token_without_an_address_vouches_for_none(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello(identity=passport(shop, "ada"))
        await browser.write()
        await browser.send(type="email.set", email="ada@example.com")
        assert (await browser.until("welcome"))["email"] == "a***@example.com"
    ada = await run(Contact.objects.get, external_id="ada")
    assert (ada.email, ada.email_verified) == ("ada@example.com", False)
    async with Browser(shop.key) as phone:
        await phone.hello(identity=passport(shop, "ada", email="ada@example.com"))
    await run(ada.refresh_from_db)
    assert ada.email_verified, "the company vouches for the very address that was typed"


async def test_an_address_typed_before_signing_in_does_not_become_the_customers(shop: Inbox) -> None:
    async with Browser(shop.key) as shared:
        await shared.hello()
        await shared.write("who sat here before")
        await shared.send(type="email.set", email="other@example.com")
        shared.keep(await shared.until("welcome"))
        await shared.send(type="identify", token=passport(shop, "ada"))
        welcome = shared.keep(await shared.until("welcome"))
    assert welcome["email"] == ""
    assert not await run(Contact.objects.exclude(email="").exists)


async def test_another_identity_sees_neither_place_nor_rating_nor_address_of_the_first(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello(identity=passport(shop, "ada", email="ada@example.com"))
        await browser.write()
        conversation = await run(Conversation.objects.get)
        agent = await run(factories.user)
        await run(handling.reply, conversation_id=conversation.pk, agent=agent, client_id="agent-01", text="Done.")
        await run(handling.resolve, conversation_id=conversation.pk, agent=agent)
        await browser.until("rate.ask")
        await browser.send(type="identify", token=passport(shop, "bob"))
        welcome = browser.keep(await browser.until("welcome"))
        assert (welcome["reset"], welcome["rate"], welcome["queue"], welcome["email"]) == (True, None, None, "")
        await browser.send(type="conversation.rate", value=1)
        assert (await browser.until("error"))["code"] == "not_found"
        await run(services.ask_person, conversation_id=conversation.pk)
        assert await browser.silence(), "nothing of the first one's queue arrives"


async def test_pages_seen_before_signing_in_are_the_customers_and_later_ones_of_another_are_not(shop: Inbox) -> None:
    async with Browser(shop.key) as browser:
        await browser.hello(page={"url": "https://shop.test/a", "title": "A"})
        await browser.write()
        await browser.send(type="identify", token=passport(shop, "ada"))
        browser.keep(await browser.until("welcome"))
        await browser.send(type="identify", token=passport(shop, "bob"))
        browser.keep(await browser.until("welcome"))
        await browser.send(type="page", url="https://shop.test/b")
        await browser.send(type="ping")
        await browser.until("pong")

    def pages(who: str) -> list[str]:
        return list(Contact.objects.get(external_id=who).page_views.values_list("url", flat=True))

    assert await run(pages, "ada") == ["https://shop.test/a"]
    assert await run(pages, "bob") == ["https://shop.test/b", "https://shop.test/a"]
