"""Fixtures of the browser tests: a page of a shop with the chat, over the scripted server."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from chatbot.conversations.models import Inbox
from tests import factories
from tests.widget.fake_server import CHROMIUM, FLAGS, LOADER, SHOP, FakeServer, contexts, require_chromium


@pytest.fixture
def server(db: None) -> FakeServer:
    """The real frame page of a real inbox, with its real policy; everything else is conducted by the test."""
    require_chromium()
    inbox: Inbox = factories.inbox(
        key="pk_test", title="Test Shop", allowed_origins=[SHOP], suggested_questions={"en": ["First question?"]}
    )
    page = Client().get(f"/widget/frame/{inbox.key}/", {"origin": SHOP})
    launcher = Client().get(f"/widget/launcher/{inbox.key}/", headers={"origin": SHOP})
    server = FakeServer(frame=(page.content.decode(), dict(page.headers)), launcher=launcher.json())
    for language in ("ar", "zh-CN"):  # now: once a browser runs in this thread, Django refuses to
        other = Client().get(f"/widget/frame/{inbox.key}/", {"origin": SHOP, "language": language})
        server.other_frames[language] = (other.content.decode(), dict(other.headers))
    return server


@pytest.fixture
def browser(server: FakeServer) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, server: FakeServer) -> Iterator[BrowserContext]:
    yield from contexts(browser, server)


@pytest.fixture
def page(context: BrowserContext, server: FakeServer) -> Page:
    server.host_page += LOADER
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    page.goto(SHOP)
    page.wait_for_function("typeof window.Parley?.open === 'function'")
    return page
