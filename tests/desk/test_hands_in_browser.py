"""Actions, shortcuts, the palette; what is not possible says why; analysts look and change nothing; a phone is enough."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.desk.conftest import Visit
from tests.desk.fake_desk import ME, TOM, FakeDesk, conversation_id, open_, row
from tests.desk.scenes import busy_day
from tests.widget.fake_server import until

pytestmark = pytest.mark.browser


@pytest.fixture
def talk(desk: FakeDesk) -> str:
    cid = desk.conversation(1)
    desk.says(cid, "Hello?")
    return cid


def at_work(desk: FakeDesk, visit: Visit, talk: str, **options: Any) -> Page:
    page = visit(desk, f"?conversation={talk}", **options)
    page.locator("#log .bubble").first.wait_for()
    return page


def test_j_and_k_go_through_the_list_and_on_after_a_row_has_left(desk: FakeDesk, visit: Visit) -> None:
    for number in (1, 2, 3):
        desk.says(desk.conversation(number), f"question {number}")
    page = visit(desk)
    row(page, conversation_id(3)).wait_for()

    def shows(number: int) -> None:
        page.locator("#log .bubble", has_text=f"question {number}").wait_for()

    page.keyboard.press("j")
    shows(1)
    page.keyboard.press("j")
    shows(2)
    desk.tell_row(conversation_id(2), state="resolved")
    row(page, conversation_id(2)).wait_for(state="detached")
    page.keyboard.press("j")
    shows(3)
    page.keyboard.press("k")
    shows(1)


def test_the_keys_of_the_table_do_what_they_say(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    page.keyboard.press("t")
    until(page, lambda: len(desk.got("take")) == 1, "take")
    page.locator("#who .handler", has_text="You").wait_for()
    page.keyboard.press("a")
    page.keyboard.type("tom")
    page.keyboard.press("Enter")
    until(page, lambda: [e["agent"] for e in desk.got("assign")] == [TOM["id"]], "assign")
    page.keyboard.press("p")
    page.get_by_role("menuitemcheckbox", name="Urgent").press("Enter")
    until(page, lambda: [e["priority"] for e in desk.got("priority")] == [2], "priority")
    page.keyboard.press("#")
    page.keyboard.type("vip")
    page.keyboard.press("Enter")
    until(page, lambda: [e["tags"] for e in desk.got("tags")] == [["vip"]], "tags")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    until(page, lambda: len(desk.got("give_back")) == 1, "give back")
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    until(page, lambda: len(desk.got("resolve")) == 1, "resolve")
    page.locator("#do-reopen").wait_for()
    page.keyboard.press("u")
    until(page, lambda: len(desk.got("reopen")) == 1, "reopen")


def test_snoozing_offers_times_and_any_other(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    for name in ("In an hour", "Tomorrow at 9:00", "Next Monday at 9:00"):
        page.keyboard.press("s")
        page.get_by_role("menuitem", name=name).click()
    page.keyboard.press("s")
    page.locator("#menu input").fill("2026-12-24T18:00")
    page.locator("#menu").get_by_role("button", name="Snooze").click()
    until(page, lambda: len(desk.got("snooze")) == 4, "four times")
    assert [event["until"][:16] for event in desk.got("snooze")] == [
        "2026-11-24T11:05",
        "2026-11-25T09:00",
        "2026-11-30T09:00",
        "2026-12-24T18:00",
    ]


def test_a_new_tag_is_made_by_typing_it(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    page.keyboard.press("#")
    page.keyboard.type("needs a size")
    page.get_by_role("menuitem", name="New tag: needs a size").click()
    until(page, lambda: [e["tags"] for e in desk.got("tags")] == [["needs a size"]], "the new tag")


def test_g_and_a_letter_go_to_a_list(desk: FakeDesk, visit: Visit) -> None:
    page = visit(desk)
    for key, name in (("m", "Mine"), ("b", "With the bot"), ("r", "Resolved"), ("w", "Waiting")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        until(page, lambda name=name: page.locator("#view-name").inner_text() == name, name)


def test_shortcuts_rest_while_somebody_types(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    page.locator("#text").click()
    page.keyboard.type("tearing jeans? #1 e")
    assert page.locator("#text").input_value() == "tearing jeans? #1 e"
    page.locator("#search").click()
    page.keyboard.type("e?")
    assert [desk.got(kind) for kind in ("take", "resolve", "assign")] == [[], [], []]
    assert page.locator("#shortcuts").is_hidden()


def test_the_overlay_names_every_key_of_the_table(desk: FakeDesk, visit: Visit) -> None:
    page = visit(desk)
    page.keyboard.press("?")
    page.locator("#shortcuts").wait_for()
    keys = page.locator("#shortcuts kbd").all_inner_texts()
    assert {"j", "k", "r", "n", "a", "t", "e", "s", "/", "#", "p", "g", "?", "Esc"} <= set(keys)
    page.keyboard.press("Escape")
    page.locator("#shortcuts").wait_for(state="hidden")


def test_the_palette_runs_actions_goes_to_lists_and_finds_conversations(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    found = desk.conversation(2, contact="Bea", state="resolved")
    desk.says(found, "about a zipper")
    page = at_work(desk, visit, talk)
    page.locator("#text").click()
    page.keyboard.press("Control+k")
    page.keyboard.type("take ov")
    page.keyboard.press("Enter")
    until(page, lambda: len(desk.got("take")) == 1, "take over")
    page.keyboard.press("Control+k")
    page.keyboard.type("go to: res")
    page.keyboard.press("Enter")
    until(page, lambda: page.locator("#view-name").inner_text() == "Resolved", "the list")
    page.keyboard.press("Control+k")
    page.keyboard.type("zipper")
    page.locator("#palette-list", has_text="about a zipper").wait_for()
    page.keyboard.press("Enter")
    page.locator("#log .bubble", has_text="about a zipper").wait_for()


def test_what_makes_no_sense_now_says_why(desk: FakeDesk, visit: Visit) -> None:
    talk = desk.conversation(1, inbox=2, state="agent", assignee=ME)
    page = visit(desk, f"?view=mine&conversation={talk}")
    page.locator("#do-more").click()
    give_back = page.get_by_role("menuitem", name="Give back to the bot")
    assert give_back.get_attribute("aria-disabled") == "true"
    assert give_back.get_attribute("title") == "In this inbox the bot does not answer by itself."
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.locator(".toast", has_text="You have it already.").wait_for()
    page.keyboard.press("b")
    page.locator(".toast", has_text="In this inbox the bot does not answer by itself.").wait_for()
    assert desk.got("take") == desk.got("give_back") == []


def test_a_refusal_of_the_server_is_said(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.on["take"] = lambda event: desk.refuse(event, "not_now", "Tom has it since a moment ago.")
    page = at_work(desk, visit, talk)
    page.locator("#do-take").click()
    page.locator(".toast", has_text="Tom has it since a moment ago.").wait_for()


def test_an_analyst_looks_and_changes_nothing(analysts_desk: FakeDesk, visit: Visit) -> None:
    first = busy_day(analysts_desk)
    page = visit(analysts_desk, f"?view=all&conversation={first}")
    page.locator("#log .bubble").first.wait_for()
    page.locator("#read-only", has_text="You may read here.").wait_for()
    assert page.locator("#composer").is_hidden()
    assert page.locator("#do button").count() == 1
    for key in ("t", "e", "r", "n", "a", "s", "#", "p", "b", "d", "x", "."):
        page.keyboard.press(key)
    changing = {"take", "resolve", "assign", "snooze", "tags", "priority", "give_back", "reply", "note", "typing"}
    changing |= {"suggestion.seen", "suggestion.make", "suggestion.dismiss"}
    assert changing.isdisjoint(event["type"] for event in analysts_desk.received)
    page.keyboard.press("?")
    assert "Take over" not in page.locator("#shortcuts").inner_text()


def test_being_away_is_one_choice_and_an_alert_leads_to_its_conversation(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    page = visit(desk)
    row(page, talk).wait_for()
    page.locator("#me").click()
    page.get_by_role("menuitemcheckbox", name="Away: nothing new, please").click()
    until(page, lambda: page.locator("#me-state").inner_text() == "Away", "away")
    assert desk.got("presence")[0]["availability"] == "away"
    desk.send(type="alert", kind="assigned", conversation=talk, contact="Customer 1", text="Hello?")
    page.locator(".toast", has_text="Customer 1 was assigned to you").get_by_role("button", name="Show").click()
    page.locator("#log .bubble", has_text="Hello?").wait_for()
    desk.send(type="mentioned", conversation=talk, by="Tom Okafor", text="@mia look")
    page.locator(".toast", has_text="Tom Okafor mentioned you").wait_for()


def test_notifications_are_asked_for_by_a_click_only(desk: FakeDesk, visit: Visit) -> None:
    page = visit(desk)
    page.evaluate(
        "() => { Notification.requestPermission = async () => (window.requests = (window.requests || 0) + 1, 'denied') }"
    )
    desk.conversation(1)
    desk.send(type="alert", kind="waiting", conversation=conversation_id(1), contact="Amara", text="Hi")
    page.locator(".toast", has_text="Amara waits for your team").wait_for()
    assert page.evaluate("window.requests") is None
    page.locator("#me").click()
    page.get_by_role("menuitemcheckbox", name="Desktop notifications").click()
    page.locator(".toast", has_text="The browser does not allow notifications.").wait_for()
    assert page.evaluate("window.requests") == 1


# --- Sizes and languages ------------------------------------------------------------------------------------------------------
def test_on_a_phone_list_conversation_and_panel_are_steps(desk: FakeDesk, visit: Visit) -> None:
    first = busy_day(desk)
    page = visit(desk, "?view=all", viewport={"width": 360, "height": 700}, is_mobile=True, has_touch=True)
    row(page, first).wait_for()
    assert page.locator("#talk").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    row(page, first).click()
    page.locator("#log .bubble").first.wait_for()
    assert page.locator("#lists").is_hidden()
    assert page.locator("#text").bounding_box()["y"] < 700  # type: ignore[index]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#panel-switch").click()
    page.locator("#panel").get_by_text("amara.osei@example.com").wait_for()
    assert page.locator("#talk").is_hidden()
    page.locator("#panel-close").click()
    page.locator("#talk").wait_for()
    page.go_back()
    row(page, first).wait_for()
    assert page.locator("#talk").is_hidden()


def test_at_1100_pixels_the_lists_are_a_menu_and_the_panel_a_drawer(desk: FakeDesk, visit: Visit) -> None:
    first = busy_day(desk)
    page = visit(desk, "?view=all", viewport={"width": 1100, "height": 760})
    open_(page, first)
    assert page.locator("#views").is_hidden()
    assert page.locator("#panel").is_hidden()
    page.keyboard.press("i")
    page.locator("#panel").get_by_text("amara.osei@example.com").wait_for()
    page.keyboard.press("Escape")
    page.locator("#panel").wait_for(state="hidden")
    page.locator("#view-switch").click()
    page.get_by_role("menuitemcheckbox", name="Mine").click()
    until(page, lambda: page.locator("#view-name").inner_text() == "Mine", "the list")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1100


def test_in_chinese_times_and_the_words_that_are_known_are_chinese(chinese_desk: FakeDesk, visit: Visit) -> None:
    first = busy_day(chinese_desk)
    page = visit(chinese_desk, "?view=all", locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    assert "分钟" in row(page, first).locator(".wait").inner_text()
    assert page.locator("#rows .contact", has_text="王小明").count() == 1


def test_very_long_names_push_nothing_out_of_the_page(desk: FakeDesk, visit: Visit) -> None:
    talk = desk.conversation(1, contact="x" * 400, tags=["t" * 40] * 1, topic="y" * 80)
    desk.says(talk, "w" * 3000)
    page = at_work(desk, visit, talk, viewport={"width": 1280, "height": 760})
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.locator("#scroll").evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0
    box = page.locator("#do-resolve").bounding_box()
    assert box is not None and box["x"] + box["width"] < 1280


def test_everything_can_be_reached_with_tab_and_the_focus_shows(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    for wanted in ("search", "filter", "me", "row", "do-take", "do-more", "panel-switch", "scroll", "text", "tab-note"):
        assert wanted in reached, wanted
    page.locator("#do-take").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
