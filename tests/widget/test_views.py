"""The widget over HTTP: loader, launcher and frame let in the pages of allowed origins and explain every refusal."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from chatbot.conversations.models import Inbox
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "chatbot/widget/static/widget"
SHOP = "https://shop.example"


@pytest.fixture
def shop(db: None) -> Inbox:
    return factories.inbox(
        allowed_origins=[SHOP, "https://*.shop.example"],
        title="Juniper <b>Outdoor</b>",
        greeting={"en": "Hi </script><script>alert(1)</script>", "zh-hans": "你好！"},
        suggested_questions={"en": ["How long do refunds take?"]},
    )


def frame(client: Client, shop: Inbox, origin: str = SHOP, **more: Any) -> Any:
    return client.get(f"/widget/frame/{shop.key}/", {"origin": origin, **more.pop("query", {})}, **more)


def policy(response: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _space, value in parts}


def config(response: Any) -> dict[str, Any]:
    found = re.search(
        r'<script id="config" type="application/json">(.*?)</script>', response.content.decode(), re.DOTALL
    )
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_frame_may_be_shown_by_allowed_pages_only(client: Client, shop: Inbox) -> None:
    response = frame(client, shop)
    assert response.status_code == 200
    assert policy(response)["frame-ancestors"] == f"{SHOP} https://*.shop.example"
    assert "X-Frame-Options" not in response
    assert config(response)["origin"] == SHOP
    assert not response.cookies


def test_the_frames_scripts_come_from_us_and_nothing_inline_runs(client: Client, shop: Inbox) -> None:
    given = policy(frame(client, shop))
    assert "unsafe" not in json.dumps(given)
    assert given["default-src"] == "'none'"
    assert given["connect-src"] == "'self' ws://testserver"


def test_nothing_of_an_inboxs_texts_becomes_markup(client: Client, shop: Inbox) -> None:
    response = frame(client, shop)
    assert b"alert(1)</script>" not in response.content
    assert b"<b>Outdoor" not in response.content
    assert config(response)["greeting"].endswith("</script>")


@pytest.mark.parametrize(
    "origin", ["", "https://evil.test", "null", "http://shop.example", "https://shop.example.evil.test"]
)
def test_the_frame_is_refused_to_every_other_origin(client: Client, shop: Inbox, origin: str) -> None:
    response = frame(client, shop, origin)
    assert response.status_code == 403
    assert "allowed origins" in response.content.decode()
    assert policy(response)["frame-ancestors"] == "'none'"
    assert b"frame.js" not in response.content


def test_a_page_that_names_another_pages_origin_is_refused(client: Client, shop: Inbox) -> None:
    assert frame(client, shop, SHOP, headers={"referer": "https://evil.test/"}).status_code == 403
    assert frame(client, shop, SHOP, headers={"referer": f"{SHOP}/page"}).status_code == 200


@pytest.mark.parametrize("view", ["frame", "launcher"])
@pytest.mark.parametrize("active", [True, False])
def test_an_unknown_or_inactive_inbox_is_not_found_and_the_text_says_what_to_check(
    client: Client, db: None, view: str, active: bool
) -> None:
    key = "pk_unknown" if active else factories.inbox(active=False, allowed_origins=[SHOP]).key
    response = client.get(f"/widget/{view}/{key}/", {"origin": SHOP}, headers={"origin": SHOP})
    assert response.status_code == 404
    assert "data-inbox" in response.content.decode()


def test_an_inbox_without_origins_is_shown_nowhere(client: Client, db: None) -> None:
    closed = factories.inbox(allowed_origins=[])
    assert frame(client, closed).status_code == 403
    assert client.get(f"/widget/launcher/{closed.key}/", headers={"origin": SHOP}).status_code == 403


def test_the_launcher_is_described_to_allowed_pages(client: Client, shop: Inbox) -> None:
    response = client.get(f"/widget/launcher/{shop.key}/?language=zh-CN", headers={"origin": SHOP})
    assert response["Access-Control-Allow-Origin"] == SHOP
    assert {"color", "ink", "position", "title", "open"} <= set(response.json())
    assert "Origin" in response["Vary"]
    assert "Access-Control-Allow-Credentials" not in response


def test_a_refused_launcher_tells_the_pages_console_why(client: Client, shop: Inbox) -> None:
    response = client.get(f"/widget/launcher/{shop.key}/", headers={"origin": "https://evil.test"})
    assert response.status_code == 403
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "https://evil.test" in response.json()["error"]
    assert set(response.json()) == {"error"}


@pytest.mark.parametrize("origin", ["*", "https://evil.test; script-src *", "https://a\r\nX-Injected: 1"])
def test_an_origin_can_smuggle_nothing_into_headers(client: Client, shop: Inbox, origin: str) -> None:
    response = client.get(f"/widget/frame/{shop.key}/", {"origin": origin})
    assert response.status_code == 403
    assert "X-Injected" not in response


@pytest.mark.parametrize(
    ("inbox_language", "asked", "browser", "language", "direction"),
    [
        ("", "", "zh-CN,zh;q=0.9", "zh-hans", "ltr"),
        ("", "de", "zh-CN", "de", "ltr"),
        ("zh-hans", "de", "en", "zh-hans", "ltr"),
        ("", "ar", "en", "ar", "rtl"),
        ("", "<script>", "en", "en", "ltr"),
    ],
)
def test_the_language_is_the_inboxs_then_the_pages_then_the_browsers(
    client: Client, shop: Inbox, inbox_language: str, asked: str, browser: str, language: str, direction: str
) -> None:
    shop.language = inbox_language
    shop.save()
    response = frame(client, shop, query={"language": asked}, headers={"accept-language": browser})
    assert f'<html lang="{language}" dir="{direction}">' in response.content.decode()


def test_the_greeting_speaks_the_visitors_language(client: Client, shop: Inbox) -> None:
    assert config(frame(client, shop, query={"language": "zh-CN"}))["greeting"] == "你好！"


def test_the_page_has_every_element_and_every_text_its_script_asks_for(client: Client, shop: Inbox) -> None:
    page = frame(client, shop)
    script = "".join((STATIC / name).read_text() for name in ("frame.js", "view.js", "cards.js"))
    wanted = set(re.findall(r'\$\("([a-z-]+)"\)', script))
    assert wanted
    assert wanted <= set(re.findall(r'id="([a-z-]+)"', page.content.decode()))
    used = set(re.findall(r"(?:\bt|this\.#t)\.([a-zA-Z]+)", script))
    assert used == set(config(page)["texts"])


def test_the_loader_has_one_address_and_is_not_sent_twice(client: Client, db: None) -> None:
    first = client.get("/widget/loader.js")
    assert first["Content-Type"].startswith("text/javascript")
    assert first["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert client.get("/widget/loader.js", headers={"if-none-match": first["ETag"]}).status_code == 304


def packed(*files: Path) -> int:
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def test_the_loader_stays_below_3_kb() -> None:
    assert packed(STATIC / "loader.js") <= 3000


def test_the_frames_scripts_stay_below_20_kb() -> None:
    modules = {STATIC / "frame.js"}
    for file in [*modules]:
        todo = [file]
        while todo:
            one = todo.pop()
            found = {(one.parent / name).resolve() for name in re.findall(r'from "(\.[^"]+)"', one.read_text())}
            served = {ROOT / "chatbot/static/shared" / f.name if f.parent.name == "shared" else f for f in found}
            todo += served - modules
            modules |= served
    assert len(modules) > 3
    assert packed(*modules) <= 20_000


@pytest.mark.parametrize(
    "script", [*STATIC.glob("*.js"), *(ROOT / "chatbot/static/shared").glob("*.js")], ids=lambda p: p.name
)
def test_no_script_makes_html_from_text_or_talks_to_any_origin(script: Path) -> None:
    text = script.read_text()
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b", text)
    for target in re.findall(r"\.postMessage\((?:[^()]|\([^()]*\))*,\s*([^,()]+)\)", text):
        assert target.strip() in ("base.origin", "config.origin")
