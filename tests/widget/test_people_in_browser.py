"""The chat around people, in a real browser: the queue, who is writing, an address, a rating, and the page's moves."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import translation
from playwright.sync_api import Browser, BrowserContext, Frame, Page

from chatbot.widget import appearance
from tests.widget.fake_server import LOADER, SHOP, FakeServer, chat, frame_of, until, write
from tests.widget.test_frame_page_in_browser import EVIL, passport

pytestmark = pytest.mark.browser


def queue(position: int, minutes: int | None) -> dict[str, Any]:
    return {"type": "queue", "position": position, "wait_minutes": minutes}


def spoken(frame: Frame) -> str:
    return frame.locator("#say").inner_text()


def wait_in_line(server: FakeServer, place: dict[str, Any] | None = None) -> None:
    server.message("customer", "I want a person")
    server.welcome = {"state": "waiting", "queue": place}


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
AWAY = "Our team is back on Monday. Please leave your e-mail address."


def away(server: FakeServer, **more: Any) -> None:
    server.message("customer", "I want a person")
    server.message("notice", AWAY, kind="away")
    server.welcome = {"state": "waiting", **more}


def accept_address(server: FakeServer) -> None:
    server.welcome["email"] = "a***@example.com"
    server.on["email.set"] = lambda event: server.greet({"last_seq": len(server.messages)})


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
    assert frame.get_by_label("Your e-mail address").count() == 0


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
def over(server: FakeServer, value: int = 0) -> None:
    server.message("customer", "Hello")
    server.message("agent", "Done.", author="Ann")
    server.welcome = {"state": "resolved", "rate": {"type": "rate.ask", "value": value}}


def accept_rating(server: FakeServer) -> None:
    def keep(event: dict[str, Any]) -> None:
        server.welcome["rate"] = {"type": "rate.ask", "value": event["value"]}
        server.send(**server.welcome["rate"])

    server.on["conversation.rate"] = keep


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
    assert frame.get_by_role("radio").count() == 0


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


# --- Hostile words -------------------------------------------------------------------------------------------
def test_names_and_addresses_are_text_whatever_they_hold(page: Page, server: FakeServer) -> None:
    away(server, email=EVIL[1])
    frame = chat(page)
    frame.locator(".card.email").get_by_text(EVIL[1]).wait_for()
    for name in (*EVIL[:6], "\u202e" + "x" * 5000):
        server.send(type="typing", name=name, on=True)
    server.send(type="state", state="agent")
    server.send(type="typing", name=EVIL[1], on=True)
    frame.locator("#live .agent").get_by_text(EVIL[1]).wait_for()
    assert frame.locator("body img, #live script, #log script").count() == 0
    assert frame.evaluate("window.pwned") is None


# --- Looks ---------------------------------------------------------------------------------------------------
CONTRASTS = """() => {
  const parse = (color) => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const luminance = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const found = [];
  for (const element of document.querySelectorAll('.card *, #queue *, .notice p, #live .agent *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const box = element.getBoundingClientRect();
    if (!own || !box.width || element.disabled) continue;
    const back = behind(element);
    const one = luminance(over(parse(getComputedStyle(element).color), back));
    const other = luminance(back);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push([element.textContent.slice(0, 40), Math.round(ratio * 100) / 100]);
  }
  return found;
}"""
NAMELESS = """() => [...document.querySelectorAll('input, textarea, button')].filter((e) => e.checkVisibility())
  .filter((e) => !(e.labels?.[0]?.textContent || e.textContent || e.ariaLabel || '').trim()).map((e) => e.outerHTML)"""
IDS = "() => [...document.querySelectorAll('[id]')].map((e) => e.id)"


def sound(frame: Frame) -> None:
    """What an audit would ask of the page as it is: contrast, names, ids, nothing wider than the screen."""
    frame.evaluate(
        "Promise.all(document.getAnimations().map((a) => a.effect.getTiming().iterations < 9 && a.finished))"
    )
    pale = [found for found in frame.evaluate(CONTRASTS) if found[1] < 4.5]
    assert pale == []
    assert frame.evaluate(NAMELESS) == []
    ids = frame.evaluate(IDS)
    assert len(ids) == len(set(ids))
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert frame.evaluate(
        "document.getElementById('scroll').scrollWidth <= document.getElementById('scroll').clientWidth"
    )


LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"is_mobile": True, "has_touch": True, "viewport": {"width": 360, "height": 640}},
    "still": {"reduced_motion": "reduce", "forced_colors": "active"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_every_card_is_readable_named_and_within_the_screen(browser: Browser, server: FakeServer, look: str) -> None:
    through_all_states(browser, server, LOOKS[look])


def test_every_card_is_right_in_a_language_from_right_to_left(browser: Browser, server: FakeServer) -> None:
    server.speak("ar")
    for frame in through_all_states(browser, server, LOOKS["phone"], ends=False):
        assert frame.evaluate("document.dir") == "rtl"
        faces = [label.bounding_box() for label in frame.locator("#rating label").all()[:5]]
        assert [box["x"] for box in faces if box] == sorted([box["x"] for box in faces if box], reverse=True)
        close = frame.locator("#rating .close").bounding_box()
        assert close is not None
        assert close["x"] < 60, "what closes a card stands at its end"


def through_all_states(
    browser: Browser, server: FakeServer, options: dict[str, Any], *, ends: bool = True
) -> list[Frame]:
    """Every card and line, one after the other, each of them sound."""
    server.host_page += LOADER
    viewport = options.get("viewport")
    context = browser.new_context(**{"viewport": viewport or {"width": 1100, "height": 820}, **options})
    server.install(context)
    page = context.new_page()
    page.goto(SHOP)
    away(server, queue=queue(2, 4))
    frame = chat(page)
    frame.locator("#email").press("Enter")
    frame.get_by_role("alert").first.wait_for()
    sound(frame)
    accept_address(server)
    frame.locator("#email").fill("ada@example.com")
    frame.locator("#email").press("Enter")
    frame.locator(".email .done").wait_for()
    sound(frame)
    server.welcome = {}
    server.send(type="state", state="agent")
    server.send(type="typing", name="Ann", on=True)
    frame.locator("#live .agent").wait_for()
    sound(frame)
    server.send(type="state", state="resolved")
    server.send(type="rate.ask", value=0)
    frame.locator("#rating input").nth(3).check()
    frame.locator("#rating textarea").wait_for()
    sound(frame)
    if not ends:
        return [frame]
    server.send(type="rate.ask", value=4)
    frame.locator("#rating .done").wait_for()
    sound(frame)
    context.close()
    return []


def test_the_cards_speak_chinese(page: Page, server: FakeServer) -> None:
    with translation.override("zh-hans"):
        texts = appearance.texts()
    server.speak("zh-CN")
    over(server)
    page.reload()
    frame = chat(page)
    assert frame.locator("legend").inner_text() == texts["ratingAsk"]
    assert [label.inner_text() for label in frame.locator("#rating .faces label").all()] == [
        texts[name] for name in ("veryBad", "bad", "okay", "good", "veryGood")
    ]


# --- The page around it --------------------------------------------------------------------------------------
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
