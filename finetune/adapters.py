"""The registry of adapters: which are known, and which one answers. Writes rows and folders; loads no weights.

An adapter is copied into ADAPTER_DIR under its digest and never changes there. Activating one only moves the mark;
each process's engine follows it (`finetune.engine_pool`).
"""

import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from finetune import adapter_files
from finetune.adapter_files import AdapterRefused
from finetune.models import Adapter


def register(folder: Path, *, base_model: str = "") -> Adapter:
    """Check the folder, keep a copy under its digest, and note it. The same adapter twice is one row.

    Raises AdapterRefused.
    """
    files = adapter_files.inspect(folder)
    kept = _keep(files)
    adapter, _made = Adapter.objects.get_or_create(
        digest=files.digest,
        defaults={"base_model": (base_model or files.base_model)[:300], "path": str(kept)},
    )
    return adapter


def _keep(files: adapter_files.AdapterFiles) -> Path:
    root = Path(settings.ADAPTER_DIR)
    target = root / files.digest
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as made:
        copy = Path(made) / "adapter"
        copy.mkdir()
        for name in (adapter_files.CONFIG, adapter_files.WEIGHTS):
            shutil.copyfile(files.folder / name, copy / name)
        if adapter_files.inspect(copy).digest != files.digest:
            raise AdapterRefused("The adapter folder changed while it was copied: register it again.")
        try:
            copy.rename(target)
        except OSError:
            if not target.is_dir():  # another process was first otherwise
                raise
    return target


def activate(digest: str) -> Adapter | None:
    """Make this adapter the one that answers, or the base model for "". Raises AdapterRefused for an unknown digest."""
    with transaction.atomic():
        Adapter.objects.filter(active=True).exclude(digest=digest).update(active=False)
        if not digest:
            return None
        changed = Adapter.objects.filter(digest=digest).update(active=True, activated_at=timezone.now())
        if changed != 1:
            raise AdapterRefused(f"No adapter with the digest {digest[:12]} is registered.")
    return Adapter.objects.get(digest=digest)


def active() -> Adapter | None:
    """The adapter that should answer; None means the base model."""
    return Adapter.objects.filter(active=True).first()


def wanted_folder() -> str:
    """Folder of the adapter that engines should use, GENERATOR_ADAPTER when none is active, "" for the base model.

    Gives the database connection back when it opened one, because callers are about to wait for a model.
    """
    opened = connection.connection is None
    try:
        row = active()
    finally:
        if opened and not connection.in_atomic_block:
            connection.close()
    return row.path if row is not None else str(settings.GENERATOR_ADAPTER)
