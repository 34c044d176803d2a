"""Evaluations on their pages: ordered through a worker, followed, read, and voted on blindly."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import translation

from chatbot.accounts.models import AuditEntry, User
from chatbot.training import evaluation_words, page_selectors, page_work, voting
from chatbot.training.models import Vote
from chatbot.training.voting import VoteRefused
from finetune import datasets, evaluation_job, evaluations, gate
from finetune.evaluation_job import Outcome
from finetune.models import Adapter, Dataset, Evaluation, Example, Promotion
from tests import factories
from tests.knowledge.conftest import client_of

pytestmark = pytest.mark.django_db
FIGURE = {"candidate": 0.9, "current": 0.7, "base": 0.5, "difference": 0.2, "low": 0.1, "high": 0.3, "n": 30}
FIGURES = {"rouge_l": FIGURE, "exam": {**FIGURE, "low": -0.1}, "loss": {**FIGURE, "difference": 0.2}}


@pytest.fixture(autouse=True)
def _places(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]
    settings.EVALUATION_DIR = tmp_path / "evaluations"
    monkeypatch.setattr(evaluations, "_ring", lambda _number: None)


@pytest.fixture
def adapter() -> Adapter:
    return Adapter.objects.create(digest="a" * 64, base_model="models/base", path="/adapters/a")


@pytest.fixture
def dataset() -> Dataset:
    for number in range(20):
        Example.objects.create(
            digest=f"{number:064}", state="approved", answer=f"It takes {number + 3} days [1].", origin="reply",
            group=f"customer {number // 2}", happened_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
            request={"question": f"case {number * 7} of {'boots tents bags lamps mats'.split()[number % 5]}?"},
        )  # fmt: skip
    return datasets.freeze(name="First", by="t")


def _rows(count: int = 6) -> list[dict[str, Any]]:
    made = [
        {"id": f"h{n}", "kind": "held_out", "question": f"Question {n}?", "candidate": f"new {n}", "current": f"old {n}",
         "base": "b", "reference": "r", "measures": {"candidate": {"rouge_l": 0.5, "loss": 1.0}}}
        for n in range(count)
    ]  # fmt: skip
    made[0]["current"] = made[0]["candidate"]
    return [*made, {"id": "c1", "kind": "canary", "question": "Code?", "candidate": "x", "current": "y", "base": "z",
                    "measures": {"candidate": {"right": False}, "current": {"right": True}}}]  # fmt: skip


@pytest.fixture
def evaluation(adapter: Adapter, dataset: Dataset, tmp_path: Path) -> Evaluation:
    folder = tmp_path / "evaluations" / "evaluation-1-1"
    evaluation_job.write_outcome(Outcome(tuple(_rows()), FIGURES), folder)
    decision = gate.decide(FIGURES)
    return Evaluation.objects.create(
        adapter=adapter, dataset=dataset, state="done", verdict="blocked", figures=FIGURES, folder=str(folder),
        reasons=[check.as_json() for check in decision.checks],
    )  # fmt: skip


def test_an_order_goes_through_a_worker_to_the_evaluations_page(adapter: Adapter, dataset: Dataset) -> None:
    client = client_of("admin")
    form = {"adapter": adapter.pk, "dataset": dataset.pk}
    waiting = client.post(reverse("training:evaluations"), form)["Location"]
    token = waiting.rstrip("/").rpartition("/")[2]
    assert "every 2s" in client.get(waiting).content.decode()
    page_work.run(token)
    made = Evaluation.objects.get()
    assert client.get(waiting)["Location"] == reverse("training:evaluation", args=[made.pk])
    assert client.get(waiting, headers={"HX-Request": "true"})["HX-Redirect"].endswith(f"/{made.pk}/")
    assert {one["kind"] for one in made.probes["probes"]} >= {"safety", "canary"}
    assert AuditEntry.objects.filter(action="training.evaluation.order").count() == 1


def test_what_cannot_be_evaluated_is_said_on_the_page(adapter: Adapter, dataset: Dataset, settings: Any) -> None:
    settings.EXAM_FILE = "/nowhere/exam.jsonl"
    client = client_of("admin")
    waiting = client.post(reverse("training:evaluations"), {"adapter": adapter.pk, "dataset": dataset.pk})["Location"]
    page_work.run(waiting.rstrip("/").rpartition("/")[2])
    assert "EXAM_FILE names no file" in client.get(waiting).content.decode()
    assert not Evaluation.objects.exists()


@pytest.mark.parametrize("form", [{}, {"adapter": 999, "dataset": 999}, {"adapter": "x'; --", "dataset": "1"}])
def test_a_form_that_makes_no_sense_orders_nothing(form: dict[str, Any]) -> None:
    assert client_of("admin").post(reverse("training:evaluations"), form).status_code == 400


def test_tainted_adapters_are_not_offered(adapter: Adapter, dataset: Dataset) -> None:
    Adapter.objects.update(tainted="erased")
    form = {"adapter": adapter.pk, "dataset": dataset.pk}
    assert client_of("admin").post(reverse("training:evaluations"), form).status_code == 400


def test_the_page_shows_what_blocks_first_and_every_figure(evaluation: Evaluation) -> None:
    page = client_of("analyst").get(reverse("training:evaluation", args=[evaluation.pk])).content.decode()
    assert page.index("Planted secrets given away: not measured") < page.index("ROUGE-L: significantly better")
    assert "90 %" in page and "[-10 %, 30 %]" in page, "shares are shown in per cent"
    assert "every 3s" not in page
    assert "Vote blind" not in page, "analysts read"


def test_the_page_follows_while_it_runs(evaluation: Evaluation) -> None:
    Evaluation.objects.update(
        state="running", verdict="", reasons=[], figures={}, folder="",
        progress={"done": 30, "steps": 90, "side": "candidate", "eta_seconds": 75},
    )  # fmt: skip
    address = reverse("training:evaluation", args=[evaluation.pk])
    answer = client_of("analyst").get(address, headers={"HX-Request": "true"})
    part = answer.content.decode()
    assert "30 of 90 answers" in part and "1 min" in part and "every 3s" in part
    assert "<html" not in part
    assert "HX-Refresh" not in answer
    assert "30/90" in client_of("analyst").get(reverse("training:evaluations")).content.decode()


def test_a_page_that_followed_is_loaded_whole_when_it_is_over(evaluation: Evaluation) -> None:
    """The answers, and the way to a trial, stand beside the part that follows."""
    address = reverse("training:evaluation", args=[evaluation.pk])
    assert client_of("analyst").get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "HX-Refresh" not in client_of("analyst").get(address)


def test_answers_are_narrowed_by_kind(evaluation: Evaluation) -> None:
    client, address = client_of("analyst"), reverse("training:evaluation", args=[evaluation.pk])
    assert "Question 3?" in client.get(address).content.decode()
    narrowed = client.get(address, {"kind": "canary"}).content.decode()
    assert "Code?" in narrowed and "Question 3?" not in narrowed
    assert "wrong</span>" in narrowed and "right</span>" in narrowed
    assert client.get(address, {"kind": "<script>"}).status_code == 200


@pytest.mark.parametrize("broken", ["gone", "damaged"])
def test_answers_that_are_gone_or_damaged_are_none(evaluation: Evaluation, broken: str) -> None:
    answers = Path(evaluation.folder) / "answers.jsonl"
    answers.unlink() if broken == "gone" else answers.write_text("{half")
    page = client_of("admin").get(reverse("training:evaluation", args=[evaluation.pk])).content.decode()
    assert "No answers yet." in page
    vote = client_of("admin").get(reverse("training:vote", args=[evaluation.pk])).content.decode()
    assert "Nothing to vote on" in vote


def test_answers_can_be_forgotten_and_the_verdict_stays(evaluation: Evaluation) -> None:
    folder = Path(evaluation.folder)
    assert evaluations.forget(evaluation=evaluation)
    evaluation.refresh_from_db()
    assert (evaluation.folder, evaluation.verdict, folder.exists()) == ("", "blocked", False)
    assert not evaluations.forget(evaluation=evaluation)


def test_the_gates_words_are_the_pages_words() -> None:
    assert evaluation_words.NAMES == gate.NAMES
    assert evaluation_words.SENTENCES == gate.SENTENCES
    assert set(evaluation_words.MEANINGS) == set(gate.NAMES)
    for check in gate.decide(FIGURES).checks:
        assert evaluation_words.sentence(check.as_json()) == check.sentence


@pytest.mark.parametrize(
    "check",
    [{}, {"text": "old"}, {"outcome": "better", "values": {}, "text": "old"}, {"outcome": "magic", "text": "old"}],
)
def test_a_check_of_another_version_is_shown_as_it_was_stored(check: dict[str, Any]) -> None:
    assert evaluation_words.sentence(check) == check.get("text", "")


def test_checks_are_read_in_chinese() -> None:
    check = gate.decide(FIGURES).checks[0].as_json()
    with translation.override("zh-hans"):
        assert evaluation_words.sentence(check) != check["text"]


# --- Votes -----------------------------------------------------------------------------------------------------------
def _chosen(evaluation: Evaluation, voter: User, key: str, wanted: str) -> str:
    return "tie" if wanted == "tie" else "left" if voting.sides(evaluation, voter, key)[0] == wanted else "right"


def _cast(evaluation: Evaluation, voter: User, key: str, wanted: str) -> bool:
    rows = voting.votable(evaluations.answers(evaluation))
    return voting.cast(
        evaluation=evaluation, voter=voter, rows=rows, key=key, chosen=_chosen(evaluation, voter, key, wanted)
    )


def test_only_differing_answers_to_customers_questions_are_voted_on(evaluation: Evaluation) -> None:
    assert set(voting.votable(evaluations.answers(evaluation))) == {"h1", "h2", "h3", "h4", "h5"}


def test_a_vote_is_blind_counts_for_the_right_side_and_once(evaluation: Evaluation) -> None:
    client, address = client_of("admin"), reverse("training:vote", args=[evaluation.pk])
    voter = User.objects.get(username="admin") if User.objects.filter(username="admin").exists() else User.objects.get()
    shown = client.get(address)
    pair = shown.context["pair"]
    body = shown.content.decode().partition('class="choice"')[2]
    assert "andidate" not in body and "data-side" not in body and "a" * 12 not in body
    left = voting.sides(evaluation, voter, pair.key)[0]
    assert pair.answers[0] == pair.row[left]
    client.post(address, {"question": pair.key, "choice": "left"})
    again = client.post(address, {"question": pair.key, "choice": "right"}, follow=True).content.decode()
    assert "your first vote counts" in again
    assert Vote.objects.get().choice == left
    assert AuditEntry.objects.filter(action="training.vote").count() == 1


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"question": "h0", "choice": "left"},
        {"question": "c1", "choice": "left"},
        {"question": "h1", "choice": "candidate"},
        {"question": "h1"},
        {"question": "x" * 500, "choice": "tie"},
    ],
)
def test_a_vote_on_nothing_is_not_counted(evaluation: Evaluation, form: dict[str, str]) -> None:
    page = client_of("admin").post(reverse("training:vote", args=[evaluation.pk]), form, follow=True).content.decode()
    assert "nothing was counted" in page
    assert not Vote.objects.exists()


def test_an_unfinished_evaluation_is_not_voted_on(evaluation: Evaluation) -> None:
    Evaluation.objects.update(state="running")
    evaluation.refresh_from_db()
    with pytest.raises(VoteRefused):
        _cast(evaluation, factories.user(role="admin"), "h1", "candidate")
    assert (
        "Nothing to vote on" in client_of("admin").get(reverse("training:vote", args=[evaluation.pk])).content.decode()
    )


def test_sides_and_order_are_drawn_anew_for_everybody_and_stay(evaluation: Evaluation) -> None:
    voters = [factories.user(role="admin") for _ in range(12)]
    rows = voting.votable(evaluations.answers(evaluation))
    lefts = [voting.sides(evaluation, voter, key)[0] for voter in voters for key in rows]
    assert 15 < lefts.count("candidate") < 45
    firsts = {pair.key for voter in voters if (pair := voting.next_pair(evaluation, voter, rows))}
    assert len(firsts) > 1
    assert voting.sides(evaluation, voters[0], "h1") == voting.sides(evaluation, voters[0], "h1")


def test_everybody_gets_through_all_questions_once(evaluation: Evaluation) -> None:
    client, address = client_of("admin"), reverse("training:vote", args=[evaluation.pk])
    seen = []
    while pair := client.get(address).context["pair"]:
        seen.append(pair.key)
        client.post(address, {"question": pair.key, "choice": "tie"})
    assert sorted(seen) == ["h1", "h2", "h3", "h4", "h5"]
    assert "You have voted on every question" in client.get(address).content.decode()


def test_questions_are_counted_by_majority_with_an_interval(evaluation: Evaluation) -> None:
    assert voting.tally(evaluation) is None
    first, second, third = (factories.user(role="admin") for _ in range(3))
    for voter in (first, second, third):
        _cast(evaluation, voter, "h1", "candidate")
    _cast(evaluation, first, "h2", "current")
    _cast(evaluation, first, "h3", "candidate")
    _cast(evaluation, second, "h3", "current")
    _cast(evaluation, third, "h4", "candidate")
    found = voting.tally(evaluation)
    assert found is not None
    assert (found.candidate, found.current, found.tie, found.votes, found.voters) == (2, 1, 1, 7, 3)
    assert found.share == pytest.approx(2 / 3)
    assert found.low < 2 / 3 < found.high and found.high - found.low > 0.5, "three questions prove little"
    page = client_of("admin").get(reverse("training:evaluation", args=[evaluation.pk])).content.decode()
    assert "2 questions for the candidate, 1 for the present one, 1 undecided." in page
    assert "7 votes" in page and "3 people" in page


def test_an_adapter_that_nobody_has_examined_is_the_next_thing_to_do(adapter: Adapter) -> None:
    loop = page_selectors.loop()
    assert loop.unexamined == 1
    assert page_selectors.next_step(replace(loop, rules_on=1, approved=5, datasets=1, runs=1)) == "evaluate"


@pytest.mark.parametrize(
    ("row", "ready"),
    [
        ({}, True),
        ({"verdict": "blocked"}, False),
        ({"adapter__tainted": "erased"}, False),
        ({"tried": True}, False),
        ({"other_answers": True}, False),
    ],
    ids=["passed", "blocked", "tainted", "tried before", "made against what answers no more"],
)
def test_an_adapter_that_passed_and_was_never_tried_is_the_next_thing_to_do(
    evaluation: Evaluation, row: dict[str, Any], ready: bool
) -> None:
    evaluation.verdict = row.get("verdict", "passed")
    evaluation.save()
    Adapter.objects.update(tainted=row.get("adapter__tainted", ""))
    if row.get("tried"):
        Promotion.objects.create(adapter=evaluation.adapter, evaluation=evaluation, share=0.2, state="rolled_back")
    if row.get("other_answers"):
        Adapter.objects.create(digest="b" * 64, base_model="models/base", path="/adapters/b", active=True)
    loop = replace(page_selectors.loop(), rules_on=1, approved=5, datasets=1, runs=1, unexamined=0)
    assert (page_selectors.next_step(loop) == "try") is ready
