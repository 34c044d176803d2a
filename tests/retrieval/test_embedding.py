"""The built-in embedder for real: unit vectors, one meaning near another, recent questions remembered."""

import threading

import numpy as np
import pytest

from retrieval.embedding import EmbedderUnavailable, SentenceEmbedder, get_embedder, prefixes


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return SentenceEmbedder()


def test_vectors_are_unit_float32_and_near_in_meaning(embedder: SentenceEmbedder) -> None:
    vectors = embedder.queries(["How do I return shoes?", "sending footwear back", "the stove's warranty"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, embedder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_passages_and_questions_live_in_one_space(embedder: SentenceEmbedder) -> None:
    texts = [f"Parcel number {number} travels to town {number}." for number in range(120)]
    told: list[tuple[int, int]] = []
    passages = embedder.passages(texts, lambda done, total: told.append((done, total)))
    questions = embedder.queries(texts[:8])
    assert float((passages[:8] * questions).sum(axis=1).min()) > 0.99
    assert told[-1] == (120, 120)


@pytest.mark.parametrize("text", ["", " ", "😀", "\x00", "a" * 200_000, "鞋" * 20_000])
def test_any_text_has_a_finite_vector(embedder: SentenceEmbedder, text: str) -> None:
    assert np.isfinite(embedder.queries([text])).all()
    assert np.isfinite(embedder.passages([text])).all()


def test_nothing_gives_no_vectors(embedder: SentenceEmbedder) -> None:
    assert embedder.passages([]).shape == (0, embedder.dimension)
    assert embedder.queries([]).shape == (0, embedder.dimension)


def test_a_repeated_question_is_answered_from_memory() -> None:
    embedder = SentenceEmbedder(query_cache=2)
    first = embedder.queries(["one", "two", "one"])
    assert np.array_equal(first[0], first[2])
    working, embedder._model = embedder._model, None
    assert np.array_equal(embedder.queries(["two", "one"]), first[[1, 0]])
    embedder._model = working
    embedder.queries(["three"])
    assert embedder._memory.get("two") is None


def test_many_threads_get_the_vectors_of_their_own_questions(embedder: SentenceEmbedder) -> None:
    wanted = [f"question {number}" for number in range(12)]
    alone = {text: embedder.queries([text])[0] for text in wanted}
    fresh = SentenceEmbedder(query_cache=3)
    wrong: list[str] = []

    def ask(text: str) -> None:
        found = [fresh.queries([text])[0] for _time in range(3)]
        wrong.extend(text for vector in found if not np.allclose(vector, alone[text], atol=1e-4))

    threads = [threading.Thread(target=ask, args=(text,)) for text in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_wordpieces_are_counted_and_unknown_ones_noticed(embedder: SentenceEmbedder) -> None:
    assert embedder.count("the return policy") == 3
    assert embedder.count("") == 0
    assert embedder.unknown_share("the return policy") == 0.0
    assert embedder.unknown_share("穿过的鞋子可以退货吗") > 0.2
    assert embedder.unknown_share("") == 0.0


def test_the_name_holds_the_weights_and_the_process_shares_one_embedder(embedder: SentenceEmbedder) -> None:
    assert embedder.name.startswith("all-MiniLM-L6-v2@")
    assert embedder.name == SentenceEmbedder().name
    assert get_embedder("") is get_embedder("")


def test_a_model_that_cannot_be_loaded_says_what_to_do(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EmbedderUnavailable, match="EMBEDDER_MODEL"):
        SentenceEmbedder(str(tmp_path))


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("intfloat/multilingual-e5-small", "query: ", "passage: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("BAAI/bge-m3", "", ""),
        ("sentence-transformers/all-MiniLM-L6-v2", "", ""),
        ("", "", ""),
    ],
)
def test_models_get_the_prefixes_they_were_trained_with(model: str, query: str, passage: str) -> None:
    assert prefixes(model) == (query, passage)
