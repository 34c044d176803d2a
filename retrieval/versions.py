"""Index versions as rows: which one is active, going back, and removing old ones. Folders are only named here.

Readers follow the pointer (`IndexVersion.active`); moving it is all that activation is.
"""

import logging
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from retrieval.models import Document, IndexVersion, Passage

logger = logging.getLogger(__name__)

KEEP: Final = 5
"""Versions kept beside the active one."""


class NoSuchVersion(Exception):
    """The message is a sentence for the admin."""


def root() -> Path:
    return Path(settings.INDEX_DIR)


def folder(version: IndexVersion) -> Path:
    return root() / version.digest


def active() -> IndexVersion | None:
    return IndexVersion.objects.filter(active=True).first()


def listing() -> list[IndexVersion]:
    """Newest first."""
    return list(IndexVersion.objects.order_by("-created_at", "-id"))


@transaction.atomic
def activate(version_id: int) -> IndexVersion:
    """Move the pointer. Raises NoSuchVersion when there is no finished version of that number."""
    version = IndexVersion.objects.select_for_update().filter(pk=version_id).first()
    if version is None or version.status != IndexVersion.Status.READY or not folder(version).is_dir():
        raise NoSuchVersion("This index version is not there any more; choose another one or rebuild the index.")
    if not version.active:
        IndexVersion.objects.filter(active=True).update(active=False)
        IndexVersion.objects.filter(pk=version.pk).update(active=True, activated_at=timezone.now())
        version.refresh_from_db()
    return version


def roll_back() -> IndexVersion:
    """Activate the version that was active before the present one. Raises NoSuchVersion when there is none."""
    earlier = (
        IndexVersion.objects.filter(status=IndexVersion.Status.READY, active=False, activated_at__isnull=False)
        .order_by("-activated_at")
        .first()
    )
    if earlier is None:
        raise NoSuchVersion("There is no earlier index version to go back to.")
    return activate(earlier.pk)


def prune(*, keep: int = KEEP) -> int:
    """Remove old versions with their folders, and passages that no kept version holds. Returns versions removed."""
    from retrieval import index

    index.sweep(root())
    old = list(IndexVersion.objects.filter(active=False).order_by("-activated_at", "-created_at")[keep:])
    for version in old:
        deleted, _rows = IndexVersion.objects.filter(pk=version.pk, active=False).delete()
        if deleted:
            index.remove(folder(version))
    _drop_retired()
    return len(old)


def _drop_retired() -> None:
    """Retired passages leave with the last version that holds them; deleted documents follow their passages."""
    from retrieval import index

    retired = set(Passage.objects.filter(retired=True).values_list("pk", flat=True))
    if not retired:
        return
    for version in IndexVersion.objects.filter(status=IndexVersion.Status.READY):
        try:
            retired.difference_update(index.passage_ids_of(folder(version)).tolist())
        except index.IndexDamaged as error:
            logger.warning("Old passages are kept for now: %s", error)
            return
    doomed = sorted(retired)
    for begin in range(0, len(doomed), 500):
        Passage.objects.filter(pk__in=doomed[begin : begin + 500]).delete()
    Document.objects.filter(status=Document.Status.DELETED, passages__isnull=True).delete()
