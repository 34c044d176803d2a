"""One version of the index: an immutable folder with FAISS, BM25, the passage ids and the recipe.

Heavy: imports faiss. Needs no database: entries in, folder out, folder in, index out. The folder is written under a
temporary name with its manifest last and then renamed, so a killed build leaves nothing that looks finished; every
file is checked against the manifest when it is loaded.
"""

import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from retrieval import fingerprints
from retrieval.chunking import CHUNKING_GENERATION
from retrieval.competence import measure_competence, measure_spread
from retrieval.dense import DenseIndex, DenseKind, measure_recall
from retrieval.embedding import Embedder
from retrieval.lexical import LEXICAL_GENERATION, LexicalIndex
from retrieval.vectors import VectorStore

logger = logging.getLogger(__name__)

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
ABANDONED_SECONDS: Final = 6 * 3600

Ints = npt.NDArray[np.int64]
Steps = Callable[[str, int, int], None]
"""Called as (step, done, total) with the steps `embed`, `lexical`, `dense`, `measure`, `write`."""


class IndexDamaged(Exception):
    """The folder is not what was written. The message is a sentence for the admin."""


@dataclass(frozen=True)
class Entry:
    """One passage as the index sees it."""

    passage_id: int
    document_id: int
    title: str
    heading_path: tuple[str, ...]
    context: str
    text: str
    lang: str
    collection: str = "default"

    def indexed_text(self) -> str:
        return fingerprints.indexed_text(
            title=self.title, heading_path=self.heading_path, context=self.context, text=self.text
        )


@dataclass(frozen=True)
class Index:
    """A loaded or freshly built version. Rows (0..n-1) are its own numbering; nothing in it ever changes."""

    digest: str
    recipe: dict[str, Any]
    passage_ids: Ints
    document_ids: Ints
    document_rows: npt.NDArray[np.int32]
    """Row of each passage's document: 0..number of documents - 1."""
    languages: tuple[str, ...]
    language_rows: npt.NDArray[np.int16]
    collections: tuple[str, ...]
    collection_rows: npt.NDArray[np.int32]
    dense: DenseIndex
    lexical: LexicalIndex
    competence: dict[str, float] = field(default_factory=dict)
    """How well the embedder finds passages of a language, 0..1, relative to the lexical arm."""
    spread: float = 0.0
    """Standard deviation of the cosines between passages."""
    recall: float = 1.0
    """Agreement of the FAISS index with an exact search, on a sample."""

    def __len__(self) -> int:
        return len(self.passage_ids)

    @property
    def documents(self) -> int:
        return int(self.document_rows.max()) + 1 if len(self) else 0

    def mask(self, collections: frozenset[str] | None) -> npt.NDArray[np.bool_] | None:
        """Rows of some collections, None for all."""
        if collections is None or set(self.collections) <= collections:
            return None
        allowed = np.array([name in collections for name in self.collections], np.bool_)
        return allowed[self.collection_rows] if len(allowed) else np.zeros(0, np.bool_)


def recipe_for(embedder: Embedder, setting: str = "") -> dict[str, Any]:
    """What decides how an index of the same passages looks."""
    return {
        "format": FORMAT,
        "chunking": CHUNKING_GENERATION,
        "lexical": LEXICAL_GENERATION,
        "embedder": embedder.name,
        "embedder_setting": setting,
        "dimension": embedder.dimension,
    }


def digest_of(entries: Sequence[Entry], recipe: dict[str, Any]) -> str:
    """Name of the version: the recipe and every passage with its number, language, collection and text."""
    lines = (
        f"{entry.passage_id} {entry.document_id} {entry.lang} {entry.collection} "
        f"{fingerprints.content_hash(entry.indexed_text())}"
        for entry in entries
    )
    return fingerprints.digest([recipe, fingerprints.digest_lines(lines)])


def build(
    entries: Sequence[Entry],
    embedder: Embedder,
    *,
    store: VectorStore | None = None,
    setting: str = "",
    kind: DenseKind | None = None,
    steps: Steps | None = None,
) -> Index:
    """Build in memory. Embeds only what `store` does not hold yet."""
    tell: Steps = steps or (lambda _step, _done, _total: None)
    recipe = recipe_for(embedder, setting)
    texts = [entry.indexed_text() for entry in entries]
    vector_store = store or VectorStore(None)
    vectors = vector_store.vectors(embedder, texts, lambda done, total: tell("embed", done, total))
    tell("lexical", 0, len(texts))
    languages, language_rows = _numbered([entry.lang for entry in entries])
    collections, collection_rows = _numbered([entry.collection for entry in entries])
    _documents, document_rows = _numbered([entry.document_id for entry in entries])
    lexical = LexicalIndex.build(texts, [entry.lang for entry in entries])
    tell("dense", 0, len(texts))
    dense = DenseIndex.build(vectors, embedder.dimension, kind)
    tell("measure", 0, len(texts))
    documents = [entry.document_id for entry in entries]
    competence = measure_competence(
        [entry.text for entry in entries], [entry.lang for entry in entries], documents, embedder, vector_store
    )
    return Index(
        digest=digest_of(entries, recipe),
        recipe=recipe,
        passage_ids=np.array([entry.passage_id for entry in entries], np.int64),
        document_ids=np.array([entry.document_id for entry in entries], np.int64),
        document_rows=document_rows.astype(np.int32),
        languages=tuple(str(one) for one in languages),
        language_rows=language_rows.astype(np.int16),
        collections=tuple(str(one) for one in collections),
        collection_rows=collection_rows.astype(np.int32),
        dense=dense,
        lexical=lexical,
        competence=competence,
        spread=measure_spread(vectors),
        recall=measure_recall(dense, vectors),
    )


def _numbered(values: Sequence[Any]) -> tuple[list[Any], Ints]:
    """Distinct values in order of first appearance, and the number of each value."""
    numbers: dict[Any, int] = {}
    rows = np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)
    return list(numbers), rows


def save(index: Index, root: Path) -> Path:
    """Write the version below `root` and return its folder. An undamaged folder of that digest is left alone."""
    target = root / index.digest
    if target.exists():
        try:
            verify(target)
            return target
        except IndexDamaged as error:
            logger.warning("Replacing a damaged index version: %s", error)
            shutil.rmtree(_moved_aside(target), ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f".{index.digest[:16]}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp"
    folder.mkdir()
    try:
        _write(index, folder)
        try:
            folder.rename(target)
        except OSError:
            if not target.exists():
                raise
            shutil.rmtree(folder, ignore_errors=True)  # another process built the same version first
        _flush(root)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return target


def _write(index: Index, folder: Path) -> None:
    np.savez(
        folder / "rows.npz",
        passage_ids=index.passage_ids,
        document_ids=index.document_ids,
        document_rows=index.document_rows,
        language_rows=index.language_rows,
        collection_rows=index.collection_rows,
    )
    index.lexical.save(folder)
    index.dense.save(folder)
    files = {}
    for path in sorted(folder.iterdir()):
        files[path.name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        _flush(path)
    manifest = {
        "digest": index.digest,
        "recipe": index.recipe,
        "languages": index.languages,
        "collections": index.collections,
        "competence": index.competence,
        "spread": index.spread,
        "recall": index.recall,
        "passages": len(index),
        "documents": index.documents,
        "files": files,
    }
    path = folder / MANIFEST
    path.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    _flush(path)
    _flush(folder)


def verify(folder: Path) -> dict[str, Any]:
    """The manifest, after every file was found whole. Raises IndexDamaged."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        digest, form = manifest["digest"], manifest["recipe"]["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(
            f"Index version {folder.name[:12]} has no readable manifest; rebuild the index to replace it."
        ) from error
    if form != FORMAT or digest != folder.name:
        raise IndexDamaged(
            f"Index version {folder.name[:12]} was written by another version of Parley; rebuild the index."
        )
    for name, known in files.items():
        path = folder / Path(name).name
        try:
            whole = path.stat().st_size == known["bytes"] and _sha256(path) == known["sha256"]
        except OSError:
            whole = False
        if not whole:
            raise IndexDamaged(
                f"File {name} of index version {folder.name[:12]} is missing or damaged; rebuild the index."
            )
    return dict(manifest)


def load(folder: Path) -> Index:
    """Read a version. Raises IndexDamaged."""
    manifest = verify(folder)
    try:
        with np.load(folder / "rows.npz", allow_pickle=False) as rows:
            kept = {name: rows[name] for name in rows.files}
        return Index(
            digest=manifest["digest"],
            recipe=manifest["recipe"],
            passage_ids=kept["passage_ids"],
            document_ids=kept["document_ids"],
            document_rows=kept["document_rows"],
            languages=tuple(manifest["languages"]),
            language_rows=kept["language_rows"],
            collections=tuple(manifest["collections"]),
            collection_rows=kept["collection_rows"],
            dense=DenseIndex.load(folder),
            lexical=LexicalIndex.load(folder),
            competence={str(name): float(value) for name, value in manifest["competence"].items()},
            spread=float(manifest["spread"]),
            recall=float(manifest["recall"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise IndexDamaged(
            f"Index version {folder.name[:12]} cannot be read ({error}); rebuild the index to replace it."
        ) from error


def passage_ids_of(folder: Path) -> Ints:
    """Only the passage ids of a version, for pruning. Raises IndexDamaged."""
    try:
        with np.load(folder / "rows.npz", allow_pickle=False) as rows:
            return np.asarray(rows["passage_ids"], np.int64)
    except (OSError, ValueError, KeyError) as error:
        raise IndexDamaged(f"Index version {folder.name[:12]} cannot be read ({error}).") from error


def sweep(root: Path) -> None:
    """Remove what killed builds left behind long ago."""
    if not root.is_dir():
        return
    for path in root.glob(".*.tmp"):
        if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def remove(folder: Path) -> None:
    """Delete a version's folder: renamed first, so that nobody opens a half-deleted one."""
    if folder.exists():
        shutil.rmtree(_moved_aside(folder), ignore_errors=True)


def _moved_aside(folder: Path) -> Path:
    aside = folder.with_name(f".{folder.name[:16]}.{uuid.uuid4().hex[:8]}.removed.tmp")
    folder.rename(aside)
    return aside


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """To the disk, so that a manifest never outlives its files in a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
