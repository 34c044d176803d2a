"""What an erasure removes, wipes, marks and leaves: with a row in every table, a file in every folder."""

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Contact, EmailOptOut, Message
from chatbot.training import erasure, probes
from chatbot.training.models import Diagnosis, Erasure, Provenance
from chatbot.widget.models import IdentityUse
from finetune import datasets
from finetune.models import Adapter, Dataset, Evaluation, Example, TrainingRun
from tests import factories
from tests.training import erased
from tests.training.erased import EMAIL, MARK, Erased

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Path:
    erased.place(settings, tmp_path)
    return tmp_path


@pytest.fixture
def ana() -> Erased:
    return erased.learnt(erased.customer())


def test_the_customer_of_these_tests_has_a_row_in_every_table_that_goes(ana: Erased) -> None:
    assert [label for label, number in erased.rows_that_go().items() if not number] == []


def test_nothing_of_the_customer_is_left_in_any_table_file_or_cache(ana: Erased, data: Path) -> None:
    pk = ana.conversation.pk
    assert erased.left_in_files(data, MARK)
    done = erasure.erase(contact=ana.contact, by="boss", reason="asked by letter")
    assert erased.left_in_rows(MARK, EMAIL, "Ana Whitaker", str(ana.conversation.public_id)) == []
    assert erased.left_in_files(data, MARK, EMAIL) == []
    assert (cache.get(f"stream:{pk}"), cache.get(f"customer-here:{pk}")) == (None, None)
    assert {label: number for label, number in erased.rows_that_go().items() if number} == {}
    assert done.finished_at is not None


def test_the_receipt_counts_what_went_and_names_nobody(ana: Erased) -> None:
    before = {label: number for label, number in erased.rows_that_go().items() if number}
    told = erasure.receipt(erasure.erase(contact=ana.contact, by="boss", reason="ticket 12 of Ana Whitaker"))
    assert told["rows"] == before
    assert (told["examples"], told["datasets"], told["adapters"]) == (3, [ana.dataset.digest], [ana.adapter.digest])
    assert (told["emails"], told["audit_lines"], told["evaluations"]) == (1, 2, [ana.evaluation.pk])
    assert (told["asked_by"], told["reason"]) == ("boss", "ticket 12 of […]")
    assert not any(word in str(told) for word in (MARK, EMAIL, "Ana", str(ana.conversation.public_id)))


def test_examples_stay_as_links_without_a_word(ana: Erased) -> None:
    digests = {one.digest for one in ana.examples}
    erasure.erase(contact=ana.contact, by="boss")
    for row in Example.objects.filter(pk__in=[one.pk for one in ana.examples]):
        assert (row.state, row.answer, row.rejected, row.request["question"], row.group) == ("tainted", "", "", "", "")
        assert row.digest not in digests
    assert ana.dataset.examples.filter(state="tainted").count() == 3


def test_the_dataset_is_tainted_and_the_next_one_is_without(ana: Erased) -> None:
    erasure.erase(contact=ana.contact, by="boss")
    tainted = Dataset.objects.get()
    assert tainted.tainted
    assert not Path(tainted.folder).exists()
    with pytest.raises(datasets.DatasetRefused):
        datasets.rows(tainted, "train")
    clean = datasets.freeze(name="Clean", by="boss")
    assert not clean.tainted
    assert not clean.examples.filter(state="tainted").exists()
    assert MARK not in str(datasets.rows(clean, "train"))


def test_the_adapter_is_marked_and_answers_on_with_its_files(ana: Erased) -> None:
    erasure.erase(contact=ana.contact, by="boss")
    adapter = Adapter.objects.get()
    assert (bool(adapter.tainted), adapter.active, Path(adapter.path).is_dir()) == (True, True, True)


def test_figures_stay_where_words_go(ana: Erased) -> None:
    erasure.erase(contact=ana.contact, by="boss")
    ana.evaluation.refresh_from_db()
    assert ana.evaluation.figures == {"exam": {"candidate": 0.8}}
    assert not Path(ana.evaluation.folder).exists()
    assert sorted(path.name for path in Path(ana.run.folder).iterdir()) == ["progress.jsonl"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_still_trains_on_it_is_stopped(ana: Erased, state: str) -> None:
    run = TrainingRun.objects.create(dataset=ana.dataset, base_model="m", state=state)
    erasure.erase(contact=ana.contact, by="boss")
    run.refresh_from_db()
    assert run.cancel_asked
    assert run.state == ("cancelled" if state == "queued" else "running")


def test_a_run_that_ended_too_late_to_be_stopped_is_caught_up_with(ana: Erased) -> None:
    run = TrainingRun.objects.create(dataset=ana.dataset, base_model="m", state="running")
    erasure.erase(contact=ana.contact, by="boss")
    late = Adapter.objects.create(digest="b" * 64, base_model="m", path="")
    TrainingRun.objects.filter(pk=run.pk).update(state="done", adapter=late)
    erasure.finish_all()
    late.refresh_from_db()
    assert late.tainted


def test_other_customers_keep_everything(ana: Erased) -> None:
    other = factories.contact(inbox=ana.contact.inbox, name="Ben")
    talk = factories.conversation(contact=other)
    factories.posted(talk, "Mine stays")
    kept = erased.example(contact=other, number=700, text="Mine stays")
    erasure.erase(contact=ana.contact, by="boss")
    kept.refresh_from_db()
    assert (kept.state, Message.objects.get(conversation=talk).text) == ("approved", "Mine stays")
    assert Contact.objects.get() == other


def test_a_customer_without_anything_learnt_leaves_datasets_alone(ana: Erased) -> None:
    done = erasure.erase(contact=factories.contact(), by="boss")
    assert (done.receipt["datasets"], done.receipt["adapters"]) == ([], [])
    assert Path(ana.dataset.folder).is_dir()


def test_an_example_is_found_by_whatever_still_leads_to_the_customer(ana: Erased) -> None:
    message = Message.objects.filter(conversation=ana.conversation).first()
    by_message = erased.example(contact=None, number=800, text=MARK)
    Provenance.objects.create(example=by_message, target=message)
    by_group = erased.example(contact=None, number=801, text=MARK)
    Example.objects.filter(pk=by_group.pk).update(group=ana.examples[0].group)
    by_fix = erased.example(contact=None, number=802, text=MARK)
    Diagnosis.objects.create(message=message, question=MARK, route="behaviour", example=by_fix)
    erasure.erase(contact=ana.contact, by="boss")
    assert set(
        Example.objects.filter(pk__in=[by_message.pk, by_group.pk, by_fix.pk]).values_list("answer", flat=True)
    ) == {""}
    assert erased.left_in_rows(MARK) == []


def test_the_audit_log_keeps_what_was_done_and_not_to_whom(ana: Erased) -> None:
    erasure.erase(contact=ana.contact, by="boss")
    done = Erasure.objects.get()
    name = erasure.pseudonym(done.subject)
    assert erased.lines() == [
        ("training.consent", name, {"said": f"by {name}"}),
        ("training.fix", name, {"list": [name]}),
        ("training.contact.erase", f"erasure {done.pk}", {}),
    ]
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"boss"}


def test_again_is_the_same_receipt(ana: Erased) -> None:
    first = erasure.erase(contact=ana.contact, by="boss", reason="first")
    again = erasure.erase(contact=ana.contact, by="somebody else", reason="second")
    assert (again.pk, again.reason, again.receipt) == (first.pk, "first", first.receipt)
    assert AuditEntry.objects.filter(action="training.contact.erase").count() == 1


def test_who_was_never_there_is_refused() -> None:
    gone = factories.contact()
    Contact.objects.filter(pk=gone.pk).delete()
    with pytest.raises(erasure.ErasureRefused):
        erasure.erase(contact=gone, by="boss")
    assert not Erasure.objects.exists()


def test_the_finished_row_says_nothing_of_whom(ana: Erased) -> None:
    done = erasure.erase(contact=ana.contact, by="boss")
    assert (done.contact_number, done.work) == (None, {})
    assert len(done.subject) == 64


def test_a_wish_for_no_more_emails_anywhere_is_kept(ana: Erased) -> None:
    EmailOptOut.objects.create(address="b" * 64)
    erasure.erase(contact=ana.contact, by="boss")
    assert EmailOptOut.objects.get().address == "b" * 64


def test_a_used_identity_token_stays_used(ana: Erased) -> None:
    erasure.erase(contact=ana.contact, by="boss")
    assert IdentityUse.objects.get().visitor is None


@pytest.mark.parametrize(
    "name",
    [
        "Robert'); DROP TABLE contacts;--",
        "<script>alert(1)</script>",
        "%",
        "_",
        "\\",
        "a" * 200,
        "boss",
        "training",
        "张伟",
        "x\u202ey",
    ],
)
def test_a_hostile_name_erases_nothing_else(name: str) -> None:
    contact = factories.contact(name=name, external_id="training")
    AuditEntry.objects.create(
        actor="boss", action="training.harvest", target="training", detail={"training": "boss of all"}
    )
    done = erasure.erase(contact=contact, by="boss", reason=f"for {name}")
    assert done.finished_at is not None
    line = AuditEntry.objects.get(action="training.harvest")
    assert (line.actor, line.target, line.detail) == ("boss", "training", {"training": "boss of all"})


def test_a_name_in_chinese_is_found_in_the_audit_log() -> None:
    contact = factories.contact(name="张伟")
    AuditEntry.objects.create(actor="boss", action="x", detail={"about": "客户张伟来信"})
    erasure.erase(contact=contact, by="boss")
    assert "张伟" not in str(AuditEntry.objects.get(action="x").detail)


def test_a_look_before_counts_the_same_and_changes_nothing(ana: Erased, data: Path) -> None:
    before, files = erased.rows_that_go(), sorted(data.rglob("*"))
    seen = erasure.preview(contact=ana.contact)
    assert (erased.rows_that_go(), sorted(data.rglob("*"))) == (before, files)
    assert not Dataset.objects.exclude(tainted="").exists()
    assert not Erasure.objects.exists()
    done = erasure.erase(contact=ana.contact, by="boss").receipt
    assert seen == done


def test_an_erasure_of_a_customer_whose_row_is_gone_ends(ana: Erased) -> None:
    begun = erasure._begin(ana.contact, "boss", "")
    ana.contact.delete()
    erasure.finish_all()
    begun.refresh_from_db()
    assert begun.finished_at is not None


def test_a_step_that_is_done_is_not_done_again(ana: Erased, monkeypatch: pytest.MonkeyPatch) -> None:
    done = erasure.erase(contact=ana.contact, by="boss")
    kept = done.receipt
    called: list[Erasure] = []
    monkeypatch.setattr(erasure, "STEPS", tuple((name, called.append) for name, _step in erasure.STEPS))
    assert erasure.go_on(erasure=done).receipt == kept
    assert called == []


def test_probes_that_are_made_of_the_customers_examples_are_taken_out(ana: Erased, settings: Any) -> None:
    """Also of evaluations on datasets in which the customer is not."""
    settings.EXAM_FILE = ""
    passage = {
        "number": 1,
        "title": "Returns",
        "heading": "",
        "text": "Worn shoes come back within 30 days.",
        "updated": "",
    }
    question = {"turns": [], "passages": [passage], "language": "en", "company": ""}
    for number, example in enumerate(ana.examples):
        asked = {**question, "question": f"{MARK} {number}, how long may I keep worn shoes?"}
        Example.objects.filter(pk=example.pk).update(request=asked, answer="30 days [1].")
    written = probes.write()
    assert MARK in str(written)
    other = Dataset.objects.create(digest="f" * 64, name="Other", folder="")
    quotes = Evaluation.objects.create(adapter=ana.adapter, dataset=other, state="done", probes=written)
    told = erasure.erase(contact=ana.contact, by="boss").receipt
    quotes.refresh_from_db()
    assert MARK not in str(quotes.probes)
    assert quotes.probes["probes"], "the others stay"
    assert quotes.pk in told["evaluations"]
    assert not Dataset.objects.get(pk=other.pk).tainted
