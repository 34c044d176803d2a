"""Measuring: figures that can be worked out by hand, plain or gzip files, and JSON alone on standard output."""

import gzip
import json
import math
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from retrieval import evaluation
from retrieval.evaluation import BadDataset, figures_of
from tests.fakes import HashEmbedder

DOCUMENTS = [
    {"doc_id": "returns", "title": "Returns", "lang": "en", "text": "Worn shoes can be sent back within thirty days."},
    {"doc_id": "shipping", "title": "Shipping", "lang": "en", "text": "Parcels to Norway cost twelve euro."},
    {"doc_id": "zh", "title": "退货", "lang": "zh", "text": "穿过的鞋子可以在三十天内退货。"},
]
QUERIES = [
    {"query_id": "1", "query": "worn shoes", "history": [], "relevant": [{"doc_id": "returns", "start": 0, "end": 10}]},
    {"query_id": "2", "query": "退货", "history": [], "relevant": [{"doc_id": "zh"}]},
    {
        "query_id": "3",
        "query": "how much?",
        "history": [{"role": "customer", "text": "parcels to norway"}, {"role": "agent", "text": "Yes?"}],
        "relevant": [{"doc_id": "shipping"}],
    },
    {"query_id": "4", "query": "thanks", "history": [], "relevant": []},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(tmp_path / "documents.jsonl", DOCUMENTS)
    with gzip.open(tmp_path / "queries.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in QUERIES)
    return tmp_path


def _write(file: Path, rows: list[dict]) -> None:  # type: ignore[type-arg]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_a_small_set_is_measured_whole(folder: Path) -> None:
    report = evaluation.evaluate(folder, HashEmbedder())
    assert report["n"] == 3
    assert report["lexical"] == {
        "recall@1": 1.0, "recall@5": 1.0, "recall@10": 1.0, "recall@1ktok": 1.0, "mrr@10": 1.0, "ndcg@10": 1.0,
    }  # fmt: skip
    assert report["fusion"]["recall@5"] == 1.0
    assert set(report["dense"]) == set(report["fusion"]) == set(report["lexical"])
    assert report["latency_ms"]["total"]["p50"] <= report["latency_ms"]["total"]["p95"]
    assert report["chunk_tokens"] > 0


def test_a_limit_takes_questions_from_all_over_the_file(folder: Path) -> None:
    assert evaluation.evaluate(folder, HashEmbedder(), limit=2)["n"] == 2


def test_figures_follow_from_the_place_of_the_first_relevant_passage() -> None:
    figures = figures_of([7, 3, 5], [frozenset({5})], [400] * 10)
    assert figures["recall@1"] == 0.0
    assert figures["recall@5"] == 1.0
    assert figures["mrr@10"] == pytest.approx(1 / 3)
    assert figures["recall@1ktok"] == 0.0
    assert figures["ndcg@10"] == pytest.approx(1 / math.log2(4))
    assert figures_of([7, 5], [frozenset({5})], [400] * 10)["recall@1ktok"] == 1.0


def test_two_overlapping_passages_are_paid_once() -> None:
    twice = figures_of([1, 2, 3], [frozenset({1, 2}), frozenset({3})], [10] * 5)
    once = figures_of([1, 3, 2], [frozenset({1, 2}), frozenset({3})], [10] * 5)
    assert once["ndcg@10"] == pytest.approx(1.0)
    assert twice["ndcg@10"] < once["ndcg@10"]


def test_nothing_found_is_zero_everywhere() -> None:
    assert set(figures_of([], [frozenset({1})], []).values()) == {0.0}
    assert set(figures_of([2], [frozenset()], [1] * 3).values()) == {0.0}


def test_a_passage_counts_when_it_covers_half_of_the_span() -> None:
    from retrieval.chunking import Chunk
    from retrieval.evaluation import Gold, covers

    chunk = Chunk(0, 100, 200, "x" * 100, (), "", 20)
    assert covers(chunk, Gold("d", 150, 250))
    assert not covers(chunk, Gold("d", 151, 253))
    assert not covers(chunk, Gold("d", 200, 200))
    assert covers(chunk, Gold("d", None, None))


@pytest.mark.parametrize(
    ("documents", "queries", "said"),
    [
        (None, "", "neither documents.jsonl"),
        ("", "", "no documents"),
        ("{broken", "", "documents.jsonl cannot be read"),
        ("[1]\n", "", "line 1 is not a JSON object"),
        ('{"doc_id": "a"}\n', "", "no text under 'text'"),
        ('{"doc_id": "a", "text": "b"}\n', None, "neither queries.jsonl"),
        ('{"doc_id": "a", "text": "b"}\n', "", "no question"),
        ('{"doc_id": "a", "text": "b"}\n', '{"query": "q", "relevant": [{"start": 1}]}\n', "history or relevant"),
        ('{"doc_id": "a", "text": "b"}\n', '{"query": "q", "history": ["x"]}\n', "history or relevant"),
    ],
)
def test_a_folder_in_another_form_is_refused_with_the_place(
    tmp_path: Path, documents: str | None, queries: str | None, said: str
) -> None:
    for name, content in (("documents", documents), ("queries", queries)):
        if content is not None:
            (tmp_path / f"{name}.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(BadDataset, match=said):
        evaluation.evaluate(tmp_path, HashEmbedder())


def test_the_command_prints_one_json_object_and_nothing_else(
    folder: Path, settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # type: ignore[no-untyped-def]
    settings.DATA_DIR = tmp_path / "data"
    out, err = StringIO(), StringIO()
    call_command("evaluate_retrieval", str(folder), "--json", "--limit", "2", stdout=out, stderr=err)
    report = json.loads(out.getvalue())
    assert report["n"] == 2
    assert {"lexical", "dense", "fusion", "chunk_tokens", "latency_ms"} <= set(report)
    assert "questions: 2 of 2" in err.getvalue()
    assert capsys.readouterr().out == ""


def test_the_command_says_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="neither documents"):
        call_command("evaluate_retrieval", str(tmp_path), stdout=StringIO(), stderr=StringIO())
    with pytest.raises(CommandError, match="passage-tokens"):
        call_command("evaluate_retrieval", str(tmp_path), "--passage-tokens", "3", stdout=StringIO())
