"""Taking documents in and out: idempotent by hash, cut again when changed, gone when removed, and the commands."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from retrieval import intake, intake_sources, sync
from retrieval import intake_blobs as blobs
from retrieval.intake import Upload
from retrieval.intake_work import clear_away, extract_waiting, sync_waiting
from retrieval.models import Document, Passage, Source
from retrieval.search import IndexSearcher
from tests.fakes import HashEmbedder
from tests.retrieval import files

pytestmark = pytest.mark.django_db
RETURNS = b"# Returns\n\nWorn shoes can be sent back within thirty days."
Command = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def embedder(monkeypatch: pytest.MonkeyPatch) -> HashEmbedder:
    fake = HashEmbedder()
    monkeypatch.setattr(sync, "get_embedder", lambda _setting: fake)
    return fake


def upload(name: str, data: bytes) -> intake.Accepted:
    return intake.add_upload([Upload(name, data)], actor="boss")[0]


def work() -> None:
    sync_waiting()
    extract_waiting()
    sync.run(embedder=HashEmbedder())


def found(question: str) -> list[str]:
    return [hit.text for hit in IndexSearcher(HashEmbedder()).search(question).hits]


# --- Uploads ------------------------------------------------------------------------------------------
def test_the_same_file_again_costs_nothing(embedder: HashEmbedder) -> None:
    assert upload("returns.md", RETURNS).outcome == "new"
    work()
    assert upload("returns.md", RETURNS).outcome == "unchanged"
    assert extract_waiting() == 0
    assert Document.objects.get().status == "ready"


def test_another_text_of_the_same_name_replaces_the_document_and_is_cut_again() -> None:
    upload("returns.md", RETURNS)
    work()
    before = Passage.objects.get()
    assert upload("returns.md", RETURNS.replace(b"thirty", b"sixty")).outcome == "changed"
    work()
    assert found("worn shoes") == ["# Returns\n\nWorn shoes can be sent back within sixty days."]
    before.refresh_from_db()
    assert before.retired
    assert Document.objects.count() == 1


def test_while_a_new_text_waits_answers_use_the_earlier_one() -> None:
    upload("returns.md", RETURNS)
    work()
    upload("returns.md", RETURNS.replace(b"thirty", b"sixty"))
    assert "thirty" in found("worn shoes")[0]


def test_a_new_file_that_cannot_be_read_takes_the_document_out_and_the_old_file_brings_it_back() -> None:
    upload("returns.md", RETURNS)
    work()
    upload("returns.md", files.PROGRAM)
    work()
    kept = Document.objects.get()
    assert (kept.status, kept.reason.startswith("The name says text")) == ("failed", True)
    assert found("worn shoes") == []
    upload("returns.md", RETURNS)
    work()
    assert "thirty" in found("worn shoes")[0]


def test_one_bad_file_stops_no_other() -> None:
    for name, data in [("a.pdf", files.PROGRAM), ("b.docx", b""), ("c.md", RETURNS), ("d.pdf", b"%PDF-1.7")]:
        upload(name, data)
    work()
    assert dict(Document.objects.values_list("key", "status")) == {
        "a.pdf": "failed", "b.docx": "failed", "c.md": "ready", "d.pdf": "failed",
    }  # fmt: skip
    assert all(Document.objects.filter(status="failed").values_list("reason", flat=True))


def test_a_deleted_document_is_a_tombstone_until_no_version_holds_it_and_its_file_goes() -> None:
    accepted = upload("returns.md", RETURNS)
    upload("other.md", b"# Other\n\nSomething else.")
    work()
    gone = Document.objects.get(pk=accepted.document_id)
    path = blobs.path(gone.blob)
    assert path.exists()
    intake.delete_document(gone)
    assert "Worn" not in "".join(found("worn shoes"))
    gone.refresh_from_db()
    assert gone.status == "deleted"
    upload("returns.md", RETURNS)
    work()
    assert "thirty" in found("worn shoes")[0]


def test_a_document_never_indexed_is_cleared_away_after_deletion() -> None:
    accepted = upload("returns.md", RETURNS)
    intake.delete_document(Document.objects.get(pk=accepted.document_id))
    assert extract_waiting() == 0
    assert clear_away() == 1
    assert not Document.objects.exists()


def test_a_stored_file_that_is_gone_is_a_reason() -> None:
    accepted = upload("returns.md", RETURNS)
    kept = Document.objects.get(pk=accepted.document_id)
    blobs.path(kept.blob).unlink()
    work()
    kept.refresh_from_db()
    assert (kept.status, kept.reason) == ("failed", "The stored file is not there any more. Upload it again.")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", "a" * 64 + "/..", "A" * 64])
def test_only_hashes_name_stored_files(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.path(name)


def test_a_long_key_is_told_apart_by_its_hash() -> None:
    keys = {intake.document_key("https://shop.test/" + "a" * 600 + end) for end in ("1", "2")}
    assert len(keys) == 2
    assert max(map(len, keys)) <= 500


# --- Folders --------------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    (root / "sub").mkdir(parents=True)
    (root / "returns.md").write_bytes(RETURNS)
    (root / "sub" / "退货.md").write_text("# 退货\n\n三十天内可以退货。", encoding="utf-8")
    (root / "logo.png").write_bytes(files.PNG)
    (root / ".hidden.md").write_text("# Hidden")
    return root


def test_a_folder_is_walked_and_followed(folder: Path) -> None:
    source = intake.add_folder(folder)
    work()
    assert set(Document.objects.values_list("key", "status")) == {("returns.md", "ready"), ("sub/退货.md", "ready")}
    (folder / "returns.md").unlink()
    (folder / "new.md").write_text("# New\n\nA new page.")
    intake.resync(source)
    work()
    assert dict(Document.objects.exclude(key="sub/退货.md").values_list("key", "status"))["new.md"] == "ready"
    assert not Document.objects.filter(key="returns.md").exclude(status="deleted").exists()


def test_links_that_lead_out_of_a_folder_are_passed_over(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "up").symlink_to(tmp_path)
    assert {path.name for path in intake_sources.walk(folder)} == {"returns.md", "退货.md"}


def test_a_manifest_says_titles_and_languages_and_leads_nowhere_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret")
    entries = [
        {"path": "returns.md", "title": "Sending back", "lang": "en", "url": "/help/returns"},
        {"path": "../secret.md"},
    ]
    (folder / "manifest.json").write_text(json.dumps(entries))
    intake.add_folder(folder)
    work()
    kept = Document.objects.get()
    assert (kept.title, kept.lang, kept.url) == ("Sending back", "en", "/help/returns")


@pytest.mark.parametrize("text", ["{", "{}x", '["a"]', '[{"title": "no path"}]', "[" * 100_000])
def test_a_damaged_manifest_is_the_sources_reason(text: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(text)
    source = intake.add_folder(folder)
    work()
    source.refresh_from_db()
    assert source.status == "failed"
    assert "manifest.json" in source.reason


def test_a_folder_that_disappears_leaves_its_documents(folder: Path) -> None:
    source = intake.add_folder(folder)
    work()
    folder.rename(folder.with_name("moved"))
    intake.resync(source)
    work()
    source.refresh_from_db()
    assert source.status == "failed"
    assert Document.objects.filter(status="ready").count() == 2


# --- Data sets ------------------------------------------------------------------------------------------
def lines(*rows: object) -> bytes:
    return b"\n".join(json.dumps(row, ensure_ascii=False).encode() for row in rows)


ONE = {"doc_id": "1", "title": "Returns", "text": "Worn shoes within thirty days.", "lang": "en"}
TWO = {"doc_id": "2", "title": "退货", "text": "三十天内可以退货。", "lang": "zh", "url": "https://shop.test/2"}


@pytest.mark.parametrize("packed", [False, True])
def test_each_line_of_a_data_set_is_a_document_kept_word_for_word(packed: bool, tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl"
    odd = {**ONE, "doc_id": "3", "text": "  Two  spaces\r\nand a tab\t."}
    data = lines(ONE, TWO, odd)
    file.write_bytes(gzip.compress(data) if packed else data)
    intake.add_dataset(file)
    work()
    assert dict(Document.objects.values_list("key", "markdown")) == {
        "1": ONE["text"],
        "2": TWO["text"],
        "3": odd["text"],
    }
    assert set(Document.objects.values_list("status", flat=True)) == {"ready"}


def test_lines_that_are_no_documents_are_counted_and_left_out(tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl"
    bad = [
        b"{",
        b'"text"',
        b'{"doc_id": "9"}',
        b'{"doc_id": "", "text": "a"}',
        b'{"doc_id": "8", "text": "..."}',
        b"\xff\xfe",
    ]
    file.write_bytes(b"\n".join([lines(ONE), b"", *bad]))
    source = intake.add_dataset(file)
    work()
    source.refresh_from_db()
    assert source.reason == "6 lines are no documents and were left out (the first is line 3)."
    assert Document.objects.get().key == "1"


def test_a_row_that_left_the_data_set_leaves_the_answers(tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl"
    file.write_bytes(lines(ONE, TWO))
    source = intake.add_dataset(file)
    work()
    file.write_bytes(lines({**ONE, "text": "Worn shoes within sixty days."}))
    intake.resync(source)
    work()
    assert found("worn shoes")[0] == "Worn shoes within sixty days."
    assert not Document.objects.filter(key="2").exclude(status="deleted").exists()


@pytest.mark.parametrize("data", [b"not json\n", gzip.compress(lines(ONE))[:-12], b"[" * 100_000])
def test_a_damaged_data_set_is_the_sources_reason(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl"
    file.write_bytes(data)
    source = intake.add_dataset(file)
    work()
    source.refresh_from_db()
    assert source.status == "failed"
    assert source.reason.endswith(".")


def test_an_uploaded_data_set_is_a_source_of_its_own() -> None:
    intake.add_upload([Upload("faq.jsonl", lines(ONE, TWO))])
    work()
    assert Source.objects.get().kind == "dataset"
    assert Document.objects.filter(status="ready").count() == 2


# --- Commands -------------------------------------------------------------------------------------------
@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command with --json and reads the one line it may write on standard output."""

    def run(*arguments: str) -> dict[str, Any]:
        call_command(*arguments, "--json")
        written = capsys.readouterr()
        assert written.out.count("\n") == 1
        return json.loads(written.out)  # type: ignore[no-any-return]

    return run


def test_ingest_carries_a_folder_through_and_writes_json_only(command: Command, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7")
    result = command("ingest", str(folder))
    assert (result["documents"], result["ready"], result["waiting"], result["failures"]) == (3, 2, 0, 1)
    assert result["failed"][0]["key"] == "broken.pdf"
    assert result["failed"][0]["reason"].startswith("This file is damaged")
    assert result["index"]
    assert command("ingest", str(folder))["index"] == result["index"]


def test_ingest_takes_one_file_into_a_collection(command: Command, folder: Path) -> None:
    assert command("ingest", str(folder / "returns.md"), "--collection", "help")["ready"] == 1
    assert Source.objects.get().collection == "help"


def test_import_documents_carries_a_data_set_through(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl.gz"
    file.write_bytes(gzip.compress(lines(ONE, TWO)))
    assert command("import_documents", str(file))["ready"] == 2


def test_without_json_the_command_speaks_in_sentences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ingest", str(folder))
    assert "2 of 2 documents are in the answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", "/nowhere/at/all"],
        ["ingest", "http://user:pw@shop.test/"],
        ["ingest", "http://127.0.0.1/"],
        ["ingest", ".", "--collection", "../x"],
        ["import_documents", "/nowhere.jsonl"],
    ],
)
def test_a_command_that_can_take_nothing_in_fails_with_a_sentence(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as failure:
        call_command(*arguments)
    assert str(failure.value).endswith(".")
