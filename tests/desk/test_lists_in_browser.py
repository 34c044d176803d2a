"""The lists: who waits, who handles it, in the right order; every change in its place, and right after a reconnect."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.desk.conftest import Visit
from tests.desk.fake_desk import ME, TOM, FakeDesk, conversation_id, open_, row
from tests.widget.fake_server import until

pytestmark = pytest.mark.browser


def names(page: Page) -> list[str]:
    return page.locator("#rows .contact").all_inner_texts()


def test_the_most_urgent_come_first_then_who_waits_longest(desk: FakeDesk, visit: Visit) -> None:
    desk.conversation(3, contact="third")
    desk.conversation(2, contact="second")
    desk.conversation(9, contact="first", priority=2)
    page = visit(desk)
    page.locator("#rows li").nth(2).wait_for()
    assert names(page) == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"state": "bot"}, "Bot"),
        ({"state": "waiting"}, "Waiting"),
        ({"state": "waiting", "team": 4}, "Waiting for Billing"),
        ({"state": "agent", "assignee": TOM}, "Tom Okafor"),
        ({"state": "agent", "assignee": ME}, "You"),
        ({"state": "resolved", "assignee": TOM}, "Resolved"),
    ],
)
def test_each_row_says_who_handles_it(desk: FakeDesk, visit: Visit, changes: dict[str, object], shown: str) -> None:
    desk.conversation(1, **changes)
    page = visit(desk, "?view=all")
    assert page.locator("#rows .handler").inner_text() == shown


def test_a_row_shows_what_one_must_know_before_opening_it(desk: FakeDesk, visit: Visit) -> None:
    cid = desk.conversation(1, contact="", priority=2, tags=["vip", "refund", "b2b"], inbox=2, via="email")
    desk.says(cid, "Where is it?")
    page = visit(desk)
    line = row(page, cid)
    text = line.inner_text()
    assert all(part in text for part in ("Visitor 1", "Where is it?", "vip", "refund", "+1", "Wholesale"))
    assert line.locator("[aria-label='Urgent']").count() == line.locator("[aria-label='Unread']").count() == 1
    assert line.locator("[title='by e-mail']").count() == 1


def test_the_time_of_waiting_ticks(desk: FakeDesk, visit: Visit) -> None:
    cid = desk.conversation(1, waiting_since="2026-11-24T10:04:00+00:00")
    page = visit(desk)
    wait = row(page, cid).locator(".wait")
    assert (wait.inner_text(), wait.get_attribute("data-level")) == ("1m", "calm")
    page.clock.fast_forward("11:00")
    until(page, lambda: wait.inner_text() == "12m", "twelve minutes")
    assert wait.get_attribute("data-level") == "late"


def test_a_new_row_appears_and_one_that_was_taken_leaves_while_the_choice_stays(desk: FakeDesk, visit: Visit) -> None:
    kept, taken = desk.conversation(2), desk.conversation(3)
    page = visit(desk)
    open_(page, kept)
    newcomer = desk.conversation(1, contact="newcomer")
    desk.tell_row(newcomer)
    row(page, newcomer).wait_for()
    assert names(page)[0] == "newcomer"
    desk.tell_row(taken, state="agent", assignee=TOM)
    row(page, taken).wait_for(state="detached")
    assert row(page, kept).get_attribute("aria-current") == "true"


def test_a_row_moves_to_its_new_place(desk: FakeDesk, visit: Visit) -> None:
    for number in (1, 2, 3):
        desk.conversation(number)
    page = visit(desk)
    row(page, conversation_id(3)).wait_for()
    desk.tell_row(conversation_id(3), priority=1)
    until(page, lambda: names(page) == ["Customer 3", "Customer 1", "Customer 2"], "the new order")


def test_rows_above_do_not_push_away_what_one_looks_at(desk: FakeDesk, visit: Visit) -> None:
    for number in range(2, 42):
        desk.conversation(number)
    page = visit(desk)
    row(page, conversation_id(30)).scroll_into_view_if_needed()
    before = row(page, conversation_id(30)).bounding_box()
    desk.conversation(1)
    desk.tell_row(conversation_id(1))
    page.locator(f"#rows [data-conversation='{conversation_id(1)}']").wait_for(state="attached")
    after = row(page, conversation_id(30)).bounding_box()
    assert before and after and abs(before["y"] - after["y"]) <= 2


def test_further_pages_come_as_one_scrolls_and_rows_beyond_them_wait(desk: FakeDesk, visit: Visit) -> None:
    desk.page_size = 20
    for number in range(1, 51):
        desk.conversation(number)
    page = visit(desk)
    page.locator("#rows li").nth(19).wait_for()
    page.locator("#list-scroll").evaluate("(e) => { e.scrollTop = e.scrollHeight }")
    until(page, lambda: page.locator("#rows li").count() >= 40, "the second page")
    page.locator("#list-scroll").evaluate("(e) => { e.scrollTop = e.scrollHeight }")
    until(page, lambda: page.locator("#rows li").count() == 50, "the third page")
    assert len(set(names(page))) == 50


def test_the_list_can_be_narrowed_to_an_inbox_or_a_tag(desk: FakeDesk, visit: Visit) -> None:
    desk.conversation(1, contact="shop", tags=["vip"])
    desk.conversation(2, contact="wholesale", inbox=2)
    page = visit(desk)
    page.locator("#filter").click()
    page.get_by_role("menuitemcheckbox", name="Wholesale").click()
    until(page, lambda: names(page) == ["wholesale"], "the inbox alone")
    page.get_by_role("button", name="Clear the filter").click()
    page.locator("#filter").click()
    page.get_by_role("menuitemcheckbox", name="vip").click()
    until(page, lambda: names(page) == ["shop"], "the tag alone")
    desk.tell_row(conversation_id(1), tags=[])
    page.get_by_text("Nothing here has this inbox or tag.").wait_for()


def test_counts_stand_at_the_views_and_the_number_waiting_in_the_title(desk: FakeDesk, visit: Visit) -> None:
    desk.conversation(1)
    desk.conversation(2, state="agent", assignee=ME)
    page = visit(desk)
    until(page, lambda: page.title() == "(1) Desk · Parley", "the number in the title")
    assert page.locator("[data-view='mine'] .count").inner_text() == "1"
    asked = len(desk.got("counts"))
    desk.conversation(3)
    for _ in range(20):
        desk.tell_row(conversation_id(3))
    until(page, lambda: page.title() == "(2) Desk · Parley", "the new number")
    assert len(desk.got("counts")) - asked <= 2, "not asked for each row"


def test_rows_that_change_while_the_list_is_on_its_way_are_shown_as_they_are_now(desk: FakeDesk, visit: Visit) -> None:
    new, moved, left, gone = (desk.conversation(number) for number in (3, 2, 4, 5))
    desk.says(moved, "before")
    desk.rows[moved]["read_seq"] = 1
    page = visit(desk, "?view=all")
    row(page, left).wait_for()

    def late(event: dict[str, Any]) -> None:
        del desk.on["list"]
        page_of_before = [dict(one) for cid, one in desk.rows.items() if cid != new]
        desk.tell_row(new, contact="newcomer")
        desk.says(moved, "after")
        desk.tell_row(moved)
        desk.tell_row(left, state="resolved")
        desk.send(type="gone", conversation=gone)
        desk.send(type="rows", ref=event["ref"], view="waiting", rows=page_of_before, next="")

    desk.on["list"] = late
    page.locator("[data-view='waiting']").click()
    until(page, lambda: sorted(names(page)) == ["Customer 2", "newcomer"], "who waits now")
    assert "after" in row(page, moved).inner_text()
    assert row(page, moved).locator(".dot").count() == 1, "what was read stays read, the newest is not"


@pytest.mark.parametrize("view", ["waiting", "mine", "team", "bot", "resolved", "snoozed", "mentions", "all"])
def test_an_empty_list_says_what_to_do(desk: FakeDesk, visit: Visit, view: str) -> None:
    page = visit(desk, f"?view={view}")
    page.locator("#rows-empty strong").wait_for()
    assert len(page.locator("#rows-empty p").inner_text()) > 20


def test_reading_takes_the_dot_away_and_a_newer_message_brings_it_back(desk: FakeDesk, visit: Visit) -> None:
    one, two = desk.conversation(1), desk.conversation(2)
    desk.says(one, "hello")
    page = visit(desk)
    row(page, one).locator(".dot").wait_for()
    open_(page, one)
    row(page, one).locator(".dot").wait_for(state="detached")
    assert desk.got("seen")[-1] == {"type": "seen", "conversation": one, "seq": 1}
    open_(page, two)
    desk.says(one, "again")
    desk.tell_row(one)
    row(page, one).locator(".dot").wait_for()


def test_after_a_reconnect_list_counts_and_conversation_are_right(desk: FakeDesk, visit: Visit) -> None:
    one, gone = desk.conversation(1), desk.conversation(2)
    desk.says(one, "before")
    page = visit(desk)
    open_(page, one)
    page.get_by_text("before").last.wait_for()
    desk.says(one, "said while nobody listened")
    desk.rows[gone]["state"] = "resolved"
    desk.conversation(3, contact="came meanwhile")
    desk.sockets[-1].close(code=4000)
    page.locator("#log .bubble", has_text="said while nobody listened").wait_for()
    until(page, lambda: names(page) == ["Customer 1", "came meanwhile"], "the list of now")
    assert desk.got("open")[-1]["last_seq"] == 1
    until(page, lambda: page.locator("[data-view='resolved'] .count").inner_text() == "1", "the counts of now")


def test_a_lost_line_is_shown_and_actions_say_that_they_wait_for_it(desk: FakeDesk, visit: Visit) -> None:
    cid = desk.conversation(1)
    page = visit(desk)
    open_(page, cid)
    page.locator("#do-take").wait_for()
    desk.silent.add("hello")
    desk.sockets[-1].close(code=4000)
    page.get_by_text("The connection is lost. Reconnecting…").wait_for()
    page.locator("#do-take").click()
    page.get_by_text("There is no connection at the moment.").wait_for()
    assert desk.got("take") == []


def test_search_finds_conversations_with_the_words_marked_and_contacts(desk: FakeDesk, visit: Visit) -> None:
    cid = desk.conversation(1, contact="Amara")
    desk.says(cid, "The zip of my jacket broke")
    page = visit(desk)
    page.locator("#search").fill("jacket")
    page.locator("#found mark").wait_for()
    assert page.locator("#found mark").inner_text() == "jacket"
    page.locator("#found .row").click()
    page.locator("#log .bubble", has_text="The zip").wait_for()
    page.locator("#search").fill("amar")
    page.locator("#found .group", has_text="Contacts").wait_for()
    page.locator("#search").fill("zebra")
    page.get_by_text("Nothing holds all the words of “zebra”.").wait_for()
    page.keyboard.press("Escape")
    row(page, cid).wait_for()


def test_the_address_leads_back_to_view_and_conversation(desk: FakeDesk, visit: Visit) -> None:
    cid = desk.conversation(1, state="resolved")
    desk.says(cid, "an old question")
    page = visit(desk, f"?view=resolved&conversation={cid}")
    page.locator("#log .bubble", has_text="an old question").wait_for()
    assert page.locator("#view-name").inner_text() == "Resolved"
    page.reload()
    page.locator("#log .bubble", has_text="an old question").wait_for()


def test_a_conversation_that_is_not_ones_own_does_not_exist(desk: FakeDesk, visit: Visit) -> None:
    page = visit(desk, f"?conversation={conversation_id(77)}")
    page.get_by_text("There is no such conversation.").wait_for()
    assert page.locator("#talk-body").is_hidden()
