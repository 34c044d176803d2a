"""Once round the learning circle on the pages, as an admin goes: from a rule for an inbox to a promoted adapter.

Nothing is faked: the server, its training and evaluation processes, the gate and the model are real. The model is only so
small that all of it takes two minutes; what it learns is how the shop's agents put their answers.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import learning_shop
from tests.browser.shop import Shop, ask, chat
from tests.browser.test_first_question import picture
from tests.faults.stack import ROOT, Stack
from tests.widget.fake_server import require_chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

LONG_MS: Final = 240_000
"""For a training or an evaluation on a machine that does other things beside."""
PREPARE: Final = "from tests.browser import learning_shop; learning_shop.prepare({!r}, {!r})"
WROTE: Final = """
import json
from chatbot.conversations.models import AnswerCard
print(json.dumps([f"{one.engine} {one.adapter}" for one in AnswerCard.objects.order_by("pk")]))
"""
"""Which engine and adapter wrote each answer, the newest last."""
SHOP_PAGE: Final = (
    f"<!doctype html><h1>Shop</h1><script async src='/widget/loader.js' data-inbox='{learning_shop.KEY}'></script>"
)
PAGES: Final = ("", "harvest/", "review/", "datasets/", "runs/", "evaluations/", "adapters/")
ASKED: Final = "What does the kettle cost?"
FACT: Final = learning_shop.FACTS["kettle"].removesuffix(".")

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def learning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop with its conversations, and the base model that answers in it. The model is taught beside the rest."""
    require_chromium()
    expect.set_options(timeout=60_000)
    folder = tmp_path_factory.mktemp("learning")
    base = folder / "base"
    stack = Stack(
        folder, embedder=True, GENERATOR="transformers", GENERATOR_MODEL=str(base), GENERATOR_DTYPE="float32",
        GENERATOR_DEVICE="cpu", GENERATOR_CONTEXT_TOKENS="400", GENERATOR_MAX_NEW_TOKENS="48", GENERATOR_BATCH="4",
    )  # fmt: skip
    shop = Shop(stack, stack.add_web(), stack.ports[0])
    teach = [sys.executable, "-m", "tests.browser.learning_shop", str(base)]
    with subprocess.Popen(teach, cwd=ROOT, env=stack.environment) as teaching:
        try:
            stack.manage("shell", "-c", PREPARE.format(str(folder), shop.url))
            assert teaching.wait(LONG_MS / 1000) == 0
        finally:
            teaching.kill()
    try:
        shop.start()
        yield shop
    finally:
        stack.close()


@pytest.fixture
def new_page(browser: Browser, learning: Shop) -> Iterator[NewPage]:
    """Signed in by the login page, or a customer's; a failed script or a broken rule of a page's policy fails the test."""
    contexts, wrong = [], list[str]()
    logins = json.loads((Path(learning.stack.environment["DATA_DIR"]) / "demo-logins.json").read_text())

    def make(role: str = "") -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(f"{page.url} {error}"))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        if role:
            page.goto(f"{learning.url}/login/?next=/training/")
            page.get_by_label("User name").fill(role)
            page.get_by_label("Password").fill(logins[role])
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="Training", exact=True)).to_be_visible()
        return page

    yield make
    for context in contexts:
        context.close()
    assert wrong == []


def test_an_admin_goes_round_the_circle_and_customers_are_answered_by_what_was_learnt(
    new_page: NewPage, learning: Shop
) -> None:
    answers_come_from("transformers ", new_page, learning)

    admin = new_page("admin")
    turn_harvesting_on(admin)
    harvest(admin)
    review(admin)
    freeze(admin)
    train(admin, rank="4", max_steps="6", learning_rate="0.1")  # so fast that it forgets what it knew
    order_evaluation(admin)
    hasty = admin.url
    for rate in ("0.002", "0.0005"):  # how much it forgets of the safety set depends on the processor's rounding
        train(admin, rank="8", max_steps="50", learning_rate=rate)
        digest = only_what_passed_may_be_tried(admin)
        order_evaluation(admin)
        if the_verdict(admin) == "Passed":
            break
    the_gate_lets_it_through(admin)
    put_on_trial(admin)
    promote(admin, digest)
    the_gate_keeps_out(admin, hasty)

    answers_come_from(f"transformers {digest}", new_page, learning)
    an_analyst_looks_and_starts_nothing(new_page("analyst"), learning)


def link(page: Page, name: str) -> Locator:
    """On the page itself, not in its navigation."""
    return page.locator("main > :not(nav)").get_by_role("link", name=name, exact=True)


def button(page: Page, name: str) -> Locator:
    return page.locator("main").get_by_role("button", name=name)


def section(page: Page, name: str) -> None:
    """To one of the training pages."""
    page.get_by_role("navigation", name="Training").get_by_role("link", name=name, exact=True).click()


def seen(page: Page, title: str, *, patience: float | None = None) -> None:
    """Wait for the page with this heading, whole with its scripts; nothing on it is wider than a desktop or a phone."""
    expect(page.get_by_role("heading", name=title).first).to_be_visible(timeout=patience)
    page.wait_for_load_state()
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{page.url} is wider than {width} px"


def tab(page: Page, name: str) -> Locator:
    return page.locator(".tabs a", has_text=name).locator(".number")


# --- What customers hear --------------------------------------------------------------------------------------------
def answer(page: Page, shop: Shop, question: str) -> str:
    """What the chat on the shop's page says to a customer who has just come."""
    page.route("**/shop", lambda route: route.fulfill(body=SHOP_PAGE, content_type="text/html"))
    page.goto(f"{shop.url}/shop")
    frame = chat(page)
    ask(frame, question)
    said = frame.locator("#log .bot:not(.greeting):not(.stream) .bubble")
    expect(said).to_have_count(1, timeout=LONG_MS)
    return said.inner_text()


def answers_come_from(writer: str, new_page: NewPage, shop: Shop) -> None:
    """A worker loads it within seconds; until then another one answers. The fact is the document's all the while."""
    wrote: list[str] = []
    while wrote[-1:] != [writer]:
        assert len(wrote) < 20, wrote
        assert FACT in answer(new_page(), shop, ASKED)
        wrote = json.loads(shop.stack.manage("shell", "-c", WROTE).strip().splitlines()[-1])


# --- The steps of the circle ----------------------------------------------------------------------------------------
def turn_harvesting_on(page: Page) -> None:
    seen(page, "What to do next")
    link(page, "Choose inboxes").click()
    seen(page, "Harvest")
    row = page.get_by_role("row", name=re.compile("Outdoor shop"))
    expect(row.locator(".chip")).to_have_text("Off")
    expect(button(page, "Harvest now")).to_have_count(0)
    row.get_by_role("link").click()
    seen(page, "Outdoor shop")
    expect(page.get_by_label("Learn from this inbox")).not_to_be_checked()
    page.get_by_label("Learn from this inbox").check()
    button(page, "Save").click()
    expect(row.locator(".chip")).to_have_text("On")


def harvest(page: Page) -> None:
    button(page, "Harvest now").click()
    seen(page, "Harvested", patience=LONG_MS)
    link(page, "Review").click()
    seen(page, "Review")
    expect(tab(page, "To review")).to_have_text(str(len(learning_shop.conversations())))
    picture(page, "training-review.png")


def review(page: Page) -> None:
    """One at a time and several by keyboard, the rest a page at a time."""
    left = len(learning_shop.conversations())
    for keys, decided in (("ja", 1), ("jjr", 1), ("jxjxa", 2)):
        for key in keys:
            page.keyboard.press(key)
        left -= decided
        expect(tab(page, "To review")).to_have_text(str(left))
        page.wait_for_load_state()
    while left:
        shown = min(left, 20)
        expect(page.locator("[data-example]")).to_have_count(shown)
        page.get_by_label("All on this page").check()
        expect(page.locator("#ticked")).to_have_text(str(shown))
        button(page, "Approve").click()
        left -= shown
        if left:
            expect(tab(page, "To review")).to_have_text(str(left))
            page.wait_for_load_state()
    seen(page, "Nothing here")
    expect(tab(page, "Rejected")).to_have_text("1")
    expect(tab(page, "Approved")).to_have_text(str(len(learning_shop.conversations()) - 1))


def freeze(page: Page) -> None:
    section(page, "Overview")
    link(page, "Freeze a dataset").click()
    seen(page, "Datasets")
    page.get_by_label("Name").fill("November")
    button(page, "Freeze").click()
    seen(page, "November")
    expect(page.get_by_text("Nothing leaks")).to_be_visible()
    counts = page.locator("section", has=page.get_by_role("heading", name="Examples"))
    expect(counts.get_by_role("row")).to_have_count(2)


def train(page: Page, **wishes: str) -> None:
    """Estimated before it can be started, then followed on its page, which is never loaded again."""
    section(page, "Datasets")
    link(page, "November").click()
    link(page, "Train").click()
    seen(page, "New training")
    expect(button(page, "Start the training")).to_have_count(0)
    page.locator("#id_rank").select_option(wishes.pop("rank"))
    page.locator("#id_verbatim").uncheck()  # it is checked for a base as small as this one
    for name, value in {
        "batch": "8",
        "max_tokens": "400",
        "lessons": "0",
        "unanswered": "0",
        "quotations": "0",
        "depth": "1",
        **wishes,
    }.items():
        page.locator(f"#id_{name}").fill(value)
    button(page, "Estimate").click()
    seen(page, "Estimate")
    button(page, "Start the training").click()
    expect(page.locator("#run")).to_be_visible()
    page.evaluate("window.never_left = true")
    expect(page.locator("#run .chip").first).to_have_text("Done", timeout=LONG_MS)
    assert page.evaluate("window.never_left")
    seen(page, "Training")
    expect(page.locator("#run .meters")).to_contain_text(f"{wishes['max_steps']} / {wishes['max_steps']}")


def only_what_passed_may_be_tried(page: Page) -> str:
    """The new adapter's page before it is evaluated. Returns its digest."""
    expect(page.locator("#run polyline")).to_be_visible()
    page.locator("#run").get_by_role("link", name="The adapter").click()
    expect(page.get_by_text("Not evaluated yet: it cannot go live.")).to_be_visible()
    expect(button(page, "Start the trial")).to_have_count(0)
    digest = page.locator(".facts dd").first.inner_text().strip()
    assert re.fullmatch("[0-9a-f]{64}", digest)
    page.go_back()
    return digest


def order_evaluation(page: Page) -> None:
    """From the page of a training that is done."""
    expect(page.locator("#run .chip").first).to_have_text("Done")
    link(page, "Evaluate").click()
    seen(page, "Evaluations")
    button(page, "Evaluate").click()
    expect(page.locator("#evaluation")).to_be_visible(timeout=LONG_MS)


def the_verdict(page: Page) -> str:
    chip = page.locator("section", has=page.locator("#gate-title")).locator(".actions .chip")
    expect(chip).to_have_text(re.compile("Passed|Blocked"), timeout=LONG_MS)
    return chip.inner_text()


def the_gate_lets_it_through(page: Page) -> None:
    seen(page, "Gate")
    assert the_verdict(page) == "Passed", page.locator(".checks").inner_text()
    expect(page.locator(".checks .chip.bad")).to_have_count(0)
    figures = page.get_by_role("region", name="Figures")
    expect(figures.get_by_role("row", name=re.compile("^Held-out loss"))).to_contain_text("better")
    expect(page.locator("article.example")).to_have_count(10)
    picture(page, "training-evaluation.png")


def put_on_trial(page: Page) -> None:
    link(page, "Start a trial").click()
    seen(page, "Start a trial")
    page.get_by_label("Share of the conversations (%)").fill("20")
    button(page, "Start the trial").click()
    seen(page, "On trial")
    expect(page.locator("#canary")).to_contain_text("20 % of the conversations")


def promote(page: Page, digest: str) -> None:
    button(page, "Promote").click()
    expect(page.get_by_text("The adapter answers all conversations now.")).to_be_visible()
    seen(page, "Adapters")
    expect(page.locator("#canary").get_by_role("button")).to_have_count(0)
    row = page.get_by_role("row", name=re.compile(digest[:12])).first
    expect(row.locator(".chip").first).to_have_text("Answers now")


def the_gate_keeps_out(page: Page, address: str) -> None:
    """What was trained in haste was examined as well, and has no way into service."""
    page.goto(address)
    verdict = page.locator("section", has=page.locator("#gate-title")).locator(".actions .chip")
    expect(verdict).to_have_text("Blocked", timeout=LONG_MS)
    seen(page, "Gate")
    expect(link(page, "Start a trial")).to_have_count(0)
    expect(page.locator("article.example")).to_have_count(10)
    page.locator(".head").get_by_role("link").nth(1).click()
    seen(page, "Where it comes from")
    expect(button(page, "Start the trial")).to_have_count(0)


def an_analyst_looks_and_starts_nothing(page: Page, shop: Shop) -> None:
    for path in (*PAGES, "datasets/1/", "runs/2/", "evaluations/2/", "adapters/2/"):
        page.goto(f"{shop.url}/training/{path}")
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("main form[method=post]")).to_have_count(0)
