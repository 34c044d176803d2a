"""The chat in a real browser: what is shown is safe, keyboard and screen reader, and the page around it."""

import base64
import json

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.widget.fake_server import LOADER, SHOP, FakeServer, chat, contexts, frame_of, until, write

pytestmark = pytest.mark.browser


# --- What is shown is safe --------------------------------------------------------------------------------------
EVIL = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg/onload=window.pwned=1><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "[x](javascript:window.pwned=1) [x](JaVaScRiPt:window.pwned=1) [x](java\tscript:window.pwned=1)",
    "[x](&#106;avascript:window.pwned=1) [x](\\x01javascript:window.pwned=1) [x](data:text/html,<script>1</script>)",
    "[x](vbscript:x) [x](//evil.test) [x](/relative) [x](file:///etc/passwd) [x](blob:http://testserver/1)",
    "![x](javascript:window.pwned=1) ![pixel](https://evil.test/pixel.png)",
    "<a href='javascript:window.pwned=1'>x</a> <https://evil.test\" onmouseover=\"window.pwned=1>",
    'https://good.test/"onmouseover=window.pwned=1 https://good.test/<script>window.pwned=1</script>',
    "| <img src=x onerror=window.pwned=1> | b |\n|---|---|\n| `<script>` | [x](javascript:1) |",
    "```\n</code></pre><script>window.pwned=1</script>\n```",
    "- " * 3000,
    "> " * 3000,
    "*" * 4000,
    "[" * 4000,
    "`" * 3999 + "a",
    "_a" * 2000,
    "**a " * 1000,
    "[1]" * 1000,
    "|" * 2000 + "\n" + "|-" * 1000,
    "\u202e[x](https://good.test) \u0000 \ufeff \ud83d",
]


TAGS = {
    "li", "div", "span", "bdi", "p", "br", "ul", "ol", "a", "code", "pre", "strong", "em", "s", "hr", "blockquote",
    "table", "thead", "tbody", "tr", "th", "td", "svg", "path", "button", "b", "time", "h2",
}  # fmt: skip


def test_no_text_of_anybody_becomes_a_script_a_picture_or_a_foreign_link(page: Page, server: FakeServer) -> None:
    citation = {"number": 1, "title": EVIL[1], "heading": EVIL[2], "url": "javascript:window.pwned=1", "text": EVIL[1]}
    for role in ("bot", "agent", "customer", "notice"):
        for text in EVIL:
            server.message(role, text, author=EVIL[0], citations=[citation] if role == "bot" else [])
    frame = chat(page)
    frame.locator(f"[data-seq='{len(server.messages)}']").wait_for()
    frame.locator("button.mark").first.click()
    found = frame.evaluate(
        """() => {
          const elements = [...document.querySelectorAll('#log *, #passage *')];
          return {
            tags: [...new Set(elements.map((e) => e.localName))],
            links: [...document.querySelectorAll('#log a')].map((a) => [a.protocol, a.target, a.rel]),
            handlers: elements.filter((e) => [...e.attributes].some((a) => a.name.startsWith('on') || a.name === 'style')).length,
            passage: document.querySelector('#passage a').hidden,
            pwned: window.pwned,
          };
        }"""
    )
    assert set(found["tags"]) <= TAGS
    assert {tuple(link) for link in found["links"]} <= {
        (p, "_blank", "noopener noreferrer") for p in ("https:", "http:", "mailto:")
    }
    assert (found["handlers"], found["passage"], found.get("pwned")) == (0, True, None)


def test_markdown_looks_as_meant(page: Page, server: FakeServer) -> None:
    text = "# Title\n**bold** and *soft* `code` snake_case_name 2 * 3 * 4\nnext line\n\n- a\n- b\n  1. c\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n[site](https://a.test/b_(c)) https://b.test/x. 加**粗**字"
    server.message(text=text)
    frame = chat(page)
    html = frame.locator("[data-seq='1'] .bubble").evaluate("(e) => e.innerHTML.replace(/^<bdi.*?<\\/bdi>/, '')")
    link = 'target="_blank" rel="noopener noreferrer"'
    assert html == (
        '<p class="title">Title</p>'
        "<p><strong>bold</strong> and <em>soft</em> <code>code</code> snake_case_name 2 * 3 * 4<br>next line</p>"
        '<ul><li>a</li><li>b<ol start="1"><li>c</li></ol></li></ul>'
        '<div class="wide" tabindex="0"><table><thead><tr><th>x</th><th>y</th></tr></thead>'
        "<tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>"
        f'<p><a href="https://a.test/b_(c)" {link}>site</a> <a href="https://b.test/x" {link}>https://b.test/x</a>. '
        "加<strong>粗</strong>字</p>"
    )


def test_a_citation_mark_opens_its_passage_and_unknown_numbers_stay_text(page: Page, server: FakeServer) -> None:
    citation = {
        "number": 1,
        "title": "Returns",
        "heading": "Shoes",
        "url": "https://shop.test/returns",
        "text": "Sixty days.",
    }
    server.message(text="Sixty days [1][9].", citations=[citation])
    frame = chat(page)
    assert "[9]" in frame.locator("[data-seq='1'] .bubble").inner_text()
    frame.get_by_role("button", name="Source 1: Returns").click()
    passage = frame.locator("#passage")
    passage.get_by_text("Sixty days.").wait_for()
    assert passage.locator("a").get_attribute("href") == "https://shop.test/returns"
    frame.press("#passage", "Escape")
    passage.wait_for(state="hidden")
    assert frame.locator("#text").is_visible(), "Escape closes the source, not the chat"


# --- Hands and ears ----------------------------------------------------------------------------------------------
def test_the_keyboard_opens_writes_and_closes(page: Page, server: FakeServer) -> None:
    page.get_by_role("button", name="Open chat").focus()
    page.keyboard.press("Enter")
    frame = frame_of(page)
    until(page, lambda: frame.evaluate("document.activeElement.id") == "text", "focus in the composer")
    page.keyboard.type("two")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("lines")
    page.keyboard.press("Enter")
    frame.locator("#log .customer").wait_for()
    assert server.messages[0]["text"] == "two\nlines"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open chat").wait_for()
    focused = "document.activeElement.shadowRoot?.activeElement?.getAttribute('aria-label')"
    until(page, lambda: page.evaluate(focused) == "Open chat", "focus back on the launcher")


def test_enter_that_belongs_to_an_input_method_sends_nothing(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    frame.fill("#text", "nihao")
    for how in ("isComposing: true", "keyCode: 229"):
        frame.evaluate(
            "document.getElementById('text').dispatchEvent("
            f"new KeyboardEvent('keydown', {{ key: 'Enter', bubbles: true, cancelable: true, {how} }}))"
        )
    assert frame.input_value("#text") == "nihao"
    frame.press("#text", "Enter")
    frame.locator("#log .customer").wait_for()
    assert len(server.got("message.send")) == 1


def test_only_complete_and_new_messages_are_read_out(page: Page, server: FakeServer) -> None:
    server.message(text="an old answer")
    frame = chat(page)
    write(frame, "How long?")
    server.send(type="stream.delta", job=7, attempt=1, offset=0, text="Sixty")
    frame.locator(".stream").get_by_text("Sixty").wait_for()
    assert frame.locator("#say").inner_text() == ""
    assert frame.locator(".stream").get_attribute("aria-hidden") == "true"
    server.send(**server.message(text="**Sixty** days.", job=7))
    until(page, lambda: frame.locator("#say").inner_text().strip() == "Assistant: Sixty days.", "an announcement")


def test_what_comes_while_the_chat_is_closed_is_counted_on_the_launcher(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    write(frame, "How long?")
    frame.locator("#log .customer").wait_for()
    frame.press("#text", "Escape")
    page.get_by_role("button", name="Open chat", exact=True).wait_for()
    server.send(**server.message(text="Sixty days."))
    page.get_by_role("button", name="Open chat (1 unread)").click()
    until(page, lambda: any(event["seq"] == 2 for event in server.got("seen")), "seen")
    frame.press("#text", "Escape")
    page.get_by_role("button", name="Open chat", exact=True).wait_for()


def test_a_rating_and_its_comment_are_sent(page: Page, server: FakeServer) -> None:
    server.message(text="Sixty days.")
    server.message(text="Liked before.", rating=1)
    frame = chat(page)
    assert frame.locator("[data-seq='2'] .up").get_attribute("aria-pressed") == "true"
    frame.locator("[data-seq='1']").get_by_role("button", name="Not helpful").click()
    frame.locator("[data-seq='1'] textarea").fill("It is thirty.")
    frame.get_by_role("button", name="Send feedback").click()
    frame.get_by_text("Thank you for your feedback.").wait_for()
    assert [(e["seq"], e["value"], e["comment"]) for e in server.got("rating.set")] == [
        (1, -1, ""),
        (1, -1, "It is thirty."),
    ]


# --- The host page -----------------------------------------------------------------------------------------------
def passport(subject: str) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"sub": subject}).encode()).rstrip(b"=").decode()
    return f"e30.{body}.x"


def test_calls_before_loading_are_kept_and_events_reach_the_page(context: BrowserContext, server: FakeServer) -> None:
    server.host_page += (
        "<script>window.seen = []; window.Parley = [];"
        "Parley.push(['on', 'message', (m) => seen.push(m)]); Parley.push(['setContext', { plan: 'gold' }]);"
        "Parley.push(['open'])</script>" + LOADER
    )
    page = context.new_page()
    page.goto(SHOP)
    frame = frame_of(page)
    until(page, lambda: bool(server.got("context")), "context")
    assert server.got("context")[0]["data"] == {"plan": "gold"}
    write(frame, "How long?")
    frame.locator("#log .customer").wait_for()
    server.send(**server.message(text="a private answer"))
    page.wait_for_function("window.seen.length")
    assert page.evaluate("seen") == [{"role": "bot", "seq": 2}]
    assert page.evaluate("Object.keys(localStorage).concat(Object.values(localStorage)).join().includes('T1')") is False


def test_a_sign_in_that_the_page_cannot_give_leaves_the_chat_open(context: BrowserContext, server: FakeServer) -> None:
    server.host_page += (
        "<script>window.seen = []; window.asked = 0; window.Parley = [];"
        "Parley.push(['on', 'error', (e) => seen.push(e.code)]);"
        "Parley.push(['identify', () => { asked++; throw new Error('our server is away'); }])</script>" + LOADER
    )
    page = context.new_page()
    page.goto(SHOP)
    page.locator("parley-widget button").wait_for()
    assert page.evaluate("asked") == 0, "nobody is signed in to a chat that nobody opened"
    frame = chat(page)
    write(frame, "anonymous then")
    frame.locator("#log .customer").wait_for()
    assert page.evaluate("seen") == ["identity_failed"]
    page.evaluate("Parley.identify(async () => { throw new Error('again'); })")
    page.wait_for_function("seen.length == 2")
    write(frame, "still here")
    frame.locator("#log .customer", has_text="still here").wait_for()
    assert server.got("identify") == server.got("logout") == []


def test_another_identity_wipes_what_the_first_one_left(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    page.evaluate("(token) => Parley.identify(token)", passport("ada"))
    until(page, lambda: bool(server.got("identify")), "identify")
    write(frame, "ada's question")
    frame.locator("#log .customer").wait_for()
    server.on["message.send"] = lambda event: None
    write(frame, "never sent")
    frame.locator("#live .customer").wait_for()
    server.on["logout"] = lambda event: (server.messages.clear(), server.greet({}, token="T2", reset=True))[0]
    page.evaluate("(token) => Parley.identify(token)", passport("bob"))
    until(page, lambda: len(server.got("identify")) == 2, "the second identify")
    assert [event["type"] for event in server.received[-2:]] == ["logout", "identify"]
    expect(frame.locator(".customer")).to_have_count(0)
    assert "never sent" not in json.dumps(frame.evaluate("({ ...localStorage })"))


def test_messages_of_other_windows_are_ignored(page: Page, server: FakeServer) -> None:
    frame = chat(page)
    page.evaluate("postMessage({ parley: 'pk_test', type: 'hide' }, '*')")
    page.evaluate(
        """() => { const other = document.body.appendChild(document.createElement('iframe'));
        other.contentWindow.eval(`parent.frames[0].postMessage({ parley: 'pk_test', type: 'logout' }, '*')`); }"""
    )
    frame.evaluate("postMessage({ parley: 'pk_test', type: 'logout' }, '*')")
    write(frame, "still here")
    frame.locator("#log .customer").wait_for()
    assert server.got("logout") == []


def test_a_page_that_is_not_allowed_shows_no_launcher_and_its_console_says_why(
    context: BrowserContext, server: FakeServer
) -> None:
    server.launcher_status = 403
    server._launcher = {"error": "Add the origin."}
    server.host_page += LOADER
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(SHOP)
    until(page, lambda: any("Add the origin." in text for text in said), "a word in the console")
    expect(page.locator("parley-widget")).to_have_count(0)


HOSTILE = """<style>* { display: block !important; position: static !important; opacity: .2 !important; color: red !important;
visibility: hidden !important; width: 100px !important; font-size: 60px !important; pointer-events: none !important }
html { transform: rotate(3deg) } iframe, button, parley-widget { display: none !important }</style>"""


def test_hostile_styles_of_the_page_do_not_reach_the_chat(context: BrowserContext, server: FakeServer) -> None:
    server.host_page += HOSTILE + LOADER
    page = context.new_page()
    page.goto(SHOP)
    launcher = page.get_by_role("button", name="Open chat")
    launcher.wait_for()
    assert launcher.bounding_box() == {"x": 1100 - 76, "y": 820 - 76, "width": 56, "height": 56}
    launcher.click()
    frame = frame_of(page)
    page.wait_for_timeout(300)
    box = page.locator("parley-widget iframe").bounding_box()
    assert box is not None
    assert (box["width"], box["x"] + box["width"]) == (400, 1080)
    write(frame, "still working")
    frame.locator("#log .customer").wait_for()


def test_on_a_phone_the_chat_fills_the_screen(browser: Browser, server: FakeServer) -> None:
    server.host_page += LOADER
    for context in contexts(browser, server, is_mobile=True, has_touch=True):
        page = context.new_page()
        page.set_viewport_size({"width": 360, "height": 640})
        page.goto(SHOP)
        frame = chat(page)
        page.wait_for_timeout(300)
        assert page.locator("parley-widget iframe").bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 640}
        assert frame.evaluate("document.documentElement.scrollWidth") <= 360
        frame.get_by_role("button", name="Close chat").click()
        page.get_by_role("button", name="Open chat").wait_for()
