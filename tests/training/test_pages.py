"""The training pages: who gets through, what is said when there is nothing, hostile words and numbers.

`_Services` stands in for `chatbot.training.parts` where only the door is tried; the services have tests of their own,
and one test goes through to them.
"""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Message
from chatbot.training import page_work, parts
from chatbot.training.models import Diagnosis, HarvestRule, Vote
from finetune.models import Adapter, Dataset, Evaluation, Example, TrainingRun
from finetune.starter import shipped
from tests import factories
from tests.knowledge.conftest import client_of

pytestmark = pytest.mark.django_db

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
READERS: Final = frozenset(["analyst", "admin"])
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()
HOSTILE: Final = "<script>alert(1)</script>"
ANSWERS: Final = [
    {"id": "q1", "kind": "held_out", "question": HOSTILE, "candidate": HOSTILE, "current": "now", "base": "base",
     "reference": HOSTILE, "wanted": [[HOSTILE]], "forbidden": [HOSTILE], "measures": {"candidate": {"rouge_l": 0.5}},
     "request": {"passages": [{"number": 1, "title": HOSTILE, "text": HOSTILE}]}}
]  # fmt: skip
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
    "training:evaluation_work": (ADMIN, NOBODY),
    "training:evaluation": (READERS, NOBODY),
    "training:vote": (ADMIN, ADMIN),
}
ROWS: Final = {
    "harvest_rule": "inbox", "harvested": "token", "example": "example", "edit_example": "example",
    "fix_work": "token", "diagnosis": "diagnosis", "overrule": "diagnosis", "apply_fix": "diagnosis",
    "dataset": "dataset", "run": "run", "cancel_run": "run", "evaluation_work": "token", "evaluation": "evaluation",
    "vote": "evaluation",
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
    diagnosis = Diagnosis.objects.create(question=HOSTILE, wanted=HOSTILE, route="behaviour", made_by="boss",
        evidence={"with_passage": HOSTILE}, article=HOSTILE)  # fmt: skip
    manifest = {"counts": {"train": 8}, "topics": {HOSTILE: 3}, "leak_report": {"groups_across_splits": 0}}
    dataset = Dataset.objects.create(digest="d" * 64, name=HOSTILE, folder="", manifest=manifest)
    run = TrainingRun.objects.create(dataset=dataset, base_model=HOSTILE, state="running", verdict=HOSTILE,
        progress={"step": 2, "steps": 4, "loss": 1.25}, config={"rank": 8})  # fmt: skip
    adapter = Adapter.objects.create(digest="a" * 64, base_model=HOSTILE, path="")
    figure = {"candidate": 0.8, "current": 0.7, "base": 0.5, "difference": 0.1, "low": 0.05, "high": 0.2, "n": 30}
    evaluation = Evaluation.objects.create(adapter=adapter, dataset=dataset, state="done", verdict="blocked", folder="x",
        figures={"exam": figure, HOSTILE: figure, "loss": {}}, error=HOSTILE,
        reasons=[{"code": "exam", "text": HOSTILE, "figure": "exam", "passed": False}, HOSTILE])  # fmt: skip
    return SimpleNamespace(inbox=contact.inbox, example=example, diagnosis=diagnosis, dataset=dataset, run=run,
        adapter=adapter, evaluation=evaluation)  # fmt: skip


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, rows: SimpleNamespace) -> _Services:
    fake = _Services()
    answers = {"review": [1], "overrule": None, "apply": None, "freeze": rows.dataset, "order_run": rows.run,
               "cancel_run": True, "estimate": None, "answers": ANSWERS}  # fmt: skip
    for name, answer in answers.items():
        monkeypatch.setattr(parts, name, fake.named(name, answer))
    monkeypatch.setattr(page_work, "start", fake.named("start", "a-token"))
    return fake


def _address(name: str, rows: SimpleNamespace) -> str:
    row = ROWS.get(name.partition(":")[2])
    return reverse(name, args=[] if row is None else ["nobodys"] if row == "token" else [getattr(rows, row).pk])


def _form(name: str, rows: SimpleNamespace) -> dict[str, Any]:
    forms: dict[str, dict[str, Any]] = {
        "training:harvest_rule": {"enabled": "on", "per_contact": 20, "per_agent": 100},
        "training:edit_example": {"answer": "Thirty days."},
        "training:decide": {"example": [rows.example.pk], "action": "approve"},
        "training:fix": {"question": "Worn shoes?", "wanted": "Thirty days."},
        "training:overrule": {"route": "knowledge"},
        "training:new_run": {
            "dataset": rows.dataset.pk,
            "base_model": "m",
            "method": "sft",
            "rank": 8,
            "targets": "mlp",
            "verbatim": "on",
            "epochs": 1,
            "max_steps": 0,
            "batch": 1,
            "learning_rate": 1e-4,
            "max_tokens": 512,
            "lessons": 0.5,
            "unanswered": 0.12,
            "quotations": 0.5,
            "depth": 0.5,
            "strength": 0.7,
            "do": "start",
        },
        "training:evaluations": {"adapter": rows.adapter.pk, "dataset": rows.dataset.pk},
        "training:vote": {"question": "q1", "choice": "left"},
        "training:datasets": {"name": "First", "kind": "supervised", "held_out": 20},
    }
    return forms.get(name, {})


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
            assert answer.status_code in ({200, 302}), (role, answer)
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


@pytest.mark.parametrize("name", sorted(name for name, (_get, post) in RULES.items() if post))
def test_every_change_leaves_a_line_in_the_audit_log(
    name: str, rows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_work, "start", lambda *_args, **_kwargs: "a-token")
    monkeypatch.setattr(parts, "freeze", lambda **_wishes: rows.dataset)
    monkeypatch.setattr(parts, "order_run", lambda **_wishes: rows.run)
    monkeypatch.setattr(parts, "answers", lambda _evaluation: ANSWERS)
    client_of("admin").post(_address(name, rows), _form(name, rows))
    assert AuditEntry.objects.filter(action__startswith="training.").count() == 1


@pytest.mark.parametrize("name", sorted(name for name, (get, _post) in RULES.items() if get))
def test_hostile_words_are_shown_as_words(name: str, rows: SimpleNamespace, services: _Services) -> None:
    page = client_of("admin").get(_address(name, rows), follow=True)
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
    client_of("admin").post(reverse("training:fix") + f"?message={made.pk}", {"question": "Worn shoes?", "wanted": ""})
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
        raise ValueError("Write the answer that is right.")

    monkeypatch.setattr(parts, "apply", refuse)
    client = client_of("admin")
    page = client.post(reverse("training:apply_fix", args=[rows.diagnosis.pk]), follow=True)
    assert "Write the answer that is right." in page.content.decode()
    assert not AuditEntry.objects.filter(action="training.fix.apply").exists()


@pytest.mark.parametrize("back", ["//evil.test/", "https://evil.test/", "/training/review/../../desk/\n"])
def test_nobody_is_led_away_after_deciding(back: str, rows: SimpleNamespace, services: _Services) -> None:
    form = {"example": [rows.example.pk], "action": "reject", "back": back}
    answer = client_of("admin").post(reverse("training:decide"), form)
    assert answer["Location"].startswith("/training/review/")


def test_the_token_of_another_person_is_nobodys(settings: Any) -> None:
    from django.core.cache import cache

    cache.set("training:work:t", {"kind": "diagnose", "user": 0, "state": "waiting", "since": 0, "asked": {}})
    assert client_of("admin").get(reverse("training:fix_work", args=["t"])).status_code == 302


def test_a_stranger_is_led_to_the_login() -> None:
    assert Client().get("/training/")["Location"].startswith("/login/?next=/training/")


def test_what_is_approved_is_what_still_waited(rows: SimpleNamespace) -> None:
    client, form = client_of("admin"), {"example": [rows.example.pk], "action": "approve"}
    first = client.post(reverse("training:decide"), form, follow=True).content.decode()
    second = client.post(reverse("training:decide"), form, follow=True).content.decode()
    assert "1 example is approved." in first
    assert "Somebody else has changed or decided this example." in second


def test_every_fifth_of_the_queue_is_drawn_by_chance() -> None:
    for number in range(12):
        Example.objects.create(digest=f"{number:064}", request={"question": "?"}, answer="a", origin="reply", group="g",
            happened_at="2026-01-01T00:00Z", value=1 - number / 20, by_chance=number >= 10)  # fmt: skip
    page = client_of("analyst").get(reverse("training:review")).context["page"]
    assert [row.by_chance for row in page.object_list] == [False] * 4 + [True] + [False] * 4 + [True] + [False] * 2


def test_too_few_examples_are_said_on_the_page() -> None:
    form = {"name": "First", "kind": "supervised", "held_out": 20}
    answer = client_of("admin").post(reverse("training:datasets"), form)
    assert answer.status_code == 400
    assert "too few" in answer.content.decode()


def test_a_training_is_estimated_before_it_starts_and_what_cannot_start_is_said(
    rows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = _form("training:new_run", rows) | {"do": "estimate"}
    said = client_of("admin").post(reverse("training:new_run"), form).content.decode()
    assert "are gone or were changed" in said and "Start the training" not in said
    monkeypatch.setattr("finetune.runs.check_order", lambda *_args: None)
    said = client_of("admin").post(reverse("training:new_run"), form).content.decode()
    assert "Start the training" in said and "not on this machine yet" in said
    assert TrainingRun.objects.count() == 1


@pytest.mark.parametrize(("chosen", "targets"), [("mlp", ("mlp",)), ("", ())])
def test_a_training_learns_in_the_layers_that_were_chosen(
    rows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, chosen: str, targets: tuple[str, ...]
) -> None:
    wishes: list[Any] = []
    monkeypatch.setattr(parts, "order_run", lambda **wish: wishes.append(wish["config"]) or rows.run)
    form = _form("training:new_run", rows) | {"targets": chosen}
    assert client_of("admin").post(reverse("training:new_run"), form).status_code == 302
    assert wishes[0].targets == targets and wishes[0].verbatim
    assert client_of("admin").post(reverse("training:new_run"), form | {"targets": "lm_head"}).status_code == 400
    assert len(wishes) == 1


@pytest.mark.parametrize(("small", "rate", "quoting"), [(True, "0.001", True), (False, "0.0002", False)])
def test_a_training_begins_with_what_suits_its_base(
    rows: SimpleNamespace, settings: Any, monkeypatch: pytest.MonkeyPatch, small: bool, rate: str, quoting: bool
) -> None:
    settings.GENERATOR_MODEL = shipped.folder()
    if not small:
        monkeypatch.setattr("finetune.estimating.SMALL_MOST", 1_000_000)
    said = client_of("admin").get(reverse("training:new_run")).content.decode()
    fields = {
        name: re.search(rf'<(?:input|select)[^>]*name="{name}"[^>]*>', said) for name in ("learning_rate", "verbatim")
    }
    assert fields["learning_rate"] and f'value="{rate}"' in fields["learning_rate"][0]
    assert fields["verbatim"] and (" checked" in fields["verbatim"][0]) is quoting
    assert ('<option value="mlp" selected' in said) is quoting
    settings.GENERATOR_MODEL = "Qwen/Qwen3-0.6B"  # not on this machine: nobody knows how large it is
    assert 'value="0.0002"' in client_of("admin").get(reverse("training:new_run")).content.decode()


def test_a_running_training_shows_its_curve_and_asks_again_while_it_runs(rows: SimpleNamespace, tmp_path: Any) -> None:
    from finetune import training_folder

    for step in range(1, 4):
        training_folder.add_progress(tmp_path, {"step": step, "steps": 4, "loss": 3.0 - step})
    (tmp_path / "log.txt").write_text(f"Loading\n{HOSTILE}\n")
    TrainingRun.objects.update(folder=str(tmp_path))
    page = client_of("analyst").get(reverse("training:run", args=[rows.run.pk])).content.decode()
    assert "<polyline" in page and "every 2s" in page and HOSTILE not in page
    TrainingRun.objects.update(state="done")
    assert "every 2s" not in client_of("analyst").get(reverse("training:run", args=[rows.run.pk])).content.decode()


def test_a_fix_of_an_answer_that_was_erased_while_it_waited_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its question must not become a diagnosis of nobody's."""
    talk = factories.conversation()
    said = Message.objects.create(conversation=talk, seq=1, role="bot", text="No idea.")
    monkeypatch.setattr("chatbot.training.tasks.carry_out.apply_async", lambda **_call: None)
    asked = {"message": said.pk, "suggestion": None, "question": "my secret", "wanted": "", "passage_id": None}
    token = page_work.start("diagnose", asked=asked, user_id=1, by="boss")
    talk.contact.delete()
    page_work.run(token)
    kept = page_work.read(token, "diagnose", user_id=1)
    assert kept is not None
    assert (kept["state"], kept["reason"]) == ("failed", "This conversation has been deleted.")
    assert not Diagnosis.objects.exists()
    assert "secret" not in str(kept)


def test_what_was_asked_about_an_erased_answer_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = factories.conversation()
    said = Message.objects.create(conversation=talk, seq=1, role="bot", text="No idea.")
    monkeypatch.setattr("chatbot.training.tasks.carry_out.apply_async", lambda **_call: None)
    asked = {"message": said.pk, "suggestion": None, "question": "my secret", "wanted": "", "passage_id": None}
    tokens = [page_work.start("diagnose", asked=asked, user_id=1, by="boss") for _ in range(2)]
    other = page_work.start("harvest", asked={"inbox": None}, user_id=1, by="boss")
    page_work.forget([talk.pk, 999_999])
    for token in tokens:
        assert "secret" not in str(page_work.read(token, "diagnose", user_id=1))
    kept = page_work.read(other, "harvest", user_id=1)
    assert kept is not None
    assert kept["state"] == "waiting"
