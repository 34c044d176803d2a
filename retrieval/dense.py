"""The dense arm: passage vectors in FAISS, and how far its answers agree with an exact search.

Heavy: imports faiss. Small indexes are searched exactly; large ones through a graph, which is measured after the build.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
DenseKind = Literal["flat", "hnsw"]

FLAT_MAX: Final = 250_000
"""Up to here an exact search takes less time than encoding the question (docs/benchmarks.md)."""
LEAST_RECALL: Final = 0.95
"""A graph that finds less than this is replaced by the exact search."""
HNSW_LINKS: Final = 24
HNSW_BUILD: Final = 100
HNSW_SEARCH: Final = 192
RECALL_SAMPLE: Final = 100
RECALL_AT: Final = 10
FILE: Final = "dense.faiss"

# Its type stubs name a tenth of what SWIG makes, so it is taken as untyped.
faiss: Any = importlib.import_module("faiss")


@dataclass(frozen=True)
class DenseIndex:
    """Inner products of unit vectors, so scores are cosines."""

    index: Any
    kind: DenseKind
    stored: Floats
    """The vectors themselves (n, dimension), a view into the index."""

    @classmethod
    def build(cls, vectors: Floats, dimension: int, kind: DenseKind | None = None) -> "DenseIndex":
        """`kind` None: exact for small ones, a graph for large ones if it finds what the exact search finds."""
        if kind or len(vectors) <= FLAT_MAX:
            return cls._of(vectors, dimension, kind or "flat")
        graph = cls._of(vectors, dimension, "hnsw")
        return graph if measure_recall(graph, vectors) >= LEAST_RECALL else cls._of(vectors, dimension, "flat")

    @classmethod
    def _of(cls, vectors: Floats, dimension: int, kind: DenseKind) -> "DenseIndex":
        if kind == "flat":
            index = faiss.IndexFlatIP(dimension)
        else:
            index = faiss.IndexHNSWFlat(dimension, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = HNSW_BUILD
        if len(vectors):
            index.add(np.ascontiguousarray(vectors, np.float32))
        return cls(index, kind, _stored(index, kind))

    def search(self, vectors: Floats, count: int, mask: Mask | None = None) -> list[tuple[Rows, Floats]]:
        """For each vector its `count` nearest rows (fewer if there are fewer) with their cosines, best first.

        Several at once: an exact search reads all passages, and reads them once for all.
        """
        allowed = len(self.stored) if mask is None else int(mask.sum())
        count = min(count, allowed)
        if not count:
            return [(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _vector in vectors]
        asked = np.ascontiguousarray(vectors, np.float32)
        scores, rows = self.index.search(asked, count, params=self._parameters(count, mask))
        return [
            (found[found >= 0].astype(np.int64), values[found >= 0].astype(np.float32))
            for found, values in zip(rows, scores, strict=True)
        ]

    def scores(self, vector: Floats, rows: Rows) -> Floats:
        """Exact cosines of some rows."""
        return np.asarray(self.stored[rows] @ vector, np.float32)

    def _parameters(self, count: int, mask: Mask | None) -> Any:
        options: dict[str, Any] = {}
        if mask is not None:
            # Kept alive by the parameters object until the search has ended.
            options["sel"] = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        if self.kind == "hnsw":
            return faiss.SearchParametersHNSW(efSearch=max(HNSW_SEARCH, count), **options)
        return faiss.SearchParameters(**options) if options else None

    def save(self, folder: Path) -> None:
        faiss.write_index(self.index, str(folder / FILE))

    @classmethod
    def load(cls, folder: Path) -> "DenseIndex":
        """Raises RuntimeError when the file is no index of ours."""
        index = faiss.read_index(str(folder / FILE))
        kind: DenseKind = "hnsw" if isinstance(index, faiss.IndexHNSWFlat) else "flat"
        return cls(index, kind, _stored(index, kind))


def _stored(index: Any, kind: DenseKind) -> Floats:
    flat = index if kind == "flat" else faiss.downcast_index(index.storage)
    if not index.ntotal:
        return np.zeros((0, index.d), np.float32)
    view = faiss.rev_swig_ptr(flat.get_xb(), index.ntotal * index.d).reshape(index.ntotal, index.d)
    return np.asarray(view, np.float32)


def measure_recall(dense: DenseIndex, vectors: Floats) -> float:
    """Share of the exact ten nearest that the index finds, over disturbed copies of a sample of its own vectors."""
    if dense.kind == "flat" or not len(vectors):
        return 1.0
    random = np.random.default_rng(0)
    sample = vectors[random.choice(len(vectors), min(RECALL_SAMPLE, len(vectors)), replace=False)]
    noise = random.normal(size=sample.shape).astype(np.float32)
    sample = sample + 0.5 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    sample /= np.maximum(np.linalg.norm(sample, axis=1, keepdims=True), 1e-12)
    agreed = 0
    for vector in sample:
        exact = np.argpartition(-(vectors @ vector), min(RECALL_AT, len(vectors) - 1))[:RECALL_AT]
        agreed += len(set(exact.tolist()) & set(dense.search(vector[None], RECALL_AT)[0][0].tolist()))
    return round(agreed / (len(sample) * min(RECALL_AT, len(vectors))), 4)
