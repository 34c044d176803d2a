"""The pages of erasing: who gets through, hostile words and numbers, what must be typed, and the whole way to a receipt."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Contact, Message
from chatbot.training.erasure_plan import PLAN, Fate
from chatbot.training.models import Erasure
from chatbot.training.templatetags.training import table_words
from chatbot.training.views import erasing
from finetune.models import Adapter
from tests import factories
from tests.knowledge.conftest import client_of
from tests.training import erased

pytestmark = pytest.mark.django_db

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()
HOSTILE: Final = "<script>alert(1)</script>"
RULES: Final = {
    "training:erase": (ADMIN, NOBODY),
    "training:erase_contact": (ADMIN, ADMIN),
    "training:receipt": (ADMIN, NOBODY),
    "training:receipt_file": (ADMIN, NOBODY),
}


@pytest.fixture(autouse=True)
def _data(settings: Any, tmp_path: Path) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]
    erased.place(settings, tmp_path)


@pytest.fixture
def rows() -> SimpleNamespace:
    contact = factories.contact(name=f"Rosa {HOSTILE}", email="rosa@mail.example", external_id=HOSTILE)
    factories.posted(factories.conversation(contact=contact), HOSTILE)
    receipt = {"rows": {HOSTILE: 4}, "datasets": [HOSTILE], "adapters": [HOSTILE], "examples": 3, "emails": HOSTILE}
    erasure = Erasure.objects.create(subject="s" * 64, asked_by=HOSTILE, reason=HOSTILE, receipt=receipt)
    return SimpleNamespace(contact=contact, erasure=erasure)


def _address(name: str, rows: SimpleNamespace) -> str:
    keys = {"erase_contact": rows.contact.pk, "receipt": rows.erasure.pk, "receipt_file": rows.erasure.pk}
    key = keys.get(name.removeprefix("training:"))
    return reverse(name, args=[] if key is None else [key])


def _form(contact: Contact, **more: Any) -> dict[str, Any]:
    return {"typed": f"erase {contact.pk}", "reason": "asked by letter", **more}


def _state() -> tuple[int, ...]:
    return (AuditEntry.objects.count(), Contact.objects.count(), Message.objects.count(), Erasure.objects.count())


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_roles_in_the_table_get_through(name: str, method: str, rows: SimpleNamespace) -> None:
    allowed = RULES[name][method == "post"]
    for role in sorted(EVERYONE - allowed) + sorted(allowed):
        before = _state()
        answer = getattr(client_of(role), method)(
            _address(name, rows), _form(rows.contact) if method == "post" else None
        )
        if role in allowed:
            assert answer.status_code in ({200, 302}), (role, answer)
            assert not answer.get("Location", "").startswith("/login"), role
        else:
            assert answer.status_code == (405 if not allowed else 302 if role == "anonymous" else 403), role
            assert _state() == before, role


def test_a_form_from_another_site_erases_nobody(rows: SimpleNamespace) -> None:
    before = _state()
    client = client_of("admin", enforce_csrf_checks=True)
    assert client.post(_address("training:erase_contact", rows), _form(rows.contact)).status_code == 403
    assert _state() == before


def test_erasing_leaves_one_line_in_the_audit_log_that_names_nobody(rows: SimpleNamespace) -> None:
    client_of("admin").post(_address("training:erase_contact", rows), _form(rows.contact))
    line = AuditEntry.objects.get(action__startswith="training.")
    assert (line.action, line.target, line.detail) == (
        "training.contact.erase",
        f"erasure {Erasure.objects.latest('pk').pk}",
        {},
    )


@pytest.mark.parametrize("name", sorted(RULES))
def test_hostile_words_are_shown_as_words(name: str, rows: SimpleNamespace) -> None:
    query = {"q": HOSTILE} if name == "training:erase" else {}
    answer = client_of("admin").get(_address(name, rows), query)
    assert answer.status_code == 200
    assert HOSTILE not in answer.content.decode() or answer["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("receipt", [{}, [], "x", {"rows": []}, {"datasets": 3}, {"rows": {"x": None}}])
def test_a_receipt_of_another_shape_is_shown_all_the_same(receipt: Any) -> None:
    made = Erasure.objects.create(subject="x" * 64, asked_by="boss", receipt=receipt)
    assert client_of("admin").get(reverse("training:receipt", args=[made.pk])).status_code == 200


@pytest.mark.parametrize("number", [999_999, 2**62])
@pytest.mark.parametrize("name", sorted(set(RULES) - {"training:erase"}))
def test_a_number_that_nothing_has_is_not_found(name: str, number: int) -> None:
    client, address = client_of("admin"), reverse(name, args=[number])
    assert client.post(address).status_code in (404, 405)
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("query", ["", "%", "_", "\x00", "'; --", "9" * 40, "٣", "-1", "rosa@mail.example\n", HOSTILE])
def test_a_search_for_anything_is_answered(query: str, rows: SimpleNamespace) -> None:
    answer = client_of("admin").get(reverse("training:erase"), {"q": query, "page": query})
    assert answer.status_code == 200


def test_a_customer_is_found_by_name_address_key_and_number(rows: SimpleNamespace) -> None:
    client = client_of("admin")
    for query in ("rosa", "ROSA@mail", "<script>", str(rows.contact.pk)):
        found = client.get(reverse("training:erase"), {"q": query}).context["contacts"]
        assert [one.pk for one in found] == [rows.contact.pk], query
    assert client.get(reverse("training:erase"), {"q": ""}).context["contacts"] == []


@pytest.mark.parametrize("typed", ["", "erase", "erase 0", "yes", "erase  ", "erase\x00 1"])
def test_nothing_is_erased_before_the_words_are_typed(typed: str, rows: SimpleNamespace) -> None:
    before = _state()
    answer = client_of("admin").post(_address("training:erase_contact", rows), _form(rows.contact, typed=typed))
    assert (answer.status_code, _state()) == (400, before)


def test_a_reason_that_is_too_long_is_refused(rows: SimpleNamespace) -> None:
    answer = client_of("admin").post(_address("training:erase_contact", rows), _form(rows.contact, reason="x" * 151))
    assert (answer.status_code, Contact.objects.count()) == (400, 1)


def test_the_whole_way_from_search_to_receipt() -> None:
    ana = erased.learnt(erased.customer())
    twin = factories.contact(email=ana.contact.email.upper(), name="Ana again")
    client = client_of("admin")
    page = client.get(reverse("training:erase_contact", args=[ana.contact.pk])).content.decode()
    assert f"№ {twin.pk}" in page
    assert "1 conversation is open" in page
    assert "The adapter that answers now was trained on" in page
    form = _form(ana.contact, typed=f"  ERASE   {ana.contact.pk} ", reason="Ana Whitaker wrote")
    shown = client.post(reverse("training:erase_contact", args=[ana.contact.pk]), form, follow=True)
    receipt = shown.content.decode()
    assert shown.redirect_chain[0][0].startswith("/training/erase/receipt/")
    assert "does not claim that a model unlearns" in receipt
    assert "One of them still answers" in receipt
    assert ana.adapter.digest[:12] in receipt
    assert "Whitaker" not in receipt
    assert reverse("training:datasets") in receipt
    assert list(Contact.objects.all()) == [twin]
    assert "goes on answering until" in client.get(reverse("training:home")).content.decode()
    assert "Its files are removed" in client.get(reverse("training:dataset", args=[ana.dataset.pk])).content.decode()
    for page in (reverse("training:example", args=[ana.examples[0].pk]), reverse("training:review") + "?state=tainted"):
        assert client.get(page).status_code == 200
    adapter = client.get(reverse("training:adapter", args=[ana.adapter.pk])).content.decode()
    assert "A customer whose conversations it rests on was erased." in adapter
    assert "goes on answering until" in adapter
    assert client.get(reverse("training:evaluation", args=[ana.evaluation.pk])).status_code == 200
    Adapter.objects.update(active=False)
    assert "One of them still answers" not in client.get(shown.redirect_chain[0][0]).content.decode()


def test_a_customer_who_was_erased_leads_to_the_receipt(rows: SimpleNamespace) -> None:
    client, address = client_of("admin"), _address("training:erase_contact", rows)
    first = client.post(address, _form(rows.contact))
    for again in (client.get(address), client.post(address, _form(rows.contact))):
        assert again["Location"] == first["Location"]
    assert Erasure.objects.count() == 2


def test_the_receipt_as_a_file_names_nobody() -> None:
    ana = erased.learnt(erased.customer())
    client = client_of("admin")
    client.post(reverse("training:erase_contact", args=[ana.contact.pk]), _form(ana.contact))
    answer = client.get(reverse("training:receipt_file", args=[Erasure.objects.get().pk]))
    told = json.loads(answer.content)
    assert answer["Content-Disposition"].startswith("attachment")
    assert (told["rows"]["conversations.Message"], told["datasets"]) == (3, [ana.dataset.digest])
    assert not any(word in answer.content.decode() for word in (erased.MARK, erased.EMAIL, "Ana"))


def test_an_erasure_under_way_says_so(rows: SimpleNamespace) -> None:
    page = client_of("admin").get(_address("training:receipt", rows)).content.decode()
    assert "It goes on by itself" in page


def test_nobody_erases_without_end_in_an_hour(rows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "RATE", erasing.rates.Rate(1, 3600))
    client, second = client_of("admin"), factories.contact()
    client.post(_address("training:erase_contact", rows), _form(rows.contact))
    answer = client.post(reverse("training:erase_contact", args=[second.pk]), _form(second))
    assert (answer.status_code, list(Contact.objects.all())) == (400, [second])


def test_agents_and_analysts_are_not_shown_the_way() -> None:
    assert reverse("training:erase") not in client_of("analyst").get(reverse("training:home")).content.decode()
    assert reverse("training:erase") in client_of("admin").get(reverse("training:home")).content.decode()


def test_a_stranger_is_led_to_the_login() -> None:
    assert Client().get("/training/erase/")["Location"].startswith("/login/?next=/training/")


def test_every_table_that_goes_has_words_on_the_receipt() -> None:
    going = [label for label, plan in PLAN.items() if plan.fate is Fate.GOES]
    assert [label for label in going if table_words(label) == label] == []
