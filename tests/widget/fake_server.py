"""A widget server that exists only inside the browser: pages and scripts from disk, and a socket that tests conduct."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, Route, WebSocketRoute

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ROOT = Path(__file__).resolve().parents[2]
# Two hosts of one site: Playwright switches storage partitioning off, and Chromium then denies a foreign frame its storage.
CHAT, SHOP = "http://chat.shop.test", "http://www.shop.test"
LOADER = f'<script async src="{CHAT}/widget/loader.js" data-inbox="pk_test"></script>'
STATIC = {"/static/widget/": ROOT / "chatbot/widget/static/widget", "/static/shared/": ROOT / "chatbot/static/shared"}
TYPES = {".js": "text/javascript", ".css": "text/css"}


def require_chromium() -> None:
    if not Path(CHROMIUM).exists():
        reason = f"no Chromium at {CHROMIUM} (apt-get install chromium, or set CHROMIUM)"
        pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip(reason)


class FakeServer:
    """Answers like the server, as far as told. `received` holds every event of the browser, oldest first."""

    def __init__(self, *, frame: tuple[str, dict[str, str]], launcher: dict[str, Any]) -> None:
        self._frame = frame
        self._launcher = launcher
        self.other_frames: dict[str, tuple[str, dict[str, str]]] = {}
        """The same page in other languages."""
        self.launcher_status = 200
        self.host_page = "<!doctype html><meta name=viewport content='width=device-width'><h1>Shop</h1>"
        self.received: list[dict[str, Any]] = []
        self.sockets: list[WebSocketRoute] = []
        self.messages: list[dict[str, Any]] = []
        self.conversation = "11111111-1111-4111-8111-111111111111"
        self.welcome: dict[str, Any] = {}
        self.on: dict[str, Callable[[dict[str, Any]], None]] = {"message.send": self.accept}

    def speak(self, language: str) -> None:
        self._frame = self.other_frames[language]

    def install(self, context: BrowserContext) -> None:
        context.route("**/*", self._serve)
        context.route_web_socket(lambda _url: True, self._connect)

    def _serve(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if route.request.url.startswith(SHOP):
            route.fulfill(body=self.host_page, content_type="text/html")
        elif url.path == "/widget/loader.js":
            route.fulfill(body=(STATIC["/static/widget/"] / "loader.js").read_text(), content_type="text/javascript")
        elif url.path.startswith("/widget/launcher/"):
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(status=self.launcher_status, json=self._launcher, headers=headers)
        elif url.path.startswith("/widget/frame/"):
            route.fulfill(body=self._frame[0], headers=self._frame[1])
        else:
            folder = url.path.rpartition("/")[0] + "/"
            file = STATIC[folder] / Path(url.path).name if folder in STATIC else Path("none")
            if file.exists():
                route.fulfill(body=file.read_text(), content_type=TYPES[file.suffix])
            else:
                route.fulfill(status=404)

    def _connect(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self._heard(json.loads(text)))

    def _heard(self, event: dict[str, Any]) -> None:
        self.received.append(event)
        if event["type"] == "hello":
            self.greet(event)
        elif event["type"] in self.on:
            self.on[event["type"]](event)

    def send(self, **event: Any) -> None:
        self.sockets[-1].send(json.dumps(event))

    def greet(self, hello: dict[str, Any], **more: Any) -> None:
        after = [message for message in self.messages if message["seq"] > hello.get("last_seq", 0)]
        state = {"token": "T1", "conversation": self.conversation if self.messages else None, "state": "bot"}
        state |= {"last_seq": len(self.messages), "messages": after, "stream": None, "busy": False, "reset": False}
        self.send(type="welcome", **{**state, **self.welcome, **more})

    def message(self, role: str = "bot", text: str = "An answer.", **more: Any) -> dict[str, Any]:
        """The next message of the record; not sent."""
        made = {
            "type": "message", "seq": len(self.messages) + 1, "client_id": None, "role": role, "kind": "text",
            "text": text, "author": "", "citations": [], "offer_person": False, "rating": 0,
            "created_at": "2026-11-23T10:00:00+00:00", "job": None, **more,
        }  # fmt: skip
        self.messages.append(made)
        return made

    def accept(self, event: dict[str, Any]) -> None:
        """Keep a customer's message once, as the record does, and say so."""
        known = next((m for m in self.messages if m["client_id"] == event["client_id"]), None)
        kept = known or self.message("customer", event["text"], client_id=event["client_id"])
        self.send(type="ack", client_id=event["client_id"], seq=kept["seq"], conversation=self.conversation)
        if known is None:
            self.send(**kept)

    def got(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]


def frame_of(page: Page) -> Frame:
    """The chat's frame, once its script has run."""
    page.wait_for_function("document.querySelector('parley-widget')?.shadowRoot.querySelector('iframe')")
    while not (found := [frame for frame in page.frames if "/widget/frame/" in frame.url]):
        page.wait_for_timeout(20)
    found[0].locator("#log li").first.wait_for()
    return found[0]


def chat(page: Page) -> Frame:
    page.get_by_role("button", name="Open chat").click()
    return frame_of(page)


def write(frame: Frame, text: str) -> None:
    frame.fill("#text", text)
    frame.press("#text", "Enter")


def until(page: Page, true: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Let the browser run until it is true. The limit only ends a test that has failed."""
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        page.wait_for_timeout(20)
    pytest.fail(f"never happened: {what}")


def contexts(browser: Any, server: FakeServer, **options: Any) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 820}, service_workers="block", **options)
    server.install(context)
    yield context
    context.close()
