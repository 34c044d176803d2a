"""The page around the chat, in a real browser: its moves reach the frame, the chat's turns reach the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Frame, Page

from tests.widget.fake_server import SHOP, FakeServer, chat, frame_of, until, write

pytestmark = pytest.mark.browser


@pytest.fixture
def routed(page: Page, server: FakeServer) -> Iterator[tuple[Page, Frame]]:
    frame = chat(page)
    until(page, lambda: bool(server.got("hello")), "hello")
    frame.get_by_text("Answers from our own documents").wait_for()
    yield page, frame


def test_moves_of_a_single_page_site_are_told_with_their_title(routed: tuple[Page, Frame], server: FakeServer) -> None:
    page, _frame = routed
    answer = page.evaluate("history.pushState({ step: 1 }, '', '/shoes'); document.title = 'Shoes'; history.state.step")
    assert answer == 1
    until(page, lambda: len(server.got("page")) == 1, "the first page")
    page.evaluate("history.replaceState({ step: 2 }, '', '/shoes?size=42'); document.title = 'Shoes, 42'")
    until(page, lambda: len(server.got("page")) == 2, "the second page")
    page.evaluate("history.replaceState({ step: 3 }, '', location.href)")
    page.evaluate("history.back()")
    until(page, lambda: len(server.got("page")) == 3, "the page before")
    page.evaluate("location.hash = 'reviews'")
    until(page, lambda: len(server.got("page")) == 4, "a part of a page")
    assert [(event["url"].removeprefix(SHOP), event["title"]) for event in server.got("page")[:3]] == [
        ("/shoes", "Shoes"),
        ("/shoes?size=42", "Shoes, 42"),
        ("/", "Shoes, 42"),
    ]


def test_a_page_whose_history_fails_fails_as_before(routed: tuple[Page, Frame], server: FakeServer) -> None:
    page, _frame = routed
    problem = page.evaluate(
        "(() => { try { history.pushState(null, '', 'https://evil.test/') } catch (e) { return e.name } })()"
    )
    assert problem == "SecurityError"
    assert page.evaluate("history.pushState.call(history, null, '', '/later') === undefined")
    until(page, lambda: [event["url"] for event in server.got("page")] == [f"{SHOP}/later"], "the page")


def test_a_long_or_broken_title_does_not_end_the_chat(page: Page, server: FakeServer) -> None:
    page.evaluate("document.title = '👟'.repeat(400) + String.fromCharCode(0xd83d)")
    frame = chat(page)
    until(page, lambda: bool(server.got("hello")), "hello")
    page.evaluate("history.pushState(null, '', '/' + 'x'.repeat(5000))")
    until(page, lambda: bool(server.got("page")), "the page")
    for told in (server.got("hello")[0]["page"], server.got("page")[0]):
        assert told["title"] == "👟" * 300
        assert len(told["url"]) <= 2000
    write(frame, "still here")
    frame.locator("#log .customer").wait_for()


def test_the_page_hears_of_a_handoff_the_end_and_a_rating(page: Page, server: FakeServer) -> None:
    page.evaluate(
        "window.heard = []; for (const type of ['handoff', 'resolved', 'rated']) Parley.on(type, (d) => heard.push([type, d ?? null])); null"
    )
    server.message("customer", "Hello")
    frame = chat(page)
    frame.get_by_text("Answers from our own documents").wait_for()
    for state in ("waiting", "agent", "resolved"):
        server.send(type="state", state=state)
    server.send(type="rate.ask", value=0)
    server.send(type="rate.ask", value=5)
    until(page, lambda: page.evaluate("heard.length") == 3, "three events")
    assert page.evaluate("heard") == [["handoff", {"state": "waiting"}], ["resolved", {}], ["rated", {"value": 5}]]
    server.welcome = {"state": "resolved", "rate": {"type": "rate.ask", "value": 5}}
    page.reload()
    page.wait_for_function("typeof window.Parley?.open === 'function'")
    page.evaluate(
        "window.heard = []; for (const type of ['handoff', 'resolved', 'rated']) Parley.on(type, (d) => heard.push([type, d ?? null])); null"
    )
    frame_of(page).get_by_text("Very good (5/5)").wait_for()
    assert page.evaluate("heard") == [], "what was so before the page was opened is no news"
