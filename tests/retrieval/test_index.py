"""An index version on disk: immutable, checked when loaded, invisible until finished."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from retrieval import index, ranking
from retrieval.dense import DenseIndex, measure_recall
from retrieval.index import Entry, Index, IndexDamaged
from retrieval.vectors import VectorStore
from tests.fakes import HashEmbedder

TEXTS = [
    "Worn shoes can be sent back within thirty days of delivery.",
    "Shipping to Norway costs twelve euro and takes five days.",
    "The warranty of the stove covers the burner for ten years.",
    "穿过的鞋子可以在三十天内退货。",
]


def _entries(texts: list[str] = TEXTS) -> list[Entry]:
    return [
        Entry(100 + number, number // 2, f"Title {number}", ("Heading",), "", text, "zh" if "的" in text else "en")
        for number, text in enumerate(texts)
    ]


def _built() -> Index:
    return index.build(_entries(), HashEmbedder())


def _first(built: Index, question: str) -> int:
    return int(built.passage_ids[ranking.rank(built, HashEmbedder(), question).fused.rows[0]])


def test_a_loaded_version_ranks_as_the_built_one(tmp_path: Path) -> None:
    built = _built()
    loaded = index.load(index.save(built, tmp_path))
    for question in ("send back worn shoes", "norway shipping", "退货", "stove"):
        before = ranking.rank(built, HashEmbedder(), question).fused
        after = ranking.rank(loaded, HashEmbedder(), question).fused
        assert before.rows.tolist() == after.rows.tolist()
        assert np.allclose(before.scores, after.scores)
    assert _first(loaded, "shipping to norway") == 101
    assert _first(loaded, "退货") == 103
    assert (loaded.digest, loaded.recipe, loaded.documents, len(loaded)) == (built.digest, built.recipe, 2, 4)


def test_the_same_passages_make_the_same_version_and_other_ones_another() -> None:
    assert _built().digest == _built().digest
    assert index.build(_entries(TEXTS[:3]), HashEmbedder()).digest != _built().digest
    assert index.build(_entries(), HashEmbedder(name="other")).digest != _built().digest


def test_an_empty_index_is_saved_loaded_and_finds_nothing(tmp_path: Path) -> None:
    loaded = index.load(index.save(index.build([], HashEmbedder()), tmp_path))
    assert len(loaded) == 0
    assert ranking.rank(loaded, HashEmbedder(), "shoes").fused.rows.tolist() == []


@pytest.mark.parametrize(
    "name", ["manifest.json", "rows.npz", "dense.faiss", "lexical_data.npy", "lexical_rows.npy", "lexical_terms.json"]
)
def test_a_missing_cut_or_changed_file_is_found_before_anything_is_served(tmp_path: Path, name: str) -> None:
    folder = index.save(_built(), tmp_path)
    whole = (folder / name).read_bytes()
    for damaged in (None, whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 255])):
        if damaged is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(damaged)
        with pytest.raises(IndexDamaged, match="rebuild the index"):
            index.load(folder)


def test_saving_again_replaces_a_damaged_folder_and_leaves_a_whole_one_alone(tmp_path: Path) -> None:
    built = _built()
    folder = index.save(built, tmp_path)
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert index.save(built, tmp_path) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    (folder / "dense.faiss").write_bytes(b"broken")
    assert len(index.load(index.save(built, tmp_path))) == 4


def test_a_manifest_of_another_format_or_name_is_refused(tmp_path: Path) -> None:
    folder = index.save(_built(), tmp_path)
    shutil.copytree(folder, tmp_path / "0000")
    with pytest.raises(IndexDamaged):
        index.load(tmp_path / "0000")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["recipe"]["format"] = 99
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IndexDamaged):
        index.load(folder)


KILLED = """
import os, signal, sys
from pathlib import Path
from retrieval import index
LOADER

wanted = int(sys.argv[2])
original, seen = index._flush, 0

def flush(path):
    global seen
    original(path)
    seen += 1
    if seen == wanted:
        os.kill(os.getpid(), signal.SIGKILL)

index._flush = flush
built = _built()
index.save(built, Path(sys.argv[1]))
"""


@pytest.mark.faults
@pytest.mark.parametrize("step", [1, 4, 7])
def test_a_build_killed_while_writing_leaves_no_version(tmp_path: Path, step: int) -> None:
    code = KILLED.replace("LOADER", _LOADER)
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(step)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TEST_FILE": __file__},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert len(index.load(index.save(_built(), tmp_path))) == 4
    old = time.time() - 2 * index.ABANDONED_SECONDS
    for path in tmp_path.glob(".*.tmp"):
        os.utime(path, (old, old))
    index.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [_built().digest]


_LOADER = """
import importlib.util
sys.path.insert(0, os.getcwd())
spec = importlib.util.spec_from_file_location("tests_of_index", os.environ["TEST_FILE"])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
_built = module._built
"""


def test_removing_and_sweeping_touch_nothing_that_is_being_written(tmp_path: Path) -> None:
    folder = index.save(_built(), tmp_path)
    fresh = tmp_path / ".abc.1.x.tmp"
    fresh.mkdir()
    index.sweep(tmp_path)
    assert fresh.is_dir()
    index.remove(folder)
    index.remove(folder)
    assert not folder.exists()


def test_only_what_changed_is_embedded_again(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "vectors.sqlite3")
    index.build(_entries(), HashEmbedder(), store=store)
    second = HashEmbedder()
    changed = [*TEXTS[:3], "穿过的靴子不能退货。"]
    built = index.build(_entries(changed), second, store=store)
    assert [text for text in second.embedded if "Title" in text] == ["Title 3\nHeading\n穿过的靴子不能退货。"]
    exact = index.build(_entries(changed), HashEmbedder())
    assert np.allclose(built.dense.stored, exact.dense.stored, atol=2e-3)


def test_a_damaged_file_of_kept_vectors_only_costs_time(tmp_path: Path) -> None:
    file = tmp_path / "vectors.sqlite3"
    file.write_bytes(b"this is no database" * 100)
    assert len(index.build(_entries(), HashEmbedder(), store=VectorStore(file))) == 4
    again = HashEmbedder()
    index.build(_entries(), again, store=VectorStore(file))
    assert not [text for text in again.embedded if "Title" in text]


def test_vectors_of_two_models_are_never_mixed(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "vectors.sqlite3")
    store.vectors(HashEmbedder(dimension=64, name="a"), ["shoes"])
    other = HashEmbedder(dimension=32, name="b")
    assert store.vectors(other, ["shoes"]).shape == (1, 32)
    assert other.embedded == ["shoes"]
    store.forget_all_but(["b"])
    first = HashEmbedder(dimension=64, name="a")
    store.vectors(first, ["shoes"])
    assert first.embedded == ["shoes"]


def test_the_graph_agrees_with_an_exact_search_and_its_recall_is_measured() -> None:
    random = np.random.default_rng(1)
    centres = random.normal(size=(40, 32))
    vectors = (centres[random.integers(0, 40, 3000)] + 0.5 * random.normal(size=(3000, 32))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    graph, exact = DenseIndex.build(vectors, 32, "hnsw"), DenseIndex.build(vectors, 32, "flat")
    assert measure_recall(exact, vectors) == 1.0
    assert measure_recall(graph, vectors) > 0.95
    several = exact.search(vectors[:3], 5)
    assert [rows[0] for rows, _scores in several] == [0, 1, 2]
    mask = np.zeros(3000, np.bool_)
    mask[::7] = True
    [(rows, scores)] = graph.search(vectors[:1], 10, mask)
    assert all(mask[rows])
    assert np.allclose(scores, vectors[rows] @ vectors[0], atol=1e-5)
    assert (
        exact.search(vectors[:1], 10, mask)[0][0].tolist()
        == np.argsort(-np.where(mask, vectors @ vectors[0], -9), kind="stable")[:10].tolist()
    )


def test_a_graph_that_finds_too_little_is_replaced_by_the_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.eye(64, dtype=np.float32)
    monkeypatch.setattr("retrieval.dense.FLAT_MAX", 10)
    monkeypatch.setattr("retrieval.dense.LEAST_RECALL", 0.0)
    assert DenseIndex.build(vectors, 64).kind == "hnsw"
    monkeypatch.setattr("retrieval.dense.LEAST_RECALL", 1.1)
    assert DenseIndex.build(vectors, 64).kind == "flat"


def test_an_embedder_that_does_not_know_a_language_is_found_out() -> None:
    things = "boot tent lamp stove rope jacket pole sock map bottle knife hat"
    chinese_things = "靴子 帐篷 头灯 火炉 绳索 夹克 手杖 袜筒 地图 水壶 小刀 帽檐"
    english = [f"Red {thing} {thing}. Cheap {thing} {thing}. New {thing} {thing}." for thing in things.split()]
    chinese = [f"{thing}{thing}很轻。{thing}{thing}可洗。{thing}{thing}耐用。" for thing in chinese_things.split()]
    entries = [
        Entry(number, number, "", (), "", text, "zh" if number >= len(english) else "en")
        for number, text in enumerate([*english, *chinese])
    ]
    only_english = HashEmbedder(dimension=256, knows=str.isascii)
    built = index.build(entries, only_english)
    assert built.competence["en"] > 0.8
    assert built.competence["zh"] < 0.2
    found = ranking.rank(built, only_english, "帐篷怎么洗")
    assert found.competence < 0.2
    assert "帐篷" in entries[int(found.fused.rows[0])].text
    assert index.build(entries, HashEmbedder(dimension=256)).competence["zh"] > 0.8
