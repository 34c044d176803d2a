"""The dial and the drafts' figures: who gets through, what is kept, what is said."""

from typing import Any, Final

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Inbox
from tests import factories
from tests.knowledge.conftest import client_of

pytestmark = pytest.mark.django_db

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()
DIAL: Final = {"mode": "draft", "confidence": "70", "review": "5"}
RULES: Final = {
    "desk:autonomy": (ADMIN, NOBODY),
    "desk:autonomy_dial": (ADMIN, ADMIN),
    "desk:suggestions": (frozenset(["admin", "analyst"]), NOBODY),
}


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


@pytest.fixture
def shop() -> Inbox:
    return factories.inbox(name="Fellwren")


def _address(name: str, shop: Inbox) -> str:
    return reverse(name, args=[shop.pk] if name == "desk:autonomy_dial" else [])


def _state() -> tuple[Any, ...]:
    return (*Inbox.objects.values_list("mode", "auto_confidence", "review_share"), AuditEntry.objects.count())


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_roles_in_the_table_get_through(name: str, method: str, shop: Inbox) -> None:
    allowed = RULES[name][method == "post"]
    before = _state()
    for role in sorted(EVERYONE - allowed) + sorted(allowed):
        answer = getattr(client_of(role), method)(_address(name, shop), DIAL if method == "post" else None)
        if role in allowed:
            assert answer.status_code == (200 if method == "get" else 302), role
        else:
            assert answer.status_code == (405 if not allowed else 302 if role == "anonymous" else 403), role
            assert _state() == before, role


def test_saving_the_dial_says_what_changed_and_leaves_a_line_in_the_audit_log(shop: Inbox) -> None:
    answer = client_of("admin").post(_address("desk:autonomy_dial", shop), DIAL, follow=True)
    shop.refresh_from_db()
    assert (shop.mode, shop.auto_confidence, shop.review_share) == ("draft", 0.7, 0.05)
    said = answer.content.decode()
    assert "The bot writes drafts now" in said
    assert "It needs a confidence of 70%; before it was 50%." in said
    line = AuditEntry.objects.get(action="inbox.autonomy")
    assert line.detail == {"name": "Fellwren", "mode": ["auto", "draft"], "confidence": [50, 70], "review": [0, 5]}


def test_saving_what_is_already_set_is_no_change(shop: Inbox) -> None:
    form = {"mode": "auto", "confidence": "50", "review": "0"}
    client_of("admin").post(_address("desk:autonomy_dial", shop), form)
    assert not AuditEntry.objects.filter(action="inbox.autonomy").exists()


@pytest.mark.parametrize(
    "wrong", [{"confidence": "49"}, {"confidence": "100"}, {"confidence": "nan"}, {"review": "101"}, {"mode": "free"}]
)
def test_a_setting_that_is_none_is_refused_and_nothing_is_kept(wrong: dict[str, str], shop: Inbox) -> None:
    client, before = client_of("admin"), None
    before = _state()
    assert client.post(_address("desk:autonomy_dial", shop), DIAL | wrong).status_code == 400
    assert _state() == before


def test_a_form_from_another_site_changes_nothing(shop: Inbox) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.user(role="admin"))
    before = _state()
    assert client.post(_address("desk:autonomy_dial", shop), DIAL).status_code == 403
    assert _state() == before


def test_an_inbox_that_does_not_exist_is_not_found(shop: Inbox) -> None:
    assert client_of("admin").get(reverse("desk:autonomy_dial", args=[shop.pk + 1])).status_code == 404


def test_without_drafts_the_page_says_that_there_is_not_enough_data(shop: Inbox) -> None:
    said = client_of("admin").get(_address("desk:autonomy_dial", shop)).content.decode()
    assert "Not enough data yet" in said
    assert '<svg class="chart"' not in said


@pytest.mark.parametrize("query", ["?inbox=999", "?days=x", "?inbox=%00&days=-1"])
def test_a_filter_that_makes_no_sense_filters_nothing(query: str) -> None:
    assert client_of("analyst").get(reverse("desk:suggestions") + query).status_code == 200
