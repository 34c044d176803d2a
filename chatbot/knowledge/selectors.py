"""Reads for the knowledge pages: lists with their filters, counts, and what the index serves. No writes."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from chatbot.conversations.models import Inbox
from retrieval.intake import DELETED, SYNCING
from retrieval.models import Document, Passage, Source

PAGE_SIZE: Final = 50
BUSY: Final = (Document.Status.PENDING, Document.Status.PROCESSING)


@dataclass(frozen=True)
class Filter:
    """What a list of documents is narrowed to; empty means everything."""

    text: str = ""
    status: str = ""
    source: int | None = None


def documents(narrowed: Filter) -> QuerySet[Document]:
    """Newest change first; the columns a list shows."""
    rows = present_documents().select_related("source").defer("markdown")
    if narrowed.text:
        rows = rows.filter(
            Q(title__icontains=narrowed.text) | Q(key__icontains=narrowed.text) | Q(url__icontains=narrowed.text)
        )
    if narrowed.status == "busy":
        rows = rows.filter(status__in=BUSY)
    elif narrowed.status:
        rows = rows.filter(status=narrowed.status)
    if narrowed.source:
        rows = rows.filter(source_id=narrowed.source)
    return rows.order_by("-changed_at", "-pk")


def present_documents() -> QuerySet[Document]:
    return Document.objects.exclude(status=Document.Status.DELETED).exclude(source__status=DELETED)


def counts() -> dict[str, int]:
    """Documents per group: all, ready, busy, failed."""
    by_status = dict(present_documents().order_by().values_list("status").annotate(n=Count("pk")))
    return {
        "all": sum(by_status.values()),
        "ready": by_status.get("ready", 0),
        "busy": sum(by_status.get(status, 0) for status in BUSY),
        "failed": by_status.get("failed", 0),
    }


def sources() -> QuerySet[Source]:
    live = ~Q(documents__status=Document.Status.DELETED)
    return (
        Source.objects.exclude(status=DELETED)
        .annotate(
            total=Count("documents", filter=live & Q(documents__isnull=False)),
            ready=Count("documents", filter=Q(documents__status="ready")),
            busy=Count("documents", filter=Q(documents__status__in=BUSY)),
            failed=Count("documents", filter=Q(documents__status="failed")),
        )
        .order_by("-created_at", "-pk")
    )


def is_busy() -> bool:
    """True while something will change without anyone doing anything."""
    return present_documents().filter(status__in=BUSY).exists() or Source.objects.filter(status=SYNCING).exists()


def collections() -> list[str]:
    return sorted(set(Source.objects.exclude(status=DELETED).values_list("collection", flat=True)))


def passages(document: Document) -> QuerySet[Passage]:
    return Passage.objects.filter(document=document, retired=False).order_by("ordinal")


def is_public(document: Document) -> bool:
    """True when customers of some active inbox may get this document as an answer's source."""
    if document.status not in (Document.Status.READY, *BUSY) or document.source.status == DELETED:
        return False
    if document.status != Document.Status.READY and not document.indexed_hash:
        return False
    allowed: list[Any] = list(Inbox.objects.filter(active=True).values_list("collections", flat=True))
    return any(not names or document.source.collection in names for names in allowed)
