"""Catalogue, document and senders agree on every event, field and code."""

import re
import typing
from pathlib import Path

import pytest

from chatbot.conversations import events
from chatbot.widget.guard import Close

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/events.md").read_text()


def section(title: str) -> str:
    return DOCUMENT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(title: str) -> dict[str, set[str]]:
    """Type -> fields of one table."""
    found = re.findall(r"^\| `([a-z.]+)` \| ([^|]*) \|", section(title), re.MULTILINE)
    return {kind: set(re.findall(r"`([a-z_]+)`", fields)) for kind, fields in found}


def catalogue(union: object) -> dict[str, set[str]]:
    return {
        typing.get_args(event.model_fields["type"].annotation)[0]: set(event.model_fields) - {"type"}
        for event in typing.get_args(union)
    }


def test_every_event_from_the_client_is_documented_with_all_its_fields() -> None:
    assert rows("From the client") == catalogue(typing.get_args(events.ClientEvent)[0])


def test_every_event_from_the_server_is_documented_with_all_its_fields() -> None:
    assert rows("From the server") == catalogue(events.ServerEvent)


def test_every_error_code_that_is_sent_is_documented() -> None:
    shared = [ROOT / f"chatbot/conversations/{name}.py" for name in ("services", "ratings", "live/sockets", "rates")]
    sources = [*(ROOT / "chatbot/widget").glob("*.py"), *shared]
    text = "\n".join(path.read_text() for path in sources)
    sent = set(re.findall(r'(?:Refusal|renamed|super\(\).__init__)\(\s*"([a-z_]+)"', text))
    documented = set(
        re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", section("Error codes"), re.MULTILINE)))
    )
    assert len(sent) > 15
    assert sent == documented


def test_every_close_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d{4}) \|", section("Close codes"), re.MULTILINE)}
    assert documented == {int(code) for code in Close}


@pytest.mark.parametrize("kind", sorted(catalogue(events.ServerEvent)))
def test_the_frame_understands_every_event_of_the_server(kind: str) -> None:
    script = (ROOT / "chatbot/widget/static/widget/frame.js").read_text()
    if kind != "pong":  # the socket needs to hear it, nobody needs to act on it
        assert re.search(rf'^  "?{re.escape(kind)}"?(\(|: \()', script, re.MULTILINE)


@pytest.mark.parametrize("kind", sorted(catalogue(typing.get_args(events.ClientEvent)[0])))
def test_the_frame_uses_every_event_of_the_client(kind: str) -> None:
    script = (ROOT / "chatbot/widget/static/widget/frame.js").read_text()
    assert f'"{kind}"' in script
