"""Facts live in the documents, behaviour lives in the weights: a changed price changes the answer, and nothing is trained.

Nothing here is faked but the embedder: a base model is taught on the spot to copy from passages, an adapter is really
trained on the shop's own conversations (which all say the old price), passes through the registry into service, and
answers through search, batching engine and verification as it does for customers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from chatbot.conversations import replying
from chatbot.training.replay import replay
from finetune import adapter_files, adapters, engine_pool, promotion
from finetune.models import Adapter, TrainingRun
from retrieval import search
from tests.fakes import HashEmbedder
from tests.finetune import promoting, small_shop, small_training
from tests.finetune.small_shop import PRICES, SHOP, STATEMENTS
from tests.training.replaying import answered, index, page

pytestmark = pytest.mark.slow
THING: Final = "kettle"
OLD: Final = SHOP.values["price", THING]
NEW: Final = next(price for price in PRICES if price != OLD)
QUESTION: Final = f"What does the {THING} cost?"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    assert small_training.build_base(folder) > 0.9
    return folder


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = small_shop.conversations(1, 160)
    return small_training.build_adapter(tmp_path_factory.mktemp("adapter"), base, pairs, steps=60)


@pytest.fixture
def promoted(
    settings: Any, base: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> Iterator[Adapter]:
    """The adapter in service, as the pages put it there."""
    settings.ADAPTER_DIR = tmp_path / "adapters"
    settings.GENERATOR, settings.OPENAI_BASE_URL, settings.GENERATOR_ADAPTER = "", "", ""
    settings.GENERATOR_MODEL, settings.GENERATOR_DTYPE, settings.GENERATOR_DEVICE = str(base), "float32", "cpu"
    settings.GENERATOR_CONTEXT_TOKENS, settings.GENERATOR_MAX_NEW_TOKENS, settings.GENERATOR_BATCH = 400, 48, 4
    monkeypatch.setattr(search, "get_embedder", lambda _name="": HashEmbedder())
    _forget()
    row = adapters.register(trained, base_model=str(base))
    trial = promotion.start_canary(evaluation=promoting.evaluation(row), share=0.5, by="boss")
    promotion.promote(promotion=trial, by="boss")
    yield row
    _forget()


def _forget() -> None:
    engine_pool.close_engine()
    search.get_searcher.cache_clear()
    replying._built.cache_clear()


def _shop(kind: str, value: str) -> None:
    """A page of the thing, and one of another, so that there is something to search."""
    page(THING.capitalize(), STATEMENTS[kind].format(thing=THING, value=value))
    page("Delivery", STATEMENTS["day"].format(thing=THING, value=SHOP.values["day", THING]))
    index()


def test_a_changed_price_changes_the_answer_of_the_promoted_adapter_without_training(promoted: Adapter) -> None:
    _shop("price", OLD)
    before = answered(QUESTION)
    assert (before.card.engine, before.card.adapter) == ("transformers", promoted.digest)
    assert f"{OLD} euro [1]" in before.text

    files = adapter_files.inspect(Path(promoted.path)).digest
    _shop("price", NEW)
    after = answered(QUESTION)
    assert (after.card.engine, after.card.adapter) == ("transformers", promoted.digest)
    assert f"{NEW} euro [1]" in after.text
    assert OLD not in after.text
    assert adapter_files.inspect(Path(promoted.path)).digest == files == promoted.digest
    assert not TrainingRun.objects.exists()

    again = replay(message=before, index="")
    assert f"{NEW} euro" in again.after.text
    assert again.after.adapter == promoted.digest
    assert replay(message=before).same_text


def test_a_price_that_was_taken_out_of_the_documents_is_not_told_from_memory(promoted: Adapter) -> None:
    _shop("price", OLD)
    assert OLD in answered(QUESTION).text
    _shop("colour", SHOP.values["colour", THING])
    assert OLD not in answered(QUESTION).text
