"""Answers per second and time to first words, through real sockets, against the engine alone with as many threads.

    python -m benchmarks.end_to_end [--chats 50] [--turns 4] [--only embedded|production]

The engine is the mock one: its delays are the dials, its answers have a fixed number of pieces. Each chat asks, waits
for the whole answer and asks again; the first questions are spread over the time of one answer, and the rate is the
number of chats divided by the mean time of an answer, for the engine alone just the same. Everything else is the
product: Daphne, sockets, database, Celery workers, search with the real embedder, verification, streaming. `embedded`
is the one-process default on SQLite, `production` is one web process, one worker and a clock on PostgreSQL and Redis
(left out where they do not answer). The customers run on the same cores. Words are shown once their sentence is
verified, so `added` compares the first words at the customer with the engine's first whole sentence.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import figures
from benchmarks.chats import Turn, talk
from tests import services
from tests.faults.stack import QUESTIONS, Stack, embedded, faultless_answers, production

WARM_UP_TURNS: Final = 1


@dataclass(frozen=True)
class Dials:
    """Delays of the engine."""

    first_token_ms: int
    token_ms: int
    tokens: int

    def __str__(self) -> str:
        return f"first_token_ms={self.first_token_ms},token_ms={self.token_ms},tokens={self.tokens}"

    def options(self) -> dict[str, float]:
        return {"first_token_ms": self.first_token_ms, "token_ms": self.token_ms, "tokens": self.tokens}


DIALS: Final = (Dials(500, 40, 100), Dials(200, 20, 60))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chats", type=int, default=50)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--only", choices=["embedded", "production"])
    parser.add_argument("--dials", type=_dials, nargs="+", default=list(DIALS), help="first_token_ms/token_ms/tokens")
    parser.add_argument("--out", type=Path, default=figures.RESULTS / "end_to_end.json")
    arguments = parser.parse_args()
    report: dict[str, Any] = {**figures.machine(), "chats": arguments.chats, "turns": arguments.turns, "runs": []}
    for name in [arguments.only] if arguments.only else ["embedded", "production"]:
        if name == "production" and not (services.answers("postgres") and services.answers("redis")):
            print("production is left out: PostgreSQL or Redis does not answer", flush=True)
            continue
        for dials in arguments.dials:
            run = _measure(name, dials, chats=arguments.chats, turns=arguments.turns)
            report["runs"].append(run)
            print(run, flush=True)
    figures.write(arguments.out, report)


def _dials(text: str) -> Dials:
    return Dials(*(int(number) for number in text.split("/")))


def _measure(name: str, dials: Dials, *, chats: int, turns: int) -> dict[str, Any]:
    start: Callable[..., AbstractContextManager[Stack]] = embedded if name == "embedded" else production
    options: dict[str, Any] = {"embedder": True, "GENERATOR_OPTIONS": str(dials)}
    if name == "production":
        options |= {"postgres": services.URLS["postgres"], "webs": 1, "workers": 1, "threads": chats + 8}
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, start(Path(folder), **options) as stack:
        answers = faultless_answers(stack)
        alone = _engine_alone(dials, answers, threads=chats, turns=turns)
        spread_over = chats / alone["per_second"]
        asyncio.run(talk(stack.ports, QUESTIONS, chats=chats, turns=WARM_UP_TURNS, over=spread_over))
        quiet = asyncio.run(talk(stack.ports, QUESTIONS, chats=1, turns=5))
        busy = asyncio.run(talk(stack.ports, QUESTIONS, chats=chats, turns=turns, over=spread_over))
    per_second = chats / statistics.mean(turn.whole for turn in busy)
    sentences = dict(zip(QUESTIONS, alone["first_sentences"], strict=True))
    return {
        "shape": name,
        "engine": str(dials),
        "engine_alone_answers_per_second": round(alone["per_second"], 2),
        "answers_per_second": round(per_second, 2),
        "ratio": round(per_second / alone["per_second"], 3),
        "engine_first_sentence_ms": round(1000 * statistics.mean(sentences.values()), 1),
        "first_words_added_ms_one_chat": _added(quiet, sentences),
        "first_words_added_ms": _added(busy, sentences),
        "acknowledged_ms": figures.spread([1000 * turn.acknowledged for turn in busy]),
    }


def _added(turns: list[Turn], sentences: dict[str, float]) -> dict[str, float]:
    return figures.spread([1000 * (turn.first_words - sentences[turn.question]) for turn in turns])


def _engine_alone(dials: Dials, answers: list[str], *, threads: int, turns: int) -> dict[str, Any]:
    """The same engine, the same answers, nothing around it."""
    from finetune.engines.mock import MockEngine
    from finetune.records import ContextPassage, EngineConfig, GenerationRequest
    from finetune.records import Turn as Said

    engine = MockEngine(EngineConfig(kind="mock", options=dials.options()))
    requests = [
        GenerationRequest((Said("customer", "?"),), "?", (ContextPassage(1, "", "", text.replace(" [1]", "")),))
        for text in answers
    ]

    def one(number: int) -> list[tuple[float, float]]:
        time.sleep(number / threads * (dials.first_token_ms + dials.tokens * dials.token_ms) / 1000)
        return [_timed(iter(engine.generate(requests[(number + turn) % len(requests)]))) for turn in range(turns)]

    with ThreadPoolExecutor(threads) as pool:
        times = list(pool.map(one, range(threads)))
    return {
        "per_second": threads / statistics.mean(whole for some in times for _first, whole in some),
        "first_sentences": [_timed(iter(engine.generate(request)))[0] for request in requests],
    }


def _timed(pieces: Iterator[str]) -> tuple[float, float]:
    """Seconds to the first whole sentence and to the end."""
    from chatbot.conversations.answers.verification import StreamedSentences

    began, first, stream = time.perf_counter(), 0.0, StreamedSentences()
    for piece in pieces:
        if list(stream.feed(piece)) and not first:
            first = time.perf_counter() - began
    whole = time.perf_counter() - began
    return first or whole, whole


if __name__ == "__main__":
    main()
