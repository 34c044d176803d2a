"""Which format a file is in: by its name or declared type, held against its content. Nothing is opened here.

Uploads must be what their name says. Pages from the web are what their content says, for servers often declare wrongly.
"""

import re
from enum import Enum
from pathlib import PurePosixPath
from typing import Final

from retrieval.extraction import packages
from retrieval.extraction.outcomes import BINARY, DAMAGED, ENCRYPTED, OLD_OFFICE, UNKNOWN, WRONG_TYPE, Refused


class Format(Enum):
    """Formats that can be read, with the media type stored for each."""

    MARKDOWN = "text/markdown"
    HTML = "text/html"
    TEXT = "text/plain"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    CSV = "text/csv"


BY_SUFFIX: Final = {
    ".md": Format.MARKDOWN, ".markdown": Format.MARKDOWN, ".mdx": Format.MARKDOWN, ".mkd": Format.MARKDOWN,
    ".html": Format.HTML, ".htm": Format.HTML, ".xhtml": Format.HTML,
    ".txt": Format.TEXT, ".text": Format.TEXT, ".log": Format.TEXT, ".rst": Format.TEXT,
    ".pdf": Format.PDF, ".docx": Format.DOCX, ".xlsx": Format.XLSX, ".csv": Format.CSV, ".tsv": Format.CSV,
}  # fmt: skip
_BY_TYPE: Final = {
    **{one.value: one for one in Format},
    "application/xhtml+xml": Format.HTML,
    "text/x-markdown": Format.MARKDOWN,
    "text/tab-separated-values": Format.CSV,
    "application/csv": Format.CSV,
}
_TEXTUAL: Final = frozenset([Format.MARKDOWN, Format.HTML, Format.TEXT, Format.CSV])
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOOKS_LIKE_HTML: Final = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)


def format_of(data: bytes, *, name: str = "", declared: str = "", trust_content: bool = False) -> Format:
    """Raises Refused with the reason when the content is unsupported or contradicts the name."""
    content = _binary_format(data)
    suffix = PurePosixPath(name.lower()).suffix
    named = BY_SUFFIX.get(suffix) or _BY_TYPE.get(declared.split(";")[0].strip().lower())
    if content is not None:
        if named not in (content, None) and not trust_content:
            raise Refused(WRONG_TYPE)
        return content
    if _is_binary(data):
        if named and named not in _TEXTUAL:
            raise Refused(WRONG_TYPE if known_binary(data) else DAMAGED)
        raise Refused(BINARY if named else UNKNOWN)
    if named is None:
        if suffix and not trust_content:
            raise Refused(UNKNOWN)
        return Format.HTML if _LOOKS_LIKE_HTML.search(data[:4096]) else Format.TEXT
    if named not in _TEXTUAL:
        if not trust_content:
            raise Refused(WRONG_TYPE)
        return Format.HTML if _LOOKS_LIKE_HTML.search(data[:4096]) else Format.TEXT
    if trust_content and named in (Format.TEXT, Format.CSV) and _LOOKS_LIKE_HTML.search(data[:1024]):
        return Format.HTML
    return named


def _binary_format(data: bytes) -> Format | None:
    if b"%PDF-" in data[:1024]:
        return Format.PDF
    if data.startswith(b"PK\x03\x04"):
        names = {info.filename for info in packages.members(data)}
        if "word/document.xml" in names:
            return Format.DOCX
        if "xl/workbook.xml" in names:
            return Format.XLSX
        raise Refused(UNKNOWN)
    if data.startswith(_OLE):
        # Office encrypts by wrapping the package in this older container.
        raise Refused(ENCRYPTED if "EncryptedPackage".encode("utf-16-le") in data else OLD_OFFICE)
    return None


def _is_binary(data: bytes) -> bool:
    """True for images, archives, programs and other bytes that are no text in any encoding."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return False
    if known_binary(data):
        return True
    sample = data[:8192]
    zeros = sample.count(0)
    if zeros and not (zeros > 0.2 * len(sample) and _alternating(sample)):
        return zeros > len(sample) // 200 + 2
    control = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in sample)
    return control * 20 > len(sample)


def _alternating(sample: bytes) -> bool:
    """The zeros of UTF-16 without a mark stand on one side."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    return min(even, odd) * 10 < max(even, odd)


def known_binary(data: bytes) -> bool:
    """True when the first bytes are those of a format that is not text."""
    import puremagic

    try:
        found = puremagic.magic_string(data[:4096])
    except (puremagic.PureError, ValueError):
        return False
    best = found[0]
    # Weak marks (two letters) fit many texts; a strong one has four bytes of which one is not printable.
    mark = bytes(best.byte_match or b"")
    strong = len(mark) >= 4 and any(byte > 126 or byte < 9 for byte in mark)
    return strong and not str(best.mime_type).startswith(("text/", "application/xml", "application/json"))
