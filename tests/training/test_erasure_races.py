"""Somebody writes, harvests, freezes or erases at the very moment of an erasure: nothing of the customer comes through."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from chatbot.conversations import replying, services
from chatbot.conversations.live import streams
from chatbot.conversations.models import Contact, Conversation, Message, ReplyJob
from chatbot.training import consent, erasure, fixing
from chatbot.training.harvesting import harvest
from chatbot.training.models import Diagnosis, Erasure, HarvestRule
from chatbot.widget import visits
from finetune import datasets
from finetune.models import Dataset, Example
from tests import factories
from tests.training import erased
from tests.training.erased import EMAIL, MARK

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS: Final = 3
REFUSALS: Final = (DatabaseError, services.Refusal, Conversation.DoesNotExist, ValueError, OSError)


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Path:
    erased.place(settings, tmp_path)
    return tmp_path


def _at_once(*works: Callable[[], Any]) -> list[BaseException]:
    """Run them together; what they raise. Each closes its own connection."""
    gate, raised = threading.Barrier(len(works)), []

    def run(work: Callable[[], Any]) -> None:
        gate.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    return raised


def test_messages_that_are_written_meanwhile_do_not_survive(data: Path) -> None:
    contact = erased.customer()
    talk = factories.conversation(contact=contact)
    written: list[int] = []

    def write(writer: int) -> Callable[[], None]:
        def work() -> None:
            for number in range(200):
                services.post_customer_message(
                    conversation_id=talk.pk, client_id=f"race-{writer}-{number:05d}", text=f"{MARK} {number}"
                )
                written.append(number)

        return work

    raised = _at_once(*(write(one) for one in range(WRITERS)), lambda: erasure.erase(contact=contact, by="boss"))
    assert {type(one) for one in raised} <= {Conversation.DoesNotExist}
    assert written or raised
    assert Erasure.objects.get().finished_at is not None
    assert erased.left_in_rows(MARK, EMAIL) == []
    assert not Message.objects.exists()
    assert not ReplyJob.objects.exists()


def test_a_conversation_that_is_begun_meanwhile_does_not_survive(data: Path) -> None:
    contact = erased.customer()
    visitor = contact.visitors.get()  # type: ignore[attr-defined]
    visit = visits.Visit(
        inbox=contact.inbox,
        visitor_id=visitor.pk,
        token="",
        identified=True,
        address="10.0.0.1",
        language="en",
        page=None,
    )

    def begin() -> None:
        for _ in range(20):
            opened = visits.start_anew(visit)
            assert opened.conversation_id is not None
            services.post_customer_message(
                conversation_id=opened.conversation_id, client_id="race-0000001", text=f"{MARK} again"
            )

    raised = _at_once(begin, lambda: erasure.erase(contact=contact, by="boss"))
    assert all(isinstance(one, REFUSALS) for one in raised), raised
    assert not Contact.objects.exists()
    assert erased.left_in_rows(MARK, EMAIL) == []


def test_what_is_harvested_meanwhile_does_not_survive(data: Path) -> None:
    contact = erased.customer()
    HarvestRule.objects.create(inbox=contact.inbox, enabled=True)
    for number in range(12):
        talk = factories.conversation(contact=contact, state="resolved", language="en")
        Message.objects.create(conversation=talk, seq=1, role="customer", text=f"How long does case {number} take?")
        Message.objects.create(
            conversation=talk, seq=2, role="agent", text=f"Case {number} takes {MARK}.", author=factories.user()
        )
        consent.set_consent(conversation=talk, granted=True)
    raised = _at_once(lambda: harvest(by="boss"), lambda: erasure.erase(contact=contact, by="boss"))
    assert raised == []
    assert erased.left_in_rows(MARK, EMAIL) == []


def test_what_is_frozen_meanwhile_is_tainted_or_refused(data: Path) -> None:
    contact = erased.customer()
    for number in range(3):
        erased.example(contact=contact, number=900 + number, text=MARK)
    for number in range(14):
        erased.example(contact=None, number=number)
    raised = _at_once(
        lambda: datasets.freeze(name="Race", by="boss"), lambda: erasure.erase(contact=contact, by="boss")
    )
    assert all(isinstance(one, datasets.DatasetRefused) for one in raised), raised
    erasure.finish_all()
    for dataset in Dataset.objects.filter(tainted=""):
        assert not dataset.examples.filter(state="tainted").exists()
    assert erased.left_in_files(data, MARK) == []
    assert erased.left_in_rows(MARK, EMAIL) == []


def test_two_who_erase_the_same_customer_get_the_same_receipt(data: Path) -> None:
    contact = erased.customer()
    made: list[Erasure] = []
    work = lambda: made.append(erasure.erase(contact=contact, by="boss"))  # noqa: E731
    assert _at_once(work, work, work) == []
    assert len({one.pk for one in made}) == Erasure.objects.count() == 1
    assert Erasure.objects.get().receipt["rows"]["conversations.Message"] == 3


def test_an_answer_that_is_being_written_leaves_no_text(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = factories.conversation()
    factories.posted(talk, f"Where is {MARK}?")

    def answer(_claim: Any, writer: streams.StreamWriter) -> Any:
        writer.stage("writing")
        writer.write(f"{MARK} is here")
        erasure.erase(contact=talk.contact, by="boss")
        writer.write(", still")
        writer.flush()
        return _Answer()

    monkeypatch.setattr(replying, "_answer", answer)
    monkeypatch.setattr(replying, "_reply", lambda _answer: factories.bot_reply(MARK))
    replying.run(ReplyJob.objects.get().pk)
    assert cache.get(f"stream:{talk.pk}") is None
    assert erased.left_in_rows(MARK) == []


class _Answer:
    """Of an engine that noticed nothing."""


def test_a_fix_that_is_worked_out_meanwhile_is_refused(data: Path) -> None:
    talk = factories.conversation()
    Message.objects.create(conversation=talk, seq=1, role="customer", text=MARK)
    said = Message.objects.create(conversation=talk, seq=2, role="bot", text=MARK)

    def search(_question: str) -> list[int]:
        erasure.erase(contact=talk.contact, by="boss")
        return []

    with pytest.raises(fixing.FixRefused):
        fixing.diagnose(by="boss", message=said, wanted=MARK, generate=lambda _request: "", search=search)
    assert not Diagnosis.objects.exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's own cleaning takes its time")
def test_the_database_file_holds_no_word_either(data: Path) -> None:
    contact = erased.customer()
    talk = contact.conversations.get()
    Message.objects.bulk_create(
        Message(conversation=talk, seq=seq, role="customer", text=f"{MARK} {seq} " * 40) for seq in range(4, 400)
    )
    place = Path(connection.settings_dict["NAME"])

    def kept() -> list[Path]:
        return [one for one in place.parent.glob(f"{place.name}*") if MARK.encode() in one.read_bytes()]

    assert kept()
    erasure.erase(contact=contact, by="boss")
    assert kept() == []


def test_an_erasure_under_way_is_finished_by_the_clock(data: Path) -> None:
    contact = erased.customer()
    Erasure.objects.create(subject=erasure.subject_of(contact.pk), asked_by="boss", contact_number=contact.pk)
    from chatbot.training.tasks import finish_erasures

    finish_erasures()
    assert Erasure.objects.get().finished_at is not None
    assert not Contact.objects.exists()
    assert not Example.objects.exists()
    assert timezone.now() >= Erasure.objects.get().at
