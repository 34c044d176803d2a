"""The conversation: who said what and why, live; notes and activities between; thousands of messages cost nothing."""

import pytest
from playwright.sync_api import Page

from tests.desk.conftest import Visit
from tests.desk.fake_desk import ME, TOM, FakeDesk, bubbles, open_
from tests.desk.scenes import SOURCES
from tests.widget.fake_server import until

pytestmark = pytest.mark.browser


@pytest.fixture
def talk(desk: FakeDesk) -> str:
    cid = desk.conversation(1, state="agent", assignee=ME)
    desk.says(cid, "How long do refunds take?")
    return cid


def look(desk: FakeDesk, visit: Visit, talk: str) -> Page:
    page = visit(desk, f"?view=all&conversation={talk}")
    page.locator("#log .bubble").first.wait_for()
    return page


def test_a_bots_answer_shows_sources_confidence_and_why(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.says(talk, "**5 days** [1], see [7].", "bot", citations=SOURCES[:1])
    desk.says(talk, "I do not know that.", "bot", kind="abstain")
    card = {
        "seq": 2,
        "decision": "answer",
        "confidence": 0.5,
        "engine": "extractive",
        "adapter": "",
        "index_version": "9f",
    }
    desk.talks[talk]["answers"] = [card]
    page = look(desk, visit, talk)
    answer = page.locator("[data-seq='2']")
    assert answer.locator("strong").inner_text() == "5 days"
    assert "[7]" in answer.inner_text(), "a number without a source stays text"
    answer.get_by_role("button", name="Source 1: Refunds").click()
    passage = page.locator("#passage")
    passage.get_by_text("within 5 working days").wait_for()
    assert passage.locator("a").get_attribute("href") == "http://desk.parley.test/p/1"
    page.keyboard.press("Escape")
    answer.get_by_text("Medium confidence, 50 %").wait_for()
    answer.get_by_text("Why this answer").click()
    assert answer.locator(".why dd").all_inner_texts() == ["Answered from the documents", "50 %", "extractive", "9f"]
    page.locator("[data-seq='3']", has_text="Did not know").wait_for()


@pytest.mark.parametrize(
    ("engine", "adapter", "says"),
    [("transformers", "a1" * 32, "a1" * 32), ("openai", "", "none: the base model"), ("extractive", "", "")],
)
def test_every_answer_of_a_model_names_its_adapter_or_the_base_model(
    desk: FakeDesk, visit: Visit, talk: str, engine: str, adapter: str, says: str
) -> None:
    desk.says(talk, "5 days.", "bot")
    card = {"seq": 2, "decision": "answer", "confidence": 0.9, "engine": engine, "adapter": adapter,
            "index_version": ""}  # fmt: skip
    desk.talks[talk]["answers"] = [card]
    answer = look(desk, visit, talk).locator("[data-seq='2']")
    answer.get_by_text("Why this answer").click()
    assert answer.locator(".why dd").all_inner_texts()[3:] == ([says] if says else [])


def test_why_is_asked_for_when_an_answer_came_live(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = look(desk, visit, talk)
    desk.send(**desk.says(talk, "5 days.", "bot"))
    page.locator("[data-seq='2']").wait_for()
    card = {"seq": 2, "decision": "answer", "confidence": 0.9, "engine": "mock", "adapter": "a1", "index_version": ""}
    desk.talks[talk]["answers"] = [card]
    page.locator("[data-seq='2']").get_by_text("Why this answer").click()
    page.locator(".why dd", has_text="mock").wait_for()
    assert desk.got("open")[-1]["last_seq"] == 1


def test_notes_activities_and_messages_stand_where_they_happened(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.activity(talk, "handoff", actor=None, reason="asked")
    desk.note(talk, "Look, @mia")
    desk.says(talk, "Hello?")
    desk.activity(talk, "tags", before=[], after=["refund", "vip"])
    desk.activity(talk, "rated", actor=None, value=4, comment="quick")
    page = look(desk, visit, talk)
    lines = [text.split("\n")[0] for text in page.locator("#log > li:not(.day):not(.unread-line)").all_inner_texts()]
    note = page.locator("#log .note-item")
    assert [index for index, line in enumerate(lines) if "Handed over to people" in line] == [1]
    assert page.locator("#log > li:not(.day):not(.unread-line)").nth(2).get_attribute("class") == note.get_attribute(
        "class"
    )
    assert "Tom Okafor set the tags: refund, vip" in page.locator(".activity").nth(1).inner_text()
    assert "rated the conversation 4 of 5: quick" in page.locator(".activity.rated").inner_text()
    assert page.locator(".activity.rated .stars .on").count() == 4


def test_the_bots_words_appear_as_they_are_written(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = look(desk, visit, talk)
    desk.send(type="stream.status", conversation=talk, job=7, attempt=1, stage="searching")
    page.get_by_text("Searching the documents…").wait_for()
    desk.send(type="stream.delta", conversation=talk, job=7, attempt=1, offset=0, text="Sixty 👟 ")
    desk.send(type="stream.delta", conversation=talk, job=7, attempt=1, offset=8, text="days.")
    page.locator(".stream").get_by_text("Sixty 👟 days.").wait_for()
    desk.send(**desk.says(talk, "Sixty days.", "bot", job=7))
    page.locator(".stream").wait_for(state="detached")
    assert bubbles(page)[-1] == "Sixty days."


def test_a_gap_is_asked_for_and_events_of_other_conversations_are_dropped(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    other = desk.conversation(2)
    page = look(desk, visit, talk)
    desk.send(**desk.says(other, "from elsewhere"))
    desk.says(talk, "lost on the way")
    desk.send(**desk.says(talk, "came through"))
    until(page, lambda: bubbles(page)[1:] == ["lost on the way", "came through"], "both, in order")
    assert "from elsewhere" not in page.locator("#log").inner_text()


def test_a_rating_seen_and_typing_show_at_once(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.says(talk, "5 days.", "agent", author=TOM["name"])
    page = look(desk, visit, talk)
    desk.send(type="customer.seen", conversation=talk, seq=2, online=False)
    page.locator("[data-seq='2']", has_text="Seen").wait_for()
    assert page.locator("#who").get_by_text("Not online").count() == 1
    desk.send(type="rating", conversation=talk, seq=2, value=1)
    page.locator("[data-seq='2'] [aria-label='The customer found this helpful']").wait_for()
    desk.send(type="customer.typing", conversation=talk, on=True)
    page.get_by_text("The customer is typing…").wait_for()
    desk.send(**desk.says(talk, "Thanks"))
    page.get_by_text("The customer is typing…").wait_for(state="detached")


def test_what_went_by_email_is_marked(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.says(talk, "We have found it.", "agent", author=ME["name"])
    desk.says(talk, "Great, thanks!", via="email")
    desk.talks[talk].update(emailed_seq=2, customer_seen_seq=1)
    page = look(desk, visit, talk)
    page.locator("[data-seq='2']", has_text="sent by e-mail").wait_for()
    page.locator("[data-seq='3']", has_text="by e-mail").wait_for()


def test_why_it_was_handed_over_stands_above(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.rows[talk]["reason"] = "abstained"
    desk.talks[talk]["summary"] = "Asked about refunds twice."
    page = look(desk, visit, talk)
    page.locator("#summary summary", has_text="the bot did not know").click()
    page.get_by_text("Asked about refunds twice.").wait_for()


def test_two_thousand_messages_open_at_the_end_and_grow_upwards(desk: FakeDesk, visit: Visit) -> None:
    talk = desk.conversation(1)
    for number in range(1, 2001):
        desk.says(talk, f"message {number}", "customer" if number % 2 else "bot")
    page = visit(desk)
    open_(page, talk)
    page.locator("[data-seq='2000']").wait_for()
    assert page.locator("#log > li").count() < 120
    assert page.locator("#scroll").evaluate("(e) => e.scrollHeight - e.scrollTop - e.clientHeight") < 5
    seen = page.locator("[data-seq='1941']")
    page.locator("#scroll").evaluate("(e) => { e.scrollTop = 0 }")
    page.locator("[data-seq='1881']").wait_for()
    box = seen.bounding_box()
    assert box is not None and -100 < box["y"] < 860, "what one was reading stays in sight"
    desk.send(**desk.says(talk, "something new"))
    page.locator("#latest").click()
    page.get_by_text("something new").last.wait_for()


def test_new_words_of_the_customer_are_read_out(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = look(desk, visit, talk)
    assert page.locator("#say").inner_text() == ""
    desk.send(**desk.says(talk, "Are you there?"))
    until(page, lambda: page.locator("#say").inner_text().strip() == "Customer 1: Are you there?", "an announcement")


def test_the_panel_shows_who_the_customer_is_and_leads_to_earlier_conversations(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    earlier = desk.conversation(2, state="resolved")
    desk.says(earlier, "an old question")
    desk.contacts[talk] = {
        "email": "a@b.test", "email_verified": False, "external_id": "C-1", "context": {"plan": "gold", "vip": True},
        "pages": [{"url": "https://shop.test/returns", "title": "Returns", "seen_at": "2026-11-24T09:00:00+00:00"}],
        "past": [{"conversation": earlier, "state": "resolved", "preview": "an old question", "last_message_at": None, "rating": 4}],
    }  # fmt: skip
    page = look(desk, visit, talk)
    panel = page.locator("#panel")
    panel.get_by_text("not verified").wait_for()
    text = panel.inner_text()
    assert all(part in text for part in ("C-1", "gold", "yes", "shop.test/returns", "an old question"))
    assert panel.get_by_role("link", name="Returns").get_attribute("rel") == "noopener noreferrer"
    panel.get_by_role("button", name="an old question").click()
    page.locator("#log .bubble", has_text="an old question").wait_for()


def test_a_customer_without_anything_has_a_panel_that_says_so(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = look(desk, visit, talk)
    page.locator("#panel").get_by_text("No pages were recorded.").wait_for()
    page.locator("#panel").get_by_text("This is the first one.").wait_for()


def test_a_message_that_changes_where_it_stands_is_shown_anew_and_what_follows_after_it(
    desk: FakeDesk, visit: Visit
) -> None:
    """The customer reads and writes at once: what was seen moves on while a newer message comes."""
    cid = desk.conversation(1, state="agent", assignee=ME)
    desk.says(cid, "When do I get my refund?")
    desk.says(cid, "In five days.", "agent", author=ME["name"])
    page = visit(desk, f"?view=mine&conversation={cid}")
    page.locator("#log .agent").wait_for()
    desk.send(type="customer.seen", conversation=cid, seq=2, online=True)
    desk.send(type="rating", conversation=cid, seq=2, value=1)
    desk.send(**desk.says(cid, "Thank you!"))
    until(page, lambda: bubbles(page)[-1] == "Thank you!", "the new message")
    desk.send(type="customer.seen", conversation=cid, seq=2, online=False)
    desk.send(**desk.says(cid, "One more thing."))
    until(page, lambda: bubbles(page)[-2:] == ["Thank you!", "One more thing."], "the order of the record")
