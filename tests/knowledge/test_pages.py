"""The knowledge pages do what they say: upload to answer, reasons in words, delete at once, versions, test bench."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Inbox
from chatbot.knowledge import trial
from finetune import engine_pool
from retrieval import search, sync, versions
from retrieval.intake_work import extract_waiting
from retrieval.models import Document, Source
from retrieval.search import IndexSearcher
from tests.fakes import HashEmbedder
from tests.knowledge.conftest import RETURNS, SHIPPING, Shop, document, in_answers

pytestmark = pytest.mark.django_db
Run = Callable[[], None]


def html(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def upload(client: Client, name: str, data: bytes, **form: str) -> Any:
    headers = {"accept": "application/json"}
    return client.post("/knowledge/add/files/", {"files": [SimpleUploadedFile(name, data)], **form}, headers=headers)


@pytest.fixture
def work() -> Run:
    """What the index worker does with everything that waits."""

    def run() -> None:
        extract_waiting()
        sync.run(embedder=HashEmbedder())

    return run


def found(question: str) -> list[str]:
    return [hit.title for hit in IndexSearcher(HashEmbedder()).search(question).hits]


def test_an_uploaded_file_is_waiting_then_in_the_answers(admin: Client, work: Run) -> None:
    answer = upload(admin, "returns.md", RETURNS.encode())
    assert answer.json() == {"files": [{"name": "returns.md", "ok": True, "message": "On its way."}]}
    assert "Waiting" in html(admin.get("/knowledge/documents/"))
    work()
    page = html(admin.get("/knowledge/documents/"))
    assert "In answers" in page
    assert "Returns" in page
    assert found("send back worn shoes") == ["Returns"]


def test_without_scripts_a_form_of_many_files_leads_to_the_list(admin: Client) -> None:
    files = [SimpleUploadedFile("a.md", b"# A\n\nText."), SimpleUploadedFile("b.md", b"# B\n\nText.")]
    page = html(admin.post("/knowledge/add/files/", {"files": files}, follow=True))
    assert "2 files are on their way." in page
    assert Document.objects.count() == 2


def test_a_file_that_cannot_be_read_says_why_and_stops_nobody(admin: Client, work: Run) -> None:
    upload(admin, "manual.pdf", b"%PDF-1.7\n1 0 obj\n<<")
    upload(admin, "returns.md", RETURNS.encode())
    work()
    page = html(admin.get("/knowledge/documents/?status=failed"))
    assert "This file is damaged and cannot be read. Open it, save it again and upload the new file." in page
    assert "Traceback" not in page
    assert found("worn shoes") == ["Returns"]


def test_a_file_over_the_limit_is_refused_with_a_sentence(admin: Client, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 2000
    answer = upload(admin, "huge.md", b"x" * 2001)
    assert answer.json()["files"][0] == {
        "name": "huge.md", "ok": False, "message": "This file is larger than the upload limit.",
    }  # fmt: skip
    kept = Document.objects.get()
    assert (kept.status, kept.blob, kept.bytes) == ("failed", "", 2001)
    assert "Split it, or ask for a higher limit." in html(admin.get("/knowledge/documents/"))


def test_no_file_or_a_wrong_collection_is_explained(admin: Client) -> None:
    nothing = admin.post("/knowledge/add/files/", {}, headers={"accept": "application/json"})
    assert (nothing.status_code, nothing.json()) == (400, {"error": "Choose at least one file."})
    wrong = upload(admin, "a.md", b"# A", collection="../etc")
    assert wrong.status_code == 400
    assert "letters, digits, - and _ only" in wrong.json()["error"]
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "a\u202egpj.exe\x07",
        "x" * 400 + ".md",
        "<img src=x onerror=alert(1)>.md",
    ],
)
def test_a_hostile_file_name_is_only_a_name(name: str, admin: Client) -> None:
    file = SimpleUploadedFile("a.md", b"# A\n\nText.")
    file._name = name  # Django's own class would shorten it; a real request is parsed by Django too
    admin.post("/knowledge/add/files/", {"files": [file]})
    kept = Document.objects.get()
    assert "/" not in kept.key
    assert "\\" not in kept.key
    assert len(kept.key) <= 200
    assert not any(ord(char) < 32 or char == "\u202e" for char in kept.key)
    assert "<img" not in html(admin.get("/knowledge/documents/"))


def test_titles_and_texts_of_documents_are_shown_as_text(admin: Client, shop: Shop) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    made = in_answers(evil, f"# Hello\n\n{evil}\n\n[a](javascript:alert(1)) ![b](https://evil.test/pixel.png)")
    Document.objects.filter(pk=made.pk).update(reason=evil, url=f"javascript:{evil}", details={"name": evil})
    Source.objects.update(name=evil, reason=evil)
    passage = made.passages.get()
    for url in (
        "/knowledge/documents/",
        f"/knowledge/documents/{made.pk}/?passage={passage.pk}",
        f"/knowledge/documents/{made.pk}/delete/",
        "/knowledge/sources/",
        f"/p/{made.pk}/{passage.pk}/",
    ):
        answer = admin.get(url)
        page = html(answer)
        assert answer.status_code == 200
        assert "alert(1)" in page
        for poison in ("<script>alert", "<img", 'href="javascript:', "src=x onerror=alert(1)>"):
            assert poison not in page, (url, poison)
        assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_the_list_refreshes_itself_only_while_something_is_on_its_way(admin: Client, shop: Shop) -> None:
    assert 'hx-trigger="every 2s"' not in html(admin.get("/knowledge/documents/"))
    waiting = document("New", SHIPPING, status="pending")
    fragment = admin.get("/knowledge/documents/?q=new", headers={"HX-Request": "true"})
    part = html(fragment)
    assert part.startswith('<section class="card" id="documents"')
    assert 'hx-get="/knowledge/documents/?q=new"' in part
    assert 'hx-trigger="every 2s"' in part
    assert "<html" not in part
    assert "HX-Request" in fragment["Vary"]
    assert 'hx-select="#main"' in html(admin.get(f"/knowledge/documents/{waiting.pk}/"))


def test_the_list_is_narrowed_by_words_status_and_source(admin: Client, shop: Shop) -> None:
    document("退货政策", "# 退货\n\n三十天内。", status="failed")
    assert "Shipping" not in html(admin.get("/knowledge/documents/?q=return", headers={"HX-Request": "true"}))
    assert "退货政策" in html(admin.get("/knowledge/documents/?q=退货"))
    assert "Returns.md" not in html(admin.get("/knowledge/documents/?status=failed"))
    for nonsense in ("?status=nonsense&source=x&page=-3", "?source=99999999999999999999", "?q=%00&page=99999"):
        assert admin.get(f"/knowledge/documents/{nonsense}").status_code == 200
    assert "Nothing matches" in html(admin.get("/knowledge/documents/?q=zzzz"))


def test_an_empty_knowledge_base_says_what_to_do(admin: Client, client: Client) -> None:
    page = html(admin.get("/knowledge/documents/"))
    assert "No documents yet" in page
    assert "/knowledge/add/" in page
    assert "No index yet" in html(admin.get("/knowledge/index/"))
    assert "No sources yet" in html(admin.get("/knowledge/sources/"))
    assert "No inbox yet" in html(admin.get("/knowledge/inboxes/"))
    assert "No document is in the answers yet" in html(admin.get("/knowledge/test/"))


def test_a_deleted_document_is_gone_from_search_before_any_worker_runs(admin: Client, work: Run) -> None:
    upload(admin, "returns.md", RETURNS.encode())
    upload(admin, "shipping.md", SHIPPING.encode())
    work()
    searcher = IndexSearcher(HashEmbedder())
    assert searcher.search("worn shoes").hits[0].title == "Returns"
    gone = Document.objects.get(title="Returns")
    assert "It leaves the answers at once." in html(admin.get(f"/knowledge/documents/{gone.pk}/delete/"))
    page = html(admin.post(f"/knowledge/documents/{gone.pk}/delete/", follow=True))
    assert "“Returns” is deleted and no longer used in answers." in page
    assert "Returns" not in [hit.title for hit in searcher.search("worn shoes").hits]
    assert admin.get(f"/knowledge/documents/{gone.pk}/").status_code == 404
    assert admin.post(f"/knowledge/documents/{gone.pk}/delete/").status_code == 404


def test_a_deleted_source_takes_its_documents_along(admin: Client, work: Run) -> None:
    upload(admin, "returns.md", RETURNS.encode())
    work()
    source = Source.objects.get()
    assert "Its 1 document leaves the answers at once." in html(admin.get(f"/knowledge/sources/{source.pk}/delete/"))
    admin.post(f"/knowledge/sources/{source.pk}/delete/")
    assert found("worn shoes") == []
    assert admin.get(f"/knowledge/sources/{source.pk}/delete/").status_code == 404
    assert AuditEntry.objects.get(action="source.delete").detail["documents"] == 1


def test_reading_again_keeps_the_answers_and_goes_back_to_the_list(admin: Client, work: Run) -> None:
    upload(admin, "returns.md", RETURNS.encode())
    work()
    made = Document.objects.get()
    back = "/knowledge/documents/?q=re"
    assert admin.post(f"/knowledge/documents/{made.pk}/resync/", {"back": back})["Location"] == back
    assert found("worn shoes") == ["Returns"]
    work()
    made.refresh_from_db()
    assert made.status == "ready"
    for elsewhere in ("https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)"):
        answer = admin.post(f"/knowledge/documents/{made.pk}/resync/", {"back": elsewhere})
        assert answer["Location"] == f"/knowledge/documents/{made.pk}/"


@pytest.mark.parametrize("kind", ["page", "sitemap"])
@pytest.mark.parametrize(
    "url", ["ftp://a.test/", "https://user:pw@a.test/", "https://a test/", "file:///etc/passwd", ""]
)
def test_what_is_no_web_address_is_refused_beside_its_field(kind: str, url: str, admin: Client) -> None:
    answer = admin.post(f"/knowledge/add/{kind}/", {"url": url})
    assert answer.status_code == 400
    assert 'class="errorlist"' in html(answer)
    assert not Source.objects.exists()


def test_an_address_becomes_a_source_that_waits(admin: Client) -> None:
    admin.post("/knowledge/add/page/", {"url": "help.shop.test/returns", "collection": "help"})
    made = Source.objects.get()
    assert (made.kind, made.location, made.status) == ("url", "https://help.shop.test/returns", "syncing")
    assert made.collection == "help"
    assert "Syncing" in html(admin.get("/knowledge/sources/"))


def test_activate_and_roll_back_move_the_pointer_and_say_so(admin: Client, shop: Shop) -> None:
    page = html(admin.post(f"/knowledge/index/{shop.first.pk}/activate/", follow=True))
    assert f"Answers now use version {shop.first.digest[:12]}." in page
    assert versions.active() == shop.first
    admin.post("/knowledge/index/rollback/")
    assert versions.active() == shop.active
    page = html(admin.post("/knowledge/index/999/activate/", follow=True))
    assert "This index version is not there any more" in page
    assert versions.active() == shop.active


def test_the_test_bench_shows_both_arms_the_fusion_and_the_answer(
    admin: Client, work: Run, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.GENERATOR = "extractive"
    engine_pool.close_engine()
    searcher = IndexSearcher(HashEmbedder())
    monkeypatch.setattr(search, "get_searcher", lambda: searcher)
    upload(admin, "returns.md", RETURNS.encode())
    upload(admin, "shipping.md", SHIPPING.encode())
    work()
    asked = admin.post(
        "/knowledge/test/", {"question": "How long can worn shoes be sent back?", "history": "customer: hi"}
    )
    token = asked["Location"].rstrip("/").rsplit("/", 1)[-1]
    assert "Searching and writing." in html(admin.get(asked["Location"], headers={"HX-Request": "true"}))
    trial.run(token)
    page = html(admin.get(asked["Location"]))
    assert "thirty days of delivery" in page
    for heading in ("What was found", "By words (BM25)", "By meaning (vectors)"):
        assert heading in page
    assert page.count(">Returns</a>") >= 3
    assert 'hx-trigger="every 1s"' not in page
    engine_pool.close_engine()


def test_a_test_that_breaks_says_so_without_a_stack_trace(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("CUDA out of memory at 0x7f")

    monkeypatch.setattr(search, "get_searcher", broken)
    asked = admin.post("/knowledge/test/", {"question": "Worn shoes?"})
    trial.run(asked["Location"].rstrip("/").rsplit("/", 1)[-1])
    page = html(admin.get(asked["Location"]))
    assert "The test could not be run." in page
    assert "CUDA" not in page


def test_a_question_that_is_empty_or_too_long_is_refused(admin: Client, settings: Any) -> None:
    for question in ("", "x" * (settings.MESSAGE_MAX_CHARS + 1)):
        answer = admin.post("/knowledge/test/", {"question": question})
        assert answer.status_code == 400
        assert 'class="errorlist"' in html(answer)


def test_an_inbox_is_made_changed_and_embedded(admin: Client, settings: Any) -> None:
    form = {
        "name": "Help", "company": "Shop", "active": "on", "mode": "auto", "position": "left", "color": "#14685C",
        "allowed_origins": "https://WWW.shop.test/\nhttps://*.shop.test\nself", "greeting_en": "Hello!",
        "questions_en": "One?\nTwo?", "greeting_zh_hans": "您好！",
    }  # fmt: skip
    admin.post("/knowledge/inboxes/new/", form)
    made = Inbox.objects.get()
    assert made.allowed_origins == ["https://www.shop.test", "https://*.shop.test", "self"]
    assert made.greeting == {"en": "Hello!", "zh-hans": "您好！"}
    assert made.suggested_questions == {"en": ["One?", "Two?"]}
    page = html(admin.get(f"/knowledge/inboxes/{made.pk}/"))
    assert f"data-inbox=&quot;{made.key}&quot;" in page
    assert made.secret not in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowed_origins", "*"),
        ("allowed_origins", "https://shop.test/path"),
        ("allowed_origins", "https://shop.test; script-src *"),
        ("color", "red; background: url(https://evil.test)"),
        ("questions_en", "1?\n2?\n3?\n4?\n5?"),
        ("mode", "root"),
    ],
)
def test_an_inbox_refuses_what_would_open_it_to_everyone(field: str, value: str, admin: Client, shop: Shop) -> None:
    form = {"name": "Help", "mode": "auto", "position": "left", "color": "#14685c", field: value}
    answer = admin.post(f"/knowledge/inboxes/{shop.inbox.pk}/", form)
    assert answer.status_code == 400
    assert 'class="errorlist"' in html(answer)
    shop.inbox.refresh_from_db()
    assert shop.inbox.name == "Fellwren"


def test_a_new_secret_is_shown_once_and_replaces_the_old_one(admin: Client, shop: Shop) -> None:
    before = shop.inbox.secret
    answer = admin.post(f"/knowledge/inboxes/{shop.inbox.pk}/secret/")
    shop.inbox.refresh_from_db()
    assert shop.inbox.secret != before
    assert shop.inbox.secret in html(answer)
    assert "no-store" in answer["Cache-Control"]


def test_a_passage_that_was_replaced_leads_to_the_document_as_it_is_now(client: Client, shop: Shop) -> None:
    passage = shop.returns.passages.get()
    page = html(client.get(f"/p/{shop.returns.pk}/{passage.pk}/"))
    assert 'id="passage"' in page
    assert "thirty days" in page
    passage.retired = True
    passage.save()
    page = html(client.get(f"/p/{shop.returns.pk}/{passage.pk}/"))
    assert "This document has changed since the answer was written." in page
    assert 'id="passage"' not in page


def test_a_document_without_a_language_has_a_public_page(client: Client, shop: Shop) -> None:
    assert shop.returns.lang == ""
    assert '<html lang="en">' in html(client.get(f"/p/{shop.returns.pk}/{shop.returns.passages.get().pk}/"))


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_pages_for_errors_need_nothing_that_could_be_missing(template: str) -> None:
    from django.template.loader import render_to_string

    page = render_to_string(template)
    assert "<h1>" in page
    assert "Traceback" not in page


@pytest.mark.parametrize("number", ["0", "9" * 30])
def test_numbers_that_nothing_has_lead_to_the_page_for_nothing(number: str, admin: Client, shop: Shop) -> None:
    for url in (
        f"/knowledge/documents/{number}/",
        f"/knowledge/sources/{number}/delete/",
        f"/knowledge/inboxes/{number}/",
        f"/p/{number}/{number}/",
    ):
        answer = admin.get(url)
        assert answer.status_code == 404
        assert "There is nothing here" in html(answer)
    assert admin.get(f"/p/{shop.returns.pk}/{number}/").status_code == 200
    assert admin.post(f"/knowledge/index/{number}/activate/")["Location"] == "/knowledge/index/"
