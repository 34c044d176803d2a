"""A customer is erased while a desk shows the conversation: it leaves list and page, with what was written for it."""

import pytest
from playwright.sync_api import expect

from tests.desk.conftest import Visit
from tests.desk.fake_desk import FakeDesk, open_, row

pytestmark = pytest.mark.browser


def test_an_erased_conversation_leaves_the_list_the_page_and_the_browser(desk: FakeDesk, visit: Visit) -> None:
    gone, kept = desk.conversation(1, contact="Ana Whitaker"), desk.conversation(2, contact="Ben")
    desk.says(gone, "my secret")
    page = visit(desk)
    open_(page, gone)
    page.get_by_text("my secret").first.wait_for()
    page.locator("#text").fill("an answer that was not sent")
    desk.send(type="gone", conversation=gone, inbox=1)
    row(page, gone).wait_for(state="detached")
    expect(page.get_by_text("This conversation has been erased")).to_be_visible()
    expect(page.get_by_text("my secret")).to_have_count(0)
    expect(page.get_by_text("Ana Whitaker")).to_have_count(0)
    assert page.locator("#text").input_value() == ""
    assert "not sent" not in page.evaluate("JSON.stringify({...localStorage})")
    assert row(page, kept).is_visible()
