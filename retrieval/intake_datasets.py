"""Documents from JSON Lines: `{doc_id, title, text, lang, url?, ...}` a line, plain or gzip. The text is kept verbatim.

Offsets of a data set count characters of `text`, so the only characters replaced (never removed) are those no database
keeps. A line that is no document is counted and passed over.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from django.db import transaction
from django.utils import timezone

from retrieval import fingerprints, intake, tasks
from retrieval import intake_blobs as blobs
from retrieval.extraction.outcomes import BAD_ROWS, MAX_MARKDOWN
from retrieval.extraction.text import one_line, parse_date
from retrieval.intake_work import Progress
from retrieval.models import Document, Source

BATCH: Final = 500
MAX_LINE: Final = 2 * MAX_MARKDOWN
MAX_ROWS: Final = 5_000_000


class DatasetFailed(Exception):
    """The message is a sentence for the admin."""


@dataclass(frozen=True)
class Row:
    """One document of a data set. `size` counts bytes of its line."""

    doc_id: str
    title: str
    text: str
    lang: str
    url: str
    updated: str
    size: int


def sync(source: Source, progress: Progress | None) -> str:
    """Returns a remark for the admin, often empty. Raises DatasetFailed when nothing could be read."""
    seen: set[str] = set()
    bad: list[int] = []
    with _opened(source) as stream:
        rows = _rows(stream, bad)
        while batch := list(islice(rows, BATCH)):
            # The last of several rows with one id counts.
            unique = {intake.document_key(row.doc_id): row for row in batch}
            _take(source, unique)
            seen.update(unique)
            if progress:
                progress("take in", len(seen), len(seen))
    if not seen:
        raise DatasetFailed(BAD_ROWS)
    _take_out_others(source, seen)
    tasks.request_sync()
    return f"{len(bad)} lines are no documents and were left out (the first is line {bad[0]})." if bad else ""


def _rows(stream: IO[bytes], bad: list[int]) -> Iterator[Row]:
    """Documents line by line; numbers of lines that are none are added to `bad`."""
    number = 0
    while number < MAX_ROWS:
        try:
            line = stream.readline(MAX_LINE)
        except (OSError, EOFError, zlib.error) as error:
            raise DatasetFailed("This file is damaged and cannot be read to its end.") from error
        if not line:
            return
        number += 1
        if not line.strip(b"\xef\xbb\xbf \t\r\n"):
            continue
        row = parse(line)
        if row is None:
            bad.append(number)
        else:
            yield row


def parse(line: bytes) -> Row | None:
    """One line, or None when it is no document with an id and a text."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    doc_id, text = value.get("doc_id", value.get("id")), value.get("text")
    if not isinstance(doc_id, str | int) or not str(doc_id).strip() or not isinstance(text, str):
        return None
    text = storable(text)
    if not any(map(str.isalnum, text)) or len(text) > MAX_MARKDOWN:
        return None
    said = {name: one_line(str(value.get(name) or "")) for name in ("title", "lang", "url", "updated")}
    return Row(
        storable(str(doc_id)).strip(),
        said["title"],
        text,
        said["lang"][:16].lower(),
        said["url"],
        said["updated"],
        len(line),
    )


def storable(text: str) -> str:
    """Replace, one for one, what no database keeps: NUL and halves of surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _take(source: Source, rows: dict[str, Row]) -> None:
    with transaction.atomic():
        known = {one.key: one for one in Document.objects.select_for_update().filter(source=source, key__in=list(rows))}
        made, changed = [], []
        for key, row in rows.items():
            document = known.get(key)
            if document is None:
                made.append(_filled(Document(source=source, key=key), row))
            elif _differs(document, row):
                intake.forget_if_gone(document)
                changed.append(_filled(document, row))
        Document.objects.bulk_create(made, batch_size=BATCH)
        Document.objects.bulk_update(changed, _COLUMNS, batch_size=100)


_COLUMNS: Final = [
    "title", "url", "lang", "updated", "markdown", "content_hash", "metadata_hash", "status", "reason", "bytes",
    "media_type", "indexed_hash", "indexed_metadata_hash", "changed_at",
]  # fmt: skip


def _differs(document: Document, row: Row) -> bool:
    if document.status in (Document.Status.DELETED, Document.Status.FAILED):
        return True
    return document.content_hash != fingerprints.content_hash(row.text) or document.metadata_hash != _metadata(
        document, row
    )


def _filled(document: Document, row: Row) -> Document:
    document.title = row.title or row.doc_id[:500]
    document.url, document.lang = row.url[:2000], row.lang
    document.updated = parse_date(row.updated)
    document.markdown, document.bytes = row.text, row.size
    document.content_hash = fingerprints.content_hash(row.text)
    document.metadata_hash = _metadata(document, row)
    document.media_type = "text/markdown"
    document.status, document.reason = Document.Status.PROCESSING, ""
    document.changed_at = timezone.now()
    return document


def _metadata(document: Document, row: Row) -> str:
    return fingerprints.metadata_hash(
        title=row.title, url=row.url, lang=row.lang, updated=row.updated, collection=document.source.collection
    )


def _take_out_others(source: Source, keys: set[str]) -> None:
    rows = Document.objects.filter(source=source).exclude(status=Document.Status.DELETED).values_list("pk", "key")
    gone = [pk for pk, key in rows if key not in keys]
    for begin in range(0, len(gone), BATCH):
        intake.delete_documents(Document.objects.filter(pk__in=gone[begin : begin + BATCH]))


@contextmanager
def _opened(source: Source) -> Iterator[IO[bytes]]:
    location = source.location
    try:
        path = blobs.path(location.removeprefix(intake.BLOB)) if location.startswith(intake.BLOB) else Path(location)
        raw = path.open("rb")
    except OSError as error:
        raise DatasetFailed("The file is not there any more. Its documents stay as they are.") from error
    with raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        yield stream
