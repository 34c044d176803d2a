"""The engine's tests again on a CUDA device: every one that takes the engine, with half precision at the end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.records import EngineConfig
from tests.finetune import tiny_model

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.build_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def adapter(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.build_adapter(tmp_path_factory.mktemp("adapters") / "a", model_folder, seed=1)


@pytest.fixture(scope="module")
def config(model_folder: Path) -> EngineConfig:
    options = {"cache_gib": 1.0}
    return EngineConfig(
        kind="transformers",
        model=str(model_folder),
        device="cuda",
        dtype="float32",
        context_tokens=900,
        max_new_tokens=48,
        batch=8,
        options=options,
    )


@pytest.fixture
def engine(config: EngineConfig) -> Iterator[Any]:
    from finetune.engines.batching import BatchingEngine

    made = BatchingEngine(config)
    yield made
    made.close()


def test_streamed_text_equals_greedy_generate_on_cuda(engine: Any, model_folder: Path) -> None:
    from tests.finetune.requests import ask
    from tests.finetune.test_batching import reference

    assert engine.generate(ask()).result.text == reference(model_folder, ask(), device="cuda")


def test_many_at_once_and_an_adapter_change_on_cuda(engine: Any, model_folder: Path, adapter: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tests.finetune.requests import ask
    from tests.finetune.test_batching import reference

    questions = [f"Question {number}" for number in range(32)]
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda question: engine.generate(ask(question)).result, questions))
    assert {result.finish_reason for result in results} <= {"stop", "length"}
    assert results[5].text == reference(model_folder, ask("Question 5"), device="cuda")
    engine.activate(str(adapter))
    assert engine.generate(ask()).result.text == reference(model_folder, ask(), adapter, device="cuda")


def test_cancelling_on_cuda_frees_the_place(engine: Any) -> None:
    from tests.finetune.requests import ask
    from tests.finetune.test_batching import until

    generation = engine.generate(ask())
    next(iter(generation))
    generation.cancel()
    assert generation.result.finish_reason == "cancelled"
    assert until(lambda: not engine._active)


def test_half_precision_is_chosen_and_memory_comes_back_after_close(config: EngineConfig) -> None:
    from finetune.engines.batching import BatchingEngine
    from tests.finetune.requests import ask

    before = torch.cuda.memory_allocated()
    made = BatchingEngine(replace(config, dtype=""))
    assert made._served.loaded.dtype in (torch.bfloat16, torch.float16)
    assert made.generate(ask()).result.finish_reason in ("stop", "length")
    made.close()
    assert made.generate(ask()).result.finish_reason == "error"
    del made
    assert torch.cuda.memory_allocated() < before + 64 * 1024**2
