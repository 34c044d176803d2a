"""Search p50 and p95 at 10,000 and 100,000 passages: both arms and fusion, without and with encoding the question.

Text is made up from a vocabulary with a natural (Zipf) distribution; vectors are real ones of other texts, disturbed,
so that they lie as unevenly as real ones do. Run alone on the machine: `python -m benchmarks.search_latency`.
"""

import argparse
import json
import os
import platform
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

RESULTS = Path(__file__).parent / "results"
WORDS = 30_000
PASSAGE_WORDS = 120
SEEDS = 1500
QUESTIONS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--kind", choices=["flat", "hnsw"], help="instead of what the size decides")
    arguments = parser.parse_args()
    from retrieval.embedding import get_embedder

    embedder = get_embedder()
    chance = random.Random(0)
    seeds = embedder.passages([_text(chance, 40) for _number in range(SEEDS)])
    report: dict[str, Any] = {"machine": platform.machine(), "cores": os.cpu_count(), "embedder": embedder.name}
    for size in arguments.sizes:
        report[str(size)] = _measure(size, arguments.kind, seeds, embedder)
        print(size, json.dumps(report[str(size)]), flush=True)
    name = f"search_latency{'_' + arguments.kind if arguments.kind else ''}.json"
    (arguments.out or RESULTS / name).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _measure(size: int, kind: Any, seeds: Any, embedder: Any) -> dict[str, Any]:
    from retrieval import index, ranking
    from retrieval.records import Turn

    chance = random.Random(size)
    entries = [
        index.Entry(number, number // 8, _text(chance, 4), (), "", _text(chance, PASSAGE_WORDS), "en")
        for number in range(size)
    ]
    started = time.perf_counter()
    built = index.build(entries, _Made(seeds, embedder), kind=kind)
    seconds = time.perf_counter() - started
    asked = [_text(chance, 8) for _number in range(QUESTIONS)]
    history = [
        Turn("customer", _text(chance, 10)),
        Turn("agent", _text(chance, 25)),
        Turn("customer", _text(chance, 8)),
    ]
    ranking.rank(built, embedder, "warm up")
    result: dict[str, Any] = {
        "dense": built.dense.kind,
        "recall": built.recall,
        "build_seconds_without_embedding": round(seconds, 1),
    }
    for name, said in (("question", []), ("question_with_history", history)):
        result[name] = _timed(built, embedder, asked if not said else [one + " please" for one in asked], said)
    return result


def _timed(built: Any, embedder: Any, asked: Sequence[str], history: Sequence[Any]) -> dict[str, Any]:
    from retrieval import ranking

    total, search = [], []
    for question in asked:
        started = time.perf_counter()
        found = ranking.rank(built, embedder, question, history)
        total.append(1000 * (time.perf_counter() - started))
        search.append(total[-1] - found.milliseconds["encode"])
    return {"total_ms": _spread(total), "without_encoding_ms": _spread(search)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(values), [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def _text(chance: random.Random, words: int) -> str:
    return " ".join(f"w{int(WORDS ** chance.random())}x" for _word in range(words)).capitalize() + "."


class _Made:
    """The real embedder's name and questions, with disturbed copies of real vectors for the passages."""

    def __init__(self, seeds: Any, embedder: Any) -> None:
        self._seeds, self._embedder = seeds, embedder
        self.name, self.dimension = embedder.name, embedder.dimension
        self._random = np.random.default_rng(0)

    def passages(self, texts: Sequence[str], _progress: Any = None) -> Any:
        chosen = self._seeds[self._random.integers(0, len(self._seeds), len(texts))]
        noise = self._random.normal(size=chosen.shape).astype(np.float32)
        vectors = chosen + 0.6 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def queries(self, texts: Sequence[str]) -> Any:
        return self._embedder.queries(texts)

    def count(self, text: str) -> int:
        return len(text.split())

    def unknown_share(self, _text: str) -> float:
        return 0.0


if __name__ == "__main__":
    main()
