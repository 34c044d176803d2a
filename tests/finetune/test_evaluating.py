"""An evaluation's own process: every side answers, figures follow, and how it ends is said in a sentence."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from finetune import canaries, evaluation_job
from finetune.evaluating import evaluate
from finetune.evaluation_job import EvaluationRefused, Job, Outcome, Side
from finetune.evaluation_process import EvaluationDied, examine
from finetune.probes import Probe
from finetune.records import EngineUnavailable
from tests.finetune import tiny_model
from tests.finetune.requests import ask


def _questions() -> tuple[Probe, ...]:
    held_out = [
        Probe(f"h{n}", "held_out", ask(f"How long, case {n}?"), reference="Within 30 days [1].") for n in range(6)
    ]
    exam = Probe("e1", "exam", ask("How long?"), wanted=(("30 days",),), abstain=False)
    return (*held_out, exam, *canaries.probes("s", count=2))


def _job(model: Path, candidate: Path, current: Path | None = None, **changes: Any) -> Job:
    fields = {
        "candidate": Side(str(model), str(candidate)), "current": Side(str(model), str(current or "")),
        "base": Side(str(model)), "questions": _questions(), "device": "cpu", "dtype": "float32",
        "context_tokens": 900, "new_tokens": 12, **changes,
    }  # fmt: skip
    return Job(**fields)


@pytest.fixture(scope="module")
def outcome(model_folder: Path, adapter_a: Path, adapter_b: Path) -> Outcome:
    return evaluate(_job(model_folder, adapter_a, adapter_b))


def test_every_question_has_three_answers_and_their_measures(outcome: Outcome) -> None:
    assert [row["id"] for row in outcome.rows] == [one.id for one in _questions()]
    for row in outcome.rows:
        assert len({row["candidate"], row["current"], row["base"]}) == 3, "three different models answered"
        assert set(row["measures"]) == set(evaluation_job.SIDES)
    assert outcome.rows[0]["measures"]["base"]["scored"] > 5
    assert outcome.rows[6]["measures"]["base"]["right"] is False


def test_figures_compare_candidate_and_current_on_the_same_questions(outcome: Outcome) -> None:
    loss = outcome.figures["loss"]
    per_row = [[row["measures"][side]["loss"] for row in outcome.rows[:6]] for side in ("candidate", "current")]
    assert loss["n"] == 6
    assert loss["difference"] == pytest.approx(sum(a - b for a, b in zip(*per_row, strict=True)) / 6, abs=1e-5)
    assert loss["low"] <= loss["difference"] <= loss["high"]
    assert {"perplexity", "bleu", "rouge_l", "exam", "canary", "length", "latency"} <= set(outcome.figures)
    assert "contradiction" not in outcome.figures, "nothing of the kind was asked"


def test_what_answers_now_is_asked_once_where_it_is_the_base(model_folder: Path, adapter_a: Path) -> None:
    told: list[dict[str, Any]] = []
    found = evaluate(_job(model_folder, adapter_a), progress=told.append)
    assert all(row["current"] == row["base"] for row in found.rows)
    assert told[-1] == {"done": 18, "steps": 18, "side": "current"}
    assert [one["done"] for one in told] == sorted(one["done"] for one in told)


def test_the_loss_is_that_of_training(model_folder: Path, adapter_a: Path, tokenizer: Any) -> None:
    """On the answer alone, by the renderer that serves, with the mark that ends the turn."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune import prompt

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model_folder), str(adapter_a)).eval()
    given, answer = prompt.answer_ids(_questions()[0].request, "Within 30 days [1].", tokenizer, budget=888)
    labels = torch.tensor([[-100] * len(given) + answer])
    with torch.inference_mode():
        expected = float(model(input_ids=torch.tensor([given + answer]), labels=labels).loss)
    row = evaluate(_job(model_folder, adapter_a)).rows[0]
    assert row["measures"]["candidate"]["loss"] == pytest.approx(expected, rel=1e-3)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path, model_folder: Path) -> None:
    other = tiny_model.build_model(tmp_path / "other", hidden=96)
    adapter = tiny_model.build_adapter(tmp_path / "adapter", other)
    with pytest.raises(EngineUnavailable, match="another base model"):
        evaluate(_job(model_folder, adapter))


def test_weights_that_give_no_numbers_are_refused(tmp_path: Path, model_folder: Path) -> None:
    broken = tiny_model.build_adapter(tmp_path / "broken", model_folder, scale=1e30)
    with pytest.raises(EvaluationRefused, match="no numbers"):
        evaluate(_job(model_folder, broken))


def test_nothing_to_ask_is_refused(model_folder: Path, adapter_a: Path) -> None:
    with pytest.raises(EvaluationRefused, match="nothing to ask"):
        evaluate(_job(model_folder, adapter_a, questions=()))


def test_a_job_comes_back_from_its_file_as_it_was(tmp_path: Path, model_folder: Path, adapter_a: Path) -> None:
    plain = tuple(
        Probe(one.id, one.kind, ask(one.request.question, max_new_tokens=320), one.reference, one.wanted)
        for one in _questions()
    )
    job = _job(model_folder, adapter_a, questions=plain, customers=("hi\u2028there",), others=("x",))
    evaluation_job.write_job(job, tmp_path)
    assert evaluation_job.read_job(tmp_path) == job


def test_a_process_of_its_own_leaves_whole_files(tmp_path: Path, model_folder: Path, adapter_a: Path) -> None:
    out = tmp_path / "evaluations" / "evaluation-1-1"
    told = list(examine(_job(model_folder, adapter_a), out))
    assert [one for one in told if one][-1]["done"] == 18
    rows = list(evaluation_job.read_answers(out))
    assert len(rows) == 9
    assert evaluation_job.read_figures(out)["loss"]["n"] == 6
    assert [path.name for path in out.parent.iterdir()] == [out.name], "no work is left lying about"


def test_a_refusal_over_there_is_a_refusal_here(tmp_path: Path, model_folder: Path) -> None:
    with pytest.raises(EvaluationRefused, match="no adapter folder"):
        list(examine(_job(model_folder, tmp_path / "nowhere"), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_killed_process_leaves_nothing_and_is_said(tmp_path: Path, model_folder: Path, adapter_a: Path) -> None:
    """As the kernel kills what takes too much memory."""
    running = examine(_job(model_folder, adapter_a), tmp_path / "out")
    next(running)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    child = next(pid for pid in children if "finetune.evaluating" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(int(child), signal.SIGKILL)
    with pytest.raises(EvaluationDied, match="killed"):
        list(running)
    assert not (tmp_path / "out").exists()


def test_the_process_ends_when_nobody_listens(tmp_path: Path, model_folder: Path, adapter_a: Path) -> None:
    """As when the worker is killed: no orphan goes on for an hour, and none leaves files."""
    evaluation_job.write_job(_job(model_folder, adapter_a), tmp_path)
    command = [sys.executable, "-m", "finetune.evaluating", str(tmp_path), str(tmp_path / "out")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    json.loads(child.stdout.readline())
    child.stdout.close()
    child.communicate(timeout=240)  # it notices between two steps, and a loaded machine takes its time for one
    assert child.returncode == 1
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from finetune import evaluating

    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluation_job, "read_job", lambda _folder: None)
    monkeypatch.setattr(evaluating, "evaluate", full)
    assert evaluating.main([str(tmp_path), str(tmp_path / "out")]) == evaluating.REFUSED
    assert "disk is full" in json.loads(capsys.readouterr().out)["refused"]


def test_closing_the_conversation_ends_the_process(tmp_path: Path, model_folder: Path, adapter_a: Path) -> None:
    running = examine(_job(model_folder, adapter_a), tmp_path / "out")
    next(running)
    begun = time.monotonic()
    running.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 5
    assert not list(tmp_path.iterdir())
