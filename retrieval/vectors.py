"""Keeps passage vectors by text hash, so that a new index embeds only what changed.

One SQLite file beside the indexes, never the record: losing it only costs time. Knows no passages and no documents.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from retrieval.embedding import Embedder, Floats, Progress
from retrieval.fingerprints import content_hash

logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 20.0
SLICE: Final = 512
"""Vectors are written after so many, so that a killed build goes on where it stood."""


class VectorStore:
    """`vectors` answers from the file and embeds the rest. Every process may use the same file at once."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def vectors(self, embedder: Embedder, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors (len(texts), dimension) of passages. `progress(done, total)` counts known ones as done."""
        keys = [content_hash(text)[:32] for text in texts]
        found = self._read(embedder, keys)
        result = np.zeros((len(texts), embedder.dimension), np.float32)
        missing: dict[str, int] = {}
        for row, key in enumerate(keys):
            if key in found:
                result[row] = found[key]
            else:
                missing.setdefault(key, row)
        rows = list(missing.values())
        done = len(texts) - len(rows)
        for begin in range(0, len(rows), SLICE):
            part = rows[begin : begin + SLICE]
            before = done + begin
            made = embedder.passages([texts[row] for row in part], _shifted(progress, before, len(texts)))
            fresh = {keys[row]: vector for row, vector in zip(part, made, strict=True)}
            self._write(embedder, fresh)
            found.update(fresh)
        for row, key in enumerate(keys):
            result[row] = found[key]
        if progress:
            progress(len(texts), len(texts))
        return result

    def forget_all_but(self, embedder_names: Sequence[str]) -> None:
        """Drop vectors of models that are no longer used."""
        try:
            with closing(self._open()) as connection, connection:
                marks = ",".join("?" * len(embedder_names))
                connection.execute(f"DELETE FROM vectors WHERE model NOT IN ({marks})", tuple(embedder_names))  # noqa: S608
        except sqlite3.Error as error:
            logger.warning("Old vectors could not be removed: %s", error)

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            raise sqlite3.OperationalError("no file")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS vectors"
            " (model TEXT, key TEXT, vector BLOB, PRIMARY KEY (model, key)) WITHOUT ROWID"
        )
        return connection

    def _read(self, embedder: Embedder, keys: Sequence[str]) -> dict[str, Floats]:
        if self._file is None or not keys:
            return {}
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Floats] = {}
        size = 2 * embedder.dimension
        try:
            with closing(self._open()) as connection:
                for begin in range(0, len(wanted), 500):
                    part = wanted[begin : begin + 500]
                    marks = ",".join("?" * len(part))
                    rows = connection.execute(
                        f"SELECT key, vector FROM vectors WHERE model = ? AND key IN ({marks})",  # noqa: S608
                        (embedder.name, *part),
                    )
                    for key, blob in rows:
                        if len(blob) == size:
                            found[key] = np.frombuffer(blob, np.float16).astype(np.float32)
        except sqlite3.Error as error:
            self._set_aside(error)
            return {}
        return found

    def _write(self, embedder: Embedder, fresh: dict[str, Floats]) -> None:
        if self._file is None:
            return
        rows = [(embedder.name, key, vector.astype(np.float16).tobytes()) for key, vector in fresh.items()]
        try:
            with closing(self._open()) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            logger.warning("Vectors could not be kept for the next build: %s", error)

    def _set_aside(self, error: sqlite3.Error) -> None:
        """A damaged file is removed and grows again."""
        if self._file is None or isinstance(error, sqlite3.OperationalError):
            logger.warning("Kept vectors could not be read: %s", error)
            return
        logger.warning("The file of kept vectors is damaged and starts anew: %s", error)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """A progress callback for one slice that reports in numbers of the whole."""
    if progress is None:
        return None
    return lambda count, _total: progress(before + count, total)
