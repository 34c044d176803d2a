"""Hostile sockets: wrong origins, noise, floods, silence. Clear errors, no stack traces, and nobody else suffers."""

import json
import logging
import time
from typing import Any

import pytest
from channels.db import database_sync_to_async

from chatbot.conversations.live import sockets
from chatbot.conversations.models import Message
from chatbot.widget import visits
from tests import factories
from tests.widget.socket_client import Browser

pytestmark = pytest.mark.django_db(transaction=True)


async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.fixture
def key(transactional_db: None) -> str:
    return factories.inbox(allowed_origins=["https://shop.example"]).key


@pytest.mark.parametrize("origin", ["http://localhost", "https://shop.example"])
async def test_the_frame_and_allowed_pages_may_open_a_socket(key: str, origin: str) -> None:
    async with Browser(key, origin=origin) as browser:
        await browser.hello()


@pytest.mark.parametrize(
    "origin", [None, "", "null", "https://evil.test", "http://localhost:9999", "https://localhost"]
)
async def test_every_other_origin_is_refused_at_the_handshake(key: str, origin: str | None) -> None:
    assert await Browser(key, origin=origin).refused()


async def test_an_unknown_inbox_is_refused_with_a_sentence_and_for_good(key: str) -> None:
    browser = Browser("pk_nobody")
    async with browser:
        await browser.send(type="hello", inbox="pk_nobody")
        error = await browser.receive()
        assert (error["code"], error["fatal"], error["message"]) == (
            "unknown_inbox",
            True,
            "This chat is not available.",
        )
        assert await browser.closed_with() == 4404


async def test_an_inactive_inbox_is_refused(transactional_db: None) -> None:
    inbox = await run(factories.inbox, active=False)
    async with Browser(inbox.key) as browser:
        await browser.send(type="hello", inbox=inbox.key)
        assert (await browser.receive())["code"] == "unknown_inbox"


async def test_a_hello_for_another_inbox_than_the_addresss_is_refused(key: str) -> None:
    other = await run(factories.inbox)
    async with Browser(key) as browser:
        await browser.send(type="hello", inbox=other.key)
        assert (await browser.receive())["code"] == "unknown_inbox"


NOISE: dict[str, tuple[str, str]] = {
    "not JSON": ("{", "bad_json"),
    "deep JSON": ("[" * 60_000, "bad_json"),
    "a number": ("1", "bad_event"),
    "null": ("null", "bad_event"),
    "a list": ("[]", "bad_event"),
    "no type": ("{}", "bad_event"),
    "an unknown type": ('{"type": "drop.tables"}', "bad_event"),
    "a server's event": ('{"type": "welcome"}', "bad_event"),
    "an unknown field": ('{"type": "ping", "last_seq": 0, "admin": true}', "bad_event"),
    "a negative number": ('{"type": "ping", "last_seq": -1}', "bad_event"),
    "a huge number": ('{"type": "ping", "last_seq": 99999999999999999999}', "bad_event"),
    "a wrong client id": ('{"type": "message.send", "client_id": "<x>", "text": "hi"}', "bad_event"),
    "a second hello": ('{"type": "hello", "inbox": "x"}', "hello_twice"),
    "a rating of two": ('{"type": "rating.set", "seq": 1, "value": 2}', "bad_event"),
    "a nested context": ('{"type": "context", "data": {"a": {"b": 1}}}', "bad_event"),
    "an enormous number in context": ('{"type": "context", "data": {"a": 1e999}}', "internal"),
}


@pytest.mark.parametrize("noise", [name for name in NOISE if "enormous" not in name])
async def test_noise_gets_a_clear_error_and_the_socket_lives_on(key: str, noise: str) -> None:
    text, code = NOISE[noise]
    async with Browser(key) as browser:
        await browser.hello()
        await browser.socket.send_to(text_data=text)
        error = await browser.receive()
        assert (error["type"], error["code"], error["fatal"]) == ("error", code, False)
        assert error["message"]
        assert "Traceback" not in json.dumps(error)
        assert (await browser.write())["type"] == "ack"


async def test_a_number_no_database_keeps_is_refused_and_the_socket_lives_on(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.socket.send_to(text_data=NOISE["an enormous number in context"][0])
        assert (await browser.receive())["type"] == "error"
        assert (await browser.write())["type"] == "ack"


async def test_half_a_character_does_not_end_the_socket(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.socket.send_to(
            text_data='{"type": "message.send", "client_id": "half-char-1", "text": "a\\ud800b"}'
        )
        event = await browser.receive()
        while event["type"] not in ("ack", "error"):
            event = await browser.receive()
        assert event["type"] in ("ack", "error")
        assert (await browser.write())["type"] == "ack"


async def test_binary_frames_are_not_understood(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.socket.send_to(bytes_data=b"\x00\xff")
        assert (await browser.receive())["code"] == "not_text"


async def test_a_frame_of_a_megabyte_ends_the_socket(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        await browser.send(type="message.send", client_id="client-big", text="x" * 2**20)
        assert (await browser.receive())["code"] == "too_large"
        assert await browser.closed_with() == 4009


async def test_nothing_is_served_before_hello(key: str) -> None:
    async with Browser(key) as browser:
        for event in ("ping", "person.ask", "conversation.new", "logout"):
            await browser.send(type=event)
            assert (await browser.receive())["code"] == "hello_first"


async def test_repeated_abuse_ends_the_socket_for_good(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        for _ in range(sockets.STRIKES + 1):
            await browser.socket.send_to(text_data="{")
        assert await browser.closed_with() == 4008


async def test_a_flood_of_pings_is_slowed_and_then_ended(key: str) -> None:
    async with Browser(key) as browser:
        await browser.hello()
        for _ in range(200):
            await browser.send(type="ping")
        codes = set()
        while (output := await browser.socket.receive_output(timeout=10))["type"] == "websocket.send":
            event = json.loads(output["text"])
            codes.add(event.get("code"))
        assert "too_fast" in codes
        assert output["code"] == 4008


async def test_who_never_says_hello_is_let_go(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HELLO_SECONDS", 0.2)
    async with Browser(key) as browser:
        assert await browser.closed_with() == 4001


async def test_who_falls_silent_is_let_go(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(sockets, "HELLO_SECONDS", 0.2)
    async with Browser(key) as browser:
        await browser.hello()
        assert await browser.closed_with() == 4000


async def test_too_many_connections_of_one_address_wait_and_others_do_not(key: str, settings: Any) -> None:
    settings.LIMIT_CONNECTIONS_PER_ADDRESS = "2/hour"
    for _ in range(2):
        async with Browser(key) as browser:
            await browser.hello()
    async with Browser(key) as browser:
        error = await browser.receive()
        assert (error["code"], error["retry_after"] > 0) == ("too_many_connections", True)
        assert await browser.closed_with() == 4029
    async with Browser(key, address="10.9.9.9") as other:
        await other.hello()


async def test_over_the_limit_a_message_is_refused_with_its_id_and_a_time(key: str, settings: Any) -> None:
    settings.LIMIT_MESSAGES_PER_VISITOR = "2/minute"
    async with Browser(key) as browser:
        await browser.hello()
        for _ in range(2):
            assert (await browser.write())["type"] == "ack"
        refused = await browser.write(client_id="client-third")
        assert (refused["code"], refused["client_id"], refused["fatal"]) == ("rate_limited", "client-third", False)
        assert 0 < refused["retry_after"] <= 120
        async with Browser(key) as neighbour:
            await neighbour.hello()
            assert (await neighbour.write())["type"] == "ack"
    assert await run(Message.objects.filter(client_id="client-third").count) == 0


async def test_new_conversations_of_one_address_are_limited(key: str, settings: Any) -> None:
    settings.LIMIT_CONVERSATIONS_PER_ADDRESS = "1/hour"
    async with Browser(key) as browser:
        await browser.hello()
        assert (await browser.write())["type"] == "ack"
        await browser.send(type="conversation.new")
        assert (await browser.until("error"))["code"] == "rate_limited"
        assert (await browser.write())["type"] == "ack", "the conversation that is open goes on"


async def test_an_overlong_message_is_refused_with_its_id_and_no_time(key: str, settings: Any) -> None:
    settings.MESSAGE_MAX_CHARS = 100
    async with Browser(key) as browser:
        await browser.hello()
        refused = await browser.write("x" * 101, "client-long")
        assert (refused["code"], refused["client_id"], refused["retry_after"]) == (
            "message_too_long",
            "client-long",
            None,
        )


async def test_a_fault_on_our_side_is_told_without_details_and_may_be_tried_again(
    key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: Any) -> None:
        raise RuntimeError("secret detail of the database")

    async with Browser(key) as browser:
        await browser.hello()
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
            patch.setattr(visits, "post", broken)
            error = await browser.write(client_id="client-again")
        assert (error["code"], error["client_id"], error["retry_after"]) == ("internal", "client-again", 2.0)
        assert "secret" not in json.dumps(error)
        assert "secret detail" in caplog.text
        assert (await browser.write(client_id="client-again"))["type"] == "ack"


async def test_a_token_is_renewed_on_a_socket_that_stays_open(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatbot.widget import consumers

    async with Browser(key) as browser:
        await browser.hello()
        monkeypatch.setattr(consumers, "RENEW_SECONDS", 0.0)
        time.sleep(0.01)
        await browser.send(type="ping")
        browser.token = (await browser.until("token"))["token"]
        await browser.write()
    async with browser.again() as back:
        assert (await back.hello())["conversation"] == browser.conversation
