"""Cards and lines around people in a real browser: hostile words stay text, everything is readable and named."""

from typing import Any

import pytest
from django.utils import translation
from playwright.sync_api import Browser, Frame, Page

from chatbot.widget import appearance
from tests.widget.fake_server import LOADER, SHOP, FakeServer, chat
from tests.widget.situations import accept_address, away, over, queue
from tests.widget.test_frame_page_in_browser import EVIL

pytestmark = pytest.mark.browser


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
