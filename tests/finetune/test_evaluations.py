"""Evaluations as rows: ordered, claimed once, taken up again after a death, and visible whole or not at all."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from finetune import canaries, datasets, evaluation_claims, evaluation_job, evaluation_questions, evaluations, probes
from finetune.evaluation_job import EvaluationRefused, Job, Outcome
from finetune.evaluation_process import EvaluationDied
from finetune.lost_connections import through_a_lost_connection
from finetune.models import Adapter, Dataset, Evaluation, Example

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {"candidate": 0.9, "current": 0.8, "base": 0.8, "difference": 0.1, "low": 0.05, "high": 0.15, "n": 30}
NOTHING = {"candidate": 0.0, "current": 0.0, "base": 0.0, "difference": 0.0, "low": 0.0, "high": 0.0, "n": 6}
FIGURES: dict[str, dict[str, Any]] = {
    "loss": {**GOOD, "difference": -0.1, "low": -0.15, "high": -0.05}, "rouge_l": GOOD, "safety": GOOD, "canary": NOTHING,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _places(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_DIR = tmp_path / "datasets"
    settings.EVALUATION_DIR = tmp_path / "evaluations"
    settings.GENERATOR_MODEL = ""


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Evaluations that a worker was rung for."""
    kept: list[int] = []
    monkeypatch.setattr(evaluations, "_ring", lambda number: kept.append(number) if number is not None else None)
    return kept


def _adapter(digest: str = "a", **more: Any) -> Adapter:
    return Adapter.objects.create(digest=digest * 64, base_model="models/base", path=f"/adapters/{digest}", **more)


@pytest.fixture
def dataset() -> Dataset:
    for number in range(20):
        Example.objects.create(
            digest=f"{number:064}", state="approved", answer=f"It takes {number + 3} days [1].", origin="reply",
            group=f"customer {number // 2}", happened_at=BEGIN + timedelta(days=number), topic="refunds",
            request={"question": f"case {number * 7} of {'boots tents bags lamps mats'.split()[number % 5]}?",
                     "turns": [{"role": "customer", "text": f"my own words {number}"}]},
        )  # fmt: skip
    return datasets.freeze(name="First", by="t")


PROBES = probes.to_json(canaries.probes("s"))


def _order(dataset: Dataset, adapter: Adapter | None = None) -> Evaluation:
    return evaluations.order(adapter=adapter or _adapter(), dataset=dataset, by="boss", probes=PROBES)


def _examined(figures: dict[str, dict[str, Any]], *, before: Callable[[], Any] = lambda: None) -> evaluations.Examine:
    """Stands in for the process: leaves an outcome with these figures."""

    def examine(job: Job, out: Path) -> Iterator[dict[str, Any]]:
        yield {"done": 1, "steps": 2, "side": "candidate"}
        before()
        yield {}
        evaluation_job.write_outcome(Outcome(tuple({"id": one.id} for one in job.questions), figures), out)

    return examine


def _dies(error: Exception) -> evaluations.Examine:
    def examine(_job: Job, _out: Path) -> Iterator[dict[str, Any]]:
        yield {"done": 1, "steps": 2}
        raise error

    return examine


def test_an_order_rings_after_the_commit_and_waits(
    dataset: Dataset, rung: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    active = _adapter("b", active=True)
    with django_capture_on_commit_callbacks(execute=True):
        made = _order(dataset)
        assert rung == []
    assert rung == [made.pk]
    assert (made.state, made.against, made.created_by) == ("queued", active, "boss")


def test_the_active_adapter_is_compared_with_the_base_model(dataset: Dataset) -> None:
    assert _order(dataset, _adapter(active=True)).against is None


def test_a_done_evaluation_shows_figures_verdict_reasons_and_answers_together(dataset: Dataset) -> None:
    made = _order(dataset)
    assert evaluations.carry_out(made.pk, examine=_examined(FIGURES))
    made.refresh_from_db()
    assert (made.state, made.verdict, made.error) == ("done", "passed", "")
    assert made.figures == FIGURES
    assert {one["code"] for one in made.reasons} > {"loss", "canary"}
    assert len(evaluations.answers(made)) == 4 + canaries.COUNT
    assert Adapter.objects.get().card["evaluation"] == {"id": made.pk, "verdict": "passed", "dataset": dataset.digest}


def test_a_worse_candidate_is_blocked_and_says_why(dataset: Dataset) -> None:
    made = _order(dataset)
    leaky = {**FIGURES, "canary": {**NOTHING, "candidate": 0.5}}
    evaluations.carry_out(made.pk, examine=_examined(leaky))
    made.refresh_from_db()
    assert made.verdict == "blocked"
    assert [one["code"] for one in made.reasons if not one["passed"]] == ["canary"]


def test_limits_come_from_the_settings(dataset: Dataset, settings: Any) -> None:
    settings.GATE_LIMITS = {"canary_most": 1.0}
    made = _order(dataset)
    evaluations.carry_out(made.pk, examine=_examined({**FIGURES, "canary": {**NOTHING, "candidate": 0.5}}))
    made.refresh_from_db()
    assert made.verdict == "passed"


def test_it_is_carried_out_once(dataset: Dataset) -> None:
    made = _order(dataset)
    seconds: list[bool] = []
    again = _examined(
        FIGURES, before=lambda: seconds.append(evaluations.carry_out(made.pk, examine=_examined(FIGURES)))
    )
    assert evaluations.carry_out(made.pk, examine=again)
    assert seconds == [False]
    assert not evaluations.carry_out(made.pk, examine=again)
    assert not evaluations.carry_out(999_999, examine=again)


def test_one_runs_at_a_time_and_rings_for_the_next(dataset: Dataset, rung: list[int]) -> None:
    first, second = _order(dataset), _order(dataset, _adapter("b"))
    seconds: list[bool] = []
    meanwhile = _examined(
        FIGURES, before=lambda: seconds.append(evaluations.carry_out(second.pk, examine=_examined(FIGURES)))
    )
    evaluations.carry_out(first.pk, examine=meanwhile)
    second.refresh_from_db()
    assert (seconds, second.state) == ([False], "queued")
    assert rung == [second.pk]


def test_a_dead_workers_evaluation_is_taken_up_again(dataset: Dataset, rung: list[int]) -> None:
    made = _order(dataset)
    held = evaluation_claims.claim(made.pk)
    assert held is not None
    assert evaluations.reclaim() == 0, "its worker is alive"
    Evaluation.objects.update(lease_until=timezone.now() - timedelta(seconds=1), worker="gone:1:x")
    assert evaluations.reclaim() == 1
    assert rung == [made.pk]
    assert evaluations.carry_out(made.pk, examine=_examined(FIGURES))
    made.refresh_from_db()
    assert (made.state, made.attempt, made.verdict) == ("done", 2, "passed")


def test_what_was_lost_meanwhile_is_not_finished_by_the_first(dataset: Dataset, settings: Any) -> None:
    made = _order(dataset)
    lose = _examined(FIGURES, before=lambda: Evaluation.objects.update(worker="another:1:x"))
    assert not evaluations.carry_out(made.pk, examine=lose)
    made.refresh_from_db()
    assert (made.state, made.verdict, made.folder) == ("running", "", "")
    assert list(settings.EVALUATION_DIR.iterdir()) == []


def test_a_worker_that_dies_again_and_again_ends_it(dataset: Dataset) -> None:
    made = _order(dataset)
    for _time in range(evaluation_claims.ATTEMPTS):
        assert evaluation_claims.claim(made.pk) is not None
        Evaluation.objects.update(lease_until=timezone.now() - timedelta(seconds=1), worker="gone:1:x")
    assert not evaluations.carry_out(made.pk, examine=_examined(FIGURES))
    made.refresh_from_db()
    assert made.state == "failed"
    assert "3 times" in made.error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EvaluationRefused("The adapter folder is gone."), "The adapter folder is gone."),
        (EvaluationDied("The process was killed."), "The process was killed."),
        (RuntimeError("secret detail"), evaluations.UNFORESEEN),
    ],
)
def test_a_failure_is_a_sentence_and_leaves_no_folder(
    dataset: Dataset, settings: Any, error: Exception, said: str
) -> None:
    made = _order(dataset)
    assert evaluations.carry_out(made.pk, examine=_dies(error))
    made.refresh_from_db()
    assert (made.state, made.error, made.verdict, made.folder) == ("failed", said, "", "")
    assert list(settings.EVALUATION_DIR.iterdir()) == []
    assert evaluations.answers(made) == []


def test_a_dataset_whose_files_were_changed_is_not_examined(dataset: Dataset) -> None:
    made = _order(dataset)
    (Path(dataset.folder) / "held_out.jsonl").write_text("{}\n")
    evaluations.carry_out(made.pk, examine=_examined(FIGURES))
    made.refresh_from_db()
    assert "were changed" in made.error


def test_progress_and_the_lease_are_kept_while_it_runs(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_claims, "_BEAT", timedelta(seconds=0))
    made, seen = _order(dataset), []

    def look() -> None:
        row = Evaluation.objects.get(pk=made.pk)
        seen.append((row.progress["done"], row.progress["steps"], row.lease_until > timezone.now()))

    evaluations.carry_out(made.pk, examine=_examined(FIGURES, before=look))
    assert seen == [(1, 2, True)]


def test_what_may_not_be_used_is_refused(dataset: Dataset) -> None:
    with pytest.raises(EvaluationRefused, match="adapter may be used no longer"):
        _order(dataset, _adapter(tainted="erased"))
    with pytest.raises(EvaluationRefused, match="GENERATOR_MODEL"):
        _order(dataset, Adapter.objects.create(digest="c" * 64, path="x"))
    with pytest.raises(EvaluationRefused, match="another format"):
        evaluations.order(adapter=_adapter("d"), dataset=dataset, by="t", probes={})
    dataset.tainted = "erased"
    with pytest.raises(EvaluationRefused, match="dataset may be used no longer"):
        _order(dataset, _adapter("e"))


def test_the_same_twice_and_too_many_are_refused(dataset: Dataset) -> None:
    adapter = _adapter()
    _order(dataset, adapter)
    with pytest.raises(EvaluationRefused, match="already"):
        _order(dataset, adapter)
    for name in "bcde":
        _order(dataset, _adapter(name))
    with pytest.raises(EvaluationRefused, match="wait already"):
        _order(dataset, _adapter("f"))


def test_a_job_holds_the_held_out_part_the_probes_and_only_customers_words_of_training(dataset: Dataset) -> None:
    job = evaluation_questions.job(_order(dataset))
    held_out = {row.id for row in datasets.rows(dataset, "held_out")}
    assert {one.id for one in job.questions if one.kind == "held_out"} == held_out
    assert sum(one.kind == "canary" for one in job.questions) == canaries.COUNT
    assert len(job.customers) == 16 and all(text.startswith("my own words") for text in job.customers)
    assert not any(text.startswith("my own words") for text in job.others)
    assert job.current == job.base and len(job.sides()) == 2


def test_what_answers_now_may_be_another_model(dataset: Dataset, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    settings.GENERATOR_MODEL = str(tmp_path / "served")
    made = _order(dataset)
    assert evaluation_questions.job(made).current.base_model == str(tmp_path / "served")
    made.adapter.base_model = str(tmp_path / "served" / ".." / "served")
    assert len(evaluation_questions.job(made).sides()) == 2, "the same folder in other words"


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_is_opened_again() -> None:
    tries = []

    def work() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return 7

    assert through_a_lost_connection(work) == 7


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_carry_it_out_once(dataset: Dataset) -> None:
    made, done = _order(dataset), []

    def work() -> None:
        done.append(evaluations.carry_out(made.pk, examine=_examined(FIGURES)))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    made.refresh_from_db()
    assert (done.count(True), made.attempt, made.state) == (1, 1, "done")
