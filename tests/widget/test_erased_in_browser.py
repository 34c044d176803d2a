"""The customer is erased while the chat is open: nothing of them stays in the page or the browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.widget.fake_server import FakeServer, chat, until, write

pytestmark = pytest.mark.browser


def test_the_chat_forgets_everything_and_begins_anew(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "first secret")
    frame.locator("#log .customer").wait_for()
    server.on["message.send"] = lambda event: None  # the next one is never acknowledged
    write(frame, "second secret")
    frame.locator("#live .customer").wait_for()
    server.messages.clear()
    server.sockets[-1].send('{"type": "gone"}')
    expect(frame.get_by_text("This conversation has been deleted.")).to_be_visible()
    expect(frame.get_by_text("secret")).to_have_count(0)
    kept = frame.evaluate("Object.entries(localStorage).map(([key, value]) => `${key}=${value}`).join()")
    assert "secret" not in kept
    hellos = len(server.got("hello"))
    server.sockets[-1].close(code=4003)
    until(page, lambda: len(server.got("hello")) > hellos, "a new hello")
    hello = server.got("hello")[-1]
    assert (hello["token"], hello["conversation"], hello["last_seq"]) == (None, None, 0)
    assert [event["text"] for event in server.got("message.send")] == ["first secret", "second secret"]
