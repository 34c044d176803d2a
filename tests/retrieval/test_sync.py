"""From documents to an active version: only what changed, nothing lost, old versions stay whole."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.utils import timezone

from retrieval import fingerprints, sync, versions
from retrieval.models import Document, IndexVersion, Passage, Source
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db


def made(key: str, text: str, *, title: str = "", collection: str = "default", **fields: object) -> Document:
    source, _new = Source.objects.get_or_create(
        name=collection, defaults={"kind": Source.Kind.UPLOAD, "collection": collection}
    )
    return Document.objects.create(
        source=source,
        key=key,
        title=title or key,
        markdown=text,
        content_hash=fingerprints.content_hash(text),
        **{"status": Document.Status.PROCESSING, "lang": "en", **fields},
    )


def changed(document: Document, text: str) -> None:
    Document.objects.filter(pk=document.pk).update(
        markdown=text, content_hash=fingerprints.content_hash(text), status=Document.Status.PROCESSING
    )


def status(document: Document) -> str:
    document.refresh_from_db()
    return document.status


def test_a_sync_makes_documents_ready_in_an_active_version() -> None:
    first, second = made("a", "Shoes can be returned."), made("b", "# Shipping\n\nTo Norway for 12 euro.")
    version = sync.run(embedder=HashEmbedder())
    assert version is not None
    assert (version.active, version.status, version.passages, version.documents) == (True, "ready", 2, 2)
    assert status(first) == status(second) == "ready"
    passage = second.passages.get()
    assert passage.text == second.markdown[passage.start : passage.end]
    assert (versions.folder(version) / "manifest.json").is_file()
    assert not sync.is_due()


def test_nothing_to_do_builds_nothing() -> None:
    made("a", "Shoes can be returned.")
    version = sync.run(embedder=HashEmbedder())
    idle = HashEmbedder()
    assert sync.run(embedder=idle) == version
    assert idle.embedded == []
    assert IndexVersion.objects.count() == 1


def test_an_installation_without_documents_has_no_version() -> None:
    assert sync.run(embedder=HashEmbedder()) is None
    assert not sync.is_due()


def test_only_the_changed_document_is_embedded_again() -> None:
    first = made("a", "Shoes can be returned.")
    made("b", "Shipping takes five days.")
    sync.run(embedder=HashEmbedder())
    changed(first, "Boots can be returned.")
    second = HashEmbedder()
    sync.run(embedder=second)
    assert [text for text in second.embedded if "\n" in text] == ["a\nBoots can be returned."]
    assert status(first) == "ready"


def test_a_change_of_collection_needs_a_version_but_no_embedding() -> None:
    document = made("a", "Shoes can be returned.")
    version = sync.run(embedder=HashEmbedder())
    Source.objects.update(collection="shop-b")
    second = HashEmbedder()
    assert sync.run(embedder=second) != version
    assert second.embedded == []
    assert status(document) == "ready"


def test_a_deleted_document_leaves_the_index_with_the_next_sync() -> None:
    gone = made("a", "Shoes can be returned.")
    made("b", "Shipping takes five days.")
    sync.run(embedder=HashEmbedder())
    assert sync.delete_documents([gone.pk]) == 1
    assert sync.is_due()
    version = sync.run(embedder=HashEmbedder())
    assert version is not None
    assert version.passages == 1
    assert not sync.is_due()


def test_the_last_document_can_be_deleted() -> None:
    gone = made("a", "Shoes can be returned.")
    sync.run(embedder=HashEmbedder())
    sync.delete_documents([gone.pk])
    version = sync.run(embedder=HashEmbedder())
    assert version is not None
    assert version.passages == 0


def test_a_document_without_text_fails_with_a_reason_and_stops_nobody() -> None:
    blank, good = made("blank", " \n\n "), made("good", "Shoes can be returned.")
    sync.run(embedder=HashEmbedder())
    assert status(blank) == "failed"
    assert "no text" in blank.reason
    assert status(good) == "ready"


def test_a_text_that_changes_during_the_build_is_done_in_the_next_round() -> None:
    document = made("a", "Shoes can be returned.")

    class Slow(HashEmbedder):
        def passages(self, texts, progress=None):  # type: ignore[no-untyped-def]
            if not self.embedded:
                changed(document, "Boots can be returned.")
            return super().passages(texts, progress)

    sync.run(embedder=Slow())
    assert status(document) == "ready"
    assert document.passages.get(retired=False).text == "Boots can be returned."
    version = versions.active()
    assert version is not None
    assert IndexVersion.objects.filter(status="ready").count() == 2


def test_a_failed_build_leaves_the_earlier_version_active_and_the_document_waiting() -> None:
    made("a", "Shoes can be returned.")
    before = sync.run(embedder=HashEmbedder())
    document = made("b", "Shipping takes five days.")

    class Broken(HashEmbedder):
        def passages(self, texts, progress=None):  # type: ignore[no-untyped-def]
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        sync.run(embedder=Broken())
    assert versions.active() == before
    assert status(document) == "processing"
    assert IndexVersion.objects.filter(status="failed", reason="out of memory").count() == 1
    sync.run(embedder=HashEmbedder())
    assert status(document) == "ready"


def test_rows_of_killed_builds_disappear() -> None:
    IndexVersion.objects.create(digest="dead")
    made("a", "Shoes can be returned.")
    sync.run(embedder=HashEmbedder())
    assert not IndexVersion.objects.filter(digest="dead").exists()


def test_a_document_cut_by_a_killed_process_is_finished() -> None:
    document = made("a", "Shoes can be returned.")
    sync._cut(document.pk)
    assert sync.is_due()
    version = sync.run(embedder=HashEmbedder())
    assert version is not None
    assert version.passages == 1
    assert status(document) == "ready"


def test_a_missing_or_reported_folder_is_built_again() -> None:
    made("a", "Shoes can be returned.")
    version = sync.run(embedder=HashEmbedder())
    assert version is not None
    (versions.folder(version) / "manifest.json").unlink()
    assert sync.needs_rebuild()
    again = sync.run(embedder=HashEmbedder(), force=True)
    assert again == version
    assert not sync.needs_rebuild()
    IndexVersion.objects.update(reason="A reader found it damaged.")
    assert sync.needs_rebuild()
    sync.run(embedder=HashEmbedder(), force=True)
    assert not sync.needs_rebuild()


def test_another_embedder_setting_asks_for_a_rebuild(settings) -> None:  # type: ignore[no-untyped-def]
    made("a", "Shoes can be returned.")
    before = sync.run(embedder=HashEmbedder())
    settings.EMBEDDER_MODEL = "intfloat/multilingual-e5-small"
    assert sync.needs_rebuild()
    assert sync.run(embedder=HashEmbedder(name="e5"), force=True) != before
    assert not sync.needs_rebuild()


def test_rolling_back_and_forward_moves_only_the_pointer() -> None:
    document = made("a", "Shoes can be returned within thirty days.")
    first = sync.run(embedder=HashEmbedder())
    changed(document, "Shoes can be returned within sixty days.")
    second = sync.run(embedder=HashEmbedder())
    assert first is not None
    assert second is not None
    assert versions.roll_back() == first
    assert versions.active() == first
    assert not sync.is_due()
    assert versions.activate(second.pk).active
    assert IndexVersion.objects.filter(active=True).count() == 1


def test_what_is_not_there_cannot_be_activated() -> None:
    with pytest.raises(versions.NoSuchVersion):
        versions.activate(99)
    with pytest.raises(versions.NoSuchVersion):
        versions.roll_back()
    unfinished = IndexVersion.objects.create(digest="unfinished")
    with pytest.raises(versions.NoSuchVersion):
        versions.activate(unfinished.pk)


def test_pruning_removes_old_versions_and_the_passages_only_they_held() -> None:
    document = made("a", "Number 0.")
    for number in range(1, 5):
        sync.run(embedder=HashEmbedder())
        changed(document, f"Number {number}.")
    sync.run(embedder=HashEmbedder())
    assert Passage.objects.count() == 5
    versions.prune(keep=1)
    assert sorted(Passage.objects.values_list("text", flat=True)) == ["Number 3.", "Number 4."]
    assert IndexVersion.objects.count() == 2
    folders = [path for path in versions.root().iterdir() if path.is_dir()]
    assert len(folders) == 2


def test_a_deleted_document_is_forgotten_with_its_last_version() -> None:
    gone = made("a", "Shoes can be returned.")
    made("b", "Shipping takes five days.")
    sync.run(embedder=HashEmbedder())
    sync.delete_documents([gone.pk])
    sync.run(embedder=HashEmbedder())
    assert Document.objects.filter(pk=gone.pk).exists()
    versions.prune(keep=0)
    assert not Document.objects.filter(pk=gone.pk).exists()


def test_progress_is_told_from_cutting_to_writing() -> None:
    made("a", "Shoes can be returned.")
    told: list[tuple[str, int, int]] = []
    sync.run(embedder=HashEmbedder(), progress=lambda *step: told.append(step))
    assert {"cut", "embed", "write"} <= {step for step, _done, _total in told}
    assert all(done <= total for _step, done, total in told)


def test_who_comes_second_leaves_while_another_process_builds() -> None:
    versions.root().mkdir(parents=True)
    code = (
        "import fcntl, sys, time; handle = open(sys.argv[1], 'w'); fcntl.flock(handle, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(versions.root() / ".build.lock")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        made("a", "Shoes can be returned.")
        assert sync.run(embedder=HashEmbedder()) is None
        assert IndexVersion.objects.count() == 0
    finally:
        other.kill()
        other.communicate()
    assert sync.run(embedder=HashEmbedder()) is not None


@pytest.mark.django_db(transaction=True)
def test_two_hundred_uploads_at_once_make_a_handful_of_builds() -> None:
    from django.db import connections

    def upload(start: int) -> None:
        try:
            for number in range(start, start + 50):
                made(f"file {number}", f"Item {number} costs {number} euro.", collection="shop")
                sync.run(embedder=HashEmbedder(), settle_seconds=0.05)
        finally:
            connections.close_all()

    Source.objects.create(name="shop", kind=Source.Kind.UPLOAD, collection="shop")
    threads = [threading.Thread(target=upload, args=(50 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sync.run(embedder=HashEmbedder())
    assert Document.objects.filter(status="ready").count() == 200
    active = versions.active()
    assert active is not None
    assert active.passages == 200
    assert _builds_ever(versions.root()) < 60


def _builds_ever(root: Path) -> int:
    return IndexVersion.objects.order_by("-pk").values_list("pk", flat=True)[0] if root.is_dir() else 0


def test_dates_are_kept_of_each_activation() -> None:
    made("a", "Shoes can be returned.")
    before = timezone.now()
    version = sync.run(embedder=HashEmbedder())
    assert version is not None
    assert version.activated_at is not None
    assert before <= version.activated_at <= timezone.now()
