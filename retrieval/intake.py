"""Takes documents in and out: what the pages and commands call. Light: parsers and crawlers are the worker's.

Every function writes rows first and rings for a worker after the commit. A row that says `pending` (document) or
`syncing` (source) is the queue: what was accepted is found again after a killed process. Refuses nothing that can
become a document with a reason; refuses addresses and folders that cannot be a source.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from retrieval import intake_blobs as blobs
from retrieval import intake_tasks, tasks
from retrieval.extraction.outcomes import TOO_LARGE
from retrieval.fetch_guard import Forbidden
from retrieval.fetching import checked_url
from retrieval.fingerprints import content_hash
from retrieval.models import Document, Passage, Source

SYNCING: Final = "syncing"
DELETED: Final = "deleted"
DATASET_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".ndjson")
UPLOADS: Final = "Uploads"
BLOB: Final = "blob:"
"""Prefix of the location of a data set that was uploaded rather than read from a path."""


class Refusal(Exception):
    """The message is a sentence for the admin."""


@dataclass(frozen=True)
class Upload:
    """A file as it came; `name` is what the user called it and is only shown, compared and looked at for its end."""

    name: str
    data: bytes
    declared: str = ""


@dataclass(frozen=True)
class Given:
    """What somebody knows better than the document: overrides what extraction finds. Empty means unknown."""

    title: str = ""
    lang: str = ""
    url: str = ""
    updated: str = ""

    def as_json(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class Accepted:
    """One document taken in. `unchanged` means that nothing has to be done; `refused` that it has failed already."""

    document_id: int
    key: str
    outcome: Literal["new", "changed", "unchanged", "refused"]


@dataclass(frozen=True)
class Content:
    """New bytes for one document, with what is known about where they came from."""

    data: bytes
    name: str = ""
    declared: str = ""
    given: Given = field(default_factory=Given)
    details: dict[str, Any] = field(default_factory=dict)


# --- Adding -----------------------------------------------------------------------------------------
def add_upload(files: Iterable[Upload], *, collection: str = "default", actor: str = "") -> list[Accepted]:
    """Uploaded files. The same name again replaces the document; a .jsonl file becomes a data set of its own."""
    accepted = []
    source: Source | None = None
    for file in files:
        name = shown_name(file.name)
        if name.lower().endswith(DATASET_SUFFIXES) and 0 < len(file.data) <= settings.UPLOAD_MAX_BYTES:
            add_dataset(data=file.data, name=name, collection=collection, actor=actor)
            continue
        source = source or _uploads(collection, actor)
        accepted.append(accept(source, name, Content(file.data, name, file.declared, details={"by": actor})))
    return accepted


def add_too_large(name: str, size: int, *, collection: str = "default", actor: str = "") -> Accepted:
    """A file that is not even read: it appears in the list with the reason."""
    source = _uploads(collection, actor)
    return refuse_too_large(source, shown_name(name), size)


def add_url(url: str, *, collection: str = "default", actor: str = "") -> Source:
    """One page. Raises Refusal when it is no web address."""
    return _add_web(Source.Kind.URL, url, collection, actor)


def add_sitemap(url: str, *, collection: str = "default", actor: str = "") -> Source:
    """All pages a sitemap lists on its own site. Raises Refusal when it is no web address."""
    return _add_web(Source.Kind.SITEMAP, url, collection, actor)


def add_folder(folder: str | Path, *, collection: str = "default", actor: str = "") -> Source:
    """The documents in a folder of this machine (or those its manifest.json lists). Raises Refusal when it is none."""
    path = Path(folder).expanduser().resolve()
    if not path.is_dir():
        raise Refusal(f"There is no folder {path}.")
    return _source(Source.Kind.FOLDER, str(path), name=path.name or str(path), collection=collection, actor=actor)


def add_dataset(
    file: str | Path = "", *, data: bytes = b"", name: str = "", collection: str = "default", actor: str = ""
) -> Source:
    """The rows of a JSON Lines file: by its path on this machine, or by its bytes and name. Raises Refusal."""
    if data:
        location = BLOB + blobs.put(data)
        existing = Source.objects.filter(kind=Source.Kind.DATASET, name=name[:200], collection=collection)
        return _sourced(
            existing.exclude(status=DELETED).first(), Source.Kind.DATASET, location, name, collection, actor
        )
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise Refusal(f"There is no file {path}.")
    return _source(Source.Kind.DATASET, str(path), name=path.name, collection=collection, actor=actor)


def _add_web(kind: Source.Kind, url: str, collection: str, actor: str) -> Source:
    try:
        address = checked_url(url)
    except Forbidden as error:
        raise Refusal(str(error)) from error
    return _source(kind, str(address), name=f"{address.host}{address.path}", collection=collection, actor=actor)


def _source(kind: Source.Kind, location: str, *, name: str, collection: str, actor: str) -> Source:
    existing = Source.objects.filter(kind=kind, location=location, collection=collection).exclude(status=DELETED)
    return _sourced(existing.first(), kind, location, name, collection, actor)


def _sourced(
    existing: Source | None, kind: Source.Kind, location: str, name: str, collection: str, actor: str
) -> Source:
    """A source that is due for a sync: the same one again, or a new one."""
    with transaction.atomic():
        source = existing or Source(kind=kind, collection=collection, created_by=actor[:200])
        source.location, source.name = location, name[:200]
        source.status, source.reason = SYNCING, ""
        source.save()
        intake_tasks.ring_sources()
    return source


def _uploads(collection: str, actor: str) -> Source:
    source = (
        Source.objects.filter(kind=Source.Kind.UPLOAD, collection=collection)
        .exclude(status=DELETED)
        .order_by("pk")
        .first()
    )
    return source or Source.objects.create(
        kind=Source.Kind.UPLOAD, name=UPLOADS, collection=collection, created_by=actor[:200]
    )


# --- One document -----------------------------------------------------------------------------------
def accept(source: Source, key: str, content: Content) -> Accepted:
    """New content of a document: stored and put in line for extraction, unless it is what we have."""
    if len(content.data) > settings.UPLOAD_MAX_BYTES:
        return refuse_too_large(source, key, len(content.data))
    blob = blobs.put(content.data)
    with transaction.atomic():
        document, made = Document.objects.select_for_update().get_or_create(source=source, key=document_key(key))
        given = content.given.as_json()
        same = document.blob == blob and document.details.get("given", {}) == given
        if same and document.status in _ALIVE and not made:
            # Validators and dates may be newer although the bytes are the same.
            document.details = {**document.details, **content.details}
            document.reason = ""
            document.save(update_fields=["details", "reason"])
            return Accepted(document.pk, document.key, "unchanged")
        replaced = {document.blob} - {blob, ""}
        forget_if_gone(document)
        document.details = {
            **content.details,
            **({"given": given} if given else {}),
            "name": content.name,
            "declared": content.declared,
            "was_ready": document.status == Document.Status.READY or bool(document.details.get("was_ready")),
        }
        document.blob, document.bytes, document.reason = blob, len(content.data), ""
        document.status = Document.Status.PENDING
        document.title = document.title or shown_name(content.name)
        document.save()
        intake_tasks.ring_documents()
        if replaced:
            transaction.on_commit(lambda: blobs.drop_unused(replaced))
    return Accepted(document.pk, document.key, "new" if made else "changed")


_ALIVE: Final = (Document.Status.PENDING, Document.Status.PROCESSING, Document.Status.READY)


def refuse_too_large(source: Source, key: str, size: int) -> Accepted:
    """A document that is not even read: its row has the reason."""
    with transaction.atomic():
        document, _made = Document.objects.select_for_update().get_or_create(source=source, key=document_key(key))
        document.title = document.title or shown_name(key)
        document.status, document.reason, document.bytes = Document.Status.FAILED, TOO_LARGE, size
        document.save()
        tasks.request_sync()
    return Accepted(document.pk, document.key, "refused")


def forget_if_gone(document: Document) -> None:
    """A document that comes back must not show what it said before it was taken out."""
    if document.status in (Document.Status.DELETED, Document.Status.FAILED):
        Passage.objects.filter(document=document, retired=False).update(retired=True)
        document.indexed_hash = document.indexed_metadata_hash = ""
        document.markdown = document.content_hash = ""


def resync(source: Source, *, actor: str = "") -> None:
    """Fetch and read everything of a source again. What did not change costs nothing."""
    if source.kind == Source.Kind.UPLOAD:
        _read_again(Document.objects.filter(source=source).exclude(blob=""))
        return
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).exclude(status=DELETED).update(status=SYNCING, reason="")
        intake_tasks.ring_sources()


def resync_document(document: Document, *, actor: str = "") -> None:
    """Read one document again; a page is fetched again with its source."""
    if document.blob and document.source.kind not in (Source.Kind.URL, Source.Kind.SITEMAP):
        _read_again(Document.objects.filter(pk=document.pk))
    else:
        resync(document.source, actor=actor)


def _read_again(documents: Any) -> None:
    with transaction.atomic():
        for document in documents.select_for_update().exclude(status=Document.Status.DELETED):
            document.details = {**document.details, "was_ready": document.status == Document.Status.READY}
            forget_if_gone(document)
            document.status, document.reason = Document.Status.PENDING, ""
            document.save()
        intake_tasks.ring_documents()


# --- Taking out -------------------------------------------------------------------------------------
def delete_document(document: Document, *, actor: str = "") -> None:
    """Out of the answers with the next search. The row follows when no index version holds its passages."""
    delete_documents(Document.objects.filter(pk=document.pk))


def delete_documents(documents: Any) -> int:
    with transaction.atomic():
        names = set(documents.exclude(blob="").values_list("blob", flat=True))
        count: int = documents.exclude(status=Document.Status.DELETED).update(
            status=Document.Status.DELETED, reason="", changed_at=timezone.now()
        )
        if count:
            tasks.request_sync()
            transaction.on_commit(lambda: blobs.drop_unused(names))
    return count


def delete_source(source: Source, *, actor: str = "") -> int:
    """A source with all its documents. Returns how many documents it had."""
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(status=DELETED, reason="")
        return delete_documents(Document.objects.filter(source=source))


# --- Names ------------------------------------------------------------------------------------------
def shown_name(name: str) -> str:
    """A file's name without folders, control characters or tricks of direction; never empty."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(char for char in unicodedata.normalize("NFC", last) if unicodedata.category(char)[0] != "C")
    return " ".join(plain.split())[-200:].strip() or "unnamed"


def document_key(key: str) -> str:
    """Fits the column; a longer key keeps its beginning and is told apart by its hash."""
    return key if len(key) <= 500 else f"{key[:430]}#{content_hash(key)}"


def source_of(document_id: int) -> int:
    """Id of a document's source."""
    return int(Document.objects.values_list("source_id", flat=True).get(pk=document_id))


def waiting(source_ids: Sequence[int] = ()) -> int:
    """Documents still on their way, of some sources or of all."""
    rows = Document.objects.filter(status__in=[Document.Status.PENDING, Document.Status.PROCESSING])
    return (rows.filter(source_id__in=source_ids) if source_ids else rows).count()
