"""The tasks: JSON arguments, nothing lost without a broker, a broken model leaves a reason."""

import pytest

from retrieval import fingerprints, sync, tasks, versions
from retrieval.embedding import EmbedderUnavailable
from retrieval.models import Document, Source
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch) -> Document:
    monkeypatch.setattr(sync, "get_embedder", lambda _setting: HashEmbedder())
    monkeypatch.setattr(tasks, "SETTLE_SECONDS", 0)
    text = "Shoes can be returned."
    return Document.objects.create(
        source=Source.objects.create(name="s", kind=Source.Kind.UPLOAD),
        key="a",
        title="Returns",
        markdown=text,
        content_hash=fingerprints.content_hash(text),
        status=Document.Status.PROCESSING,
    )


def test_a_document_is_ready_after_its_task_and_a_second_run_does_no_harm(document: Document) -> None:
    tasks.sync_document(document.pk)
    tasks.sync_document(document.pk)
    document.refresh_from_db()
    assert document.status == "ready"
    assert document.lang == "en"


def test_reconcile_finds_what_was_left_and_mends_a_damaged_version(document: Document) -> None:
    tasks.reconcile()
    version = versions.active()
    assert version is not None
    (versions.folder(version) / "manifest.json").unlink()
    tasks.reconcile()
    assert (versions.folder(version) / "manifest.json").is_file()


def test_reconcile_has_nothing_to_do_for_an_empty_installation() -> None:
    tasks.reconcile()
    assert versions.active() is None


def test_a_rebuild_can_be_asked_for(document: Document) -> None:
    tasks.rebuild()
    assert versions.active() is not None


def test_a_model_that_cannot_be_loaded_is_said_on_the_document_and_tried_again(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_setting: str) -> HashEmbedder:
        raise EmbedderUnavailable("EMBEDDER_MODEL 'x' could not be loaded.")

    monkeypatch.setattr(sync, "get_embedder", unavailable)
    tasks.sync_documents()
    document.refresh_from_db()
    assert (document.status, document.reason) == ("processing", "EMBEDDER_MODEL 'x' could not be loaded.")
    monkeypatch.setattr(sync, "get_embedder", lambda _setting: HashEmbedder())
    tasks.reconcile()
    document.refresh_from_db()
    assert (document.status, document.reason) == ("ready", "")


def test_a_sync_that_no_broker_takes_is_only_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks
) -> None:  # type: ignore[no-untyped-def]
    def refused(*_args: object, **_options: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.sync_documents, "apply_async", refused)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.request_sync()
    assert "wait for the next reconcile" in caplog.text
