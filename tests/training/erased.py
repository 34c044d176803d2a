"""A customer with a row in every table that knows one, files and copies of their words; and looking for what is left."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db import models
from django.utils import timezone

from chatbot.accounts import audit
from chatbot.accounts.models import AuditEntry
from chatbot.conversations.live import customer_presence
from chatbot.conversations.mail import catcher
from chatbot.conversations.models import (
    Activity,
    AnswerCard,
    Citation,
    Contact,
    Conversation,
    ConversationRating,
    EmailOptOut,
    InboundEmail,
    Mention,
    Message,
    Note,
    OutboundEmail,
    PageView,
    Rating,
    ReadMark,
    ReplyJob,
    Suggestion,
    Tag,
)
from chatbot.training.erasure_plan import PLAN, Fate
from chatbot.training.harvest_reading import group_of
from chatbot.training.models import Consent, Diagnosis, Provenance, Vote
from chatbot.widget.models import IdentityUse, Visitor
from finetune import datasets
from finetune.models import Adapter, Dataset, Evaluation, Example, TrainingRun
from tests import factories
from tests.architecture.test_erasure_plan import texts_of

MARK: Final = "xyzzy-Fröbel"
"""Stands in everything that is a customer's; nothing of it may be left."""
EMAIL: Final = "froebel.xyzzy@mail.example"


@dataclass
class Erased:
    """Whom the tests erase, and what was made of their words."""

    contact: Contact
    conversation: Conversation
    examples: list[Example]
    dataset: Dataset
    adapter: Adapter
    run: TrainingRun
    evaluation: Evaluation


def place(settings: Any, tmp_path: Path) -> None:
    """Every folder that could hold a customer's words, below one."""
    settings.DATA_DIR = tmp_path
    for name in ("MAIL_DIR", "DATASET_DIR", "TRAINING_DIR", "EVALUATION_DIR", "ADAPTER_DIR"):
        setattr(settings, name, tmp_path / name.removesuffix("_DIR").lower())


def example(*, contact: Contact | None, number: int, text: str = "", **more: Any) -> Example:
    made = Example.objects.create(
        digest=f"{number:064}",
        state=more.pop("state", "approved"),
        request={
            "turns": [],
            "question": f"Case {number * 7}? {text}",
            "passages": [],
            "language": "en",
            "company": "",
        },
        answer=f"Case {number * 7} takes {number + 3} days. {text}",
        rejected=text,
        origin="reply",
        group=group_of(contact) if contact else f"other {number}",
        happened_at=timezone.now() - timedelta(days=90 - number),
        **more,
    )
    if contact:
        talk = contact.conversations.order_by("pk").last()
        Provenance.objects.create(example=made, contact=contact, conversation=talk, inbox=contact.inbox)
    return made


def customer(**more: Any) -> Contact:
    """With rows of every table of the conversation side, and their copies."""
    contact = factories.contact(name="Ana Whitaker", email=EMAIL, external_id=f"u-{uuid4().hex[:8]}", **more)
    talk = factories.conversation(contact=contact, state="agent", last_seq=3, email_key=uuid4().hex)
    agent = factories.user()
    asked, sent, bot = (
        Message.objects.create(conversation=talk, seq=seq, role=role, text=f"{role} says {MARK}", client_id=f"c{seq}")
        for seq, role in enumerate(["customer", "agent", "bot"], start=1)
    )
    visitor = Visitor.objects.create(inbox=contact.inbox, contact=contact)
    now = timezone.now()
    IdentityUse.objects.create(inbox=contact.inbox, jti=uuid4().hex, visitor=visitor, expires_at=now)
    PageView.objects.create(contact=contact, url="https://shop.test/")
    talk.tags.add(Tag.objects.get_or_create(name="vip")[0])
    Citation.objects.create(message=bot, number=1, passage_id=1, document_id=1, title="t", text="t")
    AnswerCard.objects.create(message=bot, decision="answer")
    Rating.objects.create(message=bot, value=1)
    ConversationRating.objects.create(conversation=talk, asked_at=now, value=5)
    Mention.objects.create(
        note=Note.objects.create(conversation=talk, client_id="n1", text="n", after_seq=1), user=agent
    )
    Activity.objects.create(conversation=talk, kind="email_set", after_seq=1)
    ReadMark.objects.create(user=agent, conversation=talk, seq=3)
    ReplyJob.objects.create(conversation=talk, trigger=asked, answer=bot)
    draft = Suggestion.objects.create(conversation=talk, trigger=asked, text="d", sent_message=sent, state="ready")
    email = OutboundEmail.objects.create(
        conversation=talk, to=EMAIL, first_seq=1, last_seq=3, email_id=f"<{uuid4()}@x>"
    )
    EmailOptOut.objects.create(address="a" * 64, conversation=talk)
    InboundEmail.objects.create(email_id=f"<{uuid4()}@y> {talk.pk}", sender=EMAIL, message=asked)
    InboundEmail.objects.create(email_id=f"<{uuid4()}@z> {talk.pk}", sender=EMAIL, reason="bounce")
    Consent.objects.create(conversation=talk, granted=True)
    Diagnosis.objects.create(message=bot, suggestion=draft, question="q", route="behaviour")
    _mark(contact)
    _copies(talk, email)
    audit.record(actor="boss", action="training.consent", target=str(talk.public_id), detail={"said": f"by {EMAIL}"})
    audit.record(actor="boss", action="training.fix", target=f"message {bot.pk}", detail={"list": ["Ana Whitaker"]})
    return contact


def _mark(contact: Contact) -> None:
    """The mark in every field for free text of every row that goes."""
    for label, plan in PLAN.items():
        if plan.fate is not Fate.GOES:
            continue
        model: Any = apps.get_model(label)
        for row in model.objects.all():
            for name in texts_of(model):
                field = model._meta.get_field(name)
                if isinstance(field, models.JSONField):
                    setattr(row, name, {"of": MARK} if field.default is dict else [{"of": MARK}])
                elif isinstance(field, models.TextField):
                    setattr(row, name, f"{MARK} {getattr(row, name)}")
                elif (field.max_length or 0) >= 100 and not getattr(row, name):
                    setattr(row, name, f"{MARK} {row.pk}")
            row.save()
    contact.refresh_from_db()


def _copies(talk: Conversation, email: OutboundEmail) -> None:
    cache.set(f"stream:{talk.pk}", {"job": 1, "attempt": 1, "text": MARK, "stage": "writing"}, 600)
    customer_presence.arrive(conversation_id=talk.pk, socket="s")
    mail = EmailMessage("Hello", MARK, "shop@shop.test", [EMAIL], headers={"Message-ID": email.email_id})
    catcher.Backend().send_messages([mail])


def learnt(contact: Contact, *, others: int = 14) -> Erased:
    """Examples of the contact and of others, frozen; a run on them, its adapter that answers, an evaluation."""
    ours = [example(contact=contact, number=900 + number, text=MARK, topic=MARK, note=MARK) for number in range(3)]
    for number in range(others):
        example(contact=None, number=number)
    dataset = datasets.freeze(name="First", by="boss")
    adapter = Adapter.objects.create(
        digest="a" * 64, base_model="m", path=str(_folder("ADAPTER_DIR", "a" * 64)), active=True
    )
    run = TrainingRun.objects.create(
        dataset=dataset, base_model="m", state="done", adapter=adapter, folder=str(_folder("TRAINING_DIR", "1-x"))
    )
    evaluation = Evaluation.objects.create(
        adapter=adapter, dataset=dataset, state="done", verdict="passed", figures={"exam": {"candidate": 0.8}}
    )
    evaluation.folder = str(_folder("EVALUATION_DIR", f"evaluation-{evaluation.pk}-1"))
    evaluation.save()
    (Path(run.folder) / "log.txt").write_text(f"a traceback with {MARK}")
    (Path(run.folder) / "progress.jsonl").write_text('{"loss": 1.5}\n')
    (Path(evaluation.folder) / "answers.jsonl").write_text(json.dumps({"question": MARK}, ensure_ascii=False))
    Vote.objects.create(evaluation=evaluation, question=ours[0].digest, choice="candidate")
    talk = contact.conversations.order_by("pk").last()
    assert talk is not None
    return Erased(contact, talk, ours, dataset, adapter, run, evaluation)


def _folder(setting: str, name: str) -> Path:
    made = Path(getattr(settings, setting)) / name
    made.mkdir(parents=True)
    return made


# --- Looking for what is left ----------------------------------------------------------------------------
def left_in_rows(*words: str) -> list[str]:
    """Where a word stands in any field of any table."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        for row in model._default_manager.values():
            text = json.dumps(row, default=str, ensure_ascii=False)
            found += [f"{model._meta.label}: {text}" for word in words if word.casefold() in text.casefold()]
    return found


def left_in_files(root: Path, *words: str) -> list[Path]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return [path for path in files if any(word.encode() in path.read_bytes() for word in words)]


def rows_that_go() -> dict[str, int]:
    going = [label for label, plan in PLAN.items() if plan.fate is Fate.GOES]
    return {label: apps.get_model(label)._default_manager.count() for label in going}


def lines() -> list[tuple[str, str, Any]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "target", "detail"))
