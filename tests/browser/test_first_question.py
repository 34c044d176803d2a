"""A customer on the sample shop's page, in a real browser, against the real server."""

import functools
import http.server
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.shop import ANSWER, QUESTION, Shop, answered, ask, chat, counts

pytestmark = pytest.mark.browser
IMAGES = Path(__file__).resolve().parents[2] / "docs/images"
KEY = "pk_sample_company"


def picture(page: Page, name: str) -> None:
    """Renew a picture of the documentation when UPDATE_SCREENSHOTS=1 asks for it."""
    if os.environ.get("UPDATE_SCREENSHOTS") == "1":
        page.wait_for_timeout(400)
        page.screenshot(path=IMAGES / name)


def test_a_first_question_is_answered_with_a_source_that_opens(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    frame = chat(page)
    ask(frame, QUESTION)
    answered(frame, ANSWER)
    picture(page, "widget.png")
    frame.locator("#log .sources button").first.click()
    frame.locator("#passage blockquote").get_by_text("worn outdoors").first.wait_for()


def test_what_the_documents_do_not_say_ends_with_the_offer_of_a_person(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    frame = chat(page)
    ask(frame, "Do you ship to Brazil?")
    answered(frame, "don't know that")
    frame.locator("#log .offer").click()
    frame.locator("#queue strong").wait_for()
    frame.locator("#log .notice").first.wait_for()


def test_a_chinese_customer_is_served_in_chinese(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/?lang=zh")
    frame = chat(page)
    assert frame.locator("html").get_attribute("lang", timeout=5000).startswith("zh")  # type: ignore[union-attr]
    assert frame.locator("#person").inner_text().strip() == "转人工"
    ask(frame, "穿过的鞋多久之内可以退?")
    answered(frame, "30 天")
    picture(page, "widget-zh.png")


def test_with_the_keyboard_alone(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    page.locator("parley-widget").wait_for(state="attached")
    launcher = page.get_by_role("button", name="Open chat")
    launcher.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if launcher.evaluate("(button) => button.getRootNode().activeElement === button"):
            break
    page.keyboard.press("Enter")
    frame = chat(page)
    frame.locator("#text:focus").wait_for()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    answered(frame, ANSWER)
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if frame.locator(".sources button:focus").count():
            break
    page.keyboard.press("Enter")
    frame.locator("#passage[open] blockquote").wait_for()
    page.keyboard.press("Escape")
    frame.locator("#passage").wait_for(state="hidden")
    frame.locator("#text").focus()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open chat").wait_for()


def test_hostile_styles_of_the_page_do_not_reach_the_chat(page: Page, shop: Shop) -> None:
    css = "body *,parley-widget,iframe,button,svg{display:none!important;transform:scale(.1)!important;opacity:0!important;font-size:90px!important}"
    body = f"<!doctype html><style>{css}</style><script async src='/widget/loader.js' data-inbox='{KEY}'></script>"
    page.route("**/hostile", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(f"{shop.url}/hostile")
    frame = chat(page)
    ask(frame, QUESTION)
    answered(frame, ANSWER)
    assert page.locator("parley-widget iframe").bounding_box()["height"] > 400  # type: ignore[index]


@pytest.fixture
def evil(shop: Shop, tmp_path: Path) -> Iterator[str]:
    """A page of another origin that embeds the shop's chat."""
    tag = f"<script async src='{shop.url}/widget/loader.js' data-inbox='{KEY}'></script>"
    (tmp_path / "index.html").write_text(f"<!doctype html><h1>Not the shop</h1>{tag}")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_page_of_another_origin_gets_no_chat(page: Page, shop: Shop, evil: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    with page.expect_response("**/widget/launcher/**") as launcher:
        page.goto(evil)
    assert launcher.value.status == 403
    page.wait_for_timeout(300)
    assert page.locator("parley-widget").count() == 0
    assert any(evil in text for text in said), "the owner of the page is told why"
    answer = page.request.get(f"{shop.url}/widget/frame/{KEY}/?origin={evil}")
    assert answer.status == 403
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://localhost:{shop.port}/ws/widget/{KEY}/", origin=evil, proxy=None)  # type: ignore[arg-type]


def luminance(color: str) -> float:
    """Of `rgb(…)`, 0 (black) to 1."""
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", color)[:3])
    return 0.21 * red + 0.72 * green + 0.07 * blue


def style(frame: Frame, selector: str, name: str) -> str:
    value: str = frame.locator(selector).first.evaluate("(one, name) => getComputedStyle(one)[name]", name)
    return value


def test_on_a_phone_in_the_dark(browser: Browser, shop: Shop) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700}, color_scheme="dark", has_touch=True)
    page = context.new_page()
    page.goto(shop.url)
    frame = chat(page)
    ask(frame, "How much is shipping to Germany?")
    answered(frame, "15 USD")
    box = page.locator("parley-widget iframe").bounding_box()
    assert box and box["width"] == 360 and box["height"] == 700
    assert frame.evaluate("document.documentElement.scrollWidth") <= 360
    assert luminance(style(frame, "body", "backgroundColor")) < 0.2
    assert luminance(style(frame, "#log .bot:not(.greeting) .bubble", "color")) > 0.7
    picture(page, "widget-phone.png")
    context.close()


def test_a_page_that_runs_from_right_to_left(page: Page, shop: Shop) -> None:
    tag = f"<script async src='/widget/loader.js' data-inbox='{KEY}' data-position='left'></script>"
    body = f"<!doctype html><html lang='ar' dir='rtl'>{tag}"
    page.route("**/arabic", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(f"{shop.url}/arabic")
    frame = chat(page)
    assert frame.locator("html").get_attribute("dir") == "rtl"
    ask(frame, QUESTION)
    answered(frame, ANSWER)
    width = frame.evaluate("innerWidth")
    mine = frame.locator("#log .customer .bubble").bounding_box()
    theirs = frame.locator("#log .bot:not(.greeting) .bubble").bounding_box()
    window = page.locator("parley-widget iframe").bounding_box()
    assert mine and theirs and window and window["x"] < 100
    assert mine["x"] - window["x"] < 40, "the customer's words stand at the end of the line: on the left"
    assert window["x"] + width - theirs["x"] - theirs["width"] < 80
    assert frame.evaluate("document.documentElement.scrollWidth") <= width


def test_the_conversation_is_there_after_a_reload_once(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    frame = chat(page)
    ask(frame, QUESTION)
    answered(frame, ANSWER)
    page.reload()
    frame = chat(page)
    answered(frame, ANSWER)
    assert counts(frame) == (1, 1)
