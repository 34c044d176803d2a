"""The page that exports: who may, what comes out, that it is streamed, harmless in a spreadsheet and written down."""

import csv
import io
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chatbot.accounts.models import AuditEntry
from chatbot.conversations import services
from chatbot.conversations.history import tables
from chatbot.conversations.models import Conversation, ConversationRating
from tests import factories
from tests.knowledge.conftest import client_of

pytestmark = pytest.mark.django_db

CHOICE = {"what": "conversations", "file": "csv"}


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


def address() -> str:
    return reverse("desk:export")


def text_of(response: Any) -> str:
    """What a browser would get. Django's server takes the pieces one by one, and so does this."""
    assert isinstance(response, StreamingHttpResponse)

    async def collect() -> str:
        return b"".join([piece async for piece in response]).decode()

    return async_to_sync(collect)()


def rows_of(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(response).removeprefix(tables.BYTE_ORDER_MARK))))


def asked(text: str = "How long do refunds take?", **contact: Any) -> Conversation:
    conversation = factories.conversation(contact=factories.contact(**contact) if contact else None)
    factories.posted(conversation, text)
    return conversation


@pytest.mark.parametrize(
    ("role", "get", "post"),
    [("anonymous", 302, 302), ("agent", 403, 403), ("analyst", 200, 200), ("admin", 200, 200)],
)
def test_only_roles_that_may_export_get_through(role: str, get: int, post: int) -> None:
    asked()
    client = client_of(role)
    assert client.get(address()).status_code == get
    assert client.post(address(), CHOICE).status_code == post
    assert AuditEntry.objects.filter(action="conversations.export").count() == (1 if post == 200 else 0)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_offered(method: str) -> None:
    assert getattr(client_of("admin"), method)(address()).status_code == 405


def test_a_form_from_another_site_exports_nothing() -> None:
    assert client_of("admin", enforce_csrf_checks=True).post(address(), CHOICE).status_code == 403
    assert not AuditEntry.objects.filter(action="conversations.export").exists()


def test_looking_at_the_page_is_no_export() -> None:
    client_of("analyst").get(address())
    assert not AuditEntry.objects.exists()


def test_a_table_has_one_row_a_message_and_no_names() -> None:
    conversation = asked("Hello there", name="Ana", email="ana@example.test")
    (row,) = rows_of(client_of("analyst").post(address(), CHOICE))
    assert (row["conversation"], row["number"], row["role"], row["text"]) == (
        str(conversation.public_id),
        "1",
        "customer",
        "Hello there",
    )
    assert row["contact"].startswith("pseudonym-")


def test_names_come_only_when_they_are_asked_for_and_the_log_says_so() -> None:
    asked(name="Ana", email="ana@example.test")
    (row,) = rows_of(client_of("admin").post(address(), {**CHOICE, "contacts": "on"}))
    assert row["contact"] == "Ana"
    assert AuditEntry.objects.get(action="conversations.export").detail["contacts"] is True


@pytest.mark.parametrize(
    "text",
    ['=HYPERLINK("http://evil.test")', "+1+1", "-2+3", "@SUM(A1)", "|cmd", "＝1+1", "  =1+1", "%0A=1"],
)
def test_a_cell_that_looks_like_a_formula_is_made_harmless(text: str) -> None:
    asked(text)
    (row,) = rows_of(client_of("admin").post(address(), CHOICE))
    assert row["text"].startswith("'")
    assert row["text"][1:].strip() == text.strip()


def test_a_name_is_made_harmless_too() -> None:
    asked(name="=cmd|' /C calc'!A0")
    (row,) = rows_of(client_of("admin").post(address(), {**CHOICE, "contacts": "on"}))
    assert row["contact"].startswith("'=")


def test_the_complete_file_is_one_json_object_a_line() -> None:
    asked("one")
    asked("two")
    response = client_of("admin").post(address(), {**CHOICE, "file": "jsonl"})
    lines = text_of(response).splitlines()
    assert [json.loads(line)["messages"][0]["text"] for line in lines] == ["one", "two"]
    assert response["Content-Disposition"].endswith('.jsonl"')
    assert response["Cache-Control"] == "no-store"


def test_ratings_are_a_table_with_who_asked_and_when() -> None:
    conversation, mia = asked(), factories.user(username="mia", first_name="Mia")
    now = timezone.now()
    ConversationRating.objects.create(
        conversation=conversation, asked_at=now, value=2, comment="=bad", rated_at=now, agent=mia
    )
    ConversationRating.objects.create(conversation=asked(), asked_at=now)
    asked()
    first, second = rows_of(client_of("analyst").post(address(), {**CHOICE, "what": "ratings", "file": "jsonl"}))
    assert (first["value"], first["comment"], first["agent"]) == ("2", "'=bad", "Mia")
    assert (second["value"], second["rated"]) == ("", "")
    assert AuditEntry.objects.get(action="ratings.export").detail["rows"] == 2


def test_the_audit_line_states_filter_and_rows() -> None:
    conversation = asked()
    services.ask_person(conversation_id=conversation.pk)
    asked()
    today = timezone.localdate().isoformat()
    chosen = {**CHOICE, "state": "waiting", "inbox": conversation.inbox_id, "since": today, "until": today}
    rows = rows_of(client_of("analyst").post(address(), chosen))
    assert {row["conversation"] for row in rows} == {str(conversation.public_id)}
    entry = AuditEntry.objects.get(action="conversations.export")
    assert entry.detail == {
        "since": today, "until": today, "inbox": conversation.inbox_id, "state": "waiting", "rows": 1,
        "contacts": False, "format": "csv",
    }  # fmt: skip
    assert (entry.target, entry.address) == ("conversations", "127.0.0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": "passwords"},
        {"file": "exe"},
        {"inbox": "999999"},
        {"state": "gone"},
        {"since": "yesterday"},
        {"since": "2026-02-02", "until": "2026-01-01"},
    ],
)
def test_a_wrong_choice_exports_nothing_and_says_so(wrong: dict[str, str]) -> None:
    asked()
    response = client_of("admin").post(address(), {**CHOICE, **wrong})
    assert response.status_code == 400
    assert "errorlist" in response.content.decode()
    assert not AuditEntry.objects.filter(action="conversations.export").exists()


def test_many_exports_in_an_hour_are_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from chatbot.desk import export_views

    monkeypatch.setattr(export_views, "EXPORTS_AN_HOUR", 2)
    client = client_of("analyst")
    answers = [client.post(address(), CHOICE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Try again in the next one" in answers[2].content.decode()
    assert AuditEntry.objects.filter(action="conversations.export").count() == 2
    assert client_of("admin").post(address(), CHOICE).status_code == 200


def test_the_file_leaves_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from chatbot.desk import export_views

    monkeypatch.setattr(export_views, "LINES_AT_ONCE", 2)
    for number in range(5):
        asked(str(number))
    response: Any = client_of("admin").post(address(), CHOICE)

    async def pieces() -> list[bytes]:
        return [piece async for piece in response]

    found = async_to_sync(pieces)()
    assert [piece.count(b"\r\n") for piece in found] == [2, 2, 2]


def test_the_menu_leads_there_for_those_who_may() -> None:
    def menu(client: Client) -> str:
        return client.get(reverse("desk:home")).content.decode()

    assert address() in menu(client_of("analyst"))
    assert address() not in menu(client_of("agent"))
