"""Two agents and three customers at once, in real browsers against the real server."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Locator, Page

from tests.browser.shop import ANSWER, QUESTION, Shop, answered, ask, chat
from tests.browser.test_first_question import picture
from tests.faults.stack import Stack

pytestmark = pytest.mark.browser
PATIENCE_MS = 20_000
OFFLINE = "ERR_INTERNET_DISCONNECTED"  # what a browser says of a line that a test has cut
PASSWORD = "two-agents-at-once"
SECOND_AGENT = f"""
from chatbot.accounts.models import User
mei = User.objects.get(username="mei")
mei.set_password("{PASSWORD}")
mei.save()
"""
SAMPLE = Path(__file__).parents[2] / "chatbot/knowledge/sample/conversations.jsonl"
HOSTILE = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def logins(slow_shop: Shop) -> dict[str, str]:
    """Passwords by user name; `mei` is the second agent."""
    stack: Stack = slow_shop.stack
    file = Path(stack.environment["DATA_DIR"]) / "demo-logins.json"
    while not file.exists():
        time.sleep(0.1)
    stack.manage("shell", "-c", SECOND_AGENT)
    return {**json.loads(file.read_text()), "mei": PASSWORD}


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Pages of people who share nothing; a failed script or a broken rule of the page's policy fails the test."""
    contexts = []
    wrong: list[str] = []

    def make(width: int = 1280) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": 860}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(f"{page.url} {error.stack or error}"))
        page.on(
            "console",
            lambda said: wrong.append(said.text) if said.type == "error" and OFFLINE not in said.text else None,
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert wrong == []


def customer(new_page: NewPage, shop: Shop) -> Frame:
    page = new_page()
    page.goto(shop.url)
    return chat(page)


def desk(new_page: NewPage, shop: Shop, name: str, password: str, *, width: int = 1280) -> Page:
    page = new_page(width)
    page.goto(f"{shop.url}/desk/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.locator("#rows .row").first.wait_for(timeout=PATIENCE_MS)
    return page


def view(page: Page, name: str) -> None:
    page.locator("#view-switch").click()
    page.locator("#menu").get_by_role("menuitemradio", name=re.compile(name)).or_(
        page.locator("#menu button", has_text=name)
    ).first.click()


def row(page: Page, text: str) -> Locator:
    return page.locator("#rows .row", has_text=text).first


def read(frame: Frame, selector: str, text: str | re.Pattern[str]) -> None:
    frame.locator(selector, has_text=text).first.wait_for(timeout=PATIENCE_MS)


def said(page: Page, text: str) -> Locator:
    """A message of the open conversation that is in the record."""
    return page.locator("#log li", has_text=text).first


def send(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.press("#text", "Control+Enter")


def give_back(page: Page) -> None:
    page.locator("#do-more").click()
    page.locator("#menu button", has_text="Give back to the bot").click()


def test_two_agents_and_three_customers_at_once(new_page: NewPage, slow_shop: Shop, logins: dict[str, str]) -> None:
    alex = desk(new_page, slow_shop, "agent", logins["agent"])
    mei = desk(new_page, slow_shop, "mei", logins["mei"])
    ann, ben, cem = (customer(new_page, slow_shop) for _ in range(3))

    # The first asks for a person and stands in line; both agents see it come.
    ask(ann, "My tent of order 4711 is torn")
    ann.locator("#person").click()
    read(ann, "#queue strong", re.compile("You are"))
    ask(ann, "I am Ann, please help")
    for agent in (alex, mei):
        row(agent, "I am Ann, please help").wait_for(timeout=PATIENCE_MS)
        row(agent, "I am Ann, please help").click()
        said(agent, "My tent of order 4711 is torn").wait_for(timeout=PATIENCE_MS)
    mei.locator("#viewers li", has_text="Alex").wait_for(timeout=PATIENCE_MS)

    # One takes over: the customer and the colleague read the name.
    alex.locator("#do-take").click()
    read(ann, "#log .notice", "Alex has joined")
    ann.locator("#queue").wait_for(state="hidden", timeout=PATIENCE_MS)
    mei.locator("#who", has_text="Alex").wait_for(timeout=PATIENCE_MS)

    # Both write. The first that is sent wins; the second author is told and keeps the text.
    mei.locator("#text").press_sequentially("The workshop mends it.")
    alex.locator("#typing-here", has_text="梅").wait_for(timeout=PATIENCE_MS)
    mei.context.set_offline(True)
    send(mei, "The workshop mends it.")
    send(alex, "We send you a new one.")
    read(ann, "#log .agent", "We send you a new one.")
    mei.context.set_offline(False)
    mei.locator("#collision", has_text="Alex").wait_for(timeout=PATIENCE_MS)
    assert "The workshop mends it." in mei.locator("#live").inner_text() + mei.input_value("#text")
    assert ann.locator("#log .agent", has_text="The workshop").count() == 0

    # The second is answered by the bot while an agent watches.
    view(alex, "With the bot")
    ask(ben, QUESTION)
    row(alex, QUESTION).click(timeout=PATIENCE_MS)
    alex.locator("#live .stream .bubble").wait_for(timeout=PATIENCE_MS)
    alex.locator("#log .bot", has_text=ANSWER).wait_for(timeout=PATIENCE_MS)
    answered(ben, ANSWER)

    # The third is taken over and given back; then the bot answers again.
    ask(cem, f"{QUESTION} I am Cem.")
    row(alex, "I am Cem.").click(timeout=PATIENCE_MS)
    said(alex, "I am Cem.").wait_for(timeout=PATIENCE_MS)
    alex.locator("#do-take").click()
    read(cem, "#log .notice", "Alex has joined")
    give_back(alex)
    read(cem, "#log .notice", "talking to the assistant again")
    before = cem.locator("#log .bot:not(.greeting)").count()
    ask(cem, QUESTION)
    cem.locator("#log .bot:not(.greeting)").nth(before).wait_for(timeout=PATIENCE_MS)

    # Resolved, rated, and the stars are on both desks.
    view(alex, "Mine")
    row(alex, "We send you a new one.").click()
    alex.locator("#do-resolve").click()
    ann.locator("#rating label").nth(3).click()
    ann.fill("#rating-comment", "quick")
    ann.locator("#rating button.solid").click()
    for agent in (alex, mei):
        agent.locator("#log .stars").wait_for(timeout=PATIENCE_MS)
        assert agent.locator("#log .stars .on").count() == 4


def test_scripts_in_messages_and_page_titles_run_nowhere(
    new_page: NewPage, slow_shop: Shop, logins: dict[str, str]
) -> None:
    page = new_page()
    tag = "<script async src='/widget/loader.js' data-inbox='pk_sample_company'></script>"
    title = HOSTILE.replace("<", "&lt;")
    body = f"<!doctype html><title>{title}</title>{tag}"
    page.route("**/hostile", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(f"{slow_shop.url}/hostile")
    frame = chat(page)
    ask(frame, f"Hostile words {HOSTILE}")
    frame.locator("#person").click()
    frame.locator("#queue strong").wait_for(timeout=PATIENCE_MS)
    ask(frame, f"More {HOSTILE}")
    agent = desk(new_page, slow_shop, "agent", logins["agent"])
    row(agent, "More <img").click()
    said(agent, "Hostile words <img src=x").wait_for(timeout=PATIENCE_MS)
    if not agent.locator("#panel").is_visible():
        agent.locator("#panel-switch").click()
    agent.locator("#panel-body", has_text="<img src=x").wait_for(timeout=PATIENCE_MS)
    assert agent.locator("#desk img, #desk script").count() == 0
    assert "Desk" in agent.title()
    assert "run" not in agent.title()


def one_who_waits() -> str:
    """How the newest message begins of somebody who waits, was answered by the bot before, and has a draft."""
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        talk = json.loads(line)
        drafted = any(draft.get("state") == "ready" for draft in talk.get("suggestions", []))
        said = [message for message in talk["messages"] if message["role"] in ("customer", "bot")]
        if (
            talk["kind"] == "waiting"
            and talk["lang"] == "en"
            and drafted
            and {one["role"] for one in said} == {"bot", "customer"}
        ):
            return str(said[-1]["text"])[:40]
    raise LookupError("Nobody in the sample waits with a draft.")


def test_the_desk_has_something_to_show(new_page: NewPage, slow_shop: Shop, logins: dict[str, str]) -> None:
    agent = desk(new_page, slow_shop, "agent", logins["agent"], width=1600)
    row(agent, one_who_waits()).click()
    agent.locator("#log .bot").first.wait_for(timeout=PATIENCE_MS)
    agent.locator("#draft").wait_for(timeout=PATIENCE_MS)
    picture(agent, "desk.png")
