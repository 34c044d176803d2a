"""A customer on the sample shop's page, in a real browser, against a real process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, sync_playwright

from tests.faults.stack import Stack, wait_for_port

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
QUESTION = "How long do I have to send back shoes I have worn?"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not Path(CHROMIUM).exists():
        reason = f"no Chromium at {CHROMIUM} (apt-get install chromium, or set CHROMIUM)"
        pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip(reason)
    stack = Stack(tmp_path_factory.mktemp("shop"), GENERATOR="extractive")
    process = stack.add_web()
    stack.environment["PORT"] = str(stack.ports[0])
    stack.manage("demo", "--prepare", "--port", str(stack.ports[0]), timeout=280)
    process.start()
    wait_for_port(stack.ports[0])
    yield stack
    stack.close()


@pytest.fixture
def page(shop: Stack) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(f"http://localhost:{shop.ports[0]}/")
        page.wait_for_function("window.Parley && window.Parley.open")
        yield page
        browser.close()


def chat(page: Page) -> Frame:
    page.evaluate("Parley.open()")
    page.wait_for_timeout(200)
    frame = next(frame for frame in page.frames if "/widget/frame/" in frame.url)
    frame.wait_for_selector("#text")
    return frame


def ask(frame: Frame, text: str) -> None:
    frame.fill("#text", text)
    frame.press("#text", "Enter")


def test_a_first_question_is_answered_with_a_source_that_opens(page: Page) -> None:
    frame = chat(page)
    ask(frame, QUESTION)
    frame.get_by_text("within 30 days of delivery").first.wait_for(timeout=60_000)
    frame.get_by_role("button", name="Returns").first.click()
    frame.locator("#passage blockquote").get_by_text("worn outdoors").first.wait_for()


def test_the_conversation_is_there_after_a_reload_once(page: Page) -> None:
    frame = chat(page)
    ask(frame, QUESTION)
    frame.get_by_text("within 30 days of delivery").first.wait_for(timeout=60_000)
    page.reload()
    page.wait_for_function("window.Parley && window.Parley.open")
    frame = chat(page)
    frame.get_by_text("within 30 days of delivery").first.wait_for()
    assert frame.locator("#log").get_by_text(QUESTION, exact=True).count() == 1


def test_what_the_documents_do_not_say_ends_with_the_offer_of_a_person(page: Page) -> None:
    frame = chat(page)
    ask(frame, "Do you ship to Brazil?")
    frame.get_by_text("don't know that").first.wait_for(timeout=60_000)
    frame.locator("main").get_by_role("button", name="Talk to a person").click()
    frame.get_by_text("A person from our team").first.wait_for()


def test_a_chinese_customer_reads_chinese(page: Page, shop: Stack) -> None:
    page.goto(f"http://localhost:{shop.ports[0]}/?lang=zh")
    page.wait_for_function("window.Parley && window.Parley.open")
    frame = chat(page)
    ask(frame, "寄到德国的运费是多少？")
    frame.get_by_text("15").first.wait_for(timeout=60_000)


def test_a_page_of_another_origin_gets_no_chat(page: Page, shop: Stack) -> None:
    answer = page.request.get(
        f"http://localhost:{shop.ports[0]}/widget/frame/pk_sample_company/?origin=https://evil.example"
    )
    assert answer.status == 403
    assert "evil.example" in answer.text()
