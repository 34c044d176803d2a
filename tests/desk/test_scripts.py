"""The desk's scripts read, not run: nothing makes HTML from text, every sentence exists, every event is known."""

import re
import typing
from pathlib import Path

import pytest

from chatbot.conversations import desk_events, desk_requests, events
from chatbot.desk.texts import texts
from tests.widget.fake_server import ROOT

SCRIPTS = sorted((ROOT / "chatbot/desk/static/desk").glob("*.js"))
SOURCE = "\n".join(script.read_text() for script in SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_html_or_code_from_text(script: Path) -> None:
    banned = r"\b(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|createContextualFragment|DOMParser|write(ln)?\(|eval|new Function|srcdoc)"
    assert not re.search(banned.replace("write(ln)?\\(", r"document\.write"), script.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_says_what_it_is_and_can_be_held_in_the_head(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= 300


def test_every_sentence_that_is_asked_for_exists() -> None:
    known = texts()
    asked = set(re.findall(r'\bt\("([\w-]+)"', SOURCE)) | set(re.findall(r'\? "([a-z]\w+)" : "', SOURCE)) & set(known)
    assert len(asked) > 120
    assert asked - set(known) == set()
    stems = set(re.findall(r"\bt\(`([a-z]+_?)\$\{", SOURCE))
    for stem in stems:
        assert any(name.startswith(stem) for name in known), stem


def test_every_action_view_and_activity_has_its_sentence() -> None:
    known = texts()
    actions = re.findall(
        r"^  (\w+): \{ key: ", (ROOT / "chatbot/desk/static/desk/actions.js").read_text(), re.MULTILINE
    )
    assert len(actions) > 20
    views = typing.get_args(desk_events.View)
    kinds = typing.get_args(desk_events.ActivityOut.model_fields["kind"].annotation)
    wanted = [f"do_{name}" for name in actions]
    wanted += [f"{stem}_{view}" for stem in ("view", "empty", "emptyHint") for view in views]
    wanted += [f"act_{kind}" for kind in kinds]
    reasons = typing.get_args(desk_requests.SuggestionDismiss.model_fields["reason"].annotation)
    wanted += [f"dismiss_{reason}" for reason in reasons]
    assert set(wanted) - set(known) == set()


def types_of(union: object) -> set[str]:
    return {typing.get_args(event.model_fields["type"].annotation)[0] for event in typing.get_args(union)}


def test_the_desk_understands_every_event_of_the_server() -> None:
    main = (ROOT / "chatbot/desk/static/desk/main.js").read_text()
    unasked = set(re.findall(r'^  "?([a-z.]+)"?(?:\(|: )', main, re.MULTILINE))
    answers = {"rows", "found", "opened", "canned", "composed", "contact", "done"}  # of requests
    forwarded = {"message", "stream.status", "stream.delta", "state", "rating"}
    assert types_of(desk_events.ToDesk) - answers <= unasked
    assert forwarded <= unasked & types_of(events.ServerEvent)


def test_the_desk_uses_every_event_it_may_send() -> None:
    for kind in types_of(typing.get_args(desk_requests.DeskEvent)[0]):
        assert f'"{kind}"' in SOURCE, kind
