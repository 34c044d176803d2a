"""The worker's side of intake: extraction of waiting documents, one claim at a time, and clearing away.

Every write names the state it expects, so that an upload or a deletion in the meantime wins.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import connections, transaction
from django.utils import timezone

from retrieval import fingerprints, tasks
from retrieval import intake_blobs as blobs
from retrieval.extraction import Extracted, Unreadable, extract
from retrieval.extraction.outcomes import MAX_TITLE, Outcome, gettext_noop
from retrieval.intake import DELETED, SYNCING, shown_name
from retrieval.models import Document, Source

logger = logging.getLogger(__name__)

CLAIM_SECONDS: Final = 180
"""Longer than one extraction may take; after that a dead worker's document is free again."""
LOST: Final = gettext_noop("The stored file is not there any more. Upload it again.")

Progress = Callable[[str, int, int], None]
"""Called as (step, done, total)."""


def extract_waiting(progress: Progress | None = None) -> int:
    """Extract every document that waits and that nobody else works on. Returns how many were done here."""
    done = 0
    while (document := _claim()) is not None:
        try:
            extract_document(document)
        finally:
            cache.delete(_claim_key(document.pk))
        done += 1
        if progress:
            progress("read", done, done + _waiting().count())
    return done


def _waiting() -> Any:
    return Document.objects.filter(status=Document.Status.PENDING).exclude(blob="").exclude(source__status=DELETED)


def _claim() -> Document | None:
    for document in _waiting().order_by("changed_at", "pk").select_related("source").defer("markdown")[:200]:
        if cache.add(_claim_key(document.pk), 1, CLAIM_SECONDS):
            if _waiting().filter(pk=document.pk, blob=document.blob).exists():
                return document  # type: ignore[no-any-return]
            cache.delete(_claim_key(document.pk))
    return None


def _claim_key(document_id: int) -> str:
    return f"intake:extract:{document_id}"


def extract_document(document: Document) -> None:
    """Read one document's bytes and write down the outcome. The database is free while the parser works."""
    try:
        data = blobs.get(document.blob)
    except OSError:
        _finish(document, Unreadable(LOST))
        return
    if not connections["default"].in_atomic_block:
        connections.close_all()
    outcome = extract(
        data,
        name=str(document.details.get("name", "")) or document.key,
        declared=str(document.details.get("declared", "")),
        trust_content=document.source.kind in (Source.Kind.URL, Source.Kind.SITEMAP),
    )
    _finish(document, outcome)


def _finish(document: Document, outcome: Outcome) -> None:
    """Write the outcome, if the document is still the one that was read."""
    was_ready = bool(document.details.get("was_ready"))
    details = {name: value for name, value in document.details.items() if name not in ("was_ready", "about")}
    mine = Document.objects.filter(pk=document.pk, status=Document.Status.PENDING, blob=document.blob)
    with transaction.atomic():
        if isinstance(outcome, Unreadable):
            mine.update(
                status=Document.Status.FAILED, reason=outcome.reason[:500], details=details,
                media_type=outcome.media_type or document.media_type, changed_at=timezone.now(),
            )  # fmt: skip
        else:
            details["about"] = dict(outcome.details)
            fields = document_fields(document, outcome)
            unchanged = (
                was_ready
                and document.indexed_hash
                and all(getattr(document, name) == fields[name] for name in ("content_hash", "title", "lang"))
            )
            status = Document.Status.READY if unchanged else Document.Status.PROCESSING
            mine.update(**fields, status=status, reason="", details=details, changed_at=timezone.now())
        tasks.request_sync()


def document_fields(document: Document, outcome: Extracted) -> dict[str, Any]:
    """Columns for an extracted text; what was given goes before what the text says."""
    given = document.details.get("given", {})
    name = shown_name(str(document.details.get("name", "")) or document.key)
    title = (given.get("title") or outcome.title or Path(name).stem or name)[:MAX_TITLE]
    hashed = fingerprints.content_hash(outcome.markdown)
    # The language found by the index stands as long as the text does.
    lang = given.get("lang") or outcome.lang or (document.lang if hashed == document.content_hash else "")
    updated = _date(given.get("updated", "")) or outcome.updated
    url = given.get("url") or document.details.get("url") or document.url
    return {
        "markdown": outcome.markdown,
        "title": title,
        "lang": lang[:16],
        "updated": updated,
        "url": str(url)[:2000],
        "media_type": outcome.media_type[:120],
        "content_hash": hashed,
        "metadata_hash": fingerprints.metadata_hash(
            title=title, url=str(url), lang=lang, updated=updated.isoformat() if updated else "",
            collection=document.source.collection,
        ),
    }  # fmt: skip


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def sync_waiting(progress: Progress | None = None) -> int:
    """Sync every source that waits, one at a time on this machine. Returns how many."""
    from retrieval.intake_sources import sync_source

    done = 0
    with _sync_lock() as mine:
        while mine and (source := Source.objects.filter(status=SYNCING).order_by("synced_at", "pk").first()):
            sync_source(source, progress)
            done += 1
    if done:
        extract_waiting(progress)
    return done


@contextmanager
def _sync_lock() -> Iterator[bool]:
    """True for the one who may fetch. The system releases the lock of a killed process."""
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".sync.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def clear_away() -> int:
    """Remove rows of deleted documents that no index version holds, and deleted sources without documents."""
    removed, _rows = Document.objects.filter(status=Document.Status.DELETED, passages__isnull=True).delete()
    Source.objects.filter(status=DELETED, documents__isnull=True).delete()
    return removed
