"""The desk's catalogues, `docs/events.md` and the senders agree on every event, field, part and code."""

import re
import typing
from pathlib import Path

import pytest

from chatbot.conversations import desk_events, desk_requests, events
from chatbot.desk import consumers
from tests.widget.test_events_document import catalogue, rows, section

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "a row": desk_events.RowOut,
    "a person": desk_events.PersonOut,
    "a viewer": desk_events.ViewerOut,
    "an inbox": desk_events.InboxOut,
    "a team": desk_events.TeamOut,
    "a tag": desk_events.TagOut,
    "an answer": desk_events.AnswerOut,
    "a canned reply": desk_events.CannedOut,
    "a page": desk_events.PageViewOut,
    "a past conversation": desk_events.PastOut,
}
SENDERS = (
    "chatbot/desk/actions.py",
    "chatbot/desk/consumers.py",
    "chatbot/conversations/handling.py",
    "chatbot/conversations/drafts/suggestions.py",
    "chatbot/conversations/live/sockets.py",
    "chatbot/conversations/drafts/composing.py",
)
DESK_REQUESTS = catalogue(typing.get_args(desk_requests.DeskEvent)[0])


def test_every_event_from_the_desk_is_documented_with_all_its_fields() -> None:
    found = re.findall(r"^\| `([a-z._]+)` \| ([^|]*) \|", section("From the desk"), re.MULTILINE)
    documented = {kind: set(re.findall(r"`([a-z_]+)`", fields)) for kind, fields in found}
    assert documented == DESK_REQUESTS


def test_every_event_to_the_desk_is_documented_with_all_its_fields() -> None:
    assert rows("To the desk") == catalogue(desk_events.ToDesk)


def test_every_part_is_documented_with_all_its_fields() -> None:
    written = dict(re.findall(r"^\| (an? [a-z ]+) \| (.*) \|$", section("To the desk"), re.MULTILINE))
    found = {name: set(re.findall(r"`([a-z_]+)`", fields)) for name, fields in written.items()}
    assert found == {name: set(part.model_fields) for name, part in PARTS.items()}


def test_every_public_event_is_forwarded_and_documented_or_for_the_customer_alone() -> None:
    broadcast = {typing.get_args(event.model_fields["type"].annotation)[0] for event in events.BROADCAST}
    forwarded = set(re.findall(r"`([a-z.]+)`", section("Forwarded to the desk"))) - {"conversation", "seq"}
    assert forwarded == broadcast - consumers.FOR_THE_CUSTOMER
    assert broadcast > consumers.FOR_THE_CUSTOMER


def test_every_error_code_that_a_desk_can_be_sent_is_documented() -> None:
    sent = _codes(*SENDERS) - {"too_many_connections"}  # counted on customers' sockets only
    beneath = sent | _codes("chatbot/conversations/services.py", "chatbot/conversations/refusals.py")
    column = "\n".join(re.findall(r"^\| (`[^|]*) \|", section("Desk error codes"), re.MULTILINE))
    documented = set(re.findall(r"`([a-z_]+)`", column))
    assert len(sent) > 12
    assert sent <= documented <= beneath
    assert {"empty_message", "message_too_long"} <= documented


def _codes(*paths: str) -> set[str]:
    text = "\n".join((ROOT / path).read_text() for path in paths)
    return set(re.findall(r'(?:Refusal|renamed)\(\s*"([a-z_]+)"', text))


@pytest.mark.parametrize("kind", sorted(DESK_REQUESTS))
def test_the_desks_page_uses_every_event_it_may_send(kind: str) -> None:
    folders = [ROOT / "chatbot/desk/static/desk", ROOT / "chatbot/static/shared"]
    scripts = "\n".join(path.read_text() for folder in folders for path in folder.glob("*.js"))
    assert f'"{kind}"' in scripts
