"""The chat around people, in a real browser: the queue, who is writing, an address, a rating, and the page's moves."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, expect

from tests.widget.fake_server import LOADER, SHOP, FakeServer, chat, frame_of, until, write
from tests.widget.situations import accept_address, accept_rating, away, over, queue, wait_in_line
from tests.widget.test_frame_page_in_browser import passport

pytestmark = pytest.mark.browser


def spoken(frame: Frame) -> str:
    return frame.locator("#say").inner_text()


# --- The queue -----------------------------------------------------------------------------------------------
def test_the_place_in_the_queue_is_shown_read_out_and_kept_up_to_date(page: Page, server: FakeServer) -> None:
    wait_in_line(server, queue(2, 4))
    frame = chat(page)
    line = frame.locator("#queue p")
    until(page, lambda: line.inner_text() == "You are second in line · About 4 minutes", "the place")
    until(page, lambda: "You are second in line. About 4 minutes" in spoken(frame), "the place read out")
    server.send(**queue(1, 1))
    until(page, lambda: line.inner_text() == "You are next in line · About one minute", "the next place")
    server.send(**queue(12, None))
    until(page, lambda: line.inner_text() == "You are number 12 in line", "a place without a time")
    said = spoken(frame).count("in line")
    server.send(**queue(12, 30))
    until(page, lambda: "About 30 minutes" in line.inner_text(), "a time")
    assert spoken(frame).count("in line") == said, "who stands still is not told again"
    server.send(type="state", state="agent")
    frame.locator("#queue").wait_for(state="hidden")


def test_without_a_place_the_customer_is_told_to_wait_and_may_go_back(page: Page, server: FakeServer) -> None:
    wait_in_line(server)
    frame = chat(page)
    frame.locator("#queue").get_by_text("Waiting for a person…").wait_for()
    frame.get_by_role("button", name="Back to the assistant").click()
    until(page, lambda: bool(server.got("person.cancel")), "person.cancel")
    server.send(**queue(3, 10))
    server.send(type="state", state="bot")
    frame.get_by_role("button", name="Talk to a person").click()
    until(page, lambda: bool(server.got("person.ask")), "person.ask")


def test_who_asks_for_a_person_before_there_is_a_line_need_not_ask_again(
    page: Page, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as slow:
        slow.setattr(server, "greet", lambda _hello: None)
        frame = chat(page)
        write(frame, "My parcel is lost")
        person = frame.locator("#person")
        person.click()
        assert person.is_disabled()
        until(page, lambda: bool(server.got("hello")), "hello")
    assert not server.got("person.ask")
    server.greet({})
    until(page, lambda: bool(server.got("person.ask")), "person.ask")
    assert [one["type"] for one in server.received if one["type"] in ("message.send", "person.ask")] == [
        "message.send",
        "person.ask",
    ]
    assert person.is_enabled()
    page.wait_for_timeout(200)
    assert len(server.got("person.ask")) == 1


def test_a_place_that_comes_before_its_state_is_not_lost(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "A person, please")
    frame.locator("#log .customer").wait_for()
    server.send(**queue(2, None))
    server.send(type="state", state="waiting")
    frame.locator("#queue").get_by_text("You are second in line").wait_for()


# --- Writing -------------------------------------------------------------------------------------------------
def test_an_agent_who_writes_is_shown_until_the_message_comes(page: Page, server: FakeServer) -> None:
    server.message("customer", "Hello")
    server.welcome = {"state": "agent"}
    frame = chat(page)
    frame.locator("[data-seq='1']").wait_for()
    server.send(type="typing", name="Ann Miller", on=True)
    bubble = frame.locator("#live .agent")
    bubble.get_by_text("Ann Miller is typing…").wait_for()
    assert (bubble.locator(".face").inner_text(), bubble.get_attribute("aria-hidden")) == ("AM", "true")
    server.send(type="typing", name="Ann Miller", on=True)
    until(page, lambda: spoken(frame) == "Ann Miller is typing…", "one announcement")
    server.send(**server.message("agent", "Hello!", author="Ann Miller"))
    bubble.wait_for(state="detached")
    server.send(type="typing", name="", on=True)
    bubble.get_by_text("Team is typing…").wait_for()
    server.send(type="typing", name="", on=False)
    bubble.wait_for(state="detached")


def test_an_agent_who_falls_silent_is_shown_for_six_seconds(context: BrowserContext, server: FakeServer) -> None:
    server.message("customer", "Hello")
    server.welcome = {"state": "agent"}
    server.host_page += LOADER
    page = context.new_page()
    page.clock.install()
    page.goto(SHOP)
    page.get_by_role("button", name="Open chat").wait_for()
    frame = chat(page)
    frame.locator("[data-seq='1']").wait_for()
    server.send(type="typing", name="Ann", on=True)
    bubble = frame.locator("#live .agent")
    bubble.wait_for()
    page.clock.run_for(5_000)
    assert bubble.count() == 1
    page.clock.run_for(1_500)
    bubble.wait_for(state="detached")


def test_names_stand_at_the_first_of_several_messages_of_one_agent(page: Page, server: FakeServer) -> None:
    for author, text in (("Ann Miller", "Hello"), ("Ann Miller", "again"), ("王芳", "你好"), ("Ann Miller", "back")):
        server.message("agent", text, author=author)
    server.welcome = {"state": "agent"}
    frame = chat(page)
    frame.locator("[data-seq='4']").wait_for()
    shown = [element.inner_text() for element in frame.locator("#log .agent:not(.goes-on) .author").all()]
    faces = [element.inner_text() for element in frame.locator("#log .agent:not(.goes-on) .face").all()]
    assert (shown, faces) == (["Ann Miller", "王芳", "Ann Miller"], ["AM", "王", "AM"])
    assert not frame.locator("[data-seq='2'] .author").is_visible()


def test_the_customers_writing_is_told_to_people_only(context: BrowserContext, server: FakeServer) -> None:
    server.message("customer", "Hello")
    server.host_page += LOADER
    page = context.new_page()
    page.clock.install()
    page.goto(SHOP)
    page.get_by_role("button", name="Open chat").wait_for()
    frame = chat(page)
    until(page, lambda: bool(server.got("hello")), "hello")
    frame.locator("#text").press_sequentially("to the bot")
    server.send(type="state", state="agent")
    frame.get_by_text("You are talking to a person").wait_for()
    assert server.got("typing") == []
    frame.fill("#text", "")
    frame.locator("#text").press_sequentially("to a person")
    until(page, lambda: len(server.got("typing")) == 1, "typing")
    page.clock.run_for(5_500)
    until(page, lambda: [event["on"] for event in server.got("typing")] == [True, False], "silence")
    frame.locator("#text").press_sequentially("!")
    frame.press("#text", "Enter")
    until(page, lambda: [event["on"] for event in server.got("typing")][2:] == [True, False], "sending ends it")


# --- The address ---------------------------------------------------------------------------------------------
def test_an_address_is_asked_for_checked_and_thanked_for(page: Page, server: FakeServer) -> None:
    away(server)
    frame = chat(page)
    field = frame.get_by_label("Your e-mail address")
    for wrong in ("", "ada@", "ada example.com", "a@b c.com"):
        field.fill(wrong)
        field.press("Enter")
        frame.get_by_role("alert").get_by_text("This does not look like an e-mail address.").wait_for()
        assert field.get_attribute("aria-invalid") == "true"
        described = frame.locator(f"#{field.get_attribute('aria-describedby')}")
        assert "name@example.com" in described.inner_text()
    assert server.got("email.set") == []
    accept_address(server)
    field.fill(" ada@example.com ")
    field.press("Enter")
    frame.get_by_text("We will write to a***@example.com").wait_for()
    assert [event["email"] for event in server.got("email.set")] == ["ada@example.com"]
    assert frame.evaluate("document.activeElement.closest('.card') !== null"), "the focus is not lost"
    page.reload()
    frame = frame_of(page)
    frame.get_by_text("We will write to a***@example.com").wait_for()
    expect(frame.get_by_label("Your e-mail address")).to_have_count(0)


def test_what_the_server_says_against_an_address_stands_at_the_field(page: Page, server: FakeServer) -> None:
    away(server)
    server.on["email.set"] = lambda event: server.send(
        type="error", code="rate_limited", message="Too often.", retry_after=3000, client_id=None, fatal=False
    )
    frame = chat(page)
    field = frame.get_by_label("Your e-mail address")
    field.fill("ada@example.com")
    frame.get_by_role("button", name="Save").click()
    frame.locator(".card .wrong").get_by_text("Too often.").wait_for()
    assert field.input_value() == "ada@example.com"
    assert frame.locator("#problem").is_hidden()
    write(frame, "messages go on")
    frame.locator("#log .customer", has_text="messages go on").wait_for()
    accept_address(server)
    frame.get_by_role("button", name="Save").click()
    frame.get_by_text("We will write to").wait_for()


def test_an_address_can_be_changed_and_is_offered_as_it_was_typed(page: Page, server: FakeServer) -> None:
    away(server)
    accept_address(server)
    server.welcome["email"] = ""
    frame = chat(page)
    frame.get_by_label("Your e-mail address").fill("ada@example.com")
    server.welcome["email"] = "a***@example.com"
    frame.get_by_role("button", name="Save").click()
    frame.get_by_role("button", name="Change").click()
    field = frame.get_by_label("Your e-mail address")
    assert field.input_value() == "ada@example.com"
    server.send(**queue(2, 4))
    server.send(type="state", state="waiting")
    frame.locator("#queue").get_by_text("second").wait_for()
    assert field.is_visible(), "news do not close the form"
    server.welcome["email"] = "b***@example.com"
    field.fill("bob@example.com")
    field.press("Enter")
    frame.get_by_text("We will write to b***@example.com").wait_for()


def test_what_is_typed_into_the_form_stays_while_messages_come(page: Page, server: FakeServer) -> None:
    away(server)
    frame = chat(page)
    field = frame.get_by_label("Your e-mail address")
    field.fill("ada@exam")
    server.send(**server.message("notice", "A word meanwhile.", kind="state"))
    server.sockets[-1].close(code=4000)
    until(page, lambda: len(server.got("hello")) == 2, "a second hello")
    frame.get_by_text("A word meanwhile.").first.wait_for()
    assert field.input_value() == "ada@exam"


def test_no_address_is_asked_for_once_somebody_is_there(page: Page, server: FakeServer) -> None:
    away(server)
    frame = chat(page)
    frame.get_by_label("Your e-mail address").wait_for()
    server.send(type="state", state="agent")
    frame.get_by_label("Your e-mail address").wait_for(state="detached")
    server.send(type="state", state="waiting")
    frame.get_by_label("Your e-mail address").wait_for()


def test_only_the_newest_notice_asks(page: Page, server: FakeServer) -> None:
    away(server)
    server.message("notice", "Still nobody.", kind="away")
    frame = chat(page)
    frame.locator("[data-seq='3'] #email").wait_for()
    assert frame.locator("#email").count() == 1


# --- The rating ----------------------------------------------------------------------------------------------
def test_a_conversation_is_rated_with_the_keyboard_alone_and_stays_rated(page: Page, server: FakeServer) -> None:
    over(server)
    accept_rating(server)
    frame = chat(page)
    group = frame.get_by_role("group", name="How was this conversation?")
    group.wait_for()
    assert [radio.inner_text() for radio in group.locator("label").all()] == [
        "Very bad",
        "Bad",
        "Okay",
        "Good",
        "Very good",
    ]
    frame.focus("#scroll")
    until(page, lambda: step_to(page, frame, "rating"), "the first choice by Tab")
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert frame.get_by_role("radio", name="Good", exact=True).is_checked()
    assert server.got("conversation.rate") == [], "looking through the choices sends nothing"
    page.keyboard.press("Tab")
    page.keyboard.type("Quick and friendly")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    frame.get_by_text("Thank you. Your rating: Good (4/5)").wait_for()
    assert [(e["value"], e["comment"]) for e in server.got("conversation.rate")] == [(4, "Quick and friendly")]
    page.reload()
    frame = frame_of(page)
    frame.get_by_text("Thank you. Your rating: Good (4/5)").wait_for()
    expect(frame.get_by_role("radio")).to_have_count(0)


def step_to(page: Page, frame: Frame, name: str) -> bool:
    if frame.evaluate("document.activeElement.name") == name:
        return True
    page.keyboard.press("Tab")
    return False


def test_a_rating_can_be_changed(page: Page, server: FakeServer) -> None:
    over(server, value=2)
    accept_rating(server)
    frame = chat(page)
    frame.get_by_role("button", name="Change").click()
    assert frame.get_by_role("radio", name="Bad", exact=True).is_checked()
    frame.get_by_role("radio", name="Very good").check()
    frame.get_by_role("button", name="Send rating").click()
    frame.get_by_text("Very good (5/5)").wait_for()


def test_a_question_put_aside_stays_aside_for_this_conversation_only(page: Page, server: FakeServer) -> None:
    over(server)
    frame = chat(page)
    frame.locator("#rating").get_by_role("button", name="Dismiss").click()
    frame.locator("#rating").wait_for(state="hidden")
    page.reload()
    frame = frame_of(page)
    frame.get_by_text("Done.").first.wait_for()
    assert frame.locator("#rating").is_hidden()
    server.conversation = "22222222-2222-4222-8222-222222222222"
    page.reload()
    frame_of(page).locator("#rating").get_by_role("radio").first.wait_for()


def test_writing_again_takes_the_question_away(page: Page, server: FakeServer) -> None:
    over(server)
    frame = chat(page)
    frame.get_by_role("radio").first.wait_for()
    write(frame, "one more thing")
    server.send(type="state", state="bot")
    frame.locator("#rating").wait_for(state="hidden")


def test_a_refused_rating_says_why_and_keeps_the_words(page: Page, server: FakeServer) -> None:
    over(server)
    server.on["conversation.rate"] = lambda event: server.send(
        type="error", code="too_late", message="Too late.", retry_after=None, client_id=None, fatal=False
    )
    frame = chat(page)
    frame.get_by_role("radio", name="Very bad").check()
    frame.get_by_label("Would you like to tell us more?").fill("My words")
    frame.get_by_role("button", name="Send rating").click()
    frame.get_by_role("alert").get_by_text("Too late.").wait_for()
    assert frame.get_by_label("Would you like to tell us more?").input_value() == "My words"


def test_nothing_of_the_last_person_is_left_after_signing_out(page: Page, server: FakeServer) -> None:
    away(server)
    server.welcome |= {"queue": queue(2, 4), "email": "a***@example.com"}
    frame = chat(page)
    frame.get_by_text("We will write to a***@example.com").wait_for()
    page.evaluate("(token) => Parley.identify(token)", passport("ada"))
    until(page, lambda: bool(server.got("identify")), "identify")

    def fresh(_event: dict[str, Any]) -> None:
        server.messages.clear()
        server.welcome = {}
        server.greet({}, token="T2", reset=True)

    server.on["logout"] = fresh
    page.evaluate("(token) => Parley.identify(token)", passport("bob"))
    until(page, lambda: len(server.got("identify")) == 2, "the second identify")
    assert "example.com" not in frame.locator("body").inner_text()
    assert "line" not in frame.locator("#queue").inner_text()
    assert frame.locator("#queue").is_hidden()
    assert frame.locator("#rating").is_hidden()
