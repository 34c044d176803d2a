"""The canary beside the active engine: its share only, in nobody's way while it loads or fails, dropped when it is over."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError

from finetune import engine_pool, trial_reports, trial_side
from finetune.engine_pool import ServingEngine
from finetune.engines.mock import MockEngine
from finetune.engines.running import RunningGeneration
from finetune.engines.text import AnswerText
from finetune.records import Engine, EngineConfig, EngineUnavailable, GenerationResult
from finetune.trial import Trial, side
from finetune.trial_side import TrialReport, beside
from tests.finetune.requests import ask
from tests.finetune.test_engine_pool import Floor, until

CONFIG = EngineConfig(kind="transformers", model="some/model", batch=16)
TRIAL = Trial(7, "c" * 64, "canary", 0.5)
INSIDE = next(key for key in map(str, range(99)) if side(key=key, promotion_id=7, share=0.5))
OUTSIDE = next(key for key in map(str, range(99)) if not side(key=key, promotion_id=7, share=0.5))


class Named(MockEngine):
    """Answers in its adapter's name; knows whether it was closed."""

    def __init__(self, adapter: str = "") -> None:
        super().__init__(EngineConfig(adapter=adapter))
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Bench:
    """A serving engine whose wishes a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine_pool, "FOLLOW_SECONDS", 0.0)
        self.adapter, self.trial = "active", TRIAL  # type: tuple[str, Trial | None]
        self.main = Named()
        self.made: list[Named] = []
        self.configs: list[EngineConfig] = []
        self.reports: list[TrialReport] = []
        self.load: Callable[[Engine, EngineConfig], Engine] = self._load
        self.serving = ServingEngine(
            CONFIG,
            Floor(),
            load=lambda _config: self.main,
            wanted_adapter=lambda: self.adapter,
            wanted_trial=lambda: self.wanted(),
            load_beside=lambda engine, config: self.load(engine, config),
            report=self.reports.append,
        )
        self.wanted: Callable[[], Trial | None] = lambda: self.trial

    def _load(self, serving: Engine, config: EngineConfig) -> Engine:
        assert serving is self.main
        self.configs.append(config)
        self.made.append(Named(config.adapter))
        return self.made[-1]

    def by(self, key: str) -> str:
        return self.serving.generate(ask(key=key)).result.adapter

    def tried(self) -> bool:
        return until(lambda: self.by(INSIDE) == "canary")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    made.serving.close()


def test_the_share_is_answered_by_the_canary_and_the_rest_by_the_active_adapter_at_the_same_time(bench: Bench) -> None:
    assert bench.tried()
    for _ in range(3):
        assert (bench.by(INSIDE), bench.by(OUTSIDE), bench.by("")) == ("canary", "active", "active")
    assert len(bench.made) == 1
    assert bench.reports == [TrialReport(7, "ready")]
    status = bench.serving.status()
    assert (status.adapter, status.trial) == ("active", TrialReport(7, "ready"))


def test_without_a_canary_nothing_is_loaded(bench: Bench) -> None:
    bench.trial = None
    assert (bench.by(INSIDE), bench.made, bench.serving.status().trial) == ("active", [], None)


def test_a_slow_canary_keeps_nobody_waiting(bench: Bench) -> None:
    gate, whole = threading.Event(), bench.load

    def slow(serving: Engine, config: EngineConfig) -> Engine:
        gate.wait(30)
        return whole(serving, config)

    bench.load = slow
    bench.by("")
    assert bench.by(INSIDE) == "active"  # it would be the canary's, had it waited
    gate.set()
    assert bench.tried()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (EngineUnavailable("Not enough memory for it.", lasting=False), "Not enough memory for it."),
        (MemoryError(), "MemoryError"),
        (RuntimeError("/secret/path broke"), "RuntimeError"),
    ],
)
def test_a_canary_that_cannot_load_is_answered_for_and_its_problem_is_told(
    bench: Bench, error: Exception, says: str
) -> None:
    def fail(_serving: Engine, _config: EngineConfig) -> Engine:
        raise error

    bench.load = fail
    assert until(lambda: bench.by(INSIDE) == "active" and bench.reports)
    assert (bench.reports[0].state, says in bench.reports[0].problem) == ("failed", True)
    assert "/secret" not in bench.reports[0].problem
    status = bench.serving.status()
    assert (status.state, status.problem, status.adapter) == ("ready", "", "active")
    assert status.trial == bench.reports[0]


def test_a_failed_load_is_tried_again_after_a_pause(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_side, "backoff_seconds", lambda failures: 0.1)
    attempts: list[int] = []
    whole = bench.load

    def third_time(serving: Engine, config: EngineConfig) -> Engine:
        attempts.append(1)
        if len(attempts) < 3:
            raise EngineUnavailable("Later.", lasting=False)
        return whole(serving, config)

    bench.load = third_time
    assert bench.tried()
    assert len(attempts) == 3
    assert [one.state for one in bench.reports] == ["failed", "failed", "ready"]


class Breaks(Named):
    """Fails before its first word, or does not even take the question."""

    taking = True

    def generate(self, request: Any) -> Any:
        if not self.taking:
            raise RuntimeError("broken")
        running = RunningGeneration(
            GenerationResult("", "error", "mock", adapter="canary"),
            pipe=AnswerText(),
            on_cancel=lambda _: None,
            alive=lambda: True,
        )
        running.finish("error", "The model ran out of memory.")
        return running


@pytest.mark.parametrize("taking", [True, False])
def test_a_canary_that_fails_before_its_first_word_is_answered_for_by_the_active_adapter(
    bench: Bench, taking: bool
) -> None:
    broken = Breaks("canary")
    broken.taking = taking
    bench.load = lambda _serving, _config: broken
    bench.by("")
    assert until(lambda: bench.reports)
    result = bench.serving.generate(ask(key=INSIDE)).result
    assert (result.adapter, result.finish_reason, result.engine) == ("active", "stop", "mock")
    assert "30 days [1]" in result.text
    assert result.error == ("The model ran out of memory." if taking else "")


def test_after_a_roll_back_the_engine_is_dropped_even_when_nobody_asks(bench: Bench) -> None:
    assert bench.tried()
    bench.trial = None
    assert until(lambda: bench.made[0].closed)
    assert (bench.by(INSIDE), bench.serving.status().trial) == ("active", None)


def test_a_dropped_engine_ends_its_running_answers_first(bench: Bench) -> None:
    running = RunningGeneration(
        GenerationResult("", "error", "mock", adapter="canary"),
        pipe=AnswerText(),
        on_cancel=lambda _: None,
        alive=lambda: True,
    )

    class Slow(Named):
        def generate(self, request: Any) -> Any:
            return running

    bench.made.append(Slow("canary"))
    bench.load = lambda _serving, _config: bench.made[0]
    bench.by("")
    assert until(lambda: bench.reports)
    asked = bench.serving.generate(ask(key=INSIDE))
    bench.trial = None
    assert until(lambda: bench.serving.status().trial is None)
    time.sleep(0.2)
    assert not bench.made[0].closed
    running.push("Thirty days.")
    running.finish("stop")
    assert asked.result.text == "Thirty days."
    assert until(lambda: bench.made[0].closed)


def test_the_next_canary_takes_the_place_of_the_last(bench: Bench) -> None:
    assert bench.tried()
    bench.trial = replace(TRIAL, promotion_id=8, folder="next")
    assert until(lambda: bench.made[0].closed)
    key = next(key for key in map(str, range(99)) if side(key=key, promotion_id=8, share=0.5))
    assert until(lambda: bench.by(key) == "next")


def test_a_promoted_canary_keeps_its_conversations_until_the_active_side_has_its_adapter(bench: Bench) -> None:
    """Nobody on trial sees the old adapter again for the moment of the switch."""
    assert bench.tried()
    gate = threading.Event()
    whole = bench.main.activate

    def slow(adapter: str) -> None:
        gate.wait(30)
        whole(adapter)

    bench.main.activate = slow  # type: ignore[method-assign]
    bench.trial, bench.adapter = None, "canary"
    for _ in range(20):
        assert bench.by(INSIDE) == "canary"
        time.sleep(0.01)
    assert not bench.made[0].closed
    gate.set()
    assert until(lambda: bench.by(OUTSIDE) == "canary" and bench.made[0].closed)
    assert bench.by(INSIDE) == "canary"


def test_a_database_that_is_away_changes_nothing(bench: Bench) -> None:
    assert bench.tried()

    def away() -> Trial | None:
        raise DatabaseError("away")

    bench.wanted = away
    assert (bench.by(INSIDE), bench.by(OUTSIDE)) == ("canary", "active")


def test_closing_closes_a_canary_that_was_still_loading(bench: Bench) -> None:
    gate, whole = threading.Event(), bench.load

    def slow(serving: Engine, config: EngineConfig) -> Engine:
        gate.wait(30)
        return whole(serving, config)

    bench.load = slow
    bench.by("")
    bench.serving.close()
    gate.set()
    assert until(lambda: bench.made and bench.made[0].closed)


@pytest.mark.parametrize(("share", "batch"), [(0.01, 4), (0.25, 4), (0.5, 8)])
def test_the_second_engine_has_room_for_its_share_and_at_least_for_a_few(share: float, batch: int) -> None:
    made = beside(CONFIG, replace(TRIAL, share=share))
    assert (made.batch, made.adapter, made.model) == (batch, "canary", CONFIG.model)
    assert beside(replace(CONFIG, batch=2), TRIAL).batch == 2


class TestReports:
    def test_a_page_reads_what_a_worker_told_and_what_mended_itself(self) -> None:
        assert trial_reports.known(1) == trial_reports.Loading(False, "")
        trial_reports.tell(TrialReport(1, "failed", "Not enough memory."))
        assert trial_reports.known(1) == trial_reports.Loading(False, "Not enough memory.")
        trial_reports.tell(TrialReport(1, "ready"))
        assert trial_reports.known(1) == trial_reports.Loading(True, "")
        assert trial_reports.known(2) == trial_reports.Loading(False, "")

    def test_one_worker_that_can_does_not_hide_another_that_cannot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trial_reports.tell(TrialReport(1, "failed", "Not enough memory."))
        monkeypatch.setattr(trial_reports, "_WORKER", "other:1")
        trial_reports.tell(TrialReport(1, "ready"))
        assert trial_reports.known(1) == trial_reports.Loading(True, "Not enough memory.")

    def test_a_cache_that_is_away_stops_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Away:
            def __getattr__(self, name: str) -> Any:
                raise ConnectionError("away")

        monkeypatch.setattr(trial_reports, "cache", Away())
        trial_reports.tell(TrialReport(1, "failed", "x"))
        assert trial_reports.known(1) == trial_reports.Loading(False, "")
