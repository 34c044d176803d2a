"""Each tool's record becomes the same kind of conversation, and the format is recognised by itself."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from chatbot.conversations.history import formats, reading
from chatbot.conversations.history.plain_text import text_of
from chatbot.conversations.history.records import ImportedConversation, Unusable
from tests.conversations.history.exports import CHATWOOT, INTERCOM, PARLEY, ZENDESK


def one(record: dict[str, Any], *, format_: str = "auto") -> ImportedConversation:
    return formats.parse(record, format_=format_)


def said(conversation: ImportedConversation) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in conversation.messages]


def zendesk_tickets() -> list[Any]:
    return reading._inside(ZENDESK)


def test_parleys_own_format_keeps_sources_thumbs_and_ratings() -> None:
    found = one(PARLEY)
    assert (found.source, found.key, found.language, found.tags) == ("parley", "p-1", "en", ("boots",))
    assert [role for role, _text in said(found)] == ["customer", "bot", "agent"]
    assert found.messages[1].citations[0].url == "/products/cairn-2"
    assert found.messages[1].thumb == 1
    assert found.messages[1].answer["confidence"] == 0.8
    assert found.messages[2].author.name == "Lena"
    assert found.rating is not None
    assert (found.rating.value, found.rating.comment) == (5, "Quick")


def test_what_was_done_inside_becomes_a_note_at_its_place() -> None:
    (note,) = one(PARLEY).notes
    assert (note.text, note.after) == ("Looked up the order.", 2)


def test_chatwoot_is_put_in_order_and_bots_and_people_are_told_apart() -> None:
    found = one(CHATWOOT)
    assert found.source == "chatwoot"
    assert said(found) == [
        ("customer", "My soles came off"),
        ("bot", "Please wait"),
        ("agent", "<b>sorry</b>"),
    ]
    assert [note.text for note in found.notes] == ["Angry, be kind"]
    assert (found.state, found.priority, found.tags) == ("agent", 1, ("returns",))
    assert (found.contact.key, found.contact.email) == ("chatwoot:7", "ana@example.test")
    assert found.assignee.email == "mia@shop.test"
    assert found.rating is not None
    assert (found.rating.value, found.rating.comment) == (2, "slow")
    assert found.page_url == "https://shop.test/boots"


def test_the_answer_of_chatwoots_messages_endpoint_is_one_conversation() -> None:
    payload = [{**message, "conversation_id": 12} for message in CHATWOOT["messages"]]
    (record,) = reading._inside({"meta": {"labels": ["returns"], "contact_id": 7}, "payload": payload})
    found = one(dict(record))
    assert (found.key, found.contact.key, found.contact.name) == ("12", "chatwoot:7", "Ana")
    assert len(found.messages) == 3


def test_zendesk_takes_names_from_the_users_beside_the_tickets() -> None:
    first, second = (one(dict(ticket)) for ticket in zendesk_tickets())
    assert said(first) == [
        ("customer", "It has not moved."),
        ("agent", "We search."),
        ("notice", "Ticket closes soon."),
    ]
    assert first.messages[1].author.email == "mia@shop.test"
    assert [note.text for note in first.notes] == ["Carrier called."]
    assert (first.state, first.priority, first.subject) == ("resolved", 2, "Where is my parcel?")
    assert (first.contact.name, first.contact.email) == ("Bo", "bo@example.test")
    assert first.rating is not None
    assert (first.rating.value, first.rating.comment) == (1, "too slow")
    assert said(second) == [("customer", "Hello?")]
    assert second.state == "waiting"


def test_intercoms_html_is_text_and_its_notes_stay_inside() -> None:
    found = one(INTERCOM)
    assert said(found) == [
        ("customer", "Which size?\nI wear 42."),
        ("bot", "Half a size up."),
        ("agent", "Take 42.5"),
    ]
    assert [note.text for note in found.notes] == ["Wide feet!"]
    assert (found.state, found.priority, found.tags, found.subject) == ("resolved", 1, ("sizes",), "Size")
    assert (found.contact.key, found.contact.name) == ("intercom:c1", "Cy")
    assert found.rating is not None
    assert found.rating.value == 4


def test_a_text_that_an_admin_wrote_while_assigning_never_becomes_public() -> None:
    part = {"id": "7", "part_type": "assignment", "body": "<p>Difficult customer</p>", "author": {"type": "admin"}}
    found = one({**INTERCOM, "conversation_parts": {"conversation_parts": [part]}})
    assert "Difficult customer" not in [text for _role, text in said(found)]
    assert [note.text for note in found.notes] == ["Difficult customer"]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({}, "no conversation in a format that is known"),
        ({"conversation_id": "1", "messages": []}, "no public message"),
        ({"conversation_id": "1", "messages": [{"role": "wizard", "text": "hi"}]}, "role 'wizard'"),
        ({"conversation_id": "", "messages": [{"role": "customer", "text": "hi"}]}, "no id"),
        ({"conversation_id": "1", "messages": [{"role": "customer", "text": "  "}]}, "no public message"),
    ],
)
def test_a_record_that_is_no_use_says_why(record: dict[str, Any], says: str) -> None:
    with pytest.raises(Unusable, match=says):
        one(record)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.test/x", "data:text/html,x", "/\\evil.test", "http:x"])
def test_an_address_that_no_link_may_lead_to_is_dropped(url: str) -> None:
    bot = {"role": "bot", "text": "x", "citations": [{"number": 1, "title": "t", "text": "t", "url": url}]}
    found = one({"conversation_id": "1", "messages": [bot], "page_url": url})
    assert found.messages[0].citations[0].url == ""
    assert found.page_url == ""


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Hi</p><script>alert(1)</script><style>p{}</style>", "Hi"),
        ("a<br>b<ul><li>c<li>d</ul>", "a\nb\n\n- c\n- d"),
        ("&lt;b&gt; &amp; x", "<b> & x"),
        ('<a href="https://x.test/">here</a> <a href="javascript:x">bad</a>', "here (https://x.test/) bad"),
        ("<script>never closed", ""),
        ("<img src=x onerror=alert(1)>photo", "photo"),
    ],
)
def test_html_becomes_plain_text(markup: str, text: str) -> None:
    assert text_of(markup) == text


FULL: dict[str, Any] = {
    **PARLEY,
    "contact": {"id": 1, "name": "Ana", "email": "a@b.test", "context": {"orders": 3}},
    "notes": [{"text": "n", "author": {"name": "Lena"}, "after": 1}],
    "suggestions": [
        {"trigger": "1", "text": "t", "outcome": "light", "sent": "2", "edit_distance": 0.2, "confidence": 0.4,
         "created_at": "2026-01-01", "citations": [{"number": 1, "title": "a", "text": "b"}]}
    ],
    "snoozed_until": "2030-01-01",
    "priority": 1,
}  # fmt: skip
STRANGE: list[Any] = [None, True, 1e308, 10**400, -5, "x", "9" * 400, "²", [], {}, [[]], [None], {"id": []}]


def places(value: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a record, however deep."""
    yield so_far
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield from places(one, (*so_far, name))


def put(record: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(record)
    spot = changed
    for name in place[:-1]:
        spot = spot[name]
    spot[place[-1]] = value
    return changed


@pytest.mark.parametrize(
    "record", [FULL, CHATWOOT, ZENDESK, INTERCOM], ids=["parley", "chatwoot", "zendesk", "intercom"]
)
def test_a_wrong_type_in_any_place_breaks_no_parser(record: dict[str, Any]) -> None:
    for place in list(places(record))[1:]:
        for value in STRANGE:
            for found in reading._unwrapped(1, put(record, place, value)):
                try:
                    if isinstance(found, reading.Found):
                        one(dict(found.record))
                except Unusable as error:
                    assert str(error)
