"""What `ingest` and `import_documents` do: carry one source through to the answers and say how it went.

Works beside a running server: whoever comes first does the work, and this waits for the rest.
"""

import time
from typing import Any, Final

from retrieval import intake
from retrieval.intake_work import Progress, extract_waiting, sync_waiting
from retrieval.models import Document, Source

WAIT_SECONDS: Final = 600
MAX_FAILURES: Final = 100


def carry_through(source_ids: list[int], progress: Progress) -> dict[str, Any]:
    """Sync, extract and index the sources (blocking), then report:

    `{"sources": [{"id", "name", "status", "reason"}], "documents", "ready", "failed": [{"key", "reason"}], "index"}`
    """
    from retrieval import sync

    sync_waiting(progress)
    extract_waiting(progress)
    sync.run(progress=progress)
    _wait_for_others(source_ids, progress)
    return report(source_ids)


def _wait_for_others(source_ids: list[int], progress: Progress) -> None:
    """A server may hold the locks; what it does not finish in time stays in line and is reported as waiting."""
    from retrieval import sync

    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end and (_syncing(source_ids) or intake.waiting(source_ids)):
        time.sleep(0.5)
        sync_waiting(progress)
        extract_waiting(progress)
        if sync.is_due():
            sync.run(progress=progress)


def _syncing(source_ids: list[int]) -> bool:
    return Source.objects.filter(pk__in=source_ids, status=intake.SYNCING).exists()


def report(source_ids: list[int]) -> dict[str, Any]:
    from retrieval import versions

    documents = Document.objects.filter(source_id__in=source_ids).exclude(status=Document.Status.DELETED)
    failed = documents.filter(status=Document.Status.FAILED)
    active = versions.active()
    return {
        "sources": list(Source.objects.filter(pk__in=source_ids).values("id", "name", "status", "reason")),
        "documents": documents.count(),
        "ready": documents.filter(status=Document.Status.READY).count(),
        "waiting": intake.waiting(source_ids),
        "failed": [
            {"key": key, "reason": reason}
            for key, reason in failed.order_by("key").values_list("key", "reason")[:MAX_FAILURES]
        ],
        "failures": failed.count(),
        "index": active.digest if active else None,
    }
