"""Nobody's words run in the desk or load anything: a corpus of injections through every text that comes from outside."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.desk.conftest import Visit
from tests.desk.fake_desk import DESK, FakeDesk, bubbles, open_, row
from tests.widget.fake_server import until

pytestmark = pytest.mark.browser

EVIL = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<img src='https://evil.test/pixel.png'><link rel=stylesheet href='https://evil.test/a.css'>",
    "<svg/onload=window.pwned=1><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<style>@import 'https://evil.test/a.css'; * { background: url(https://evil.test/x) }</style>",
    "<a href='javascript:window.pwned=1' onmouseover='window.pwned=1'>x</a><base href='https://evil.test/'>",
    "<form action='https://evil.test'><button autofocus onfocus=window.pwned=1>x</button></form>",
    "<details open ontoggle=window.pwned=1><video><source onerror=window.pwned=1></video>",
    "[x](javascript:window.pwned=1) [x](JaVaScRiPt:window.pwned=1) [x](java\tscript:window.pwned=1)",
    "[x](&#106;avascript:window.pwned=1) [x](\\x01javascript:window.pwned=1) [x](data:text/html,<script>1</script>)",
    "[x](vbscript:x) [x](//evil.test) [x](/admin/) [x](file:///etc/passwd) [x](blob:http://desk.parley.test/1)",
    "![x](javascript:window.pwned=1) ![pixel](https://evil.test/pixel.png) ![x](data:image/svg+xml,<svg onload=1>)",
    '<https://evil.test" onmouseover="window.pwned=1> https://good.test/"onmouseover=window.pwned=1',
    "| <img src=x onerror=window.pwned=1> | b |\n|---|---|\n| `<script>` | [x](javascript:1) |",
    "```\n</code></pre><script>window.pwned=1</script>\n```",
    "</script><script>window.pwned=1</script>",
    "{{constructor.constructor('window.pwned=1')()}} ${window.pwned=1} {actor} {name}",
    "javascript:window.pwned=1",
    "\u202e\u0000<b>x</b> ]]> <!-- --!> &lt;script&gt;",
    "> " * 1500,
    "[" * 3000,
]
TAGS = {
    "li", "div", "span", "bdi", "p", "br", "ul", "ol", "a", "code", "pre", "strong", "em", "s", "hr", "blockquote", "table",
    "thead", "tbody", "tr", "th", "td", "svg", "path", "button", "b", "i", "time", "h2", "h3", "details", "summary", "dl",
    "dt", "dd", "section", "mark", "form", "input", "header",
}  # fmt: skip
PARTS = "#rows, #found, #talk-body, #panel, #menu, #passage, #toasts, #say, #palette, #picker, #filters"
FACTS = f"""() => {{
  const elements = [...document.querySelectorAll("{PARTS}")].flatMap((part) => [...part.querySelectorAll('*')])
    .filter((e) => !e.closest('.tabs-line, .tools-line, .field-box, .talk-bar > button'));
  const links = elements.filter((e) => e.localName === 'a' && e.hasAttribute('href'));
  return {{
    tags: [...new Set(elements.map((e) => e.localName))],
    links: [...new Set(links.map((a) => [a.protocol, a.target, a.rel].join(' ')))],
    handlers: elements.filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
    urls: [...document.querySelectorAll('[src], [action], [formaction], [srcdoc], [ping], [background]')]
      .map((e) => e.getAttribute('src') || e.getAttribute('action') || 'other'),
    styled: elements.filter((e) => /url|expression/.test(e.getAttribute('style') || '')).length,
    pwned: window.pwned ?? null,
  }};
}}"""
WATCH = """window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI));"""


def poisoned(desk: FakeDesk, evil: str) -> str:
    """Every text that a customer, a page, a document, a model or a colleague can choose."""
    cid = desk.conversation(
        1, contact=evil[:200], tags=[evil[:40].strip() or "x"], topic=evil[:80], reason=evil[:40], language=evil[:16],
        state="waiting",
    )  # fmt: skip
    citation = {"number": 1, "title": evil, "heading": evil, "url": evil, "text": evil}
    for role in ("customer", "bot", "agent", "notice"):
        desk.says(cid, f"{evil} [1]", role, author=evil, citations=[citation] if role == "bot" else [])
    desk.note(cid, evil, author={"id": 2, "name": evil, "username": "tom", "online": True})
    for kind in ("taken", "assigned", "handoff", "tags", "rated", "priority", "snoozed", "email_set"):
        desk.activity(cid, kind, to=evil, team=evil, reason=evil, before=[evil], after=[evil], value=evil, comment=evil)
    desk.suggestion(cid, evil, citations=[citation], hint=evil, decision=evil[:12])
    desk.talks[cid].update(
        summary=evil, page_url=evil, answers=[{"seq": 2, "decision": evil, "confidence": 0.5, "engine": evil, "adapter": evil, "index_version": evil}],
        viewers=[{"person": {"id": 2, "name": evil, "username": "t", "online": True}, "typing": True}],
    )  # fmt: skip
    desk.contacts[cid] = {
        "name": evil, "email": evil, "external_id": evil, "context": {evil[:60]: evil, "deep": {"a": evil}},
        "pages": [{"url": evil, "title": evil, "seen_at": "2026-11-24T09:00:00+00:00"}, {"url": f"https://x.test/{evil}", "title": "", "seen_at": "2026-11-24T09:00:00+00:00"}],
        "past": [{"conversation": cid, "state": "resolved", "preview": evil, "last_message_at": None, "rating": 1}],
    }  # fmt: skip
    desk.canned = [{"id": 1, "title": evil, "shortcut": evil[:40], "text": evil}]
    desk.welcome["inboxes"][0]["name"] = desk.welcome["teams"][0]["name"] = evil
    desk.welcome["tags"] = [{"name": evil, "color": "red;background:url(https://evil.test/c)"}]
    desk.welcome["people"] = [{"id": 2, "name": evil, "username": evil[:20], "online": True}]
    return cid


def look_everywhere(desk: FakeDesk, page: Page, cid: str, evil: str) -> None:
    open_(page, cid)
    page.locator("#log [data-seq='4']").wait_for()
    page.locator("#panel .past").wait_for()
    page.locator(".why summary").click()
    page.locator(".why dl").wait_for()
    page.locator("#summary summary").click()
    page.locator("[data-seq='2'] .sources button").first.click()
    page.evaluate(f"document.getElementById('passage').open && document.getElementById('passage').close(); ({FACTS})()")
    page.locator("#text").fill("/")
    page.locator("#picker li").first.wait_for(timeout=2000)
    page.keyboard.press("Escape")
    page.locator("#search").fill("x")
    page.locator("#found li").first.wait_for()
    page.locator("#search").fill("")
    page.keyboard.press("Escape")
    desk.send(type="alert", kind="assigned", conversation=cid, contact=evil, text=evil)
    desk.send(type="mentioned", conversation=cid, by=evil, text=evil)
    desk.send(type="error", code="x", message=evil, ref=None, retry_after=None, fatal=False)
    desk.send(type="stream.delta", conversation=cid, job=9, attempt=1, offset=0, text=evil)
    page.locator(".stream .bubble").wait_for()
    page.locator(".toast").first.wait_for()
    page.locator("#do-assign").click()
    page.locator("#menu li").first.wait_for()


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_no_text_of_anybody_runs_or_loads_anything(desk: FakeDesk, visit: Visit, evil: str) -> None:
    cid = poisoned(desk, evil)
    page = visit(desk)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss())[1])
    page.evaluate(f"() => {{ {WATCH} }}")
    row(page, cid).wait_for()
    look_everywhere(desk, page, cid, evil)
    found: dict[str, Any] = page.evaluate(FACTS)
    assert set(found["tags"]) <= TAGS
    assert {link.split(" ", 1)[0] for link in found["links"]} <= {"http:", "https:", "mailto:"}
    assert {link.split(" ", 1)[1] for link in found["links"]} <= {"_blank noopener noreferrer"}
    assert (found["handlers"], found["styled"], found["pwned"], dialogs) == (0, 0, None, [])
    assert [url for url in found["urls"] if not url.startswith(("/", DESK))] == []
    assert [url for url in desk.asked if not url.startswith(DESK)] == []
    assert page.evaluate("window.violations") == []
    assert page.url.startswith(DESK)


def test_an_inserted_draft_is_plain_text_in_the_field_and_in_the_thread(desk: FakeDesk, visit: Visit) -> None:
    cid = desk.conversation(1)
    desk.says(cid, "Hi")
    desk.suggestion(cid, EVIL[1], citations=[])
    page = visit(desk)
    open_(page, cid)
    page.locator("#draft").wait_for()
    page.locator("#text").press("Enter")
    assert page.locator("#text").input_value() == EVIL[1]
    page.keyboard.press("Control+Enter")
    until(page, lambda: bubbles(page)[-1] == EVIL[1], "the text as it is")
    assert page.evaluate("window.pwned ?? null") is None


def test_the_policy_refuses_what_would_get_past_the_scripts(desk: FakeDesk, visit: Visit) -> None:
    page = visit(desk)
    page.evaluate(
        f"""async () => {{ {WATCH}
          const put = (tag, props) => document.body.append(Object.assign(document.createElement(tag), props));
          put('script', {{ textContent: 'window.pwned = 1' }});
          put('script', {{ src: 'https://evil.test/a.js' }});
          put('img', {{ src: 'https://evil.test/pixel.png' }});
          put('link', {{ rel: 'stylesheet', href: 'https://evil.test/a.css' }});
          put('iframe', {{ src: 'https://evil.test/' }});
          put('div', {{ innerHTML: '<b style="background: url(https://evil.test/b)" onclick="window.pwned = 1">x</b>' }});
          document.body.lastElementChild.firstElementChild.click();
          await fetch('https://evil.test/').catch(() => {{}});
        }}"""
    )
    directives = {
        "script-src-elem",
        "img-src",
        "style-src-elem",
        "frame-src",
        "connect-src",
        "style-src-attr",
        "script-src-attr",
    }
    until(page, lambda: {v.split(" ")[0] for v in page.evaluate("window.violations")} >= directives, "refusals")
    assert page.evaluate("window.pwned ?? null") is None
    assert [url for url in desk.asked if "evil" in url] == []
    policy = {name.lower(): value for name, value in desk.headers.items()}["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_events_that_are_none_break_nothing(desk: FakeDesk, visit: Visit) -> None:
    cid = desk.conversation(1)
    desk.says(cid, "Hi")
    page = visit(desk)
    open_(page, cid)
    page.locator("#log .bubble").wait_for()
    for event in ({"type": "__proto__"}, {"type": "constructor"}, {"type": "unheard.of", "conversation": cid}):
        desk.sockets[-1].send(json.dumps(event))
    desk.sockets[-1].send("no json")
    desk.send(**desk.says(cid, "still here"))
    until(page, lambda: bubbles(page)[-1] == "still here", "the next message")
