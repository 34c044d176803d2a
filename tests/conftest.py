"""Keeps tests away from the developer's data: their own data folder, quick passwords, an empty cache each time."""

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A busy machine is no failure: no test is judged by its time.
hypothesis.settings.register_profile("parley", deadline=None)
hypothesis.settings.load_profile("parley")

_data_dir = tempfile.mkdtemp(prefix="parley-tests-")
os.environ.setdefault("DATA_DIR", _data_dir)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")


@pytest.fixture(autouse=True)
def _quick_and_separate(settings, tmp_path: Path) -> Iterator[None]:  # type: ignore[no-untyped-def]
    from django.core.cache import cache

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.INDEX_DIR = tmp_path / "indexes"
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.ADAPTER_DIR = tmp_path / "adapters"
    settings.DATASET_DIR = tmp_path / "datasets"
    settings.TRAINING_DIR = tmp_path / "training"
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _no_heartbeat_beside_an_open_transaction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heartbeat has a thread and a connection of its own, where rows that a test did not commit are lost rows."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or marker.kwargs.get("transaction"):
        return
    from chatbot.conversations import leases

    beat = leases._Heartbeat.beat

    def called_by_the_test_alone(self: Any, held: Any) -> None:
        if threading.current_thread().name != "leases":
            beat(self, held)

    monkeypatch.setattr(leases._Heartbeat, "beat", called_by_the_test_alone)
