"""Two adapters answer at the same time over one set of weights; starting, promoting and dropping one loses no turn."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune import adapters, engine_pool, promotion, trial_reports
from finetune.engines import load_beside
from finetune.engines.batching import BatchingEngine
from finetune.records import EngineConfig, EngineUnavailable, GenerationResult
from finetune.trial import side
from tests.finetune import promoting, tiny_model
from tests.finetune.requests import ask
from tests.finetune.test_batching import reference, until


@pytest.fixture
def pair(engine: BatchingEngine, batching_config: EngineConfig, adapter_b: Path) -> Iterator[tuple[Any, Any]]:
    second = load_beside(engine, replace(batching_config, adapter=str(adapter_b), batch=4))
    yield engine, second
    second.close()


def test_the_weights_are_there_once(pair: tuple[Any, Any]) -> None:
    first, second = ({id(one): one for one in _base_tensors(engine)} for engine in pair)
    places = {one.data_ptr() for one in first.values()}
    assert {one.data_ptr() for one in second.values()} == places
    assert len(places) > 20


def _base_tensors(engine: Any) -> list[Any]:
    return [tensor for name, tensor in engine._served.loaded.model.named_parameters() if ".lora_" not in name]


def test_each_answers_with_its_own_adapter_while_the_other_does(
    pair: tuple[Any, Any], model_folder: Path, adapter_a: Path, adapter_b: Path
) -> None:
    first, second = pair
    first.activate(str(adapter_a))
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(pair[n % 2].generate, ask(f"Question {n}")) for n in range(16)]
        results = [one.result().result for one in asked]
    for number in range(6):
        adapter = (adapter_a, adapter_b)[number % 2]
        assert results[number].text == reference(model_folder, ask(f"Question {number}"), adapter)
        assert results[number].adapter == pair[number % 2].adapter
    first.activate("")
    assert first.generate(ask()).result.text == reference(model_folder, ask())
    assert second.generate(ask()).result.text == reference(model_folder, ask(), adapter_b)


def test_lending_disturbs_no_running_answer(
    engine: BatchingEngine, batching_config: EngineConfig, model_folder: Path, adapter_a: Path, adapter_b: Path
) -> None:
    engine.activate(str(adapter_a))
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(lambda n: engine.generate(ask(f"Question {n}")).result, n) for n in range(8)]
        for _ in range(3):
            load_beside(engine, replace(batching_config, adapter=str(adapter_b), batch=4)).close()
        results = [one.result() for one in running]
    for number in (0, 5):
        assert results[number].text == reference(model_folder, ask(f"Question {number}"), adapter_a)
    assert {one.finish_reason for one in results} <= {"stop", "length"}


@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_other_families_lend_their_weights_too(batching_config: EngineConfig, tmp_path: Path, family: str) -> None:
    folder = tiny_model.build_model(tmp_path / family, family=family)
    adapter = tiny_model.build_adapter(tmp_path / "adapter", folder)
    first = BatchingEngine(replace(batching_config, model=str(folder)))
    second = load_beside(first, replace(batching_config, model=str(folder), adapter=str(adapter)))
    try:
        assert second.generate(ask()).result.text == reference(folder, ask(), adapter)
        assert first.generate(ask()).result.text == reference(folder, ask())
    finally:
        second.close()
        first.close()


def test_an_adapter_that_does_not_fit_is_refused_and_the_lender_goes_on(
    engine: BatchingEngine, batching_config: EngineConfig, tmp_path: Path, model_folder: Path
) -> None:
    other = tiny_model.build_model(tmp_path / "other", hidden=96)
    foreign = tiny_model.build_adapter(tmp_path / "foreign", other)
    with pytest.raises(EngineUnavailable, match="another base model"):
        load_beside(engine, replace(batching_config, adapter=str(foreign)))
    assert engine.generate(ask()).result.text == reference(model_folder, ask())


def test_a_closed_engine_lends_nothing(engine: BatchingEngine, batching_config: EngineConfig) -> None:
    engine.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        load_beside(engine, batching_config)


# --- Through the registry, under load ---------------------------------------------------------------------------
@pytest.fixture
def _configured(settings: Any, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(engine_pool, "FOLLOW_SECONDS", 0.1)
    settings.ADAPTER_DIR = tmp_path / "kept"
    settings.GENERATOR, settings.OPENAI_BASE_URL, settings.GENERATOR_ADAPTER = "", "", ""
    settings.GENERATOR_MODEL, settings.GENERATOR_DTYPE, settings.GENERATOR_DEVICE = str(model_folder), "float32", "cpu"
    settings.GENERATOR_CONTEXT_TOKENS, settings.GENERATOR_MAX_NEW_TOKENS, settings.GENERATOR_BATCH = 900, 16, 8
    engine_pool.close_engine()
    yield
    engine_pool.close_engine()


class Customers:
    """Conversations that ask again and again until they are told to stop; every answer is kept."""

    def __init__(self, serving: engine_pool.ServingEngine, count: int) -> None:
        self._serving = serving
        self._over = threading.Event()
        self.answers: list[tuple[str, GenerationResult]] = []
        self._threads = [threading.Thread(target=self._ask, args=(str(number),)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self, key: str) -> None:
        while not self._over.is_set():
            result = self._serving.generate(ask(f"Question {key}", key=key, max_new_tokens=16)).result
            self.answers.append((key, result))

    def until_answered(self, wanted: Any, seconds: float = 60.0) -> float:
        """Seconds until what was answered since now is as wanted for every conversation."""
        began, seen = time.monotonic(), len(self.answers)
        while time.monotonic() - began < seconds:
            last = dict(self.answers[seen:])
            if len(last) == len(self._threads) and all(wanted(key, result) for key, result in last.items()):
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError({key: result.adapter[:8] for key, result in self.answers[seen:]})

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)


@pytest.mark.usefixtures("_configured")
@pytest.mark.django_db(transaction=True)
def test_from_base_to_canary_to_promotion_and_back_no_turn_is_dropped_or_mixed(
    model_folder: Path, adapter_a: Path, adapter_b: Path, settings: Any
) -> None:
    name = str(model_folder)
    one, two = (adapters.register(folder, base_model=name) for folder in (adapter_a, adapter_b))
    adapters.activate(one.digest)
    serving = engine_pool.get_engine()
    assert serving.wait_until_settled(120).problem == ""
    customers = Customers(serving, 12)
    try:
        customers.until_answered(lambda _key, result: result.adapter == one.digest)

        trial = promotion.start_canary(evaluation=promoting.evaluation(two), share=0.5, by="boss")

        def sides(key: str, result: GenerationResult) -> bool:
            inside = side(key=key, promotion_id=trial.pk, share=0.5)
            return result.adapter == (two.digest if inside else one.digest)

        customers.until_answered(sides)
        assert trial_reports.known(trial.pk).ready

        promotion.promote(promotion=trial, by="boss")
        customers.until_answered(lambda _key, result: result.adapter == two.digest)
        assert until(lambda: serving.status().trial is None)

        promotion.roll_back(promotion=trial, by="boss", reason="worse")
        customers.until_answered(lambda _key, result: result.adapter == one.digest)
    finally:
        customers.stop()
    results = [result for _key, result in customers.answers]
    assert len(results) > 60
    assert {(result.finish_reason in ("stop", "length"), result.engine, result.error) for result in results} == {
        (True, "transformers", "")
    }
    texts = {(key, result.adapter): result.text for key, result in customers.answers}
    for (key, digest), text in list(texts.items())[:12]:  # never half of one adapter and half of the other
        folder = {one.digest: adapter_a, two.digest: adapter_b}[digest]
        assert text == reference(model_folder, ask(f"Question {key}", max_new_tokens=16), folder)
    assert all(texts[key, result.adapter] == result.text for key, result in customers.answers)


@pytest.mark.usefixtures("_configured")
@pytest.mark.django_db(transaction=True)
def test_a_canary_whose_files_are_gone_hurts_nobody_and_says_so(
    model_folder: Path, adapter_a: Path, tmp_path: Path
) -> None:
    row = adapters.register(adapter_a, base_model=str(model_folder))
    trial = promotion.start_canary(evaluation=promoting.evaluation(row), share=0.5, by="boss")
    (Path(row.path) / "adapter_model.safetensors").write_bytes(b"damaged")
    serving = engine_pool.get_engine()
    serving.wait_until_settled(120)
    results = [serving.generate(ask(key=str(number), max_new_tokens=4)).result for number in range(12)]
    assert {(result.engine, result.adapter, result.error) for result in results} == {("transformers", "", "")}
    assert until(lambda: "damaged" in trial_reports.known(trial.pk).problem)
