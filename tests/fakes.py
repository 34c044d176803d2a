"""Deterministic stand-ins for models: quick, and as right as their few lines allow. No mocks."""

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class HashEmbedder:
    """Texts that share words have close vectors: a unit sum of one random direction for each word.

    `knows` limits it to texts it accepts (an embedder that does not know a language gives noise for the rest).
    """

    def __init__(self, *, dimension: int = 64, name: str = "hash", knows: Callable[[str], bool] | None = None) -> None:
        self.name = name
        self.dimension = dimension
        self.embedded: list[str] = []
        self._knows = knows or (lambda _text: True)

    def passages(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Floats:
        self.embedded.extend(texts)
        if progress:
            progress(len(texts), len(texts))
        return self.queries(texts)

    def queries(self, texts: Sequence[str]) -> Floats:
        return np.stack([self._vector(text) for text in texts]) if texts else np.zeros((0, self.dimension), np.float32)

    def count(self, text: str) -> int:
        return len(_words(text))

    def unknown_share(self, text: str) -> float:
        return 0.0 if self._knows(text) else 1.0

    def _vector(self, text: str) -> Floats:
        words = _words(text) if self._knows(text) else [f"noise {zlib.crc32(text.encode())}"]
        total = np.zeros(self.dimension, np.float32)
        for word in words or [""]:
            total += np.random.default_rng(zlib.crc32(word.encode())).normal(size=self.dimension).astype(np.float32)
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _words(text: str) -> list[str]:
    return re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+", text.lower())
