"""The sample company's real server in its own folder, and a real browser in front of it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.shop import Shop
from tests.faults.stack import Stack, free_port
from tests.widget.fake_server import CHROMIUM, FLAGS, require_chromium

OpenShop = Callable[[Stack], Shop]


@pytest.fixture(scope="session")
def open_shop() -> Iterator[OpenShop]:
    shops: list[Shop] = []

    def start(stack: Stack) -> Shop:
        port = free_port()
        shops.append(Shop(stack, stack.add("demo", *stack.manage_py, "demo", "--port", str(port)), port))
        shops[-1].start()
        return shops[-1]

    yield start
    for shop in shops:
        shop.stack.close()


@pytest.fixture(scope="session")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Answers from the documents with the real embedder, as `make demo` does."""
    require_chromium()
    return open_shop(Stack(tmp_path_factory.mktemp("shop"), embedder=True, GENERATOR="extractive"))


@pytest.fixture(scope="session")
def slow_shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Takes seconds for an answer, so that a test can act in the middle of one; itself it starts quickly."""
    require_chromium()
    pace = "first_token_ms=1200,token_ms=100,tokens=40"
    return open_shop(Stack(tmp_path_factory.mktemp("slow"), GENERATOR="mock", GENERATOR_OPTIONS=pace))


@pytest.fixture(scope="module")  # Playwright's loop runs in this thread: it must end before tests that have their own
def browser() -> Iterator[Browser]:
    require_chromium()
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
