"""Measures retrieval on a folder of documents and questions, with an index of its own that is thrown away.

Heavy: embeds. Touches no database table; it runs the very ranking that customers get. The folder holds
`documents.jsonl` and `queries.jsonl` (or `.jsonl.gz`): documents {doc_id, title, text, lang?, collection?}, queries
{query_id, query, history: [{role, text}], relevant: [{doc_id, start?, end?}], lang?}; see docs/benchmarks.md.
"""

import gzip
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from retrieval import chunking, index, languages, ranking
from retrieval.embedding import Embedder
from retrieval.fusion import Ranked
from retrieval.records import Turn
from retrieval.vectors import VectorStore

DEPTHS: Final = (1, 5, 10)
CONTEXT_TOKENS: Final = 1000
COVERED: Final = 0.5
"""A passage counts when it covers this share of a gold span."""
ARMS: Final = ("lexical", "dense", "fusion")

Progress = Callable[[str, int, int], None]


class BadDataset(Exception):
    """The folder is not in the format. The message is a sentence that names file and line."""


@dataclass(frozen=True)
class Gold:
    """Where an answer stands; the whole document where `start` is None."""

    doc_id: str
    start: int | None
    end: int | None


@dataclass(frozen=True)
class Question:
    text: str
    history: tuple[Turn, ...]
    relevant: tuple[Gold, ...]
    answers: tuple[str, ...] = ()
    """What a person answered, in one wording or more; empty where nothing is given."""


@dataclass(frozen=True)
class Source:
    """One document of the set."""

    doc_id: str
    title: str
    text: str
    lang: str


@dataclass(frozen=True)
class Corpus:
    """A set cut into passages: entries and chunks by row."""

    entries: list[index.Entry]
    chunks: list[chunking.Chunk]
    doc_ids: list[str]
    tokens: list[int]
    """Wordpieces of each passage as the embedder's tokenizer counts them."""


def evaluate(
    folder: Path,
    embedder: Embedder,
    *,
    store: VectorStore | None = None,
    limit: int = 0,
    passage_tokens: int = chunking.PASSAGE_TOKENS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The report of docs/benchmarks.md. `limit` > 0 takes that many questions, evenly spread. Raises BadDataset."""
    tell = progress or (lambda _step, _done, _total: None)
    sources = read_documents(folder)
    questions = [question for question in read_questions(folder) if question.relevant]
    if not questions:
        raise BadDataset(f"{folder} has no question with a relevant document.")
    if 0 < limit < len(questions):
        questions = [questions[number * len(questions) // limit] for number in range(limit)]
    corpus = cut(sources, embedder, passage_tokens)
    built = index.build(corpus.entries, embedder, store=store, steps=tell)
    golds = _relevant_rows(corpus, questions)
    tallies = {arm: Tally() for arm in ARMS}
    milliseconds: dict[str, list[float]] = {}
    for number, (question, gold) in enumerate(zip(questions, golds, strict=True)):
        started = time.perf_counter()
        found = ranking.rank(built, embedder, question.text, question.history)
        milliseconds.setdefault("total", []).append(1000 * (time.perf_counter() - started))
        for step, taken in found.milliseconds.items():
            milliseconds.setdefault(step, []).append(taken)
        for arm, ranked in zip(ARMS, (found.lexical, found.dense, found.fused), strict=True):
            tallies[arm].add(ranked, gold, corpus.tokens)
        if number % 25 == 24 or number + 1 == len(questions):
            tell("questions", number + 1, len(questions))
    return {
        **{arm: tally.figures() for arm, tally in tallies.items()},
        "n": len(questions),
        "chunk_tokens": round(float(np.mean(corpus.tokens)), 1),
        "passages": len(corpus.entries),
        "documents": len(sources),
        "embedder": embedder.name,
        "competence": built.competence,
        "latency_ms": {step: _spread(values) for step, values in milliseconds.items()},
    }


class Tally:
    """Sums of one arm over questions."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: dict[str, float] = {}

    def add(self, ranked: Ranked, golds: Sequence[frozenset[int]], tokens: Sequence[int]) -> None:
        """`golds`: per gold span the rows that count for it."""
        self._count += 1
        for name, value in figures_of([int(row) for row in ranked.rows], golds, tokens).items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def figures(self) -> dict[str, float]:
        return {name: round(total / self._count, 4) for name, total in self._sums.items()}


def figures_of(rows: Sequence[int], golds: Sequence[frozenset[int]], tokens: Sequence[int]) -> dict[str, float]:
    """One question's figures. recall@k is 1 when any of the first k passages is relevant, as in the references."""
    wanted = frozenset().union(*golds)
    first = next((rank for rank, row in enumerate(rows) if row in wanted), None)
    figures = {f"recall@{k}": float(first is not None and first < k) for k in DEPTHS}
    context = math.inf if first is None else sum(tokens[row] for row in rows[: first + 1])
    figures["recall@1ktok"] = float(context <= CONTEXT_TOKENS)
    figures["mrr@10"] = 1.0 / (first + 1) if first is not None and first < 10 else 0.0
    figures["ndcg@10"] = _ndcg(rows[:10], golds)
    return figures


def _ndcg(rows: Sequence[int], golds: Sequence[frozenset[int]]) -> float:
    """Each gold span pays once, at the first passage that covers it; no passage is paid twice."""
    open_golds = [gold for gold in golds if gold]
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, _distinct(open_golds))))
    gained = 0.0
    for rank, row in enumerate(rows):
        covered = [gold for gold in open_golds if row in gold]
        if covered:
            gained += 1 / math.log2(rank + 2)
            open_golds = [gold for gold in open_golds if row not in gold]
    return min(1.0, gained / ideal) if ideal else 0.0


def _distinct(golds: Sequence[frozenset[int]]) -> int:
    """The fewest passages that cover every span, found greedily: what a perfect ranking would show first."""
    left, shown = list(golds), 0
    while left:
        counts: dict[int, int] = {}
        for gold in left:
            for row in gold:
                counts[row] = counts.get(row, 0) + 1
        best = max(counts, key=lambda row: (counts[row], -row))
        left = [gold for gold in left if best not in gold]
        shown += 1
    return shown


def cut(sources: Sequence[Source], embedder: Embedder, passage_tokens: int) -> Corpus:
    """Passages as the product cuts them."""
    corpus = Corpus([], [], [], [])
    overlap = min(chunking.OVERLAP_TOKENS, passage_tokens // 2)
    merge = round(chunking.MERGE_TOKENS * passage_tokens / chunking.PASSAGE_TOKENS)
    for number, source in enumerate(sources):
        for one in chunking.chunk(
            source.text, passage_tokens=passage_tokens, overlap_tokens=overlap, merge_tokens=merge
        ):
            corpus.entries.append(
                index.Entry(
                    passage_id=len(corpus.entries),
                    document_id=number,
                    title=source.title,
                    heading_path=one.heading_path,
                    context=one.context,
                    text=one.text,
                    lang=source.lang,
                )
            )
            corpus.chunks.append(one)
            corpus.doc_ids.append(source.doc_id)
            corpus.tokens.append(embedder.count(one.text))
    return corpus


def _relevant_rows(corpus: Corpus, questions: Iterable[Question]) -> list[list[frozenset[int]]]:
    by_document: dict[str, list[int]] = {}
    for row, doc_id in enumerate(corpus.doc_ids):
        by_document.setdefault(doc_id, []).append(row)
    return [
        [
            frozenset(row for row in by_document.get(gold.doc_id, ()) if covers(corpus.chunks[row], gold))
            for gold in question.relevant
        ]
        for question in questions
    ]


def covers(chunk: chunking.Chunk, gold: Gold) -> bool:
    if gold.start is None or gold.end is None:
        return True
    shared = min(chunk.end, gold.end) - max(chunk.start, gold.start)
    return shared > 0 and shared >= COVERED * (gold.end - gold.start)


def read_documents(folder: Path) -> list[Source]:
    """Raises BadDataset."""
    found = []
    for where, row in _rows(folder, "documents"):
        text = _text(row, "text", where)
        lang = str(row.get("lang") or "") or languages.detect(text)
        found.append(Source(_text(row, "doc_id", where), str(row.get("title") or ""), text, lang))
    if not found:
        raise BadDataset(f"{folder} has no documents.")
    return found


def read_questions(folder: Path) -> list[Question]:
    """Raises BadDataset."""
    return [_question(row, where) for where, row in _rows(folder, "queries")]


def _question(row: dict[str, Any], where: str) -> Question:
    try:
        return Question(
            text=_text(row, "query", where),
            history=tuple(
                Turn("agent" if turn.get("role") == "agent" else "customer", str(turn["text"]))
                for turn in row.get("history") or ()
            ),
            relevant=tuple(
                Gold(str(gold["doc_id"]), gold.get("start"), gold.get("end")) for gold in row.get("relevant") or ()
            ),
            answers=tuple(str(one) for one in [row.get("answer"), *(row.get("answers") or ())] if one),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadDataset(f"{where}: history or relevant is not in the expected form ({error!r}).") from error


def _text(row: dict[str, Any], name: str, where: str) -> str:
    if not isinstance(row.get(name), str):
        raise BadDataset(f"{where}: there is no text under {name!r}.")
    return str(row[name])


def _rows(folder: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of each line of `name`.jsonl or `name`.jsonl.gz."""
    for file in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"):
        if file.is_file():
            break
    else:
        raise BadDataset(f"{folder} has neither {name}.jsonl nor {name}.jsonl.gz.")
    opener: Callable[..., IO[str]] = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise BadDataset(f"{file.name} line {number} is not a JSON object.")
                yield f"{file.name} line {number}", row
    except (OSError, EOFError, ValueError) as error:
        raise BadDataset(f"{file.name} cannot be read as JSON lines in UTF-8: {error}") from error


def _spread(values: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(values), [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}
