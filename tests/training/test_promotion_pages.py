"""Pages of adapters, trials and replays: who gets through, what is kept in the audit log, hostile words and numbers."""

import re
from types import SimpleNamespace
from typing import Any, Final

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import translation

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.answers.verification import Cut
from chatbot.conversations.models import Message, Suggestion
from chatbot.training import live_figures, page_work, parts
from chatbot.training.templatetags.training import code_words
from chatbot.training.text_difference import MOST, pieces
from chatbot.training.views import replays
from finetune import adapters, promotion, trial_reports
from finetune.models import Adapter, Promotion, TrainingRun
from finetune.trial_side import TrialReport
from tests import factories
from tests.finetune import promoting
from tests.knowledge.conftest import client_of
from tests.training.live_talks import talk

pytestmark = pytest.mark.django_db

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
READERS: Final = frozenset(["analyst", "admin"])
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()
HOSTILE: Final = "<script>alert(1)</script>"
RULES: Final = {
    "training:adapters": (READERS, NOBODY),
    "training:adapter": (READERS, NOBODY),
    "training:start_canary": (NOBODY, ADMIN),
    "training:promote": (NOBODY, ADMIN),
    "training:roll_back": (NOBODY, ADMIN),
    "training:replay": (ADMIN, ADMIN),
    "training:replayed": (ADMIN, NOBODY),
}
ROWS: Final = {
    "adapter": "adapter", "start_canary": "evaluation", "promote": "trial", "roll_back": "trial", "replayed": "token",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _configured(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]
    settings.GENERATOR, settings.OPENAI_BASE_URL, settings.GENERATOR_MODEL = "", "", promoting.MODEL
    monkeypatch.setattr(page_work, "start", lambda *_args, **_kwargs: "a-token")


@pytest.fixture
def rows() -> SimpleNamespace:
    """A trial that runs, another adapter that passed, and a message of the bot."""
    first = promoting.adapter(card={"note": HOSTILE, "figures": {HOSTILE: 1}})
    evaluation = promoting.evaluation(first)
    trial = promotion.start_canary(evaluation=evaluation, share=0.2, by=HOSTILE)
    conversation = factories.conversation()
    Message.objects.create(conversation=conversation, seq=1, role="customer", text="Worn shoes?")
    message = Message.objects.create(conversation=conversation, seq=2, role="bot", text="30 days.")
    return SimpleNamespace(adapter=first, evaluation=evaluation, trial=trial, message=message)


def _address(name: str, rows: SimpleNamespace) -> str:
    row = ROWS.get(name.partition(":")[2])
    return reverse(name, args=[] if row is None else ["nobodys"] if row == "token" else [getattr(rows, row).pk])


def _form(name: str, rows: SimpleNamespace) -> dict[str, Any]:
    forms: dict[str, dict[str, Any]] = {
        "training:start_canary": {"share": 20},
        "training:roll_back": {"reason": "It is rude."},
        "training:replay": {"message": rows.message.pk, "adapter": "then", "index_version": "then", "prompt": 1},
    }
    return forms.get(name, {})


def _state() -> tuple[Any, ...]:
    return (AuditEntry.objects.count(), *Promotion.objects.values_list("state", flat=True))


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_roles_in_the_table_get_through(name: str, method: str, rows: SimpleNamespace) -> None:
    allowed = RULES[name][method == "post"]
    for role in sorted(EVERYONE - allowed) + sorted(allowed):
        before = _state()
        form = _form(name, rows) if method == "post" else None
        answer = getattr(client_of(role), method)(_address(name, rows), form)
        if role in allowed:
            assert answer.status_code in (200, 302), (role, answer)
            assert not answer.get("Location", "").startswith("/login"), role
        else:
            assert answer.status_code == (405 if not allowed else 302 if role == "anonymous" else 403), role
            assert _state() == before, role


@pytest.mark.parametrize("name", sorted(name for name, (_get, post) in RULES.items() if post))
def test_a_form_from_another_site_changes_nothing(name: str, rows: SimpleNamespace) -> None:
    before = _state()
    client = client_of("admin", enforce_csrf_checks=True)
    assert client.post(_address(name, rows), _form(name, rows)).status_code == 403
    assert _state() == before


@pytest.mark.parametrize("name", sorted(name for name, (_get, post) in RULES.items() if post))
def test_every_change_leaves_a_line_in_the_audit_log(name: str, rows: SimpleNamespace) -> None:
    if name == "training:start_canary":
        promotion.roll_back(promotion=rows.trial, by="boss", reason="first")
    client_of("admin").post(_address(name, rows), _form(name, rows))
    line = AuditEntry.objects.get(action__startswith="training.")
    assert line.action == f"training.{name.partition(':')[2].replace('start_', '')}"
    assert line.actor.startswith("admin")


@pytest.mark.parametrize("name", sorted(name for name, (get, _post) in RULES.items() if get))
def test_hostile_words_are_shown_as_words(name: str, rows: SimpleNamespace) -> None:
    trial_reports.tell(TrialReport(rows.trial.pk, "failed", HOSTILE))
    Promotion.objects.update(reason=HOSTILE)
    page = client_of("admin").get(_address(name, rows), follow=True)
    assert HOSTILE not in page.content.decode()


@pytest.mark.parametrize("number", [999_999, 2**62])
@pytest.mark.parametrize("name", sorted(f"training:{name}" for name, row in ROWS.items() if row != "token"))
def test_a_number_that_nothing_has_is_not_found(name: str, number: int) -> None:
    client, address = client_of("admin"), reverse(name, args=[number])
    assert client.post(address).status_code in (404, 405)
    assert client.get(address).status_code in (404, 405)


def test_pages_have_something_to_say_when_there_is_nothing() -> None:
    for name in ("training:adapters", "training:replay", "training:home"):
        assert client_of("admin").get(reverse(name)).status_code == 200


# --- The whole way --------------------------------------------------------------------------------------------------
def test_from_the_adapters_page_to_a_trial_to_all_and_back() -> None:
    boss = client_of("admin")
    first = promoting.adapter()
    evaluation = promoting.evaluation(first)
    page = boss.get(reverse("training:adapter", args=[first.pk])).content.decode()
    assert reverse("training:start_canary", args=[evaluation.pk]) in page
    page = boss.post(
        reverse("training:start_canary", args=[evaluation.pk]), {"share": 20}, follow=True
    ).content.decode()
    assert "The adapter answers 20 % of the conversations now." in page
    assert "No worker has loaded it yet" in page
    trial = promotion.canary()
    assert trial is not None
    page = boss.post(reverse("training:promote", args=[trial.pk]), follow=True).content.decode()
    assert "The adapter answers all conversations now." in page
    assert adapters.active() == first
    page = boss.post(reverse("training:roll_back", args=[trial.pk]), {"reason": "Rude."}, follow=True).content.decode()
    assert "what answered before answers again" in page
    assert "Rude." in page
    assert adapters.active() is None
    assert "Roll back what answers now" not in page


def test_an_analyst_sees_everything_and_no_button(rows: SimpleNamespace) -> None:
    page = client_of("analyst").get(reverse("training:adapters")).content.decode()
    assert "On trial" in page
    assert "Promote" not in page
    assert "<button" not in page.partition('id="canary"')[2]


def test_the_settings_of_an_adapter_have_their_own_names() -> None:
    """Elsewhere a rank is the place of a passage in the search."""
    made = promoting.adapter(card={"config": {"rank": 8, "epochs": 2}, "figures": {"examples": 68}})
    page = client_of("analyst").get(reverse("training:adapter", args=[made.pk])).content.decode()
    assert "rank: 8" in page
    assert "Examples: 68" in page


@pytest.mark.parametrize(("config", "shown"), [({"strength": 0.4}, True), ({"strength": 1.0}, False), ({}, False)])
def test_adapters_of_one_training_are_told_apart_by_their_strength(config: dict[str, float], shown: bool) -> None:
    made = promoting.adapter()
    dataset = promoting.evaluation(made).dataset
    TrainingRun.objects.create(dataset=dataset, base_model="m", config=config, adapter=made, state="done")
    page = client_of("analyst").get(reverse("training:adapters")).content.decode()
    assert dataset.name in page
    assert ("strength 40 %" in page, "strength" in page) == (shown, shown)


@pytest.mark.parametrize("share", ["0", "51", "-5", "x", "", "1e9", "\x00"])
def test_a_share_that_makes_no_sense_starts_nothing(share: str) -> None:
    evaluation = promoting.evaluation(promoting.adapter())
    page = client_of("admin").post(
        reverse("training:start_canary", args=[evaluation.pk]), {"share": share}, follow=True
    )
    assert "whole number from 1 to 50" in page.content.decode()
    assert not Promotion.objects.exists()


def test_a_refusal_is_said_and_nothing_is_noted(rows: SimpleNamespace) -> None:
    other = promoting.evaluation(promoting.adapter())
    page = client_of("admin").post(reverse("training:start_canary", args=[other.pk]), {"share": 5}, follow=True)
    assert "A canary runs already" in page.content.decode()
    blocked = promoting.evaluation(promoting.adapter(), verdict="blocked")
    page = client_of("admin").post(reverse("training:start_canary", args=[blocked.pk]), {"share": 5}, follow=True)
    assert "Only an adapter that passed the gate" in page.content.decode()
    assert not AuditEntry.objects.filter(action="training.canary").exists()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "a\x00b"])
def test_a_way_back_needs_a_reason(rows: SimpleNamespace, reason: str) -> None:
    page = client_of("admin").post(reverse("training:roll_back", args=[rows.trial.pk]), {"reason": reason}, follow=True)
    assert "Say in a few words why" in page.content.decode()
    assert promotion.canary() == rows.trial


def test_the_page_says_why_a_worker_cannot_load_the_canary(rows: SimpleNamespace) -> None:
    trial_reports.tell(TrialReport(rows.trial.pk, "failed", "Not enough memory for a single answer."))
    page = client_of("analyst").get(reverse("training:adapters")).content.decode()
    assert "answered by the active one meanwhile" in page
    assert "Not enough memory for a single answer." in page


def test_the_page_shows_both_sides_with_intervals(rows: SimpleNamespace) -> None:
    inbox = factories.inbox()
    Promotion.objects.update(started_at=rows.trial.started_at.replace(year=2020))
    rows.trial.refresh_from_db()
    for number in range(8):
        talk(rows.trial, inbox, canary=number % 2 == 0, thumb=-1 if number % 2 == 0 else 1, write_ms=100 + number)
    live_figures.look()
    page = client_of("analyst").get(reverse("training:adapters"), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "100.0 %" in page and "4 of 4 · 51–100 %" in page
    assert "worse" in page
    assert "of them by the side&#x27;s own adapter" in page


def test_answers_on_trial_that_are_never_the_canarys_own_are_a_warning(rows: SimpleNamespace) -> None:
    sides = {"conversations": 9, "answers": 9, "named": 0}
    Promotion.objects.update(figures={"canary": sides, "stable": {**sides, "named": 9}, "shares": {}, "means": {}})
    page = client_of("analyst").get(reverse("training:adapters")).content.decode()
    assert "None of the answers on trial was written by this adapter" in page


def test_a_tainted_adapter_offers_no_trial() -> None:
    tainted = promoting.adapter(tainted="A customer was erased.")
    promoting.evaluation(tainted)
    page = client_of("admin").get(reverse("training:adapter", args=[tainted.pk])).content.decode()
    assert "Start the trial" not in page
    assert "A customer was erased." in page


def test_the_overview_sends_to_a_trial_that_runs(rows: SimpleNamespace) -> None:
    assert "Look at the trial" in client_of("admin").get(reverse("training:home")).content.decode()


def test_the_history_says_why_a_canary_went_back_by_itself(rows: SimpleNamespace, settings: Any) -> None:
    settings.CANARY_LIMITS = {"least": 10.0}
    inbox = factories.inbox()
    Promotion.objects.update(started_at=rows.trial.started_at.replace(year=2020))
    rows.trial.refresh_from_db()
    for number in range(24):
        talk(rows.trial, inbox, canary=number % 2 == 0, thumb=-1 if number % 2 == 0 else 1)
    assert live_figures.look() == "roll_back"
    page = client_of("analyst").get(reverse("training:adapters")).content.decode()
    assert "By itself, surely worse:" in page
    assert "Thumbs down, where there were any (100.0 % / 0.0 %)" in page


# --- Replay -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []

    def start(kind: str, **more: Any) -> str:
        kept.append({"kind": kind, **more["asked"]})
        return "a-token"

    monkeypatch.setattr(page_work, "start", start)
    return kept


def _choices(**more: Any) -> dict[str, Any]:
    return {"adapter": "then", "index_version": "then", "prompt": 1, **more}


def test_a_replay_is_asked_of_a_worker(rows: SimpleNamespace, asked: list[dict[str, Any]]) -> None:
    form = _choices(message=rows.message.pk, adapter=rows.adapter.digest, index_version="now")
    answer = client_of("admin").post(reverse("training:replay"), form)
    assert answer["Location"] == reverse("training:replayed", args=["a-token"])
    assert asked == [
        {"kind": "replay", "message": rows.message.pk, "suggestion": None,
         "on": {"adapter": rows.adapter.digest, "index": "", "prompt": 1}},
    ]  # fmt: skip
    line = AuditEntry.objects.get(action="training.replay")
    assert line.target == f"message {rows.message.pk}"


@pytest.mark.parametrize(
    "changes",
    [
        {"message": ""},
        {"suggestion": 1},
        {"message": 999_999},
        {"message": "x"},
        {"message": -1},
        {"message": 2**63},
        {"adapter": "../../etc/passwd"},
        {"adapter": "f" * 64},
        {"adapter": ""},
        {"index_version": "f" * 64},
        {"prompt": 99},
        {"prompt": "x"},
    ],
)
def test_only_what_is_offered_can_be_chosen(
    rows: SimpleNamespace, asked: list[dict[str, Any]], changes: dict[str, Any]
) -> None:
    answer = client_of("admin").post(reverse("training:replay"), _choices(message=rows.message.pk) | changes)
    assert (answer.status_code, asked) == (400, [])


def test_messages_of_people_are_not_answered_again(rows: SimpleNamespace, asked: list[dict[str, Any]]) -> None:
    question = rows.message.conversation.messages.get(seq=1)
    answer = client_of("admin").post(reverse("training:replay"), _choices(message=question.pk))
    assert "No message of the bot has this number." in answer.content.decode()
    assert asked == []


def test_a_tainted_adapter_is_not_offered(rows: SimpleNamespace, asked: list[dict[str, Any]]) -> None:
    Adapter.objects.update(tainted="An attack.")
    form = _choices(message=rows.message.pk, adapter=rows.adapter.digest)
    assert client_of("admin").post(reverse("training:replay"), form).status_code == 400


def test_the_desk_names_a_message_by_its_place(rows: SimpleNamespace) -> None:
    client, address = client_of("admin"), reverse("training:replay")
    public = str(rows.message.conversation.public_id)
    for name in ("training:replay", "training:fix"):
        page = client.get(reverse(name), {"conversation": public, "seq": 2}).content.decode()
        assert f'value="{rows.message.pk}"' in page or "30 days." in page, name
    wrong = ({"conversation": public, "seq": 1}, {"conversation": "x"}, {"conversation": "9" * 40, "seq": "2"},
             {"conversation": rows.message.conversation_id, "seq": 2}, {"conversation": public, "seq": "\x00"})  # fmt: skip
    for query in wrong:
        assert client.get(address, query).status_code == 404, query
    assert client.get(address, {"message": "'><script>"}).status_code == 200


def test_the_desk_leads_only_those_to_a_replay_who_may() -> None:
    address = reverse("training:replay")
    assert address in client_of("admin").get(reverse("desk:home")).content.decode()
    assert address not in client_of("agent").get(reverse("desk:home")).content.decode()


def test_somebody_who_replays_all_day_is_told_to_wait(
    rows: SimpleNamespace, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatbot.conversations.rates import Rate

    monkeypatch.setattr(replays, "RATE", Rate(2, 600))
    client, form = client_of("admin"), _choices(message=rows.message.pk)
    codes = [client.post(reverse("training:replay"), form).status_code for _ in range(4)]
    assert codes == [302, 302, 429, 429]
    assert len(asked) == 2


def test_the_difference_is_shown_with_every_word_as_a_word(
    rows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatbot.training.logged_turns import Said, Shown
    from chatbot.training.replay import Replayed

    cut = {"text": f"It costs 99 USD {HOSTILE}.", "kept": False, "reason": "a name that no passage holds"}
    before = Said(f"You have 30 days {HOSTILE}.", "answer", 0.8, "transformers", "a" * 64, "b" * 64, "c" * 64)
    after = Said("You have 45 days.", "answer", 0.9, "transformers", "d" * 64, "b" * 64, "c" * 64, sentences=(cut,))
    gained = (Shown(7, HOSTILE, "Worn", 0.9, True),)
    made = Replayed(HOSTILE, before, after, gained, (Shown(8, "Old returns", ""),), 3, False, 1.2)
    monkeypatch.setattr(parts, "replay", lambda **_asked: made)
    client = client_of("admin")
    user = client.session["_auth_user_id"]
    cache.set("training:work:t", {"kind": "replay", "user": int(user), "state": "waiting", "since": 9e9, "by": "x",
        "asked": {"message": rows.message.pk, "suggestion": None, "on": {}}}, 60)  # fmt: skip
    waiting = client.get(reverse("training:replayed", args=["t"])).content.decode()
    assert "hx-get" in waiting
    page_work.run("t")
    page = client.get(reverse("training:replayed", args=["t"])).content.decode()
    assert HOSTILE not in page
    for words in ("<mark>30</mark>", "<mark>45</mark>", "Old returns", "cited", "3 passages were before both",
                  "a name that no passage holds", "d" * 12):  # fmt: skip
        assert words in page, words
    other = Client()
    other.force_login(factories.user(role="admin"))
    assert other.get(reverse("training:replayed", args=["t"])).status_code == 302


def test_a_replay_that_is_refused_says_why(rows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("admin")
    user = int(client.session["_auth_user_id"])
    asked = {"message": None, "suggestion": 999_999, "on": {"adapter": None, "index": None, "prompt": 1}}
    cache.set("training:work:t", {"kind": "replay", "user": user, "state": "waiting", "since": 9e9, "by": "x",
        "asked": asked}, 60)  # fmt: skip
    page_work.run("t")
    assert "has been deleted" in client.get(reverse("training:replayed", args=["t"])).content.decode()
    assert not Suggestion.objects.exists()


# --- The difference of texts --------------------------------------------------------------------------------------------
def test_pieces_are_the_whole_texts_and_mark_what_the_other_lacks() -> None:
    found = pieces("You have 30 days.", "You have 45 days now.")
    assert "".join(text for text, _marked in found["before"]) == "You have 30 days."
    assert [text for text, marked in found["before"] if marked] == ["30", "days."]
    assert "45" in [text for text, marked in found["after"] if marked]


def test_chinese_is_compared_by_characters() -> None:
    found = pieces("鞋子可以在三十天之内退回。", "鞋子可以在六十天之内退回。")
    assert [text for text, marked in found["after"] if marked] == ["六"]


def test_endless_texts_are_compared_up_to_a_point_and_shown_whole() -> None:
    left, right = "a " * 200_000, "a b " * 100_000
    found = pieces(left, right)
    assert "".join(text for text, _marked in found["before"]) == left
    assert found["after"][-1][1] is True
    assert pieces("same " * MOST, "same " * MOST)["before"][0][1] is False


@pytest.mark.parametrize("reason", list(Cut))
def test_every_reason_for_cutting_a_sentence_has_chinese_words(reason: Cut) -> None:
    with translation.override("zh-hans"):
        assert re.search("[\u4e00-\u9fff]", code_words(reason))
