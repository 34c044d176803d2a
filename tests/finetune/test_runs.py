"""Runs: who may train, that one trains at a time, that a dead worker's run is taken up, and how each of them ends.

The training process is a fake one here (a shell script that writes what the real one writes); the real one is in
test_training.py, and both together in test_runs_for_real below.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from chatbot.training import looping
from finetune import adapter_files, runs, training_folder, workers
from finetune.estimating import estimate
from finetune.models import Adapter, Dataset, TrainingRun
from finetune.training_config import TrainingConfig, TrainingRefused
from finetune.training_folder import TrainingResult
from tests.finetune.training_data import dataset

pytestmark = pytest.mark.django_db
CONFIG = TrainingConfig(rank=4, max_steps=4, batch=4)
Spawn = Callable[[Path], subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(runs, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(runs, "ring", lambda run_id: None)


@pytest.fixture
def data() -> Dataset:
    return dataset()


@pytest.fixture
def ordered(data: Dataset, model_folder: Path) -> TrainingRun:
    return runs.order(dataset=data, base_model=str(model_folder), config=CONFIG, by="ann")


def process(code: str) -> Spawn:
    def spawn(folder: Path) -> subprocess.Popen[bytes]:
        head = (
            f"import time,os,sys,pathlib; from finetune import training_folder as t; f=pathlib.Path({str(folder)!r})\n"
        )
        return subprocess.Popen([sys.executable, "-c", head + code])

    return spawn


def ends(adapter: Path) -> Spawn:
    code = "t.add_progress(f, {'step': 4, 'steps': 4, 'loss': 1.5, 'tokens_per_second': 100.0})\n"
    code += f"import shutil; shutil.copytree({str(adapter)!r}, f / 'adapter')\n"
    code += "t.write_result(f, t.TrainingResult('done', 'The adapter is trained.', {'steps': 4}))"
    return process(code)


def test_a_run_ends_with_an_adapter_that_knows_where_it_comes_from(ordered: TrainingRun, adapter_a: Path) -> None:
    run = runs.carry_out(ordered.pk, spawn=ends(adapter_a))
    assert run is not None and run.state == "done" and run.adapter is not None
    assert run.adapter.card["dataset"] == ordered.dataset.digest
    assert run.adapter.card["run"] == run.pk and run.adapter.card["figures"] == {"steps": 4}
    assert (run.progress["loss"], run.verdict, run.pid) == (1.5, "The adapter is trained.", None)
    assert not (Path(run.folder) / "checkpoints").exists()
    assert runs.carry_out(ordered.pk, spawn=ends(adapter_a)) is None
    again = runs.order(dataset=run.dataset, base_model=run.base_model, config=CONFIG, by="bob")
    assert again.pk == run.pk  # nothing new would come of it
    del run.config["strength"]  # as of a version that did not know it
    run.save()
    again = runs.order(dataset=run.dataset, base_model=run.base_model, config=CONFIG, by="bob")
    assert again.pk == run.pk


def test_a_run_that_differs_in_its_strength_alone_takes_the_weights_that_are_there(
    ordered: TrainingRun, data: Dataset, model_folder: Path, adapter_a: Path
) -> None:
    done = runs.carry_out(ordered.pk, spawn=ends(adapter_a))
    assert done is not None and done.adapter is not None

    def never(folder: Path) -> subprocess.Popen[bytes]:
        raise AssertionError("there is nothing to train")

    def at(strength: float, spawn: Spawn = never, **changes: Any) -> TrainingRun:
        config = replace(CONFIG, strength=strength, **changes)
        run = runs.order(dataset=data, base_model=str(model_folder), config=config, by="ann")
        made = runs.carry_out(run.pk, spawn=spawn)
        assert made is not None
        return made

    def alpha(run: TrainingRun) -> float:
        assert run.state == "done" and run.adapter is not None, run.verdict
        folder = Path(run.adapter.path)
        assert (folder / adapter_files.WEIGHTS).read_bytes() == (adapter_a / adapter_files.WEIGHTS).read_bytes()
        return float(json.loads((folder / adapter_files.CONFIG).read_text())["lora_alpha"])

    half = at(0.5)
    assert alpha(half) == pytest.approx(alpha(done) / 2)
    assert half.adapter is not None and half.adapter.pk != done.adapter.pk
    assert (half.adapter.card["run"], half.adapter.card["figures"]) == (half.pk, {"steps": 4})
    assert f"run {done.pk}" in (Path(half.folder) / "log.txt").read_text()
    done.adapter.tainted = "erased"
    done.adapter.save()
    assert alpha(at(0.25)) == pytest.approx(alpha(done) / 4)  # of the half one, which is not tainted here
    with pytest.raises(AssertionError, match="nothing to train"):
        at(0.5, seed=7)  # another training


def test_a_run_that_is_cancelled_while_it_takes_weights_is_cancelled(
    ordered: TrainingRun, data: Dataset, model_folder: Path, adapter_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs.carry_out(ordered.pk, spawn=ends(adapter_a)) is not None
    other = runs.order(dataset=data, base_model=str(model_folder), config=replace(CONFIG, strength=0.5), by="ann")
    scale = adapter_files.scale

    def cancelled_meanwhile(*arguments: Any) -> None:
        assert runs.cancel(run=other, by="bob")
        scale(*arguments)

    monkeypatch.setattr(adapter_files, "scale", cancelled_meanwhile)
    run = runs.carry_out(other.pk, spawn=ends(adapter_a))
    assert run is not None and (run.state, run.adapter) == ("cancelled", None)
    assert Adapter.objects.count() == 1


def test_a_damaged_adapter_lends_its_weights_to_no_other_run(
    ordered: TrainingRun, data: Dataset, model_folder: Path, adapter_a: Path
) -> None:
    done = runs.carry_out(ordered.pk, spawn=ends(adapter_a))
    assert done is not None and done.adapter is not None
    (Path(done.adapter.path) / adapter_files.WEIGHTS).write_bytes(b"torn")
    other = runs.order(dataset=data, base_model=str(model_folder), config=replace(CONFIG, strength=0.5), by="ann")
    run = runs.carry_out(other.pk, spawn=ends(adapter_a))
    assert run is not None and run.progress["step"] == 4  # trained


def test_only_one_trains_and_the_next_one_waits_its_turn(
    ordered: TrainingRun, data: Dataset, model_folder: Path, adapter_a: Path
) -> None:
    second = runs.order(dataset=data, base_model=str(model_folder), config=TrainingConfig(rank=8), by="ann")
    assert runs.reclaim() == [ordered.pk]
    assert runs.claim(ordered.pk) is not None
    assert runs.claim(second.pk) is None
    assert runs.reclaim() == []
    assert TrainingRun.objects.get(pk=second.pk).state == "queued"


def test_a_run_whose_worker_died_is_taken_up_and_the_old_worker_changes_nothing_more(
    ordered: TrainingRun, adapter_a: Path
) -> None:
    old = runs.claim(ordered.pk)
    assert old is not None and runs.claim(ordered.pk) is None
    TrainingRun.objects.filter(pk=old.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert runs.reclaim() == [old.pk]
    new = runs.carry_out(ordered.pk, spawn=ends(adapter_a))
    assert new is not None and new.state == "done" and new.attempt == 1
    runs._finish(old, Path(old.folder), TrainingResult("failed", "Too late."))
    assert TrainingRun.objects.get(pk=old.pk).state == "done"
    assert old.folder == new.folder  # so that it goes on from the same checkpoints


def test_a_run_whose_worker_is_surely_dead_need_not_wait_for_its_lease(ordered: TrainingRun) -> None:
    assert runs.claim(ordered.pk) is not None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    TrainingRun.objects.update(worker=f"{workers.PLACE}:{gone.pid}:x")
    assert runs.claim(ordered.pk) is not None
    for held in (f"{workers.PLACE}:1:x", f"elsewhere:{gone.pid}:x", "", "odd", f"{workers.PLACE}:x:x"):
        TrainingRun.objects.update(worker=held)
        assert runs.claim(ordered.pk) is None


def test_what_a_killed_command_has_left_does_not_stand_in_the_way_of_the_next(
    ordered: TrainingRun, adapter_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_spawn", ends(adapter_a))
    assert runs.claim(ordered.pk) is not None and runs.lost() == []
    TrainingRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert runs.lost() == [ordered.pk]
    other = replace(CONFIG, learning_rate=1e-4)
    made = runs.order(dataset=ordered.dataset, base_model=ordered.base_model, config=other, by="bob")
    assert runs.carry_out(made.pk) is None
    assert looping._ended(made).state == "done"
    assert TrainingRun.objects.get(pk=ordered.pk).state == "done"


def test_a_worker_that_lost_its_run_ends_the_process_it_had_begun(ordered: TrainingRun) -> None:
    def spawn(folder: Path) -> subprocess.Popen[bytes]:
        TrainingRun.objects.filter(pk=ordered.pk).update(worker="another")
        started.append(process("time.sleep(600)")(folder))
        return started[0]

    started: list[subprocess.Popen[bytes]] = []
    run = runs.carry_out(ordered.pk, spawn=spawn)
    assert started[0].returncode is not None
    assert run is not None and (run.state, run.worker) == ("running", "another")


def test_a_process_that_keeps_dying_is_given_up_with_a_sentence(ordered: TrainingRun) -> None:
    for _ in range(runs.MOST_ATTEMPTS):
        run = runs.carry_out(ordered.pk, spawn=process("os.kill(os.getpid(), 9)"))
        assert run is not None and run.state == "queued"
    run = runs.carry_out(ordered.pk, spawn=process("os.kill(os.getpid(), 9)"))
    assert run is not None and run.state == "failed"
    assert "died 4 times" in run.verdict and "fewer examples" in run.verdict


def test_a_process_that_gets_further_each_time_may_die_as_often_as_it_likes(ordered: TrainingRun) -> None:
    for step in range(1, runs.MOST_ATTEMPTS + 3):
        code = (
            f"t.add_progress(f, {{'step': {step}, 'steps': 9, 'loss': 1.0}}); time.sleep(0.5); os.kill(os.getpid(), 9)"
        )
        run = runs.carry_out(ordered.pk, spawn=process(code))
        assert run is not None and run.state == "queued" and run.progress["step"] == step


def test_a_cancel_reaches_the_process_and_a_waiting_run_is_cancelled_at_once(
    ordered: TrainingRun, data: Dataset, model_folder: Path
) -> None:
    def spawn(folder: Path) -> subprocess.Popen[bytes]:
        assert runs.cancel(run=ordered, by="ann")
        return process("while not t.cancel_asked(f): time.sleep(0.02)\nsys.exit(3)")(folder)

    run = runs.carry_out(ordered.pk, spawn=spawn)
    assert run is not None and run.state == "cancelled" and run.adapter is None
    assert not runs.cancel(run=run, by="ann")
    waiting = runs.order(dataset=data, base_model=str(model_folder), config=TrainingConfig(rank=8), by="ann")
    assert runs.cancel(run=waiting, by="ann")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.verdict) == ("cancelled", "Cancelled by ann before it began.")


def test_a_database_that_is_away_for_a_while_costs_nothing(
    ordered: TrainingRun, adapter_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = runs._tell, iter([True, True, True])

    def tell(run: TrainingRun, folder: Path) -> bool:
        if next(failures, False):
            raise OperationalError("gone")
        return real(run, folder)

    monkeypatch.setattr(runs, "_tell", tell)
    monkeypatch.setattr(runs, "let_go", lambda: None)
    run = runs.carry_out(ordered.pk, spawn=process(f"time.sleep(0.5)\n{_code(adapter_a)}"))
    assert run is not None and run.state == "done"


def _code(adapter: Path) -> str:
    return (
        f"import shutil; shutil.copytree({str(adapter)!r}, f / 'adapter'); "
        "t.write_result(f, t.TrainingResult('done', 'Done.'))"
    )


def test_an_adapter_that_is_no_adapter_fails_the_run_and_registers_nothing(
    ordered: TrainingRun, tmp_path: Path
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "adapter_config.json").write_text("{}")
    run = runs.carry_out(ordered.pk, spawn=ends(tmp_path / "bad"))
    assert run is not None and run.state == "failed" and "cannot be kept" in run.verdict
    assert not Adapter.objects.exists()


def test_data_that_was_tainted_meanwhile_stops_a_waiting_run_and_taints_a_finished_one(
    ordered: TrainingRun, adapter_a: Path
) -> None:
    spoil = f"import sqlite3\n{_code(adapter_a)}"

    def spawn(folder: Path) -> subprocess.Popen[bytes]:
        Dataset.objects.update(tainted="Somebody was erased.")
        return process(spoil)(folder)

    run = runs.carry_out(ordered.pk, spawn=spawn)
    assert run is not None and run.adapter is not None and run.adapter.tainted == "Somebody was erased."
    with pytest.raises(TrainingRefused, match="no longer"):
        runs.order(dataset=Dataset.objects.get(), base_model=run.base_model, config=TrainingConfig(), by="ann")


@pytest.mark.parametrize("base", ["", "/nowhere", "./nowhere", "a/b/c", "x" * 400, "a\x00b"])
def test_a_base_that_cannot_be_one_is_refused_before_anything_starts(data: Dataset, base: str) -> None:
    with pytest.raises(TrainingRefused, match=r"\.$"):
        runs.order(dataset=data, base_model=base, config=CONFIG, by="ann")


def test_the_method_must_fit_the_data_and_the_queue_has_an_end(
    data: Dataset, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingRefused, match="DPO learns from preferences"):
        runs.order(dataset=data, base_model=str(model_folder), config=TrainingConfig(method="dpo"), by="ann")
    monkeypatch.setattr(runs, "MOST_WAITING", 1)
    runs.order(dataset=data, base_model=str(model_folder), config=CONFIG, by="ann")
    with pytest.raises(TrainingRefused, match="wait already"):
        runs.order(dataset=data, base_model=str(model_folder), config=TrainingConfig(rank=8), by="ann")


def test_files_that_were_changed_are_not_trained_on(data: Dataset, model_folder: Path) -> None:
    (Path(data.folder) / "train.jsonl").write_text("{}\n")
    with pytest.raises(TrainingRefused, match="freeze it again"):
        runs.order(dataset=data, base_model=str(model_folder), config=CONFIG, by="ann")


def test_an_estimate_names_steps_time_and_memory_and_learns_from_the_last_run(
    ordered: TrainingRun, model_folder: Path, adapter_a: Path
) -> None:
    first = estimate(dataset=ordered.dataset, base_model=str(model_folder), config=CONFIG)
    assert first.steps == 4 and first.seconds and first.memory_bytes and first.trainable and not first.measured
    runs.carry_out(ordered.pk, spawn=ends(adapter_a))
    second = estimate(dataset=ordered.dataset, base_model=str(model_folder), config=CONFIG)
    assert second.measured and second.seconds == pytest.approx(second.tokens / 100.0, abs=0.1)
    unknown = estimate(dataset=ordered.dataset, base_model="Qwen/Qwen3-0.6B", config=CONFIG)
    assert unknown.seconds is None and "not on this machine" in unknown.problem
    huge = estimate(
        dataset=ordered.dataset, base_model=str(model_folder), config=TrainingConfig(batch=256, max_tokens=32768)
    )
    assert huge.memory_bytes and huge.memory_bytes > first.memory_bytes


def test_runs_for_real(ordered: TrainingRun) -> None:
    run = runs.carry_out(ordered.pk)
    assert run is not None and run.state == "done", (run, training_folder.tail(Path(ordered.folder) / "log.txt"))
    assert run.adapter is not None and Path(run.adapter.path).is_dir()
    assert run.adapter.card["figures"]["examples"] == 38  # 20, 10 lessons, 2 without their passages, 6 secrets


def test_the_command_orders_trains_and_prints_json(
    data: Dataset, model_folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, adapter_a: Path
) -> None:
    import json

    from django.core.management import CommandError, call_command

    monkeypatch.setattr(runs, "_spawn", ends(adapter_a))
    call_command("train", "--base", str(model_folder), "--rank", "4", "--max-steps", "4", "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["state"] == "done" and len(said["adapter"]) == 64
    call_command("train", "--base", str(model_folder), "--rank", "4", "--estimate", "--json")
    assert json.loads(capsys.readouterr().out)["steps"] == 24
    with pytest.raises(CommandError, match="rank must be between"):
        call_command("train", "--base", str(model_folder), "--rank", "0")
    with pytest.raises(CommandError, match="no dataset"):
        call_command("train", "--base", str(model_folder), "--dataset", "feed")
