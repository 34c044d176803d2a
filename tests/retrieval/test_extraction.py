"""Files to Markdown, and hostile files to a sentence: every format from real bytes, through the child process."""

import logging
from collections.abc import Callable
from datetime import date

import pytest

from retrieval.extraction import Extracted, Unreadable, extract, isolation, outcomes
from tests.retrieval import files


def text_of(data: bytes, name: str, declared: str = "") -> Extracted:
    outcome = extract(data, name=name, declared=declared)
    assert isinstance(outcome, Extracted), outcome
    return outcome


def reason_of(data: bytes, name: str) -> str:
    outcome = extract(data, name=name)
    assert isinstance(outcome, Unreadable), outcome
    return outcome.reason


# --- What is read -----------------------------------------------------------------------------------
def test_markdown_keeps_its_text_and_gives_its_front_matter() -> None:
    found = text_of(b"---\ntitle: Returns\nlang: en\nupdated: 2026-03-01\n---\n# Send back\n\n30 days.\n", "a.md")
    assert found.markdown == "# Send back\n\n30 days."
    assert (found.title, found.lang, found.updated) == ("Returns", "en", date(2026, 3, 1))


def test_markdown_loses_what_readers_do_not_see() -> None:
    found = text_of(
        b"# A\n\nSeen.<!-- orders for bots --><script>steal()</script>\n\n```\n<!-- code -->\n```\n", "a.md"
    )
    assert found.markdown == "# A\n\nSeen.\n\n```\n<!-- code -->\n```"


def test_html_gives_the_main_content_with_headings_lists_and_tables() -> None:
    page = """<!doctype html><html lang="en"><head><title>Returns | Shop</title></head><body><nav>Home Cart</nav>
    <main><h1>Returns</h1><p>Within <b>30 days</b>.</p><ul><li>clean</li><li>dry</li></ul>
    <table><tr><th>To</th><th>Price</th></tr><tr><td>Norway</td><td>12 EUR</td></tr></table></main>
    <footer>Imprint</footer></body></html>"""
    found = text_of(page.encode(), "a.html")
    assert found.title == "Returns"
    assert found.lang == "en"
    for piece in ("# Returns", "30 days", "- clean", "| Norway | 12 EUR |"):
        assert piece in found.markdown
    for frame in ("Cart", "Imprint"):
        assert frame not in found.markdown


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- SECRET -->", "<script>SECRET</script>", "<style>SECRET</style>", '<p style="display: none">SECRET</p>',
        "<p hidden>SECRET</p>", '<div aria-hidden="true">SECRET</div>', "<template>SECRET</template>",
        '<p style="font-size:0">SECRET</p>', '<style>.x{display:none}</style><p class="x">SECRET</p>',
        "<noscript>SECRET</noscript>", '<p style="position:absolute;left:-9999px">SECRET</p>',
    ],
)  # fmt: skip
def test_html_that_readers_do_not_see_never_gets_through(hidden: str) -> None:
    found = text_of(f"<html><body><main><h1>A</h1><p>Seen by all.</p>{hidden}</main></body></html>".encode(), "a.html")
    assert "Seen by all." in found.markdown
    assert "SECRET" not in found.markdown


def test_plain_text_keeps_its_lines() -> None:
    found = text_of(b"Opening hours\r\n\r\nMonday 9 to 18\r\nTuesday closed\r\n", "hours.txt")
    assert found.markdown == "Opening hours\n\nMonday 9 to 18\nTuesday closed"
    assert found.title == "Opening hours"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
def test_chinese_text_is_read_in_every_usual_encoding(encoding: str) -> None:
    text = "退货政策：穿过的鞋子可以在三十天内退货，运费由客户承担。请保留原包装，并附上订单号。" * 3
    assert text_of(text.encode(encoding), "退货.txt").markdown == text


def test_western_text_of_an_older_encoding_is_read() -> None:
    text = "Rückgabe: Die Schuhe können Sie binnen dreißig Tagen zurückschicken. Größe und Farbe spielen keine Rolle."
    assert text_of(text.encode("cp1252"), "a.txt", "text/plain; charset=windows-1252").markdown == text


def test_pdf_gives_headings_and_paragraphs() -> None:
    lines = [("Warranty", 24.0), ("The stove has a warranty of ten years.", 11.0), ("Send it back in its box.", 11.0)]
    found = text_of(files.pdf(lines, title="Stove"), "manual.pdf")
    assert found.markdown.startswith("# Warranty\n\nThe stove has a warranty of ten years.")
    assert (found.title, found.media_type, found.details["pages"]) == ("Stove", "application/pdf", 1)


def test_word_gives_headings_lists_and_tables() -> None:
    data = files.docx(
        [("Title", "Invoices"), ("Heading 1", "Address"), ("Normal", "Write to us."), ("List Bullet", "by mail")],
        rows=[["Country", "VAT"], ["Norway", "25 %"]],
    )
    found = text_of(data, "invoices.docx")
    assert found.title == "Invoices"
    for piece in ("# Invoices", "# Address", "Write to us.", "- by mail", "| Norway | 25 % |"):
        assert piece in found.markdown


def test_a_question_list_becomes_headings_with_answers() -> None:
    rows = 'question,answer,topic\nDo you ship to Norway?,"Yes, for 12 euro.",shipping\n'
    found = text_of(rows.encode(), "faq.csv")
    assert found.markdown == "## Do you ship to Norway?\n\nYes, for 12 euro.\n\ntopic: shipping"


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_csv_is_read_with_the_separators_spreadsheets_write(mark: str) -> None:
    found = text_of(f"问题{mark}答案\n可以退货吗？{mark}三十天内可以。\n".encode(), "faq.csv")
    assert found.markdown == "## 可以退货吗？\n\n三十天内可以。"


def test_excel_gives_each_visible_sheet_and_keeps_numbers_as_people_read_them() -> None:
    sheets = {"Prices": [["To", "Price"], ["Norway", 12.0]], "FAQ": [["Question", "Answer"], ["Open?", "Yes."]]}
    found = text_of(files.xlsx(sheets), "prices.xlsx")
    assert found.markdown.startswith("# Prices\n\n| To | Price |\n| --- | --- |\n| Norway | 12 |")
    assert "# FAQ\n\n## Open?\n\nYes." in found.markdown


def test_text_loses_characters_that_hide_or_turn_it_around() -> None:
    assert text_of("pay\u202e tcaf\u202c na\u200bme".encode(), "a.txt").markdown == "pay tcaf name"


# --- What is refused, with a sentence ------------------------------------------------------------------
GOOD_PDF = files.pdf([("Warranty of ten years for all our stoves and lamps", 11.0)])
GOOD_DOCX = files.docx([("Normal", "Write to us.")])
REFUSED: list[tuple[str, str, Callable[[], bytes], str]] = [
    ("no bytes", "a.md", lambda: b"", outcomes.EMPTY),
    ("white space", "a.txt", lambda: b" \n\t\r\n" * 9, outcomes.EMPTY),
    ("no words", "a.md", lambda: b"# ---\n\n***\n", outcomes.NO_TEXT),
    ("a pdf cut short", "a.pdf", lambda: GOOD_PDF[:150], outcomes.DAMAGED),
    ("a pdf of its first bytes", "a.pdf", lambda: b"%PDF-1.7\n", outcomes.DAMAGED),
    ("a pdf with a password", "a.pdf", lambda: files.pdf([("Secret", 11.0)], password="x"), outcomes.ENCRYPTED),
    ("a word file cut short", "a.docx", lambda: GOOD_DOCX[: len(GOOD_DOCX) // 2], outcomes.DAMAGED),
    ("a word file with a password", "a.docx", lambda: files.old_office(encrypted=True), outcomes.ENCRYPTED),
    ("an old word file", "a.doc", lambda: files.old_office(encrypted=False), outcomes.OLD_OFFICE),
    (
        "a zip bomb as a word file", "a.docx",
        lambda: files.replaced(GOOD_DOCX, "word/media/a.xml", bytes(60 * 1024 * 1024)), outcomes.BOMB,
    ),
    (
        "a word file of many parts", "a.docx",
        lambda: files.package({"word/document.xml": b"<a/>", **{f"word/{n}.xml": b"" for n in range(5001)}}),
        outcomes.BOMB,
    ),
    (
        "entities in a word file", "a.docx",
        lambda: files.replaced(
            GOOD_DOCX, "word/document.xml", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
        ),
        outcomes.ENTITIES,
    ),
    (
        "entities in utf-16", "a.docx",
        lambda: files.replaced(GOOD_DOCX, "word/document.xml", '<!DOCTYPE a [<!ENTITY x "y">]><a/>'.encode("utf-16")),
        outcomes.ENTITIES,
    ),
    ("macros", "a.docx", lambda: files.replaced(GOOD_DOCX, "word/vbaProject.bin", b"x"), outcomes.MACROS),
    ("broken word xml", "a.docx", lambda: files.replaced(GOOD_DOCX, "word/document.xml", b"<a"), outcomes.DAMAGED),
    ("a program named pdf", "a.pdf", lambda: files.PROGRAM, outcomes.WRONG_TYPE),
    ("a program named text", "a.txt", lambda: files.PROGRAM, outcomes.BINARY),
    ("a program", "setup.exe", lambda: files.PROGRAM, outcomes.UNKNOWN),
    ("a picture", "a.png", lambda: files.PNG, outcomes.UNKNOWN),
    ("a picture named markdown", "a.md", lambda: files.PNG, outcomes.BINARY),
    ("a pdf named word", "a.docx", lambda: GOOD_PDF, outcomes.WRONG_TYPE),
    ("text named excel", "a.xlsx", lambda: b"question,answer", outcomes.WRONG_TYPE),
    ("another zip file", "a.docx", lambda: files.package({"readme.txt": b"hello"}), outcomes.UNKNOWN),
    ("html nested a thousand deep", "a.html", lambda: b"<div>" * 1000 + b"deep", outcomes.TOO_DEEP),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_read_gets_a_reason(name: str, data: Callable[[], bytes], reason: str) -> None:
    assert reason_of(data(), name) == reason


@pytest.mark.parametrize("reason", sorted({row[3] for row in REFUSED}))
def test_reasons_are_plain_sentences(reason: str) -> None:
    assert reason.endswith(".")
    assert not any(word in reason for word in ("Error", "Exception", "Traceback", "0x", "line "))


def test_a_reader_that_takes_too_long_is_stopped_and_the_next_document_is_read() -> None:
    slow = b"<p>word</p>" * 1_000_000
    outcome = extract(slow, name="slow.html", seconds=0.05)
    assert outcome == Unreadable(outcomes.TOO_SLOW)
    assert text_of(b"# A\n\nText.", "a.md").markdown == "# A\n\nText."


def test_a_reader_that_needs_too_much_memory_is_stopped_and_the_next_document_is_read() -> None:
    outcome = extract(b"<p>word</p>" * 300_000, name="big.html", memory_bytes=1024 * 1024)
    assert isinstance(outcome, Unreadable)
    assert outcome.reason in (outcomes.TOO_HUNGRY, outcomes.CRASHED)
    assert text_of(b"# A\n\nText.", "a.md").markdown == "# A\n\nText."


def test_a_killed_reader_costs_one_document_only(caplog: pytest.LogCaptureFixture) -> None:
    text_of(b"# A\n\nText.", "a.md")
    caplog.set_level(logging.ERROR)
    for child in list(isolation._idle):
        child._process.kill()
        child._process.wait()
    assert text_of(b"# B\n\nText.", "b.md").markdown == "# B\n\nText."


def test_the_reader_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    monkeypatch.setenv("SECRET_KEY", "do-not-tell")
    isolation.close()
    text_of(b"# A\n\nText.", "a.md")
    environment = Path(f"/proc/{isolation._idle[0]._process.pid}/environ").read_bytes()
    assert b"do-not-tell" not in environment
