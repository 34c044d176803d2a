"""What each kind of source does when it is synced: pages are fetched, folders walked, data sets read.

A trouble with one document is that document's reason; a trouble with the source itself is the source's reason, and its
documents stay as they are. Documents that a source no longer offers are taken out.
"""

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from retrieval import intake, intake_datasets, tasks
from retrieval.crawling import Crawler, same_site
from retrieval.extraction.outcomes import gettext_noop
from retrieval.fetch_guard import Policy
from retrieval.fetching import Fetched, Fetcher, FetchFailed
from retrieval.intake import DELETED, SYNCING, Content, Given
from retrieval.intake_work import Progress, extract_waiting
from retrieval.models import Document, Source

logger = logging.getLogger(__name__)

IDLE: Final = "idle"
FAILED: Final = "failed"
MANIFEST: Final = "manifest.json"
MAX_FILES: Final = 20_000
NOT_DOCUMENTS: Final = frozenset([
    ".css", ".js", ".mjs", ".map", ".json", ".jsonl", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".avif",
    ".bmp", ".woff", ".woff2", ".ttf", ".otf", ".eot", ".mp3", ".mp4", ".webm", ".mov", ".avi", ".zip", ".gz", ".tar",
    ".py", ".pyc", ".sh", ".yml", ".yaml", ".toml", ".lock", ".db", ".sqlite3",
])  # fmt: skip
"""Endings of files that lie beside documents and are none; a folder import passes over them."""
OFF_SITE: Final = gettext_noop("The page leads to another site, which this sitemap does not cover.")
STALE: Final = gettext_noop("It could not be fetched again, so answers still use the earlier text.")


class SourceFailed(Exception):
    """The message is a sentence for the admin."""


def sync_source(source: Source, progress: Progress | None = None) -> None:
    """Bring the documents of one source up to date. Never raises for what a site or folder holds."""
    status, reason = IDLE, ""
    try:
        match source.kind:
            case Source.Kind.URL:
                _fetch_pages(source, [source.location], progress)
            case Source.Kind.SITEMAP:
                _sync_sitemap(source, progress)
            case Source.Kind.FOLDER:
                reason = _sync_folder(source, progress)
            case Source.Kind.DATASET:
                reason = intake_datasets.sync(source, progress)
    except (SourceFailed, FetchFailed, intake_datasets.DatasetFailed) as error:
        status, reason = FAILED, str(error)
    except Exception:
        logger.exception("The source %d could not be synced.", source.pk)
        status, reason = FAILED, "Something went wrong on our side. Try again; the server's log has the details."
    Source.objects.filter(pk=source.pk, status=SYNCING).update(
        status=status, reason=reason[:500], synced_at=timezone.now()
    )


# --- Web --------------------------------------------------------------------------------------------
def make_crawler() -> Crawler:
    policy = Policy(
        allow_private=settings.CRAWL_ALLOW_PRIVATE,
        ports=frozenset() if settings.CRAWL_ALLOW_PRIVATE else frozenset([80, 443]),
    )
    return Crawler(Fetcher(policy, max_bytes=settings.UPLOAD_MAX_BYTES), delay=settings.CRAWL_DELAY_SECONDS)


def _sync_sitemap(source: Source, progress: Progress | None) -> None:
    limit = settings.CRAWL_MAX_PAGES
    crawler = make_crawler()
    pages = crawler.pages(source.location, limit=limit)
    _announce(source, pages)
    _fetch_pages(source, pages, progress, crawler)
    if len(pages) < limit and _is_wanted(source):
        _take_out_others(source, {intake.document_key(page) for page in pages})


def _announce(source: Source, pages: list[str]) -> None:
    """Rows for pages not seen before, so that everyone sees what is to come."""
    known = set(Document.objects.filter(source=source).values_list("key", flat=True))
    keys = {intake.document_key(page): page for page in pages}
    Document.objects.bulk_create(
        [
            Document(source=source, key=key, url=page, title=page[:500])
            for key, page in keys.items()
            if key not in known
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


def _fetch_pages(source: Source, pages: list[str], progress: Progress | None, crawler: Crawler | None = None) -> None:
    crawler = crawler or make_crawler()
    for number, page in enumerate(pages, start=1):
        if not _is_wanted(source):
            return
        _fetch_page(source, page, crawler)
        if progress:
            progress("fetch", number, len(pages))
        if number % 20 == 0:
            extract_waiting()
    extract_waiting()


def _is_wanted(source: Source) -> bool:
    return Source.objects.filter(pk=source.pk, status=SYNCING).exists()


def _fetch_page(source: Source, page: str, crawler: Crawler) -> None:
    key = intake.document_key(page)
    document = Document.objects.filter(source=source, key=key).first()
    kept = document.details if document and document.blob and document.status in ("ready", "processing") else {}
    try:
        fetched = crawler.fetch(page, etag=str(kept.get("etag", "")), last_modified=str(kept.get("last_modified", "")))
        if source.kind == Source.Kind.SITEMAP and not same_site(fetched.url, source.location):
            raise FetchFailed(OFF_SITE, gone=True)
    except FetchFailed as failure:
        _note_failure(source, key, page, failure)
        return
    if fetched.not_modified:
        Document.objects.filter(source=source, key=key).update(reason="")
        return
    intake.accept(
        source, page, Content(fetched.data, _name_of(fetched), fetched.content_type, details=_details(fetched))
    )


def _note_failure(source: Source, key: str, page: str, failure: FetchFailed) -> None:
    """A page that is gone leaves the answers; one that cannot be reached just now keeps its earlier text."""
    document, _made = Document.objects.get_or_create(
        source=source, key=key, defaults={"url": page, "title": page[:500]}
    )
    if document.status == Document.Status.READY and not failure.gone:
        Document.objects.filter(pk=document.pk, status=Document.Status.READY).update(
            reason=f"{failure.reason} {STALE}"[:500], changed_at=timezone.now()
        )
        return
    with transaction.atomic():
        Document.objects.filter(pk=document.pk).exclude(status=Document.Status.DELETED).update(
            status=Document.Status.FAILED, reason=failure.reason[:500], changed_at=timezone.now()
        )
        tasks.request_sync()


def _name_of(fetched: Fetched) -> str:
    return fetched.url.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1][-200:]


def _details(fetched: Fetched) -> dict[str, Any]:
    return {
        "url": fetched.url[:2000],
        "etag": fetched.etag,
        "last_modified": fetched.last_modified,
        "fetched": timezone.now().isoformat(timespec="seconds"),
    }


# --- Folder -----------------------------------------------------------------------------------------
def _sync_folder(source: Source, progress: Progress | None) -> str:
    """Returns a remark for the admin, often empty. Raises SourceFailed when the folder cannot be read."""
    root = Path(source.location)
    if not root.is_absolute() or not root.is_dir():
        raise SourceFailed("The folder is not there any more. Its documents stay as they are.")
    listed = read_manifest(root)
    files = [(path, Given()) for path in walk(root)] if listed is None else listed
    if not files:
        raise SourceFailed("There are no documents in this folder.")
    skipped, seen = 0, set()
    for number, (path, given) in enumerate(files, start=1):
        key = path.relative_to(root).as_posix()
        seen.add(intake.document_key(key))
        if not _take_file(source, path, key, given):
            skipped += 1
        if progress:
            progress("take in", number, len(files))
    _take_out_others(source, seen)
    return f"{skipped} files could not be opened." if skipped else ""


def _take_file(source: Source, path: Path, key: str, given: Given) -> bool:
    try:
        size = path.stat().st_size
        too_large = size > settings.UPLOAD_MAX_BYTES
        data = b"" if too_large else path.read_bytes()
    except OSError as error:
        logger.warning("A file of a folder could not be opened: %s", error)
        return False
    if too_large:
        intake.refuse_too_large(source, key, size)
    else:
        intake.accept(source, key, Content(data, path.name, given=given))
    return True


def walk(root: Path) -> list[Path]:
    """Files below a folder in a steady order. Hidden ones, other file types and links that lead out are passed over."""
    real = root.resolve()
    found: list[Path] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith(".") or path.suffix.lower() in NOT_DOCUMENTS:
                continue
            if path.resolve().is_relative_to(real) and path.is_file():
                found.append(path)
            if len(found) >= MAX_FILES:
                raise SourceFailed(f"This folder has more than {MAX_FILES} documents. Import its parts one by one.")
    return found


def read_manifest(root: Path) -> list[tuple[Path, Given]] | None:
    """The files a manifest.json lists, with titles, languages, addresses and dates; None where there is no manifest.

    Raises SourceFailed when it is damaged. Paths that lead out of the folder are passed over.
    """
    file = root / MANIFEST
    if not file.is_file():
        return None
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        rows = [(str(entry["path"]), entry) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceFailed("The manifest.json of this folder is not a list of objects with a path.") from error
    real = root.resolve()
    files = ((root / path, entry) for path, entry in rows)
    return [
        (path, Given(**{name: str(entry.get(name) or "") for name in ("title", "lang", "url", "updated")}))
        for path, entry in files
        if path.resolve().is_relative_to(real) and path.is_file()
    ]


def _take_out_others(source: Source, keys: Iterable[str]) -> None:
    kept = set(keys)
    rows = Document.objects.filter(source=source).exclude(status=DELETED).values_list("pk", "key")
    gone = [pk for pk, key in rows if key not in kept]
    for begin in range(0, len(gone), 500):
        intake.delete_documents(Document.objects.filter(pk__in=gone[begin : begin + 500]))
