"""Fixtures of the desk's browser tests: the real page of a real agent, over the scripted server.

One browser serves a whole file. The pages are made before it starts: Django refuses the database beside its loop.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import factories
from tests.desk.fake_desk import DESK, FakeDesk
from tests.widget.fake_server import CHROMIUM, FLAGS, require_chromium

Visit = Callable[..., Page]
Made = tuple[str, dict[str, str]]


def made(role: str, language: str) -> Made:
    user = factories.user(role=role)
    client = Client(headers={"host": "desk.parley.test", "accept-language": language})
    client.force_login(user)
    answer = client.get("/desk/")
    user.delete()
    assert answer.status_code == 200
    return answer.content.decode(), dict(answer.headers)


@pytest.fixture(scope="module")
def pages(django_db_setup: None, django_db_blocker: Any) -> dict[str, Made]:
    require_chromium()
    middleware = [name for name in settings.MIDDLEWARE if "servestatic" not in name]
    with (
        django_db_blocker.unblock(),
        override_settings(ALLOWED_HOSTS=["desk.parley.test"], MIDDLEWARE=middleware),
    ):
        # A run of these tests alone asks for no database, so nobody has made its tables yet.
        call_command("migrate", verbosity=0, interactive=False)
        return {"agent": made("agent", "en"), "chinese": made("agent", "zh-hans"), "analyst": made("analyst", "en")}


@pytest.fixture(scope="module")
def browser(pages: dict[str, Made]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def desk(pages: dict[str, Made]) -> FakeDesk:
    return FakeDesk(*pages["agent"])


@pytest.fixture
def chinese_desk(pages: dict[str, Made]) -> FakeDesk:
    return FakeDesk(*pages["chinese"])


@pytest.fixture
def analysts_desk(pages: dict[str, Made]) -> FakeDesk:
    desk = FakeDesk(*pages["analyst"])
    desk.welcome["may_reply"] = desk.welcome["may_compose"] = False
    return desk


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
        page.set_default_timeout(15_000)
        page.clock.install(time="2026-11-24T10:05:00Z")
        page.on("pageerror", lambda error: failures.append(str(error.stack or error)))
        page.goto(f"{DESK}/desk/{query}")
        page.locator("body[data-line='ready']").wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert failures == [], "a script failed"
