"""The composer: drafts that wait, texts that are kept, replies that are sent once, and answers that collide."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.desk.conftest import Visit
from tests.desk.fake_desk import ME, MY_FIRST_NAME, TOM, FakeDesk, bubbles, open_, row
from tests.widget.fake_server import until

pytestmark = pytest.mark.browser


@pytest.fixture
def talk(desk: FakeDesk) -> str:
    """A conversation of this agent whose customer has asked."""
    cid = desk.conversation(1, state="agent", assignee=ME)
    desk.says(cid, "When do I get my refund?")
    return cid


def at_work(desk: FakeDesk, visit: Visit, talk: str, **options: Any) -> Page:
    page = visit(desk, f"?view=mine&conversation={talk}", **options)
    page.locator("#log .bubble").first.wait_for()
    return page


def write(page: Page, text: str) -> None:
    page.locator("#text").click()
    page.keyboard.type(text)


# --- Sending ---------------------------------------------------------------------------------------------------------
def test_ctrl_enter_sends_once_and_plain_enter_makes_a_line(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    write(page, "Five days.")
    page.keyboard.press("Enter")
    page.keyboard.type("Promised.")
    page.keyboard.press("Control+Enter")
    page.locator("#log .agent").wait_for()
    (sent,) = desk.got("reply")
    assert (sent["text"], sent["resolve"], sent["force"]) == ("Five days.\nPromised.", False, False)
    assert page.locator("#text").input_value() == ""
    expect(page.locator("#live .pending")).to_have_count(0)


def test_enter_sends_when_the_agent_wants_it_and_the_browser_remembers(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    page.get_by_role("button", name="Ctrl+Enter sends").click()
    page.get_by_role("button", name="Enter sends").wait_for()
    page.reload()
    page.locator("#log .bubble").first.wait_for()
    write(page, "two")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("lines")
    page.keyboard.press("Enter")
    until(page, lambda: bubbles(page)[-1] == "two\nlines", "the reply")


def test_enter_of_an_input_method_sends_nothing(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    page.locator("#text").fill("nihao")
    for how in ("isComposing: true", "keyCode: 229"):
        page.evaluate(
            "document.getElementById('text').dispatchEvent("
            f"new KeyboardEvent('keydown', {{ key: 'Enter', ctrlKey: true, bubbles: true, cancelable: true, {how} }}))"
        )
    assert page.locator("#text").input_value() == "nihao"
    assert desk.got("reply") == []


def test_a_text_that_is_too_long_says_by_how_much_and_is_not_sent(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    page.locator("#text").fill("x" * 4003)
    page.get_by_text("3 too long").wait_for()
    page.keyboard.press("Control+Enter")
    assert page.locator("#send").is_disabled()
    assert desk.got("reply") == []


def test_send_and_resolve_is_one_step(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    write(page, "Done.")
    page.keyboard.press("Control+Shift+Enter")
    page.locator("#do-reopen").wait_for()
    assert desk.got("reply")[0]["resolve"] is True


def test_a_reply_written_while_the_line_is_lost_goes_out_once(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    desk.silent.add("reply")  # it arrives, its answer does not
    write(page, "Only once.")
    page.keyboard.press("Control+Enter")
    page.locator("#live .pending").wait_for()
    first = desk.got("reply")[0]
    desk.silent.clear()
    desk.do_reply({**first, "ref": 10**6})
    desk.sockets[-1].close(code=4000)
    until(page, lambda: len(desk.got("hello")) == 2, "a second hello")
    page.locator("#live .pending").wait_for(state="detached")
    assert [one["text"] for one in desk.talks[talk]["messages"]].count("Only once.") == 1
    assert {one["client_id"] for one in desk.got("reply")} == {first["client_id"]}
    assert bubbles(page).count("Only once.") == 1


def test_what_was_not_sent_survives_a_reload(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    desk.silent.add("reply")
    write(page, "first")
    page.keyboard.press("Control+Enter")
    page.keyboard.type("half a sen")
    page.reload()
    desk.silent.clear()
    until(page, lambda: "first" in bubbles(page), "the reply after the reload")
    assert page.locator("#text").input_value() == "half a sen"


def test_a_lost_line_in_mid_sentence_takes_nothing(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    write(page, "half a ")
    desk.sockets[-1].close(code=4000)
    page.keyboard.type("sentence")
    until(page, lambda: len(desk.got("open")) == 2, "the conversation asked anew")
    assert page.locator("#text").input_value() == "half a sentence"
    assert page.evaluate("document.activeElement.id") == "text"


def test_texts_are_kept_for_each_conversation_and_each_tab(desk: FakeDesk, visit: Visit, talk: str) -> None:
    other = desk.conversation(2, state="agent", assignee=ME)
    page = at_work(desk, visit, talk)
    write(page, "a reply")
    page.locator("#tab-note").click()
    page.keyboard.type("a note")
    open_(page, other)
    assert page.locator("#text").input_value() == ""
    row(page, talk).get_by_text("Unsent text").wait_for()
    open_(page, talk)
    assert page.locator("#text").input_value() == "a note"
    page.locator("#tab-reply").click()
    assert page.locator("#text").input_value() == "a reply"


def test_what_the_server_refuses_says_why_and_can_be_tried_again(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.on["reply"] = lambda event: desk.refuse(event, "not_now", "Not possible now.")
    page = at_work(desk, visit, talk)
    write(page, "again, please")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Not sent: Not possible now.").wait_for()
    del desk.on["reply"]
    page.locator("#live").get_by_role("button", name="Try again").click()
    until(page, lambda: bubbles(page)[-1] == "again, please", "the reply")


# --- Collisions ---------------------------------------------------------------------------------------------------------
def collide(desk: FakeDesk, page: Page, talk: str) -> None:
    """A colleague's answer is in the record; this desk has not heard of it when the agent sends."""
    theirs = desk.says(talk, "Tomorrow, I promise.", "agent", author=TOM["name"])
    write(page, "In five days.")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Tom Okafor has just answered.").first.wait_for()
    desk.send(**theirs)
    page.locator("#collision").get_by_text("Tomorrow, I promise.").wait_for()


def test_the_second_author_is_told_who_answered_what_and_may_send_anyway(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    page = at_work(desk, visit, talk)
    collide(desk, page, talk)
    desk.send(**desk.says(talk, "Mine, from another tab", "agent", author=MY_FIRST_NAME))
    until(page, lambda: bubbles(page)[-1] == "Mine, from another tab", "it shows")
    held = page.locator("#collision").inner_text()
    assert "Tomorrow, I promise." in held and "In five days." in held and "another tab" not in held
    assert bubbles(page)[-1] != "In five days."
    page.get_by_role("button", name="Send anyway").click()
    until(page, lambda: bubbles(page)[-1] == "In five days.", "the second answer")
    first, second = desk.got("reply")
    assert (first["force"], second["force"]) == (False, True)
    assert first["client_id"] == second["client_id"]
    assert page.locator("#collision").is_hidden()


def test_a_collided_text_can_be_edited_or_dropped_and_survives_a_reload(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    page = at_work(desk, visit, talk)
    collide(desk, page, talk)
    page.reload()
    page.get_by_role("button", name="Edit").click()
    assert page.locator("#text").input_value() == "In five days."
    page.locator("#text").fill("")
    theirs = desk.says(talk, "And once more.", "agent", author=TOM["name"])
    write(page, "A third answer")
    page.keyboard.press("Control+Enter")
    page.locator("#collision").wait_for()
    desk.send(**theirs)
    page.get_by_role("button", name="Drop").click()
    page.locator("#collision").wait_for(state="hidden")
    page.locator("#live .pending").wait_for(state="detached")  # painted with the next frame


def test_an_answer_that_came_a_moment_ago_does_not_count_as_read(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    write(page, "In five days.")
    desk.send(**desk.says(talk, "Tomorrow.", "agent", author=TOM["name"]))
    page.locator("#log .agent").wait_for()
    page.keyboard.press("Control+Enter")
    page.locator("#collision").wait_for()
    assert desk.got("reply")[0]["seen_seq"] == 1


def test_a_colleague_who_types_here_is_named_and_own_typing_is_told(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    viewers = [{"person": TOM, "typing": True}, {"person": ME, "typing": False}]
    desk.send(type="viewers", conversation=talk, viewers=viewers)
    page.locator("#typing-here", has_text="Tom Okafor is typing a reply here").wait_for()
    assert page.locator("#viewers li").count() == 1
    write(page, "me too")
    until(page, lambda: [e["on"] for e in desk.got("typing")] == [True], "typing told once")
    page.keyboard.press("Control+Enter")
    until(page, lambda: [e["on"] for e in desk.got("typing")] == [True, False], "the end of typing told")


# --- The draft ------------------------------------------------------------------------------------------------------------
def test_enter_inserts_the_waiting_draft_and_the_reply_names_it(desk: FakeDesk, visit: Visit, talk: str) -> None:
    draft = desk.suggestion(talk)
    page = at_work(desk, visit, talk)
    page.locator("#draft", has_text="High confidence, 86 %").wait_for()
    page.locator("#draft .sources").get_by_text("Refunds").wait_for()
    page.locator("#text").press("Enter")
    assert page.locator("#text").input_value() == "Refunds take 5 days."
    assert page.locator("#draft").is_hidden()
    page.keyboard.type(" Promised.")
    page.keyboard.press("Control+Enter")
    page.locator("#log .agent").wait_for()
    assert [e["inserted"] for e in desk.got("suggestion.seen")] == [False, True]
    (sent,) = desk.got("reply")
    assert (sent["suggestion"], sent["text"]) == (draft["id"], "Refunds take 5 days. Promised.")


def test_a_draft_withdrawn_after_it_was_inserted_leaves_the_text_and_says_so(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    draft = desk.suggestion(talk)
    page = at_work(desk, visit, talk)
    page.get_by_role("button", name="Insert").click()
    page.keyboard.type(" Mine.")
    desk.send(**desk.says(talk, "Wait, I mean the other order"))
    desk.send(**{**draft, "state": "withdrawn"})
    page.get_by_text("The customer has written again.").first.wait_for()
    assert page.locator("#text").input_value() == "Refunds take 5 days. Mine."
    page.keyboard.press("Control+Enter")
    page.locator("#log .agent").wait_for()
    assert desk.got("reply")[0]["suggestion"] == draft["id"]


def test_a_withdrawn_draft_leaves_the_composer(desk: FakeDesk, visit: Visit, talk: str) -> None:
    draft = desk.suggestion(talk)
    page = at_work(desk, visit, talk)
    page.locator("#draft").wait_for()
    desk.send(**{**draft, "state": "withdrawn"})
    page.locator("#draft").wait_for(state="hidden")
    assert page.locator("#stale").is_hidden()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"state": "queued", "text": ""}, "Being made…"),
        ({"state": "running", "text": ""}, "Being made…"),
        ({"state": "failed", "text": "", "error": "The engine is away."}, "The engine is away."),
        ({"text": "", "citations": []}, "The documents hold no answer to this."),
        ({"confidence": 0.2, "decision": "abstain"}, "Low confidence, 20 %"),
        ({"engine": "transformers", "adapter": "a1" * 32}, f"Adapter: {'a1' * 12}"),
        ({"engine": "openai", "adapter": ""}, "Adapter: none: the base model"),
    ],
)
def test_each_state_of_a_draft_is_told(
    desk: FakeDesk, visit: Visit, talk: str, changes: dict[str, Any], says: str
) -> None:
    desk.suggestion(talk, **changes)
    page = at_work(desk, visit, talk)
    page.locator("#draft", has_text=says).wait_for()


def test_a_draft_is_made_again_with_a_wish(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.suggestion(talk)
    page = at_work(desk, visit, talk)
    page.locator("#draft").get_by_role("button", name="Shorter").click()
    page.locator("#draft").get_by_role("button", name="Offer the refund").click()
    page.locator("#draft .wish").fill("mention the holiday")
    page.locator("#draft .wish").press("Enter")
    until(page, lambda: len(desk.got("suggestion.make")) == 3, "three wishes")
    assert [e["hint"] for e in desk.got("suggestion.make")] == ["Shorter", "Offer the refund", "mention the holiday"]


def test_a_draft_is_dismissed_with_a_reason(desk: FakeDesk, visit: Visit, talk: str) -> None:
    draft = desk.suggestion(talk)
    page = at_work(desk, visit, talk)
    page.locator("#draft-dismiss").click()
    page.locator("#menu input").fill("we changed that")
    page.get_by_role("menuitem", name="It is wrong").click()
    page.locator("#draft").wait_for(state="hidden")
    (told,) = desk.got("suggestion.dismiss")
    assert (told["suggestion"], told["reason"], told["comment"]) == (draft["id"], "wrong", "we changed that")


# --- Canned replies, mentions, help ---------------------------------------------------------------------------------------
def test_a_slash_opens_canned_replies_and_enter_takes_one(desk: FakeDesk, visit: Visit, talk: str) -> None:
    desk.suggestion(talk)
    page = at_work(desk, visit, talk)
    write(page, "Hello! /")
    page.locator("#picker [role=option]").nth(1).wait_for()
    page.keyboard.press("ArrowDown")
    until(page, lambda: page.locator("#pick-1").get_attribute("aria-selected") == "true", "the second one chosen")
    page.keyboard.type("re")
    until(page, lambda: page.locator("#picker [role=option]").count() == 1, "one that fits")
    page.keyboard.press("Enter")
    assert page.locator("#text").input_value() == "Hello! You can return it within 60 days."
    page.keyboard.press("Control+Enter")
    page.locator("#log .agent").wait_for()
    assert desk.got("reply")[0]["canned"] == 5


def test_escape_closes_the_list_and_leaves_the_slash(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    write(page, "/sh")
    page.locator("#picker [role=option]").wait_for()
    page.keyboard.press("Escape")
    page.locator("#picker").wait_for(state="hidden")
    page.keyboard.type("i")
    assert page.locator("#text").input_value() == "/shi"
    assert page.locator("#picker").is_hidden()


def test_a_note_names_colleagues_and_is_no_reply(desk: FakeDesk, visit: Visit, talk: str) -> None:
    page = at_work(desk, visit, talk)
    page.keyboard.press("n")
    page.keyboard.type("Please look, @to")
    page.locator("#picker", has_text="Tom Okafor").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type("- thanks")
    page.keyboard.press("Control+Enter")
    page.locator("#log .note-item").wait_for()
    assert desk.got("note")[0]["text"] == "Please look, @tom - thanks"
    assert desk.got("reply") == []
    assert page.locator("#log .note-item .mention").inner_text() == "@tom"


def test_help_with_ones_own_text_can_be_undone_and_is_there_only_with_a_model(
    desk: FakeDesk, visit: Visit, talk: str
) -> None:
    page = at_work(desk, visit, talk)
    write(page, "No.")
    page.get_by_role("button", name="Friendlier").click()
    until(page, lambda: page.locator("#text").input_value() == "friendlier: No.", "the better text")
    page.get_by_role("button", name="Undo").click()
    assert page.locator("#text").input_value() == "No."
    desk.welcome["may_compose"] = False
    page.reload()
    page.locator("#log .bubble").first.wait_for()
    assert page.locator("#text").input_value() == "No."
    assert page.locator("#help").is_hidden()
