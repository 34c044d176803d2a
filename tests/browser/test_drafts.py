"""A draft in real life: it waits with its source, is inserted, edited and sent, and a newer message takes it away."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.shop import PATIENCE_MS, Shop, ask, chat

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(browser: Browser, shop: Shop) -> Iterator[Page]:
    """The agent's desk, signed in, on the list of those who wait."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    logins = json.loads((Path(shop.stack.environment["DATA_DIR"]) / "demo-logins.json").read_text())
    page.goto(f"{shop.url}/login/?next=/desk/")
    page.fill("#id_username", "agent")
    page.fill("#id_password", logins["agent"])
    page.press("#id_password", "Enter")
    page.locator("#rows [data-conversation]").first.wait_for()
    yield page
    context.close()
    assert failures == []


def test_a_draft_is_inserted_edited_and_sent_and_one_that_became_stale_is_taken_away(
    desk: Page, page: Page, shop: Shop
) -> None:
    page.goto(shop.url)
    frame = chat(page)
    ask(frame, "I want to talk to a person please")
    frame.locator("#log .notice, #log [class*=notice]").first.wait_for(timeout=PATIENCE_MS)
    ask(frame, "How much does delivery to Norway cost?")

    row = desk.locator("#rows [data-conversation]", has_text="delivery to Norway")
    row.wait_for(timeout=PATIENCE_MS)
    row.click()
    draft = desk.locator("#draft")
    desk.locator("#draft[data-state=ready]", has_text="24 USD").wait_for(timeout=PATIENCE_MS)
    draft.locator(".sources").get_by_text("Norway").first.wait_for()

    desk.locator("#text").focus()
    desk.keyboard.press("Enter")
    assert "24 USD" in desk.locator("#text").input_value()
    desk.keyboard.press("End")
    desk.keyboard.type(" Shall I place it for you?")
    desk.keyboard.press("Control+Enter")
    frame.locator("#log .agent", has_text="Shall I place it for you?").wait_for(timeout=PATIENCE_MS)
    desk.locator("#log .agent", has_text="24 USD").wait_for()

    ask(frame, "And how much is delivery to Japan?")
    desk.locator("#draft[data-state=ready]", has_text="Japan").wait_for(timeout=PATIENCE_MS)
    ask(frame, "Wait, I mean Canada: what does delivery to Canada cost?")
    desk.locator("#draft[data-state=ready]", has_text="Canada").wait_for(timeout=PATIENCE_MS)

    told = shop.stack.manage("shell", "-c", (
        "from chatbot.conversations.models import Suggestion as S;"
        "import json; c = S.objects.filter(text__contains='24 USD').latest('id').conversation;"
        "print(json.dumps(list(S.objects.filter(conversation=c).order_by('id').values_list('state', 'outcome'))))"
    ))  # fmt: skip
    fates = json.loads(told.strip().splitlines()[-1])
    assert ["ready", "light"] in fates or ["ready", "rewrite"] in fates
    assert fates[-1] == ["ready", ""]
    assert ["withdrawn", ""] in fates
