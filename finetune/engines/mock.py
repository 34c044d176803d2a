"""An engine of adjustable delays for benchmarks and fault tests: it writes sentences of the first passage.

Its text follows from the request alone and survives verification (copied, cited). Dials in `EngineConfig.options`:
`first_token_ms`, `token_ms`, `tokens` (pieces; 0 means one per word), `failure_rate` (0..1, chosen by the question).
It holds no model and no thread: each caller's own thread waits.
"""

import hashlib
import itertools
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from finetune.prompt import prompt_digest
from finetune.records import EngineConfig, FinishReason, GenerationRequest, GenerationResult

_SENTENCE: Final = re.compile(r".+?(?:[.!?](?=\s|$)|[。！？]|$)", re.S)
_NOTHING: Final = "I do not know."
_MOST_CHARACTERS: Final = 4000


class MockEngine:
    """Serves any number of threads."""

    name = "mock"

    def __init__(self, config: EngineConfig) -> None:
        dials = config.options
        self.first_seconds = dials.get("first_token_ms", 0.0) / 1000
        self.token_seconds = dials.get("token_ms", 0.0) / 1000
        self.tokens = int(dials.get("tokens", 0))
        self.failure_rate = dials.get("failure_rate", 0.0)
        self.adapter = config.adapter

    def generate(self, request: GenerationRequest) -> "MockGeneration":
        return MockGeneration(self, request)

    def activate(self, adapter: str) -> None:
        self.adapter = adapter

    def close(self) -> None:
        pass


class MockGeneration:
    """Waits and writes in the thread that iterates."""

    def __init__(self, engine: MockEngine, request: GenerationRequest) -> None:
        self._engine = engine
        self._cancelled = threading.Event()
        self._started = time.monotonic()
        self._pieces = pieces(request, engine.tokens)
        self._fails = fails(request, engine.failure_rate)
        self._first = 0.0
        self._said: list[str] = []
        self._done = False
        self._result = GenerationResult(
            "", "error", engine.name, model="mock", adapter=engine.adapter, prompt_digest=prompt_digest("")
        )

    def cancel(self) -> None:
        self._cancelled.set()

    def __iter__(self) -> Iterator[str]:
        for number, piece in enumerate(self._pieces[len(self._said) :], len(self._said)):
            delay = self._engine.token_seconds if number else self._engine.first_seconds
            if self._cancelled.wait(delay) if delay else self._cancelled.is_set():
                self._end("cancelled")
                return
            if self._fails and number * 2 >= len(self._pieces):
                self._end("error", "The mock engine was told to fail.")
                return
            self._first = self._first or time.monotonic() - self._started
            self._said.append(piece)
            yield piece
        self._end("stop")

    def _end(self, reason: FinishReason, error: str = "") -> None:
        if self._done:
            return
        self._done = True
        self._result = replace(
            self._result,
            text="".join(self._said),
            finish_reason=reason,
            error=error,
            new_tokens=len(self._said),
            first_token_seconds=round(self._first, 6),
            seconds=round(time.monotonic() - self._started, 6),
        )

    @property
    def result(self) -> GenerationResult:
        while not self._done:
            for _piece in self:
                pass
        return self._result


def answer(request: GenerationRequest) -> str:
    """Whole sentences of the first passage, each with its citation; or that it does not know."""
    if not request.passages:
        return _NOTHING
    first = request.passages[0]
    sentences = [re.sub(r"\s+", " ", match[0]).strip() for match in _SENTENCE.finditer(first.text)]
    text = ""
    for sentence in (sentence for sentence in sentences if sentence):
        bare, end = (sentence[:-1], sentence[-1]) if sentence[-1] in ".!?。！？" else (sentence, ".")
        text += f"{' ' if text else ''}{bare} [{first.number}]{end}"
        if len(text) > _MOST_CHARACTERS:
            break
    return text or _NOTHING


def pieces(request: GenerationRequest, count: int) -> list[str]:
    """The answer in `count` pieces of nearly equal length (at most one per character), or one per word for 0."""
    text = answer(request)
    if count <= 0:
        return re.findall(r"\s*\S+", text)
    count = min(count, len(text))
    cuts = [len(text) * number // count for number in range(count + 1)]
    return [text[start:end] for start, end in itertools.pairwise(cuts)]


def fails(request: GenerationRequest, rate: float) -> bool:
    """Whether this request is one of those that fail; the same request always decides the same."""
    seed = f"{request.request_id}\x00{request.question}".encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:4]) / 2**32 < rate
