"""A refresh, a killed server or a lost line in the middle of an answer: it comes whole, once."""

import pytest
from playwright.sync_api import Frame, Page

from tests.browser.shop import ANSWER, QUESTION, Shop, answered, ask, chat, counts

pytestmark = pytest.mark.browser


def streamed(frame: Frame, characters: int) -> None:
    """Wait until so much of the running answer is shown; an answer that is complete by then fails the test."""
    for _ in range(1500):
        words = frame.locator(".stream.typing .bubble").all_inner_texts()
        if words and len(words[0]) >= characters:
            return
        assert not counts(frame)[1], "the answer was complete before the test could interrupt it"
        frame.page.wait_for_timeout(20)
    pytest.fail(f"no {characters} characters were ever streamed")


@pytest.mark.parametrize("characters", [0, 200, 650], ids=["before the first word", "in the middle", "near the end"])
def test_an_answer_survives_a_refresh(page: Page, slow_shop: Shop, characters: int) -> None:
    page.goto(slow_shop.url)
    frame = chat(page)
    ask(frame, QUESTION)
    frame.locator("#log .customer").wait_for()
    if characters:
        streamed(frame, characters)
    assert frame.locator(".stream.typing").count() == bool(characters)
    page.reload()
    frame = chat(page)
    answered(frame, ANSWER)
    frame.locator("#log .sources button").first.wait_for()
    assert counts(frame) == (1, 1)
    assert frame.locator(".stream").count() == 0


def test_a_refreshed_page_shows_the_words_so_far_at_once(page: Page, slow_shop: Shop) -> None:
    page.goto(slow_shop.url)
    frame = chat(page)
    ask(frame, QUESTION)
    streamed(frame, 200)
    page.reload()
    frame = chat(page)
    frame.locator(".stream.typing .bubble").wait_for()
    assert len(frame.locator(".stream.typing .bubble").inner_text()) >= 200
    answered(frame, ANSWER)
    assert counts(frame) == (1, 1)


def test_an_answer_survives_a_killed_server(page: Page, slow_shop: Shop) -> None:
    page.goto(slow_shop.url)
    frame = chat(page)
    ask(frame, QUESTION)
    streamed(frame, 200)
    slow_shop.server.kill()
    frame.locator("#banner").wait_for(timeout=30_000)
    slow_shop.start()
    answered(frame, ANSWER)
    frame.locator("#banner").wait_for(state="hidden", timeout=30_000)
    assert counts(frame) == (1, 1)


def test_what_is_written_while_offline_is_sent_once_when_back(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    frame = chat(page)
    page.context.set_offline(True)
    frame.locator("#banner").wait_for(timeout=30_000)
    ask(frame, QUESTION)
    frame.locator("#live .customer").wait_for()
    assert counts(frame) == (0, 0)
    page.context.set_offline(False)
    answered(frame, ANSWER)
    assert counts(frame) == (1, 1)
    assert frame.locator("#live .customer").count() == 0
