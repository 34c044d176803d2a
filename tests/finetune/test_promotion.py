"""An adapter's way into service: what is refused, what is history, and that no step is ever seen half-done."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from finetune import adapters, promotion
from finetune.models import Adapter, Promotion
from finetune.promotion import PromotionRefused, promote, roll_back, start_canary
from tests.finetune import promoting

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _configured(settings: Any) -> None:
    settings.GENERATOR, settings.OPENAI_BASE_URL, settings.GENERATOR_MODEL = "", "", promoting.MODEL
    settings.GENERATOR_ADAPTER = ""


def canary(candidate: Adapter | None = None, share: float = 0.1) -> Promotion:
    candidate = candidate or promoting.adapter()
    return start_canary(evaluation=promoting.evaluation(candidate), share=share, by="boss")


def in_service(candidate: Adapter | None = None) -> Promotion:
    return promote(promotion=canary(candidate), by="boss")


# --- Starting ---------------------------------------------------------------------------------------------------
def test_what_passed_answers_a_share_and_the_active_one_stays() -> None:
    before = in_service().adapter
    made = canary(share=0.25)
    assert (made.state, made.share, made.before, made.by) == ("canary", 0.25, before, "boss")
    assert promotion.canary() == made
    assert adapters.active() == before


@pytest.mark.parametrize(
    ("evaluated", "says"),
    [
        ({"state": "running", "verdict": ""}, "passed the gate"),
        ({"state": "failed", "verdict": ""}, "passed the gate"),
        ({"state": "done", "verdict": "blocked"}, "passed the gate"),
        ({"state": "queued", "verdict": "passed"}, "passed the gate"),
    ],
)
def test_what_did_not_pass_the_gate_is_refused(evaluated: dict[str, str], says: str) -> None:
    found = promoting.evaluation(promoting.adapter(), **evaluated)
    with pytest.raises(PromotionRefused, match=says):
        start_canary(evaluation=found, share=0.1, by="boss")
    assert not Promotion.objects.exists()


def test_a_verdict_that_was_withdrawn_since_the_page_was_read_counts() -> None:
    found = promoting.evaluation(promoting.adapter())
    type(found).objects.filter(pk=found.pk).update(verdict="blocked")
    with pytest.raises(PromotionRefused, match="passed the gate"):
        start_canary(evaluation=found, share=0.1, by="boss")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.51, 1.0, -1.0, float("nan"), float("inf")])
def test_a_share_that_is_no_trial_is_refused(share: float) -> None:
    with pytest.raises(PromotionRefused, match="1 % to 50 %"):
        canary(share=share)


def test_a_tainted_adapter_is_refused() -> None:
    with pytest.raises(PromotionRefused, match="tainted"):
        canary(promoting.adapter(tainted="A customer was erased."))


def test_an_adapter_of_another_base_model_is_refused() -> None:
    with pytest.raises(PromotionRefused, match="another base model"):
        canary(promoting.adapter(base_model="other/model"))


def test_a_generator_that_serves_no_adapters_is_refused(settings: Any) -> None:
    settings.GENERATOR = "extractive"
    with pytest.raises(PromotionRefused, match="serves no adapters"):
        canary()


def test_two_names_of_one_folder_are_one_base_model(settings: Any, tmp_path: Path) -> None:
    settings.GENERATOR_MODEL = str(tmp_path)
    assert canary(promoting.adapter(base_model=f"{tmp_path}/../{tmp_path.name}/")).state == "canary"
    assert not promotion.same_model("", "")
    assert not promotion.same_model("a/b", "a/c")


def test_one_canary_at_a_time() -> None:
    first = canary()
    with pytest.raises(PromotionRefused, match="runs already"):
        canary()
    assert promotion.canary() == first


def test_what_answers_already_is_no_canary() -> None:
    active = in_service().adapter
    assert active is not None
    with pytest.raises(PromotionRefused, match="answers already"):
        canary(active)


def test_a_comparison_with_an_adapter_that_answers_no_longer_does_not_count() -> None:
    late = promoting.evaluation(promoting.adapter())
    in_service()
    with pytest.raises(PromotionRefused, match="evaluate it again"):
        start_canary(evaluation=late, share=0.1, by="boss")


# --- Promoting ----------------------------------------------------------------------------------------------------
def test_promoting_moves_the_mark_and_ends_what_was_before() -> None:
    first = in_service()
    second = in_service()
    first.refresh_from_db()
    assert (first.state, second.state) == ("replaced", "active")
    assert first.ended_at is not None
    assert second.before == first.adapter
    assert adapters.active() == second.adapter
    assert promotion.canary() is None
    assert promotion.in_service() == second


def test_a_promotion_is_promoted_once() -> None:
    made = canary()
    promote(promotion=made, by="boss")
    with pytest.raises(PromotionRefused, match="is over"):
        promote(promotion=made, by="boss")


def test_a_canary_that_was_tainted_meanwhile_is_not_promoted_and_nothing_moves() -> None:
    before = in_service().adapter
    made = canary()
    Adapter.objects.filter(pk=made.adapter_id).update(tainted="A customer was erased.")
    with pytest.raises(PromotionRefused, match="tainted"):
        promote(promotion=made, by="boss")
    assert adapters.active() == before
    made.refresh_from_db()
    assert made.state == "canary"


def test_a_tainted_canary_answers_nobody_from_that_moment() -> None:
    made = canary()
    wanted = promotion.wanted_trial()
    assert wanted is not None and made.adapter is not None
    assert (wanted.promotion_id, wanted.folder, wanted.share) == (made.pk, made.adapter.path, 0.1)
    Adapter.objects.update(tainted="An attack.")
    assert promotion.wanted_trial() is None


def test_a_canary_is_not_promoted_over_an_adapter_it_was_never_compared_with() -> None:
    made = canary()
    adapters.activate(promoting.adapter().digest)
    with pytest.raises(PromotionRefused, match="when this trial began"):
        promote(promotion=made, by="boss")


# --- Rolling back ---------------------------------------------------------------------------------------------------
def test_rolling_a_canary_back_changes_nothing_for_the_others() -> None:
    before = in_service().adapter
    done = roll_back(promotion=canary(), by="boss", reason=" It is rude. ")
    assert (done.state, done.reason) == ("rolled_back", "It is rude.")
    assert done.ended_at is not None
    assert adapters.active() == before
    assert Promotion.objects.count() == 2


def test_rolling_back_what_is_in_service_lets_the_one_before_answer_and_is_history() -> None:
    first, second = in_service(), in_service()
    roll_back(promotion=second, by="other", reason="Wrong prices.")
    assert adapters.active() == first.adapter
    rows = list(Promotion.objects.order_by("pk").values_list("adapter", "state"))
    assert rows == [
        (first.adapter_id, "replaced"),
        (second.adapter_id, "rolled_back"),
        (first.adapter_id, "active"),
    ]
    now = promotion.in_service()
    assert now is not None
    assert (now.reason, now.by, now.before) == (promotion.BACK, "other", None)


def test_rolling_back_again_goes_further_back_and_never_forward() -> None:
    first, second, third = in_service(), in_service(), in_service()
    roll_back(promotion=third, by="boss", reason="bad")
    assert adapters.active() == second.adapter
    roll_back(promotion=_now(), by="boss", reason="bad too")
    assert adapters.active() == first.adapter
    roll_back(promotion=_now(), by="boss", reason="and this")
    assert adapters.active() is None
    with pytest.raises(PromotionRefused, match="base model answers already"):
        roll_back(promotion=_now(), by="boss", reason="what else")


def _now() -> Promotion:
    found = promotion.in_service()
    assert found is not None
    return found


def test_the_way_back_passes_over_what_may_be_used_no_longer() -> None:
    first, second, third = in_service(), in_service(), in_service()
    Adapter.objects.filter(pk=second.adapter_id).update(tainted="An attack.")
    roll_back(promotion=third, by="boss", reason="bad")
    assert adapters.active() == first.adapter


def test_after_a_way_back_the_next_one_is_promoted_over_it() -> None:
    first, second = in_service(), in_service()
    roll_back(promotion=second, by="boss", reason="bad")
    third = in_service()
    assert third.before == first.adapter
    assert Promotion.objects.filter(state="active").count() == 1


def test_a_way_back_without_a_reason_is_refused() -> None:
    with pytest.raises(PromotionRefused, match="why you roll back"):
        roll_back(promotion=canary(), by="boss", reason="  ")


def test_history_cannot_be_rolled_back() -> None:
    first = in_service()
    in_service()
    for over in (first, roll_back(promotion=canary(), by="boss", reason="bad")):
        with pytest.raises(PromotionRefused, match="is over"):
            roll_back(promotion=over, by="boss", reason="again")


def test_an_adapter_that_was_activated_by_hand_is_not_undone_by_an_old_page() -> None:
    old = in_service()
    other = promoting.adapter()
    adapters.activate(other.digest)
    with pytest.raises(PromotionRefused, match="Another adapter answers now"):
        roll_back(promotion=old, by="boss", reason="bad")
    assert adapters.active() == other


# --- Half-done never ------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_many_who_press_at_once_one_is_heard() -> None:
    evaluations = [promoting.evaluation(promoting.adapter()) for _ in range(6)]
    started = _at_once([lambda one=one: start_canary(evaluation=one, share=0.1, by="x") for one in evaluations])
    assert (started.count("done"), Promotion.objects.count()) == (1, 1)
    made = Promotion.objects.get()
    ends = [lambda: promote(promotion=made, by="x"), lambda: roll_back(promotion=made, by="x", reason="bad")]
    assert _at_once(ends * 3).count("done") in (1, 2)  # an active one may still be rolled back
    made.refresh_from_db()
    assert made.state in ("active", "rolled_back")
    assert (adapters.active() is not None) == (made.state == "active")


def _at_once(calls: list[Any]) -> list[str]:
    said: list[str] = []
    gate = threading.Barrier(len(calls))

    def run(call: Any) -> None:
        gate.wait()
        try:
            call()
            said.append("done")
        except PromotionRefused:
            said.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return said


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a pool of connections does not survive a fork")
@pytest.mark.parametrize("step", ["start", "promote", "back"])
@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_killed_at_any_statement_leaves_before_or_after(step: str) -> None:
    """Ends before its first, second, … statement, until one gets through; a process of its own each time."""
    pictures: list[Any] = []
    survived = False
    while not survived:
        act = _prepared(step)
        before = _picture()
        survived = _in_child(act, len(pictures) + 1)
        pictures.append(_picture())
    states = [one for one in pictures if one != before]
    assert states == [pictures[-1]] * len(states)  # nothing between before and after
    assert 0 < len(states) < len(pictures) > 5


def _prepared(step: str) -> Callable[[], Any]:
    Promotion.objects.all().delete()
    Adapter.objects.all().delete()
    if step == "start":
        found = promoting.evaluation(promoting.adapter())
        return lambda: start_canary(evaluation=found, share=0.1, by="x")
    in_service()
    if step == "promote":
        made = canary()
        return lambda: promote(promotion=made, by="x")
    active = in_service()
    return lambda: roll_back(promotion=active, by="x", reason="bad")


def _picture() -> list[Any]:
    """States in their order, whether each has ended, and which of the adapters answers."""
    rows: list[Any] = [(one.state, one.ended_at is not None) for one in Promotion.objects.order_by("pk")]
    return [*rows, *Adapter.objects.order_by("pk").values_list("active", flat=True)]


def _in_child(act: Callable[[], Any], statements: int) -> bool:
    """Whether the child came to its end before its n-th statement."""
    connection.close()
    child = os.fork()
    if child == 0:
        left = statements

        def die(execute: Any, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            return execute(*arguments) if left > 0 else os._exit(9)

        try:
            with connection.execute_wrapper(die):
                act()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 0
