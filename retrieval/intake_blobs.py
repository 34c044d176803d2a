"""Original bytes of documents, kept as files named by their hash. Names users gave never touch a path.

Files are readable to the owner only, never executed and never served to a browser.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Final

from django.conf import settings

from retrieval import fingerprints

_NAME: Final = re.compile(r"[0-9a-f]{64}")


def put(data: bytes) -> str:
    """Store the bytes once and return their name. Raises OSError when the disk is full."""
    name = fingerprints.content_hash(data)
    file = path(name)
    if file.exists() and file.stat().st_size == len(data):
        return name
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, made = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        Path(made).replace(file)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
    return name


def get(name: str) -> bytes:
    """Raises FileNotFoundError when nothing of that name is kept."""
    return path(name).read_bytes()


def path(name: str) -> Path:
    """Where a blob lies. Raises FileNotFoundError for anything that is not the name of a blob."""
    if not _NAME.fullmatch(name):
        raise FileNotFoundError(name)
    return Path(settings.UPLOAD_DIR) / name[:2] / name


def drop_unused(names: set[str]) -> int:
    """Remove those of the blobs that no document that counts refers to. Returns how many."""
    from retrieval.models import Document

    used = set(
        Document.objects.filter(blob__in=names).exclude(status=Document.Status.DELETED).values_list("blob", flat=True)
    )
    removed = 0
    for name in names - used:
        if _NAME.fullmatch(name):
            path(name).unlink(missing_ok=True)
            removed += 1
    return removed
