"""What a customer does on the shop's page: open the chat, ask, read."""

import time
from dataclasses import dataclass

from playwright.sync_api import Frame, Page

from tests.faults.stack import Process, Stack, wait_for_port

QUESTION = "How long do I have to send back shoes I have worn?"
ANSWER = "within 30 days of delivery"
PATIENCE_MS = 60_000


@dataclass
class Shop:
    """One server process and where it listens."""

    stack: Stack
    server: Process
    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        self.server.start()
        wait_for_port(self.port, seconds=200)


def chat(page: Page) -> Frame:
    """Open the chat, unless the page has done so; returns its frame once it shows the greeting."""
    launcher = page.locator("parley-widget button")
    launcher.wait_for()
    if launcher.get_attribute("aria-expanded") != "true":
        launcher.click()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for frame in page.frames:
            if "/widget/frame/" in frame.url:
                frame.locator("#log li").first.wait_for()
                return frame
        page.wait_for_timeout(20)
    raise TimeoutError("the chat's frame never came")


def ask(frame: Frame, text: str) -> None:
    frame.fill("#text", text)
    frame.press("#text", "Enter")


def answered(frame: Frame, text: str) -> None:
    """Wait until a finished bot message says `text`."""
    frame.locator("#log .bot:not(.greeting)", has_text=text).first.wait_for(timeout=PATIENCE_MS)


def counts(frame: Frame) -> tuple[int, int]:
    """(customer messages, bot messages without the greeting) in the record shown."""
    return frame.locator("#log .customer").count(), frame.locator("#log .bot:not(.greeting)").count()
