"""The socket as a browser meets it: entering, writing, catching up, streams, handoff, ratings."""

import contextlib
import threading
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from chatbot.conversations import events, handling, jobs
from chatbot.conversations.live import publishing, streams
from chatbot.conversations.models import Contact, Conversation, Inbox, Message, ReplyJob
from chatbot.widget import visits
from tests import factories
from tests.widget.socket_client import Browser

pytestmark = pytest.mark.django_db(transaction=True)


async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.fixture
def key(transactional_db: None) -> str:
    return factories.inbox().key


def conversation_of(browser: Browser) -> Conversation:
    return Conversation.objects.get(public_id=browser.conversation)


def answer(browser: Browser, text: str = "Refunds take 5 days [1].") -> bool:
    """What a worker does: claim the job and finish it."""
    job = ReplyJob.objects.get(conversation__public_id=browser.conversation, state="queued")
    claim = jobs.claim(job_id=job.pk)
    assert claim is not None
    return jobs.finish(claim=claim, reply=factories.bot_reply(text))


async def test_a_newcomer_is_welcomed_with_a_token_and_no_conversation(key: str) -> None:
    async with Browser(key) as browser:
        welcome = await browser.hello()
    assert (welcome["conversation"], welcome["messages"], welcome["state"], welcome["reset"]) == (
        None,
        [],
        "bot",
        False,
    )
    assert welcome["token"]
    assert await run(Contact.objects.count) == 0


async def test_a_message_is_acknowledged_kept_and_shown(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        ack = await browser.write("Hello", "client-id-1")
        assert (ack["client_id"], ack["seq"], ack["conversation"]) == ("client-id-1", 1, browser.conversation)
        shown = await browser.until("message")
        assert (shown["seq"], shown["client_id"], shown["text"]) == (1, "client-id-1", "Hello")


async def test_a_message_sent_again_is_acknowledged_again_and_kept_once(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        first = await browser.write("Hello", "client-id-1")
    async with browser.again() as back:
        await back.hello()
        assert (await back.write("Hello", "client-id-1"))["seq"] == first["seq"]
    assert await run(Message.objects.count) == 1


async def test_who_comes_back_gets_exactly_what_was_missed(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.until("message")
    await run(answer, browser)
    async with browser.again() as back:
        welcome = await back.hello()
    assert [message["seq"] for message in welcome["messages"]] == [2]
    assert welcome["messages"][0]["citations"][0]["title"] == "Refunds"
    assert (welcome["busy"], welcome["reset"]) == (False, False)


async def test_an_answer_reaches_every_tab_of_the_visitor(key: str) -> None:
    async with Browser(key) as one:
        await one.hello()
        await one.write()
        async with one.again() as two:
            await two.hello()
            await run(answer, one)
            assert [(await tab.until("message"))["role"] for tab in (two,)] == ["bot"]
            await one.until("message")
            assert (await one.until("message"))["role"] == "bot"


async def test_a_lost_message_event_is_read_from_the_record_with_the_next_one(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.until("message")
        conversation = await run(conversation_of, browser)
        for text in ("lost on the way", "also lost"):
            await run(
                Message.objects.create, conversation=conversation, seq=browser.last_seq + 1, role="bot", text=text
            )
            browser.last_seq += 1
        await run(Conversation.objects.filter(pk=conversation.pk).update, last_seq=3)
        await run(factories.posted, conversation, "the next one")
        assert [(await browser.until("message"))["seq"] for _ in range(3)] == [2, 3, 4]


async def test_a_message_event_that_comes_twice_is_sent_once(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        shown = await browser.until("message")
        conversation = await run(conversation_of, browser)
        publishing.publish(conversation.pk, events.MessageOut.model_validate(shown))
        assert await browser.silence()


async def test_a_heartbeat_brings_what_got_lost(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.until("message")
        await browser.send(type="ping", last_seq=0)
        assert (await browser.receive())["seq"] == 1
        assert await browser.receive() == {"type": "pong", "last_seq": 1}


async def test_heartbeats_that_wait_keep_no_message_waiting(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    pulse = visits.pulse

    def slow(visit: visits.Visit, *, socket: str) -> visits.Pulse:
        assert go_on.wait(30)
        return pulse(visit, socket=socket)

    monkeypatch.setattr(visits, "pulse", slow)
    async with contextlib.AsyncExitStack() as open_ones:
        browsers = [await open_ones.enter_async_context(Browser(key)) for _number in range(40)]
        for browser in browsers:
            await browser.hello()
            await browser.send(type="ping")
        async with Browser(key) as writer:
            await writer.hello()
            assert (await writer.write())["seq"] == 1
        go_on.set()
        for browser in browsers:
            assert await browser.until("pong")


async def test_a_stream_survives_a_refresh(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
    conversation = await run(conversation_of, browser)
    job = await run(ReplyJob.objects.get)
    claim = await run(jobs.claim, job_id=job.pk)
    writer = streams.StreamWriter(conversation_id=conversation.pk, job_id=job.pk, attempt=claim.attempt)
    writer.stage("searching")
    writer.stage("writing")
    writer.write("Refunds ")
    writer.flush()
    async with browser.again() as back:
        welcome = await back.hello()
        assert welcome["stream"] == {"job": job.pk, "attempt": 1, "text": "Refunds ", "stage": "writing"}
        assert welcome["busy"]
        writer.write("take 5 days.")
        writer.flush()
        delta = await back.until("stream.delta")
        assert (delta["offset"], delta["text"]) == (8, "take 5 days.")
        writer.close()
        await run(jobs.finish, claim=claim, reply=factories.bot_reply("Refunds take 5 days."))
        final = await back.until("message")
        assert (final["job"], final["text"]) == (job.pk, "Refunds take 5 days.")


async def test_a_gap_is_answered_with_the_whole_state(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await run(answer, browser)
        await browser.send(type="sync", last_seq=0)
        welcome = await browser.until("welcome")
        assert [message["seq"] for message in welcome["messages"]] == [1, 2]
        assert not welcome["reset"]


async def test_asking_for_a_person_and_going_back(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.send(type="person.ask")
        assert (await browser.until("state"))["state"] == "waiting"
        await browser.send(type="person.cancel")
        assert (await browser.until("state"))["state"] == "bot"


async def test_a_rating_is_kept_and_shown_after_a_reload(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await run(answer, browser)
        await browser.send(type="rating.set", seq=2, value=-1, comment="wrong price")
        assert await browser.until("rating") == {"type": "rating", "seq": 2, "value": -1}
    async with browser.again() as back:
        welcome = await back.hello(last_seq=0)
    assert [message["rating"] for message in welcome["messages"]] == [0, -1]


async def test_ones_own_message_cannot_be_rated(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.send(type="rating.set", seq=1, value=1)
        assert (await browser.until("error"))["code"] == "not_found"


async def test_a_new_conversation_replaces_the_old_one_and_survives_a_reload(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        first = browser.conversation
        await browser.send(type="conversation.new")
        welcome = browser.keep(await browser.until("welcome"))
        assert welcome["reset"]
        assert welcome["conversation"] not in (None, first)
        await browser.send(type="conversation.new")
        assert (await browser.until("welcome"))["conversation"] == welcome["conversation"], "an empty one is used again"
    async with browser.again() as back:
        assert (await back.hello())["conversation"] == welcome["conversation"]


async def test_events_of_the_conversation_that_was_left_are_dropped(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        old = await run(conversation_of, browser)
        await browser.send(type="conversation.new")
        await browser.until("welcome")
        late = events.layer_message(old.pk, events.MessageOut(seq=1, role="bot", text="late", created_at="2026-01-01"))
        layer = get_channel_layer()
        assert layer is not None
        assert await browser.silence()
        for channel in _channels_of(layer):
            await layer.send(channel, late)
        assert await browser.silence()


def _channels_of(layer: Any) -> list[str]:
    return [channel for group in layer.groups.values() for channel in group]


async def test_nobody_reads_a_conversation_by_naming_it(key: str) -> None:
    async with Browser(key) as owner, Browser(key) as thief:
        await owner.hello()
        await owner.write("my order is 4711")
        welcome = await thief.hello(conversation=owner.conversation)
    assert (welcome["messages"], welcome["conversation"], welcome["reset"]) == ([], None, True)


async def test_the_page_may_say_things_about_its_visitor(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.send(type="context", data={"plan": "gold", "cart": 3})
        await browser.send(type="context", data={"plan": "silver", **{f"k{n}": n for n in range(50)}})
        assert (await browser.until("error"))["code"] == "context_too_large"
        await browser.send(type="ping")
        await browser.until("pong")
    assert (await run(Contact.objects.get)).context == {"plan": "gold", "cart": 3}


async def test_what_was_seen_is_kept(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await browser.send(type="seen", seq=1)
        await browser.send(type="ping")
        await browser.until("pong")
    assert (await run(Conversation.objects.get)).customer_seen_seq == 1


async def test_a_deleted_conversation_sends_the_browser_back_to_a_fresh_start(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        await run(Conversation.objects.all().delete)
        await browser.send(type="ping", last_seq=1)
        assert await browser.closed_with() == 4003
    async with browser.again() as back:
        welcome = await back.hello()
    assert (welcome["conversation"], welcome["reset"]) == (None, True)


async def test_a_resolved_conversation_opens_again_with_the_next_message(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.write()
        conversation = await run(conversation_of, browser)
        await run(handling.resolve, conversation_id=conversation.pk)
        assert (await browser.until("state"))["state"] == "resolved"
        await browser.write("one more thing")
        assert (await browser.until("state"))["state"] == "bot"


async def test_errors_are_told_in_the_customers_language(key: str) -> None:
    from django.utils import translation

    async with Browser(key) as browser:
        await browser.hello(language="zh-CN")
        error = await browser.write("   ")
    with translation.override("zh-hans"):
        expected = translation.gettext("Please write something first.")
    assert (error["code"], error["message"]) == ("empty_message", expected)


async def test_an_inbox_may_demand_an_identity(transactional_db: None) -> None:
    inbox: Inbox = await run(factories.inbox, require_identity=True)
    async with Browser(inbox.key) as browser:
        await browser.hello()
        refused = await browser.write()
        assert refused["code"] == "identity_required"
        await browser.send(type="person.ask")
        assert (await browser.until("error"))["code"] == "identity_required"
    assert await run(Message.objects.count) == 0
