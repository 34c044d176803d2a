"""Fixtures of the desk's browser tests: the real page of a real agent, over the scripted server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import factories
from tests.desk.fake_desk import DESK, FakeDesk
from tests.widget.fake_server import CHROMIUM, FLAGS, require_chromium

Visit = Callable[..., Page]


def page_of(role: str = "agent", language: str = "en") -> FakeDesk:
    client = Client(headers={"host": "desk.parley.test", "accept-language": language})
    client.force_login(factories.user(role=role, username=f"{role}-{language}"))
    answer = client.get("/desk/")
    assert answer.status_code == 200
    return FakeDesk(html=answer.content.decode(), headers=dict(answer.headers))


@pytest.fixture
def pages(db: None, settings: Any) -> Callable[..., FakeDesk]:
    """Makes desks; to be asked before the browser starts."""
    require_chromium()
    settings.ALLOWED_HOSTS = ["desk.parley.test"]
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]
    return page_of


@pytest.fixture
def desk(pages: Callable[..., FakeDesk]) -> FakeDesk:
    return pages()


@pytest.fixture
def chinese_desk(pages: Callable[..., FakeDesk]) -> FakeDesk:
    return pages(language="zh-hans")


@pytest.fixture
def analysts_desk(pages: Callable[..., FakeDesk]) -> FakeDesk:
    desk = pages(role="analyst")
    desk.welcome["may_reply"] = desk.welcome["may_compose"] = False
    return desk


@pytest.fixture
def browser(db: None) -> Iterator[Browser]:
    require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens the desk of a scripted server; fails the test when a script does."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def go(server: FakeDesk, query: str = "", **options: Any) -> Page:
        options = {"viewport": {"width": 1440, "height": 860}, "service_workers": "block", "locale": "en-GB", **options}
        context = browser.new_context(timezone_id="UTC", **options)
        contexts.append(context)
        server.install(context)
        page = context.new_page()
        page.clock.install(time="2026-11-24T10:05:00Z")
        page.on("pageerror", lambda error: failures.append(str(error.stack or error)))
        page.goto(f"{DESK}/desk/{query}")
        page.locator("body[data-line='ready']").wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert failures == [], "a script failed"
