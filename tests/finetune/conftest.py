"""Fixtures of the engines' tests: one tiny model, two adapters and one engine per session, all built on the spot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finetune.records import EngineConfig
from tests.finetune import tiny_model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.build_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def adapter_a(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.build_adapter(tmp_path_factory.mktemp("adapters") / "a", model_folder, seed=1)


@pytest.fixture(scope="session")
def adapter_b(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.build_adapter(tmp_path_factory.mktemp("adapters") / "b", model_folder, seed=2)


@pytest.fixture(scope="session")
def tokenizer(model_folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def batching_config(model_folder: Path) -> EngineConfig:
    return EngineConfig(
        kind="transformers",
        model=str(model_folder),
        device="cpu",
        dtype="float32",
        context_tokens=900,
        max_new_tokens=48,
        batch=8,
    )


@pytest.fixture
def engine(batching_config: EngineConfig) -> Iterator[Any]:
    from finetune.engines.batching import BatchingEngine

    made = BatchingEngine(batching_config)
    yield made
    made.close()
