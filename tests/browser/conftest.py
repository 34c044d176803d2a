"""The sample company's real server in its own folder, and a real browser in front of it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.shop import Shop
from tests.faults.stack import Stack, free_port
from tests.widget.fake_server import CHROMIUM, FLAGS, require_chromium

OpenShop = Callable[..., Shop]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the sample company loaded and indexed; copied for each server."""
    require_chromium()
    stack = Stack(tmp_path_factory.mktemp("prepared"))
    stack.manage("demo", "--prepare", timeout=280)
    return stack.folder / "data"


@pytest.fixture(scope="session")
def open_shop(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    shops: list[Shop] = []

    def start(**environment: str) -> Shop:
        stack = Stack(tmp_path_factory.mktemp("shop"), **environment)
        shutil.copytree(prepared, stack.folder / "data")
        port = free_port()
        server = stack.add("demo", sys.executable, "manage.py", "demo", "--port", str(port))
        shops.append(Shop(stack, server, port))
        shops[-1].start()
        return shops[-1]

    yield start
    for shop in shops:
        shop.stack.close()


@pytest.fixture(scope="session")
def shop(open_shop: OpenShop) -> Shop:
    """Answers from the documents, as `make demo` does."""
    return open_shop(GENERATOR="extractive")


@pytest.fixture(scope="session")
def slow_shop(open_shop: OpenShop) -> Shop:
    """Writes its answers so slowly that a test can act in the middle of one."""
    return open_shop(GENERATOR="mock", GENERATOR_OPTIONS="first_token_ms=1200,token_ms=70")


@pytest.fixture(scope="module")  # Playwright's loop runs in this thread: it must end before tests that have their own
def browser(prepared: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    yield page
    context.close()
