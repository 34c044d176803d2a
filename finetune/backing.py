"""An answer that somebody else takes over when the one who was asked fails before the first word. Loads nothing."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from finetune.records import Engine, Generation, GenerationRequest, GenerationResult

logger = logging.getLogger(__name__)


class _Writes(Protocol):
    def generate(self, request: GenerationRequest) -> Generation: ...


@dataclass(frozen=True)
class ActiveSide:
    """What answers all who are not on trial, and those whose trial failed."""

    engine: Engine
    fallback: Engine

    def generate(self, request: GenerationRequest) -> Generation:
        return Backed(self.engine.generate(request), "", request, self.fallback)


class Backed:
    """A generation that the fallback takes over when the engine fails before its first word."""

    def __init__(self, first: Generation | None, problem: str, request: GenerationRequest, fallback: _Writes) -> None:
        self._request = request
        self._fallback = fallback
        self._problem = problem
        self._cancelled = False
        self._current = first if first is not None else fallback.generate(request)
        self._backed = first is None

    def cancel(self) -> None:
        self._cancelled = True
        self._current.cancel()

    def __iter__(self) -> Iterator[str]:
        begun = False
        for piece in self._current:
            begun = True
            yield piece
        if not begun and self._take_over():
            yield from self._current

    @property
    def result(self) -> GenerationResult:
        result = self._current.result
        if not result.text and self._take_over():
            result = self._current.result
        return replace(result, error=self._problem) if self._backed else result

    def _take_over(self) -> bool:
        """Whether the fallback now writes this answer."""
        result = self._current.result
        if self._backed or self._cancelled or result.finish_reason != "error" or result.text:
            return False
        logger.warning("The fallback answers, because: %s", result.error)
        self._problem, self._backed = result.error, True
        self._current = self._fallback.generate(self._request)
        return True
