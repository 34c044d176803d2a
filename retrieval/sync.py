"""Brings passages and index in line with the documents: cut, embed what changed, build a version, activate it.

Heavy (through the index). One build at a time per index folder: whoever comes second leaves, and the first looks again
before it ends, so nothing is missed and two hundred uploads make a handful of builds.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from retrieval import chunking, fingerprints, index, languages, versions
from retrieval.embedding import Embedder, get_embedder
from retrieval.models import Document, IndexVersion, Passage
from retrieval.planning import GONE, Action, DocumentState, Plan, plan
from retrieval.vectors import VectorStore

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called as (step, done, total); steps are `cut` and those of `retrieval.index.Steps`."""

MAX_ROUNDS: Final = 20
SLICE: Final = 500


def run(
    *,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
    force: bool = False,
    settle_seconds: float = 0,
) -> IndexVersion | None:
    """Build and activate until nothing is left to do. Returns the active version, None when another process builds.

    `force` builds once even where nothing changed (a damaged folder, another embedder). `settle_seconds`: wait until
    documents stopped arriving for so long, at most ten times that.
    """
    while True:
        with _build_lock() as mine:
            if not mine:
                return None
            _bury_dead_builds()
            for _round in range(MAX_ROUNDS):
                _settle(settle_seconds)
                planned = _plan()
                if planned.is_empty and not force:
                    break
                force = False
                _carry_out(planned, embedder or get_embedder(settings.EMBEDDER_MODEL), progress)
        # Something may have arrived between the last look and the release of the lock, and its task has left.
        if _plan().is_empty:
            return versions.active()


def is_due() -> bool:
    """True when documents changed, or the active version is missing, broken in form or of another recipe."""
    return not _plan().is_empty or needs_rebuild()


def needs_rebuild() -> bool:
    """True when there is something to search and the active version cannot serve it. Loads no model."""
    version = versions.active()
    if version is None:
        return _indexable().exists()
    recipe = version.recipe
    if version.reason:
        return True  # a reader found it damaged
    if recipe.get("embedder_setting", "") != settings.EMBEDDER_MODEL or recipe.get("format") != index.FORMAT:
        return True
    return not (versions.folder(version) / index.MANIFEST).is_file()


def delete_documents(document_ids: Iterable[int]) -> int:
    """Take documents out of the answers at once; the index is cleaned by the next build. Returns how many."""
    return Document.objects.filter(pk__in=list(document_ids)).update(status=Document.Status.DELETED, reason="")


def _indexable() -> QuerySet[Passage]:
    return Passage.objects.filter(retired=False).exclude(document__status__in=GONE)


def _plan() -> Plan:
    return plan(_states())


def _states() -> Iterator[DocumentState]:
    rows = (
        Document.objects.annotate(live=Count("passages", filter=Q(passages__retired=False)))
        .values_list(
            "pk", "status", "content_hash", "title", "lang", "source__collection", "indexed_hash",
            "indexed_metadata_hash", "live",
        )
        .annotate(blank=Q(markdown=""))
    )  # fmt: skip
    for pk, status, content, title, lang, collection, indexed, indexed_metadata, live, blank in rows.iterator():
        yield DocumentState(
            document_id=pk,
            status=status,
            has_text=not blank,
            live_passages=live,
            content=_indexed_hash(content, title),
            indexed_content=indexed,
            metadata=_indexed_metadata_hash(lang, collection),
            indexed_metadata=indexed_metadata,
        )


def _indexed_hash(content: str, title: str) -> str:
    return fingerprints.digest([content, title, chunking.CHUNKING_GENERATION])


def _indexed_metadata_hash(lang: str, collection: str) -> str:
    return fingerprints.digest([lang, collection])


def _carry_out(planned: Plan, embedder: Embedder, progress: Progress | None) -> None:
    """Passages first (each document in its own transaction), then the version, then the documents are ready."""
    to_cut = planned.documents(Action.EMBED)
    for number, document_id in enumerate(to_cut):
        _cut(document_id)
        if progress:
            progress("cut", number + 1, len(to_cut))
    for document_id in planned.documents(Action.METADATA):
        _note_metadata(document_id)
    for document_id in planned.documents(Action.EMPTY):
        _fail(document_id, _("There is no text in this document. If it is a scan, upload a version with text."))
    _retire(planned.documents(Action.DELETE))
    _build(embedder, progress)


def _cut(document_id: int) -> None:
    """Replace a document's live passages. What it had stays as retired rows for versions that hold them."""
    document = Document.objects.select_related("source").get(pk=document_id)
    lang = document.lang or languages.detect(document.markdown)
    chunks = chunking.chunk(document.markdown)
    with transaction.atomic():
        Passage.objects.filter(document_id=document_id, retired=False).update(retired=True)
        Passage.objects.bulk_create(
            [
                Passage(
                    document_id=document_id,
                    ordinal=one.ordinal,
                    heading_path=list(one.heading_path),
                    text=one.text,
                    context=one.context,
                    start=one.start,
                    end=one.end,
                    tokens=one.tokens,
                    text_hash=fingerprints.passage_hash(
                        title=document.title, heading_path=one.heading_path, context=one.context, text=one.text
                    ),
                )
                for one in chunks
            ],
            batch_size=SLICE,
        )
        # Only if the text is still the one that was cut: a newer one stays to be done.
        # `processing` lasts until the index holds it, so a build that is killed now is done again.
        Document.objects.filter(pk=document_id, content_hash=document.content_hash, title=document.title).exclude(
            status__in=GONE
        ).update(
            indexed_hash=_indexed_hash(document.content_hash, document.title),
            indexed_metadata_hash=_indexed_metadata_hash(lang, document.source.collection),
            lang=lang,
            status=Document.Status.PROCESSING,
        )
    if not chunks:
        _fail(document_id, _("There is no text in this document. If it is a scan, upload a version with text."))


def _note_metadata(document_id: int) -> None:
    document = Document.objects.select_related("source").get(pk=document_id)
    hashed = _indexed_metadata_hash(document.lang, document.source.collection)
    Document.objects.filter(pk=document_id).exclude(status__in=GONE).update(
        indexed_metadata_hash=hashed, status=Document.Status.PROCESSING
    )


def _fail(document_id: int, reason: str) -> None:
    Document.objects.filter(pk=document_id).exclude(status=Document.Status.DELETED).update(
        status=Document.Status.FAILED, reason=reason
    )


def _retire(document_ids: Sequence[int]) -> None:
    for begin in range(0, len(document_ids), SLICE):
        part = document_ids[begin : begin + SLICE]
        with transaction.atomic():
            Passage.objects.filter(document_id__in=part, retired=False).update(retired=True)
            Document.objects.filter(pk__in=part).update(indexed_hash="", indexed_metadata_hash="")


def _build(embedder: Embedder, progress: Progress | None) -> IndexVersion:
    """Write the version of the present passages and activate it. Raises what the embedder or the disk raise."""
    covered = list(
        Document.objects.filter(status=Document.Status.PROCESSING).exclude(indexed_hash="").values_list(
            "pk", "indexed_hash"
        )
    )  # fmt: skip
    entries = _entries()
    recipe = index.recipe_for(embedder, settings.EMBEDDER_MODEL)
    digest = index.digest_of(entries, recipe)
    version, _made = IndexVersion.objects.get_or_create(digest=digest, defaults={"recipe": recipe})
    if _is_whole(version):
        return _activate(version, covered)
    try:
        built = index.build(entries, embedder, store=vector_store(), setting=settings.EMBEDDER_MODEL, steps=progress)
        if progress:
            progress("write", 0, len(entries))
        index.save(built, versions.root())
    except Exception as error:
        IndexVersion.objects.filter(pk=version.pk, active=False).update(
            status=IndexVersion.Status.FAILED, reason=str(error)[:500]
        )
        raise
    IndexVersion.objects.filter(pk=version.pk).update(
        status=IndexVersion.Status.READY, reason="", passages=len(built), documents=built.documents,
        recall=built.recall, recipe={**recipe, "competence": built.competence, "dense": built.dense.kind},
    )  # fmt: skip
    if progress:
        progress("write", len(entries), len(entries))
    return _activate(version, covered)


def _is_whole(version: IndexVersion) -> bool:
    """True when the very same version was written before and is undamaged."""
    if version.status != IndexVersion.Status.READY:
        return False
    try:
        index.verify(versions.folder(version))
    except index.IndexDamaged:
        return False
    return True


def _activate(version: IndexVersion, covered: Sequence[tuple[int, str]]) -> IndexVersion:
    """Move the pointer; what the version covers is ready, unless it changed meanwhile."""
    IndexVersion.objects.filter(pk=version.pk).update(reason="")
    active = versions.activate(version.pk)
    for document_id, hashed in covered:
        Document.objects.filter(pk=document_id, status=Document.Status.PROCESSING, indexed_hash=hashed).update(
            status=Document.Status.READY, reason=""
        )
    versions.prune()
    return active


def _entries() -> list[index.Entry]:
    rows = (
        _indexable()
        .order_by("pk")
        .values_list(
            "pk", "document_id", "document__title", "heading_path", "context", "text", "document__lang",
            "document__source__collection",
        )
    )  # fmt: skip
    return [
        index.Entry(pk, document_id, title, tuple(heading_path), context, text, lang, collection)
        for pk, document_id, title, heading_path, context, text, lang, collection in rows.iterator(chunk_size=2000)
    ]


def vector_store() -> VectorStore:
    return VectorStore(Path(settings.INDEX_DIR) / "vectors.sqlite3")


def _settle(seconds: float) -> None:
    """Wait for a pause in arriving documents, so that a folder of uploads becomes one build."""
    before, end = _arrived(), time.monotonic() + 10 * seconds
    while seconds and time.monotonic() < end:
        time.sleep(seconds)
        now = _arrived()
        if now == before:
            return
        before = now


def _arrived() -> tuple[int, int]:
    waiting = Document.objects.filter(status__in=[Document.Status.PENDING, Document.Status.PROCESSING])
    return waiting.count(), Document.objects.count()


def _bury_dead_builds() -> None:
    """Whoever holds the lock knows that no other build runs: rows that say so belong to killed processes."""
    IndexVersion.objects.filter(status=IndexVersion.Status.BUILDING).delete()


@contextmanager
def _build_lock() -> Iterator[bool]:
    """True for the one who may build. The system releases the lock of a killed process."""
    root = versions.root()
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / ".build.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def note_trouble(reason: str) -> None:
    """Say on waiting documents why they wait. They stay in line: the next reconcile tries again."""
    Document.objects.filter(status=Document.Status.PROCESSING).update(reason=reason[:500])
