"""The engine of a process: loads once, always answers, says what is wrong, follows the active adapter."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from finetune import adapters, engine_pool, lost_connections
from finetune.engine_pool import ServingEngine, config_from_settings
from finetune.engines.mock import MockEngine
from finetune.records import Engine, EngineConfig, EngineUnavailable
from tests.finetune.requests import ask

CONFIG = EngineConfig(kind="transformers", model="some/model")


def until(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


class Floor(MockEngine):
    """The fallback of these tests."""

    name = "floor"

    def __init__(self) -> None:
        super().__init__(EngineConfig())


class Picky(MockEngine):
    """Loads, but takes only adapters whose name begins with "good"."""

    def __init__(self) -> None:
        super().__init__(EngineConfig())
        self.closed = False

    def activate(self, adapter: str) -> None:
        if adapter and not adapter.startswith("good"):
            raise EngineUnavailable("That adapter is not for this model.")
        super().activate(adapter)

    def close(self) -> None:
        self.closed = True


def failing(error: Exception) -> Callable[[EngineConfig], Engine]:
    def load(_config: EngineConfig) -> Engine:
        raise error

    return load


def test_it_loads_once_for_all_threads() -> None:
    loads = []

    def slow(_config: EngineConfig) -> Engine:
        loads.append(1)
        time.sleep(0.1)
        return Picky()

    serving = ServingEngine(CONFIG, Floor(), load=slow)
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(serving.generate(ask()).result.engine)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(loads), set(names)) == (1, {"mock"})
    assert serving.status().state == "ready"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (EngineUnavailable("Not enough memory for it.", lasting=False), "Not enough memory for it."),
        (MemoryError(), "MemoryError"),
        (RuntimeError("/secret/path broke"), "RuntimeError"),
    ],
)
def test_a_generator_that_cannot_load_is_answered_for_by_the_fallback_and_the_reason_is_kept(
    error: Exception, says: str
) -> None:
    serving = ServingEngine(CONFIG, Floor(), load=failing(error))
    result = serving.generate(ask()).result
    assert (result.engine, result.finish_reason) == ("floor", "stop")
    assert "30 days [1]" in result.text
    status = serving.status()
    assert (status.state, status.configured, status.model) == ("failed", "transformers", "some/model")
    assert says in status.problem
    assert says in result.error
    assert "/secret" not in status.problem


def test_a_failed_load_is_tried_again_after_a_growing_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[float] = []
    clock = [1000.0]
    monkeypatch.setattr(engine_pool.time, "monotonic", lambda: clock[0])

    def load(_config: EngineConfig) -> Engine:
        attempts.append(clock[0])
        if len(attempts) < 4:
            raise EngineUnavailable("Later.", lasting=False)
        return Picky()

    serving = ServingEngine(CONFIG, Floor(), load=load)
    for _ in range(40):
        serving.generate(ask()).result  # noqa: B018 - runs it
        clock[0] += 0.5
    gaps = [second - first for first, second in zip(attempts, attempts[1:], strict=False)]
    assert len(attempts) == 4
    assert gaps == sorted(gaps)
    assert gaps[0] >= 1.0
    assert gaps[-1] >= 4.0
    assert serving.generate(ask()).result.engine == "mock"


def test_while_a_long_load_runs_the_fallback_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_pool, "LOAD_WAIT_SECONDS", 0.05)
    downloaded = threading.Event()

    def download(_config: EngineConfig) -> Engine:
        downloaded.wait(30)
        return Picky()

    serving = ServingEngine(CONFIG, Floor(), load=download)
    result = serving.generate(ask()).result
    assert (result.engine, serving.status().state) == ("floor", "loading")
    downloaded.set()
    assert serving.wait_until_settled(30).state == "ready"
    assert serving.generate(ask()).result.engine == "mock"


def test_an_error_before_the_first_word_is_answered_by_the_fallback() -> None:
    class OutOfMemory(MockEngine):
        def generate(self, request: Any) -> Any:
            from finetune.engines.running import RunningGeneration
            from finetune.engines.text import AnswerText
            from finetune.records import GenerationResult

            running = RunningGeneration(
                GenerationResult("", "error", "mock"),
                pipe=AnswerText(),
                on_cancel=lambda _: None,
                alive=lambda: True,
            )
            running.finish("error", "The model ran out of memory.")
            return running

    serving = ServingEngine(CONFIG, Floor(), load=lambda _config: OutOfMemory(EngineConfig()))
    generation = serving.generate(ask())
    text = "".join(generation)
    assert "30 days [1]" in text
    assert generation.result.text == text
    assert (generation.result.engine, generation.result.error) == ("floor", "The model ran out of memory.")
    assert serving.generate(ask()).result.engine == "floor"


def test_an_error_after_the_first_word_stays_an_error() -> None:
    broken = MockEngine(EngineConfig(options={"failure_rate": 1.0}))
    serving = ServingEngine(CONFIG, Floor(), load=lambda _config: broken)
    generation = serving.generate(ask())
    text = "".join(generation)
    assert text
    assert (generation.result.finish_reason, generation.result.engine) == ("error", "mock")


def test_a_cancelled_generation_is_not_answered_by_the_fallback() -> None:
    slow = MockEngine(EngineConfig(options={"first_token_ms": 60_000}))
    generation = ServingEngine(CONFIG, Floor(), load=lambda _config: slow).generate(ask())
    generation.cancel()
    assert list(generation) == []
    assert (generation.result.finish_reason, generation.result.engine) == ("cancelled", "mock")


def test_it_follows_the_active_adapter_and_keeps_the_reason_when_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_pool, "FOLLOW_SECONDS", 0.0)
    monkeypatch.setattr(engine_pool, "backoff_seconds", lambda _failures: 0.0)
    wanted = ["good-1"]
    serving = ServingEngine(CONFIG, Floor(), load=lambda _config: Picky(), wanted_adapter=lambda: wanted[0])

    def served_by(adapter: str) -> bool:
        return serving.generate(ask()).result.adapter == adapter

    assert served_by("good-1")
    wanted[0] = "good-2"
    assert until(lambda: served_by("good-2"))
    wanted[0] = "bad"
    assert until(lambda: served_by("good-2") and serving.status().adapter_problem)
    assert serving.status().adapter == "good-2"
    wanted[0] = ""
    assert until(lambda: served_by(""))
    assert serving.status().adapter_problem == ""


def test_it_follows_through_a_connection_that_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_pool, "FOLLOW_SECONDS", 0.0)
    let_go: list[bool] = []
    monkeypatch.setattr(lost_connections, "let_go", lambda: not let_go.append(True))

    def wanted() -> str:
        if not let_go:
            raise OperationalError("the connection is closed")
        return "good-1"

    serving = ServingEngine(CONFIG, Floor(), load=lambda _config: Picky(), wanted_adapter=wanted)
    assert until(lambda: serving.generate(ask()).result.adapter == "good-1")


def test_an_adapter_that_is_refused_at_the_start_leaves_the_base_model_answering() -> None:
    serving = ServingEngine(CONFIG, Floor(), load=lambda _config: Picky(), wanted_adapter=lambda: "bad")
    assert serving.generate(ask()).result.engine == "mock"
    assert "not for this model" in serving.status().adapter_problem


def test_closing_closes_an_engine_that_was_still_loading() -> None:
    gate, made = threading.Event(), Picky()

    def load(_config: EngineConfig) -> Engine:
        gate.wait(30)
        return made

    serving = ServingEngine(CONFIG, Floor(), load=load)
    thread = threading.Thread(target=serving.wait_until_settled, args=(30,))
    thread.start()
    assert until(lambda: serving.status().state == "loading")
    serving.close()
    gate.set()
    thread.join(30)
    assert until(lambda: made.closed)
    assert serving.generate(ask()).result.engine == "floor"


class TestSettings:
    @pytest.fixture(autouse=True)
    def _closed(self) -> Iterator[None]:
        engine_pool.close_engine()
        yield
        engine_pool.close_engine()

    @pytest.mark.parametrize(
        ("set_to", "kind"),
        [
            ({}, "extractive"),
            ({"GENERATOR_MODEL": "a/b"}, "transformers"),
            ({"GENERATOR_MODEL": "a/b", "OPENAI_BASE_URL": "http://gpu/v1"}, "openai"),
            ({"GENERATOR_MODEL": "a/b", "GENERATOR": "mock"}, "mock"),
        ],
    )
    def test_the_engine_follows_from_what_is_set(self, settings: Any, set_to: dict[str, str], kind: str) -> None:
        for name in ("GENERATOR", "GENERATOR_MODEL", "OPENAI_BASE_URL"):
            setattr(settings, name, set_to.get(name, ""))
        assert config_from_settings().kind == kind

    def test_without_settings_the_extractive_engine_answers_and_is_the_same_for_all(self) -> None:
        serving = engine_pool.get_engine()
        assert serving is engine_pool.get_engine()
        result = serving.generate(ask("Can worn shoes be returned?")).result
        assert result.engine == "extractive"
        assert "[1]" in result.text
        assert serving.status().state == "ready"

    @pytest.mark.django_db(transaction=True)
    def test_a_real_model_serves_and_follows_the_registry(
        self, settings: Any, model_folder: Path, adapter_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_pool, "FOLLOW_SECONDS", 0.0)
        settings.ADAPTER_DIR = tmp_path / "kept"
        settings.GENERATOR_MODEL = str(model_folder)
        settings.GENERATOR_DTYPE = "float32"
        settings.GENERATOR_DEVICE = "cpu"
        settings.GENERATOR_CONTEXT_TOKENS = 900
        settings.GENERATOR_MAX_NEW_TOKENS = 24
        serving = engine_pool.get_engine()
        assert serving.wait_until_settled(120).problem == ""
        assert serving.generate(ask()).result.adapter == ""
        row = adapters.register(adapter_a)
        adapters.activate(row.digest)
        assert until(lambda: serving.generate(ask()).result.adapter == row.digest)
        adapters.activate("")
        assert until(lambda: serving.generate(ask()).result.adapter == "")

    def test_a_model_that_is_not_there_leaves_the_extractive_engine_answering(self, settings: Any) -> None:
        settings.GENERATOR_MODEL = "/no/such/model"
        serving = engine_pool.get_engine()
        result = serving.generate(ask("Can worn shoes be returned?")).result
        assert (result.engine, result.finish_reason) == ("extractive", "stop")
        assert "no folder" in serving.status().problem
        assert serving.status().retry_in > 60
