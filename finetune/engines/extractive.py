"""The engine without a model: composes the answer from the best-supported sentences of the passages.

It writes nothing that no passage says, obeys nothing that a passage orders, and is the floor that always works: the
fallback when a generated answer fails verification. Loads no model; meaning is compared only where a similarity is
given.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from finetune.composing import compose
from finetune.ranking import Similarity
from finetune.records import EngineConfig, GenerationRequest, GenerationResult
from finetune.terms import Idf, flat_idf, is_cjk

VERSION: Final = "extractive-1"
_PROMPT_DIGEST: Final = hashlib.sha256(VERSION.encode()).hexdigest()


class _Written:
    """A generation that was finished before it began: the pieces are there, iterating hands them out."""

    def __init__(self, pieces: Sequence[str], started: float) -> None:
        self._pieces = list(pieces)
        self._cancelled = False
        self._started = started
        self._given: list[str] = []
        self._result = GenerationResult(
            text="", finish_reason="stop", engine="extractive", model=VERSION, prompt_digest=_PROMPT_DIGEST
        )
        self._ready = time.monotonic() - started

    def __iter__(self) -> Iterator[str]:
        while self._pieces and not self._cancelled:
            piece = self._pieces.pop(0)
            self._given.append(piece)
            yield piece

    def cancel(self) -> None:
        if self._pieces:
            self._cancelled = True

    @property
    def result(self) -> GenerationResult:
        if not self._cancelled:
            self._given.extend(self._pieces)
            self._pieces.clear()
        return replace(
            self._result,
            text="".join(self._given),
            finish_reason="cancelled" if self._cancelled else "stop",
            new_tokens=len(self._given),
            first_token_seconds=round(self._ready, 6),
            seconds=round(time.monotonic() - self._started, 6),
        )


class ExtractiveEngine:
    """Engine protocol. `similarity` compares meanings (an embedder), `idf` weighs terms; both are optional."""

    name = "extractive"

    def __init__(
        self, config: EngineConfig | None = None, *, similarity: Similarity | None = None, idf: Idf = flat_idf
    ) -> None:
        self._similarity = similarity
        self._idf = idf

    def generate(self, request: GenerationRequest) -> _Written:
        """Never fails: without a fitting sentence the text is empty."""
        started = time.monotonic()
        return _Written(self._write(request), started)

    def activate(self, adapter: str) -> None:
        """There is nothing to adapt."""

    def close(self) -> None:
        """There is nothing to give back."""

    def _write(self, request: GenerationRequest) -> list[str]:
        said = compose(request, similarity=self._similarity, idf=self._idf)
        return [text if place == 0 or is_cjk(text) else f" {text}" for place, text in enumerate(said)]
