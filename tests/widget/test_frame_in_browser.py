"""The chat's scripts in a real browser against a scripted server: what was written is kept, streams have no gap."""

from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.widget.fake_server import LOADER, SHOP, FakeServer, chat, contexts, frame_of, until, write

pytestmark = pytest.mark.browser


# --- What is written is kept -------------------------------------------------------------------------------
def test_a_message_is_sent_shown_once_and_forgotten_by_the_outbox(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "Hello there")
    frame.locator("#log .customer").wait_for()
    assert frame.locator(".customer").count() == 1
    assert frame.evaluate("Object.keys(localStorage).filter((key) => key.includes('out:')).length") == 0


def test_a_message_written_offline_survives_a_reload_and_is_sent_once(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "first")
    frame.locator("#log .customer").wait_for()
    server.on["message.send"] = lambda event: None  # the line is dead
    write(frame, "second")
    write(frame, "third")
    frame.locator("#live .customer").nth(1).wait_for()
    page.reload()
    server.on["message.send"] = server.accept
    frame = frame_of(page)
    frame.locator("#log .customer").nth(2).wait_for()
    assert [m["text"] for m in server.messages] == ["first", "second", "third"]
    expect(frame.locator("#live .customer")).to_have_count(0)


def test_offline_is_shown_and_what_waits_goes_out_when_the_line_is_back(
    page: Page, context: BrowserContext, server: FakeServer
) -> None:
    frame = chat(page)
    until(page, lambda: bool(server.got("hello")), "hello")
    context.set_offline(True)
    frame.get_by_text("You are offline").wait_for()
    write(frame, "written offline")
    frame.get_by_text("Waiting to be sent").wait_for()
    context.set_offline(False)
    frame.locator("#log .customer").wait_for()
    assert [m["text"] for m in server.messages] == ["written offline"]
    assert frame.locator("#banner").is_hidden()


def test_a_lost_socket_is_reconnected_with_the_last_number(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "one")
    frame.locator("#log .customer").wait_for()
    server.message(text="said while nobody listened")
    server.sockets[-1].close(code=4000)
    frame.get_by_text("said while nobody listened").first.wait_for()
    hello = server.got("hello")[-1]
    assert (hello["token"], hello["last_seq"], hello["conversation"]) == ("T1", 1, server.conversation)


def test_over_a_limit_the_message_waits_and_is_sent_again_by_itself(page: Page, server: FakeServer) -> None:
    def refuse(event: dict[str, Any]) -> None:
        server.on["message.send"] = server.accept
        server.send(
            type="error",
            code="rate_limited",
            message="Too many.",
            retry_after=0.3,
            client_id=event["client_id"],
            fatal=False,
        )

    server.on["message.send"] = refuse
    frame = chat(page)
    write(frame, "patience")
    frame.locator("#log .customer").wait_for()
    first, second = server.got("message.send")
    assert first == second


def test_a_message_that_cannot_be_sent_says_why_and_may_be_discarded(page: Page, server: FakeServer) -> None:
    server.on["message.send"] = lambda event: server.send(
        type="error",
        code="message_too_long",
        message="Too long.",
        retry_after=None,
        client_id=event["client_id"],
        fatal=False,
    )
    frame = chat(page)
    write(frame, "rejected")
    frame.get_by_text("Not sent: Too long.").wait_for()
    frame.get_by_role("button", name="Discard").click()
    expect(frame.locator(".customer")).to_have_count(0)
    server.on["message.send"] = server.accept
    write(frame, "accepted")
    frame.locator("#log .customer").wait_for()


def test_without_storage_the_chat_still_works(browser: Browser, server: FakeServer) -> None:
    for context in contexts(browser, server):
        server.host_page += LOADER
        context.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked'); } })"
        )
        page = context.new_page()
        page.goto(SHOP)
        frame = chat(page)
        write(frame, "no storage")
        frame.locator("#log .customer").wait_for()
        server.sockets[-1].close(code=4000)
        until(page, lambda: len(server.got("hello")) == 2, "a second hello")
        assert server.got("hello")[-1]["token"] == "T1"


# --- Streams and gaps -----------------------------------------------------------------------------------------
def test_a_stream_is_shown_and_its_message_replaces_it(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "How long?")
    frame.get_by_text("Searching our documents").wait_for()
    server.send(type="stream.status", job=7, attempt=1, stage="writing")
    server.send(type="stream.delta", job=7, attempt=1, offset=0, text="Sixty 👟 ")
    server.send(type="stream.delta", job=7, attempt=1, offset=8, text="days.")
    frame.locator(".stream").get_by_text("Sixty 👟 days.").wait_for()
    server.send(**server.message(text="Sixty days.", job=7))
    frame.locator("#log .bot:not(.greeting)").wait_for()
    expect(frame.locator(".stream")).to_have_count(0)


def test_a_second_attempt_starts_again_and_the_first_one_is_silenced(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "How long?")
    server.send(type="stream.delta", job=7, attempt=1, offset=0, text="Old words")
    frame.locator(".stream").get_by_text("Old words").wait_for()
    server.send(type="stream.delta", job=7, attempt=2, offset=0, text="New")
    server.send(type="stream.delta", job=7, attempt=1, offset=9, text=" from the dead")
    server.send(type="stream.delta", job=7, attempt=2, offset=3, text=" words")
    frame.locator(".stream").get_by_text("New words").wait_for()
    assert "dead" not in frame.locator(".stream").inner_text()


def test_a_refreshed_page_goes_on_with_the_stream(page: Page, server: FakeServer) -> None:
    server.message("customer", "How long?")
    server.welcome = {"busy": True, "stream": {"job": 7, "attempt": 1, "text": "Sixty ", "stage": "writing"}}
    frame = chat(page)
    frame.locator(".stream").get_by_text("Sixty").wait_for()
    server.send(type="stream.delta", job=7, attempt=1, offset=0, text="Sixty ")  # was on its way already
    server.send(type="stream.delta", job=7, attempt=1, offset=6, text="days.")
    frame.locator(".stream").get_by_text("Sixty days.").wait_for()


def test_a_gap_in_a_stream_or_in_the_numbers_is_asked_for(page: Page, server: FakeServer) -> None:
    server.on["sync"] = lambda event: server.greet(event, busy=False)
    frame = chat(page)
    write(frame, "How long?")
    frame.locator("#log .customer").wait_for()
    server.send(type="stream.delta", job=7, attempt=1, offset=5, text="days")
    until(page, lambda: len(server.got("sync")) == 1, "a sync after a gap in the stream")
    server.message(text="lost on the way")
    server.send(**server.message(text="came through"))
    frame.get_by_text("lost on the way").first.wait_for()
    frame.get_by_text("came through").first.wait_for()
    assert [m.get_attribute("data-seq") for m in frame.locator("#log [data-seq]").all()] == ["1", "2", "3"]


def test_a_dropped_answer_leaves_nothing_behind(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "How long?")
    server.send(type="stream.delta", job=7, attempt=1, offset=0, text="Half an")
    frame.locator(".stream").get_by_text("Half an").wait_for()
    server.send(type="stream.status", job=7, attempt=1, stage="dropped")
    server.send(type="state", state="waiting")
    frame.get_by_role("button", name="Back to the assistant").wait_for()
    expect(frame.locator(".stream")).to_have_count(0)
