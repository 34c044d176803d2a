"""The training pages: who gets through, what is said when there is nothing, hostile words and numbers.

The services of the learning side are built apart: `_Services` stands in for `chatbot.training.parts`, one switch for
all of these tests.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Message
from chatbot.training import page_work, parts
from chatbot.training.models import Diagnosis, Erasure, HarvestRule, Vote
from finetune.models import Adapter, Dataset, Evaluation, Example, Promotion, TrainingRun
from tests import factories
from tests.knowledge.conftest import client_of

pytestmark = pytest.mark.django_db

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
READERS: Final = frozenset(["analyst", "admin"])
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()
HOSTILE: Final = "<script>alert(1)</script>"
RULES: Final = {
    "training:home": (READERS, NOBODY),
    "training:harvest": (READERS, NOBODY),
    "training:harvest_rule": (ADMIN, ADMIN),
    "training:harvest_now": (NOBODY, ADMIN),
    "training:harvested": (ADMIN, NOBODY),
    "training:review": (READERS, NOBODY),
    "training:example": (READERS, NOBODY),
    "training:edit_example": (ADMIN, ADMIN),
    "training:decide": (NOBODY, ADMIN),
    "training:fixes": (READERS, NOBODY),
    "training:fix": (ADMIN, ADMIN),
    "training:fix_work": (ADMIN, NOBODY),
    "training:diagnosis": (READERS, NOBODY),
    "training:overrule": (NOBODY, ADMIN),
    "training:apply_fix": (NOBODY, ADMIN),
    "training:datasets": (READERS, ADMIN),
    "training:dataset": (READERS, NOBODY),
    "training:runs": (READERS, NOBODY),
    "training:new_run": (ADMIN, ADMIN),
    "training:run": (READERS, NOBODY),
    "training:cancel_run": (NOBODY, ADMIN),
    "training:evaluations": (READERS, ADMIN),
    "training:evaluation": (READERS, NOBODY),
    "training:vote": (ADMIN, ADMIN),
    "training:adapters": (READERS, NOBODY),
    "training:adapter": (READERS, NOBODY),
    "training:start_canary": (NOBODY, ADMIN),
    "training:promote": (NOBODY, ADMIN),
    "training:roll_back": (NOBODY, ADMIN),
    "training:replay": (ADMIN, ADMIN),
    "training:replayed": (ADMIN, NOBODY),
    "training:erase": (ADMIN, NOBODY),
    "training:erase_contact": (ADMIN, ADMIN),
    "training:receipt": (ADMIN, NOBODY),
}
ROWS: Final = {
    "harvest_rule": "inbox", "harvested": "token", "example": "example", "edit_example": "example",
    "fix_work": "token", "diagnosis": "diagnosis", "overrule": "diagnosis", "apply_fix": "diagnosis",
    "dataset": "dataset", "run": "run", "cancel_run": "run", "evaluation": "evaluation", "vote": "evaluation",
    "adapter": "adapter", "start_canary": "evaluation", "promote": "promotion", "roll_back": "promotion",
    "replayed": "token", "erase_contact": "contact", "receipt": "erasure",
}  # fmt: skip


class _Services:
    """Keeps what the pages asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def named(self, name: str, answer: Any = None) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, kwargs | {"args": args}))
            return answer

        return called


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


@pytest.fixture
def rows() -> SimpleNamespace:
    contact = factories.contact(name=f"Rosa {HOSTILE}")
    request = {"question": HOSTILE, "turns": [{"role": "customer", "text": HOSTILE}], "language": "en", "company": "",
               "passages": [{"number": 1, "title": HOSTILE, "heading": HOSTILE, "text": HOSTILE, "updated": ""}]}  # fmt: skip
    example = Example.objects.create(digest="e" * 64, request=request, answer=HOSTILE, rejected=HOSTILE, origin="edit",
        topic=HOSTILE, group="g", happened_at="2026-01-01T00:00Z", flags=[HOSTILE], reasons=["heavy-edit"])  # fmt: skip
    manifest = {"counts": {"train": 8}, "topics": {HOSTILE: 3}, "leak_report": {"groups_across_splits": 0}}
    dataset = Dataset.objects.create(digest="d" * 64, name=HOSTILE, folder="", manifest=manifest)
    adapter = Adapter.objects.create(digest="a" * 64, base_model=HOSTILE, path="", card={HOSTILE: {"x": HOSTILE}})
    run = TrainingRun.objects.create(dataset=dataset, base_model=HOSTILE, state="running", adapter=adapter,
        progress={"step": 2, "steps": 4, "loss": 1.5, "eta_seconds": 90}, verdict=HOSTILE)  # fmt: skip
    evaluation = Evaluation.objects.create(adapter=adapter, dataset=dataset, state="done", verdict="passed", folder="x",
        figures={"exam": {"candidate": 0.8, "current": 0.7, "base": 0.5, "difference": 0.1, "low": 0.0, "high": 0.2}},
        reasons=[{"code": "exam", "text": HOSTILE, "figure": "exam", "passed": True}])  # fmt: skip
    promotion = Promotion.objects.create(adapter=adapter, evaluation=evaluation, reason=HOSTILE)
    diagnosis = Diagnosis.objects.create(question=HOSTILE, wanted=HOSTILE, route="behaviour", made_by="boss",
        evidence={"with_passage": HOSTILE}, article=HOSTILE)  # fmt: skip
    erasure = Erasure.objects.create(subject="s" * 64, asked_by="boss", reason=HOSTILE, receipt={"messages": 4})
    return SimpleNamespace(inbox=contact.inbox, contact=contact, example=example, dataset=dataset, adapter=adapter,
        run=run, evaluation=evaluation, promotion=promotion, diagnosis=diagnosis, erasure=erasure)  # fmt: skip


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, rows: SimpleNamespace) -> _Services:
    fake = _Services()
    answers = [{"id": "q1", "question": HOSTILE, "candidate": HOSTILE, "current": "now", "base": "base"}]
    for name, answer in {
        "review": None, "overrule": None, "apply": None, "freeze": rows.dataset, "training_config": "config",
        "estimate": SimpleNamespace(seconds=90, memory_bytes=2**30, steps=4, tokens=1000), "order_run": rows.run,
        "cancel_run": None, "order_evaluation": rows.evaluation, "answers": answers, "start_canary": rows.promotion,
        "promote": None, "roll_back": None, "erase": rows.erasure,
        "live_figures": {"canary": {"answers": 3}, "stable": {"answers": 9}},
    }.items():  # fmt: skip
        monkeypatch.setattr(parts, name, fake.named(name, answer))
    monkeypatch.setattr(page_work, "start", fake.named("start", "a-token"))
    return fake


def _address(name: str, rows: SimpleNamespace) -> str:
    row = ROWS.get(name.partition(":")[2])
    return reverse(name, args=[] if row is None else ["nobodys"] if row == "token" else [getattr(rows, row).pk])


def _form(name: str, rows: SimpleNamespace) -> dict[str, Any]:
    return {
        "training:harvest_rule": {"enabled": "on", "per_contact": 20, "per_agent": 100},
        "training:edit_example": {"answer": "Thirty days."},
        "training:decide": {"example": [rows.example.pk], "action": "approve"},
        "training:fix": {"question": "Worn shoes?", "wanted": "Thirty days."},
        "training:overrule": {"route": "knowledge"},
        "training:datasets": {"name": "First", "kind": "supervised", "held_out": 20},
        "training:new_run": {"dataset": rows.dataset.pk, "base_model": "m", "method": "sft", "rank": 8, "epochs": 1,
            "max_steps": 0, "batch": 2, "learning_rate": "0.0002", "max_tokens": 512, "do": "start"},
        "training:evaluations": {"adapter": rows.adapter.pk, "dataset": rows.dataset.pk},
        "training:vote": {"question": "q1", "choice": "left"},
        "training:start_canary": {"share": 10},
        "training:roll_back": {"reason": "worse"},
        "training:replay": {"message": 1},
        "training:erase_contact": {"typed": f"erase {rows.contact.pk}"},
    }.get(name, {})  # fmt: skip


def _state() -> tuple[Any, ...]:
    return (AuditEntry.objects.count(), HarvestRule.objects.count(), Vote.objects.count())


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_roles_in_the_table_get_through(
    name: str, method: str, rows: SimpleNamespace, services: _Services
) -> None:
    allowed = RULES[name][method == "post"]
    offered = bool(allowed)
    for role in sorted(EVERYONE - allowed) + sorted(allowed):
        before, asked = _state(), len(services.asked)
        answer = getattr(client_of(role), method)(_address(name, rows), _form(name, rows) if method == "post" else None)
        if role in allowed:
            assert answer.status_code in ({200, 302} if name != "training:replay" else {200, 400}), (role, answer)
            assert not answer.get("Location", "").startswith("/login"), role
        else:
            assert answer.status_code == (405 if not offered else 302 if role == "anonymous" else 403), role
            assert (_state(), len(services.asked)) == (before, asked), role


@pytest.mark.parametrize("name", sorted(name for name, (_get, post) in RULES.items() if post))
def test_a_form_from_another_site_changes_nothing(name: str, rows: SimpleNamespace, services: _Services) -> None:
    before = _state()
    client = client_of("admin", enforce_csrf_checks=True)
    assert client.post(_address(name, rows), _form(name, rows)).status_code == 403
    assert (_state(), services.asked) == (before, [])


@pytest.mark.parametrize(
    "name", sorted(name for name, (_get, post) in RULES.items() if post and name != "training:replay")
)
def test_every_change_leaves_a_line_in_the_audit_log(name: str, rows: SimpleNamespace, services: _Services) -> None:
    client_of("admin").post(_address(name, rows), _form(name, rows))
    assert AuditEntry.objects.filter(action__startswith="training.").count() == 1


@pytest.mark.parametrize("name", sorted(name for name, (get, _post) in RULES.items() if get))
def test_hostile_words_are_shown_as_words(name: str, rows: SimpleNamespace, services: _Services) -> None:
    page = client_of("admin").get(_address(name, rows), {"q": HOSTILE} if name == "training:erase" else {}, follow=True)
    assert HOSTILE not in page.content.decode()


@pytest.mark.parametrize("number", [999_999, 2**62])
@pytest.mark.parametrize("name", sorted(f"training:{name}" for name, row in ROWS.items() if row != "token"))
def test_a_number_that_nothing_has_is_not_found(name: str, number: int, rows: SimpleNamespace) -> None:
    client, address = client_of("admin"), reverse(name, args=[number])
    assert client.post(address).status_code in (404, 405)
    assert client.get(address).status_code in (404, 405)


@pytest.mark.parametrize("query", ["message=999999", "message=x", "suggestion=-1", f"message={'9' * 40}"])
def test_a_fix_of_nothing_is_not_found(query: str) -> None:
    assert client_of("admin").get(reverse("training:fix") + f"?{query}").status_code == 404


@pytest.mark.parametrize("name", sorted(name for name, (get, _p) in RULES.items() if get and name[9:] not in ROWS))
def test_every_page_has_something_to_say_when_there_is_nothing(name: str) -> None:
    assert client_of("admin").get(reverse(name)).status_code == 200


def test_a_fix_of_a_message_starts_from_the_customers_question(services: _Services) -> None:
    talk = factories.conversation()
    for seq, (role, text) in enumerate([("customer", "Worn shoes?"), ("bot", "No idea.")], start=1):
        made = Message.objects.create(conversation=talk, seq=seq, role=role, text=text)
    page = client_of("admin").get(reverse("training:fix"), {"message": made.pk}).content.decode()
    assert "Worn shoes?" in page
    assert "No idea." in page
    client_of("admin").post(reverse("training:replay"), {"message": made.pk, "adapter": "", "index_version": ""})
    assert AuditEntry.objects.filter(action="training.replay").exists()
    assert services.asked[-1][1]["asked"]["message"] == made.pk


def test_rules_are_off_until_somebody_turns_them_on() -> None:
    inbox = factories.inbox()
    client = client_of("admin")
    assert "Off" in client.get(reverse("training:harvest")).content.decode()
    form = {
        "enabled": "on",
        "require_consent": "on",
        "replies": "on",
        "min_rating": "",
        "per_contact": 5,
        "per_agent": 50,
    }
    client.post(reverse("training:harvest_rule", args=[inbox.pk]), form)
    rule = HarvestRule.objects.get(inbox=inbox)
    assert (rule.enabled, rule.require_consent, rule.suggestions, rule.per_contact) == (True, True, False, 5)


def test_a_refusal_is_said_and_nothing_is_noted(
    monkeypatch: pytest.MonkeyPatch, rows: SimpleNamespace, services: _Services
) -> None:
    def refuse(**_kwargs: Any) -> None:
        raise ValueError("The gate did not pass: evaluate it again.")

    monkeypatch.setattr(parts, "start_canary", refuse)
    client = client_of("admin")
    page = client.post(reverse("training:start_canary", args=[rows.evaluation.pk]), {"share": 10}, follow=True)
    assert "The gate did not pass: evaluate it again." in page.content.decode()
    assert not AuditEntry.objects.filter(action="training.canary").exists()


def test_a_vote_is_blind_and_counts_once(rows: SimpleNamespace, services: _Services) -> None:
    client, address = client_of("admin"), reverse("training:vote", args=[rows.evaluation.pk])
    page = client.get(address).content.decode().partition('class="choice"')[2]
    assert "andidate" not in page
    client.post(address, {"question": "q1", "choice": "left"})
    client.post(address, {"question": "q1", "choice": "right"})
    client.post(address, {"question": "unknown", "choice": "right"})
    assert Vote.objects.count() == 1


def test_erasing_needs_the_words(rows: SimpleNamespace, services: _Services) -> None:
    client, address = client_of("admin"), reverse("training:erase_contact", args=[rows.contact.pk])
    assert client.post(address, {"typed": "yes"}).status_code == 400
    assert services.asked == []
    assert client.post(address, {"typed": f"erase {rows.contact.pk}"})["Location"] == reverse(
        "training:receipt", args=[rows.erasure.pk]
    )


@pytest.mark.parametrize("back", ["//evil.test/", "https://evil.test/", "/training/review/../../desk/\n"])
def test_nobody_is_led_away_after_deciding(back: str, rows: SimpleNamespace, services: _Services) -> None:
    form = {"example": [rows.example.pk], "action": "reject", "back": back}
    answer = client_of("admin").post(reverse("training:decide"), form)
    assert answer["Location"].startswith("/training/review/")


def test_the_token_of_another_person_is_nobodys(settings: Any) -> None:
    from django.core.cache import cache

    cache.set("training:work:t", {"kind": "replay", "user": 0, "state": "waiting", "since": 0, "asked": {}})
    assert client_of("admin").get(reverse("training:replayed", args=["t"])).status_code == 302


def test_a_stranger_is_led_to_the_login() -> None:
    assert Client().get("/training/")["Location"].startswith("/login/?next=/training/")
