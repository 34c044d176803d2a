"""What is counted of both sides of a trial, and what the clock does about it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Inbox
from chatbot.training import live_figures
from finetune import adapters, promotion
from finetune.models import Adapter, Promotion
from tests import factories
from tests.training.live_talks import MODEL, talk, trial

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _configured(settings: Any) -> None:
    settings.GENERATOR, settings.OPENAI_BASE_URL, settings.GENERATOR_MODEL = "", "", MODEL
    settings.CANARY_LIMITS = {}


@pytest.fixture
def inbox() -> Inbox:
    return factories.inbox()


def test_both_sides_are_counted_by_what_was_drawn(inbox: Inbox) -> None:
    canary = trial()
    for number in range(6):
        talk(canary, inbox, canary=True, thumb=-1 if number < 2 else 1, stars=3, write_ms=600)
    for number in range(4):
        talk(canary, inbox, canary=False, thumb=1, stars=5, handed="abstained" if number == 0 else "", kind="abstain")
    found = live_figures.figures(canary)
    assert found["canary"] == {
        "conversations": 6, "answers": 6, "named": 6, "thumbs_up": 4, "thumbs_down": 2, "rated": 6, "drafts": 0,
    }  # fmt: skip
    assert found["stable"]["conversations"] == 4
    down = found["shares"]["thumbs_down"]
    assert (down["canary"]["count"], down["canary"]["of"]) == (2, 6)
    assert down["difference"] == pytest.approx(1 / 3)
    assert down["low"] < 1 / 3 < down["high"]
    assert found["shares"]["handed_over"]["stable"]["count"] == 1
    assert found["shares"]["abstained"]["stable"]["value"] == 1.0
    assert (found["means"]["stars"]["canary"]["value"], found["means"]["stars"]["stable"]["value"]) == (3.0, 5.0)
    assert found["means"]["write_ms"]["difference"] == 200.0
    json.dumps(found, allow_nan=False)


def test_nothing_counted_is_still_a_figure_and_json() -> None:
    found = live_figures.figures(trial())
    assert found["canary"]["conversations"] == found["stable"]["conversations"] == 0
    assert "difference" not in found["shares"]["cut"]
    json.dumps(found, allow_nan=False)


def test_only_what_happened_during_the_trial_counts(inbox: Inbox) -> None:
    canary = trial()
    talk(canary, inbox, canary=True, minutes=-5, thumb=-1)
    talk(canary, inbox, canary=True, minutes=50, thumb=-1)
    canary.ended_at = canary.started_at + timedelta(minutes=40)
    assert live_figures.figures(canary)["canary"]["conversations"] == 0
    canary.ended_at = None
    assert live_figures.figures(canary)["canary"]["conversations"] == 1


def test_answers_that_needed_no_model_say_nothing_about_an_adapter(inbox: Inbox) -> None:
    canary = trial()
    talk(canary, inbox, canary=True, tried=False, thumb=-1, handed="asked")
    assert live_figures.figures(canary)["canary"] == dict.fromkeys(live_figures.figures(canary)["canary"], 0)


def test_text_that_did_not_survive_verification_counts_against_the_side_that_wrote_it(inbox: Inbox) -> None:
    canary = trial()
    talk(canary, inbox, canary=True, cut=True)
    talk(canary, inbox, canary=False)
    found = live_figures.figures(canary)
    assert found["shares"]["cut"]["canary"]["count"] == 1
    assert found["shares"]["cut"]["stable"]["count"] == 0
    assert (found["canary"]["answers"], found["canary"]["named"]) == (1, 0)


@pytest.mark.parametrize(("reason", "counts"), [("asked", 1), ("abstained", 1), ("mood", 1), ("review", 0), ("unsure", 0)])  # fmt: skip
def test_handoffs_that_were_decided_before_a_word_was_written_do_not_count(
    inbox: Inbox, reason: str, counts: int
) -> None:
    canary = trial()
    talk(canary, inbox, canary=True, handed=reason)
    assert live_figures.figures(canary)["shares"]["handed_over"]["canary"]["count"] == counts


def test_drafts_count_by_what_agents_did_with_them(inbox: Inbox) -> None:
    canary = trial()
    talk(canary, inbox, canary=True, draft="rewrite", edit=0.8)
    talk(canary, inbox, canary=True, draft="unchanged", edit=0.0)
    talk(canary, inbox, canary=True, draft="ignored")
    talk(canary, inbox, canary=False, draft="light", edit=0.1)
    found = live_figures.figures(canary)
    assert (found["canary"]["drafts"], found["stable"]["drafts"]) == (2, 1)
    assert found["shares"]["drafts_rejected"]["canary"]["value"] == 0.5
    assert found["shares"]["handed_over"]["canary"]["of"] == 0
    assert found["means"]["edits"]["canary"]["value"] == pytest.approx(0.4)


# --- The clock ----------------------------------------------------------------------------------------------------
def test_without_a_canary_the_clock_does_nothing() -> None:
    assert live_figures.look() == ""
    assert not AuditEntry.objects.exists()


def test_figures_are_kept_for_the_page(inbox: Inbox) -> None:
    canary = trial()
    talk(canary, inbox, canary=True)
    assert live_figures.look() == "wait"
    canary.refresh_from_db()
    assert canary.figures["canary"]["conversations"] == 1
    assert canary.figures["decision"] == {"action": "wait", "reasons": []}
    assert canary.state == "canary"


def test_a_canary_that_is_surely_worse_is_rolled_back_with_its_reasons(inbox: Inbox, settings: Any) -> None:
    settings.CANARY_LIMITS = {"least": 10.0}
    canary = trial()
    for number in range(14):
        talk(canary, inbox, canary=True, thumb=-1, handed="asked" if number < 13 else "")
        talk(canary, inbox, canary=False, thumb=1)
    assert live_figures.look() == "roll_back"
    canary.refresh_from_db()
    assert canary.state == "rolled_back"
    assert {one["figure"] for one in canary.figures["decision"]["reasons"]} == {"thumbs_down", "handed_over"}
    assert "thumbs_down 1 against 0" in canary.reason
    assert adapters.active() == canary.before
    line = AuditEntry.objects.get()
    assert (line.actor, line.action, line.target) == ("watch", "training.roll_back", f"promotion {canary.pk}")
    assert line.detail["reasons"][0]["figure"] in ("thumbs_down", "handed_over")
    assert live_figures.look() == ""
    assert AuditEntry.objects.count() == 1


def test_a_canary_as_good_as_the_others_goes_on(inbox: Inbox, settings: Any) -> None:
    settings.CANARY_LIMITS = {"least": 10.0}
    canary = trial()
    for number in range(12):
        for side in (True, False):
            talk(canary, inbox, canary=side, thumb=-1 if number < 3 else 1, stars=4)
    assert live_figures.look() == "go_on"
    assert promotion.canary() == canary


def test_a_tainted_canary_goes_back_at_the_next_look() -> None:
    canary = trial()
    Adapter.objects.filter(pk=canary.adapter_id).update(tainted="A customer was erased.")
    assert live_figures.look() == "roll_back"
    canary.refresh_from_db()
    assert (canary.state, "tainted" in canary.reason) == ("rolled_back", True)
    assert AuditEntry.objects.get().detail["tainted"] == "A customer was erased."


def test_somebody_who_was_quicker_is_not_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    canary = trial()
    Adapter.objects.filter(pk=canary.adapter_id).update(tainted="x")
    stale = promotion.canary()
    promotion.roll_back(promotion=canary, by="boss", reason="Mine.")
    monkeypatch.setattr(promotion, "canary", lambda: stale)
    assert live_figures.look() == ""
    canary.refresh_from_db()
    assert canary.reason == "Mine."
    assert not AuditEntry.objects.exists()


def test_figures_of_a_trial_that_is_over_stay_as_they_were(inbox: Inbox) -> None:
    canary = trial()
    talk(canary, inbox, canary=True)
    live_figures.keep(canary)
    promotion.promote(promotion=canary, by="boss")
    talk(canary, inbox, canary=True)
    live_figures.keep(canary)
    assert Promotion.objects.get(pk=canary.pk).figures["canary"]["conversations"] == 1
