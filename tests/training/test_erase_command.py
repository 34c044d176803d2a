"""manage.py erase: whom it finds, what it says before, the receipt as JSON, and going on after a kill."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Contact
from chatbot.training import erasure
from chatbot.training.models import Erasure
from tests import factories
from tests.training import erased

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _data(settings: Any, tmp_path: Path) -> None:
    erased.place(settings, tmp_path)


def _run(contact: object, *options: str) -> Any:
    out = StringIO()
    call_command("erase", "--contact", str(contact), "--json", *options, stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize("by", ["pk", "email", "external_id", "number"])
def test_a_customer_is_named_by_number_address_or_key(by: str) -> None:
    contact = factories.contact(email="rosa@mail.example", external_id="u-4711")
    named = (
        f"number:{contact.pk}"
        if by == "number"
        else str(getattr(contact, by)).upper()
        if by == "email"
        else getattr(contact, by)
    )
    told = _run(named, "--reason", "letter of 3 March")
    assert (told["rows"], told["reason"]) == ({"conversations.Contact": 1}, "letter of 3 March")
    assert not Contact.objects.exists()
    assert AuditEntry.objects.get().actor == "manage.py erase"


@pytest.mark.parametrize("named", ["", " ", "nobody@mail.example", "999999", "number:", "number:x", "9" * 40, "\x00"])
def test_who_is_not_there_is_said(named: str) -> None:
    factories.contact()
    with pytest.raises(CommandError, match="no such customer"):
        _run(named)
    assert Contact.objects.count() == 1


def test_several_of_one_address_are_erased_together_only_when_asked() -> None:
    first, second = (factories.contact(email="rosa@mail.example") for _ in range(2))
    with pytest.raises(CommandError, match=f"{first.pk}, {second.pk}"):
        _run("rosa@mail.example")
    assert Contact.objects.count() == 2
    assert len(_run("rosa@mail.example", "--all")) == 2
    assert not Contact.objects.exists()


def test_a_look_changes_nothing_and_counts_everything() -> None:
    ana = erased.learnt(erased.customer())
    told = _run(ana.contact.pk, "--dry-run")
    assert (told["dry_run"], told["contact"], told["examples"]) == (True, ana.contact.pk, 3)
    assert told["datasets"] == [ana.dataset.digest]
    assert (Contact.objects.count(), Erasure.objects.count()) == (1, 0)


def test_again_gives_the_same_receipt() -> None:
    contact = factories.contact()
    assert _run(contact.pk) == _run(contact.pk) == _run(f"number:{contact.pk}")


def test_what_a_kill_left_is_finished() -> None:
    contact = factories.contact()
    Erasure.objects.create(subject=erasure.subject_of(contact.pk), asked_by="boss", contact_number=contact.pk)
    number = contact.pk
    contact.delete()
    assert _run(number)["rows"] == {}
    assert Erasure.objects.get().finished_at is not None


def test_people_read_counts_and_what_rests_on_it() -> None:
    ana = erased.learnt(erased.customer())
    out = StringIO()
    call_command("erase", "--contact", str(ana.contact.pk), stdout=out)
    text = out.getvalue()
    assert "3  conversations.Message" in text
    assert "1 datasets rest on it" in text
    assert "until one that was trained without" in text


@pytest.mark.parametrize("forgotten", [True, False])
def test_after_a_restored_backup_the_receipts_say_who_goes_again(forgotten: bool, tmp_path: Path) -> None:
    gone, kept = factories.contact(name="Rosa"), factories.contact(name="Ben")
    receipts = tmp_path / "receipts.json"
    receipts.write_text(json.dumps([_run(gone.pk)]))
    if forgotten:
        Erasure.objects.all().delete()  # the backup is older than the receipt
    Contact.objects.create(pk=gone.pk, inbox=kept.inbox, name="Rosa")
    out = StringIO()
    call_command("erase", "--again", str(receipts), "--json", stdout=out)
    assert len(json.loads(out.getvalue())) == 1
    assert list(Contact.objects.all()) == [kept]


@pytest.mark.parametrize("text", ["", "no json", "[]x", "3", '{"subject_of": 3}', "[3]"])
def test_a_file_without_receipts_erases_nobody(text: str, tmp_path: Path) -> None:
    factories.contact()
    (tmp_path / "file").write_text(text)
    with pytest.raises(CommandError, match="holds no receipts"):
        call_command("erase", "--again", str(tmp_path / "file"))
    assert Contact.objects.count() == 1
