"""Reads one document in this process. Meant for the child (`worker.py`); tests of formats call it too."""

from collections.abc import Mapping
from typing import Final, Protocol

from retrieval.extraction import docx, html, markdown, pdf, spreadsheets, text
from retrieval.extraction.outcomes import (
    EMPTY,
    MAX_MARKDOWN,
    NO_TEXT,
    TOO_DEEP,
    TOO_HUNGRY,
    TOO_LONG,
    Extracted,
    Outcome,
    Refused,
    Unreadable,
)
from retrieval.extraction.sniffing import Format, format_of
from retrieval.extraction.text import one_line


class _Reader(Protocol):
    def __call__(self, data: bytes, *, charset: str = "", name: str = "") -> Extracted: ...


READERS: Final[Mapping[Format, _Reader]] = {
    Format.MARKDOWN: markdown.extract_markdown,
    Format.HTML: html.extract_html,
    Format.TEXT: text.extract_text,
    Format.PDF: pdf.extract_pdf,
    Format.DOCX: docx.extract_docx,
    Format.XLSX: spreadsheets.extract_xlsx,
    Format.CSV: spreadsheets.extract_csv,
}


def read(data: bytes, *, name: str = "", declared: str = "", trust_content: bool = False) -> Outcome:
    """`declared` is a Content-Type with optional charset. Never raises for what a document contains."""
    if not data.strip(b"\x00\t\n\r\x0b\x0c \xef\xbb\xbf"):
        return Unreadable(EMPTY)
    media_type = ""
    try:
        found = format_of(data, name=name, declared=declared, trust_content=trust_content)
        media_type = found.value
        extracted = READERS[found](data, charset=_charset(declared), name=name)
    except Refused as refused:
        return Unreadable(str(refused), media_type)
    except RecursionError:
        return Unreadable(TOO_DEEP, media_type)
    except MemoryError:
        return Unreadable(TOO_HUNGRY, media_type)
    if not any(map(str.isalnum, extracted.markdown)):
        return Unreadable(NO_TEXT, media_type)
    if len(extracted.markdown) > MAX_MARKDOWN:
        return Unreadable(TOO_LONG, media_type)
    return Extracted(
        extracted.markdown,
        title=one_line(extracted.title),
        lang=extracted.lang.strip().lower().replace("_", "-"),
        updated=extracted.updated,
        media_type=media_type,
        details=extracted.details,
    )


def _charset(declared: str) -> str:
    _type, _sep, parameters = declared.partition("charset=")
    return parameters.split(";")[0].strip().strip("\"'")[:40]
