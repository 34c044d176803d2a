"""Documents per second of the whole indexing pipeline against bare sentence-transformers `encode` of its passages.

The pipeline cuts, embeds, builds both arms, measures, writes and verifies an index version. Both run in turn, several
times, in one process; the ratio is that of the medians. Run alone: `python -m benchmarks.indexing_rate`.
"""

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

RESULTS = Path(__file__).parent / "results"
SAMPLE = Path(__file__).parent.parent / "chatbot" / "knowledge" / "sample" / "documents"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "indexing_rate.json")
    parser.add_argument("--documents", type=int, default=160)
    arguments = parser.parse_args()
    from retrieval.embedding import SentenceEmbedder

    documents = _documents(arguments.documents)
    embedder = SentenceEmbedder()
    texts = [entry.indexed_text() for entry in _cut(documents)]
    embedder.passages(texts[:128])  # lets the embedder choose its route before the clock starts
    pipeline, bare = [], []
    for _round in range(arguments.rounds):
        bare.append(_bare(embedder, texts))
        pipeline.append(_pipeline(embedder, documents))
        print(f"bare {bare[-1]:.1f} s, pipeline {pipeline[-1]:.1f} s", flush=True)
    report = {
        "documents": len(documents),
        "passages": len(texts),
        "pipeline_documents_per_second": round(len(documents) / statistics.median(pipeline), 2),
        "bare_documents_per_second": round(len(documents) / statistics.median(bare), 2),
        "ratio": round(statistics.median(bare) / statistics.median(pipeline), 3),
        "passages_per_second": round(len(texts) / statistics.median(pipeline), 1),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }
    print(json.dumps(report))
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _documents(count: int) -> list[tuple[str, str]]:
    """The sample company's Markdown, with its paragraphs shuffled so that no passage comes twice."""
    originals = [path.read_text(encoding="utf-8") for path in sorted(SAMPLE.rglob("*.md")) if "zh" not in path.parts]
    chance = random.Random(0)
    made = []
    for number in range(count):
        title, *blocks = originals[number % len(originals)].split("\n\n")
        chance.shuffle(blocks)
        made.append((f"{title.strip('# ')} {number}", "\n\n".join([f"{title} {number}", *blocks])))
    return made


def _cut(documents: list[tuple[str, str]]) -> list[Any]:
    from retrieval import chunking, index, languages

    entries: list[Any] = []
    for number, (title, text) in enumerate(documents):
        lang = languages.detect(text)
        for one in chunking.chunk(text):
            entries.append(index.Entry(len(entries), number, title, one.heading_path, one.context, one.text, lang))
    return entries


def _bare(embedder: Any, texts: list[str]) -> float:
    """What a script would do: one call of the library with its own defaults (float32, batches of 32)."""
    started = time.perf_counter()
    embedder._model.encode(texts, convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False)
    return time.perf_counter() - started


def _pipeline(embedder: Any, documents: list[tuple[str, str]]) -> float:
    from retrieval import index
    from retrieval.vectors import VectorStore

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        root = Path(folder)
        built = index.build(_cut(documents), embedder, store=VectorStore(root / "vectors.sqlite3"))
        index.load(index.save(built, root))
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
