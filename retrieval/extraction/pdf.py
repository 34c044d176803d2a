"""PDF files by pypdf: text in reading order, headings from font sizes, running heads and page numbers left out.

Refuses what needs a password, what holds only pictures, and what is too long. Pathological files are stopped from
outside: this runs in the child process with limits.
"""

import io
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from retrieval.extraction.outcomes import (
    DAMAGED,
    ENCRYPTED,
    MAX_MARKDOWN,
    SCANNED,
    TOO_LONG,
    TOO_MANY_PAGES,
    Extracted,
    Refused,
)
from retrieval.extraction.text import clean, first_heading, one_line, says_updated

MAX_PAGES: Final = 3000
SCANNED_CHARS_PER_PAGE: Final = 12
_BULLET: Final = re.compile(r"^[•▪◦‣●○■\u2022\uf0b7·–-]\s+")
_NUMBERED: Final = re.compile(r"^\(?\d{1,3}[.)]\s+\S")
_ENDS_SENTENCE: Final = re.compile(r"[.!?:;。！？：；…»”\"')）]$")
_CJK: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]")


@dataclass(frozen=True)
class Line:
    text: str
    size: float
    """Font size in points as drawn; 0 when unknown."""


def extract_pdf(data: bytes, *, charset: str = "", name: str = "") -> Extracted:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused(ENCRYPTED)
        count = len(reader.pages)
        if count > MAX_PAGES:
            raise Refused(TOO_MANY_PAGES)
        pages = _pages(reader)
        described = _described(reader)
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        NotImplementedError,
        OSError,
    ) as error:
        # pypdf meets broken structures with whatever the broken place raises.
        raise Refused(
            ENCRYPTED if "password" in str(error).lower() or "encrypt" in str(error).lower() else DAMAGED
        ) from error
    if not count:
        raise Refused(DAMAGED)
    if sum(len(line.text) for page in pages for line in page) < SCANNED_CHARS_PER_PAGE * count and _has_pictures(
        reader
    ):
        raise Refused(SCANNED)
    markdown = clean(to_markdown(pages))
    title, updated, details = described
    return Extracted(
        markdown,
        title=title or first_heading(markdown),
        updated=says_updated(markdown) or updated,
        details={**details, "pages": count},
    )


def _pages(reader: Any) -> list[list[Line]]:
    pages, total = [], 0
    for page in reader.pages:
        lines = _lines(page)
        total += sum(len(line.text) for line in lines)
        if total > MAX_MARKDOWN:
            raise Refused(TOO_LONG)
        pages.append(lines)
    return pages


def _lines(page: Any) -> list[Line]:
    """Lines as pypdf reads them, each with the largest font size that drew a good part of it."""
    sizes: dict[str, float] = {}

    def note(text: str, cm: Sequence[float], tm: Sequence[float], _font: Any, size: float) -> None:
        scale = abs(tm[3] * cm[3]) or abs(tm[0] * cm[0]) or 1.0
        for part in text.split("\n"):
            if key := _key(part):
                sizes[key] = max(sizes.get(key, 0.0), round(size * scale, 1))

    text = page.extract_text(visitor_text=note)
    return [
        Line(stripped, _size_of(stripped, sizes)) for raw in text.split("\n") if (stripped := " ".join(raw.split()))
    ]


def _key(text: str) -> str:
    return "".join(text.split())


def _size_of(text: str, sizes: dict[str, float]) -> float:
    key = _key(text)
    if key in sizes:
        return sizes[key]
    # A heading may have been drawn in several pieces; all of them must be of one size.
    parts = (
        {size for piece, size in sizes.items() if len(piece) > 1 and piece in key}
        if len(key) <= 120 and len(sizes) < 400
        else set()
    )
    return parts.pop() if len(parts) == 1 else 0.0


def to_markdown(pages: Sequence[Sequence[Line]]) -> str:
    pages = _without_running_lines(pages)
    levels = _heading_levels(line for page in pages for line in page)
    widths = sorted(len(line.text) for page in pages for line in page)
    full = int(0.7 * widths[int(0.9 * len(widths))]) if widths else 0
    blocks: list[str] = []
    for page in pages:
        for line in page:
            _add(blocks, line, levels.get(line.size, 0), full)
    return "\n\n".join(blocks)


def _heading_levels(lines: Iterable[Line]) -> dict[float, int]:
    """Font size -> heading level 1..4 for the sizes clearly above that of most text."""
    weights: Counter[float] = Counter()
    for line in lines:
        if line.size:
            weights[line.size] += len(line.text)
    if len(weights) < 2:
        return {}
    body = weights.most_common(1)[0][0]
    larger = sorted(
        (size for size, weight in weights.items() if size >= body * 1.12 and weight < weights[body]), reverse=True
    )
    return {size: min(level, 4) for level, size in enumerate(larger, start=1)}


def _add(blocks: list[str], line: Line, level: int, full: int) -> None:
    """Append a line to the blocks: headings stand alone, list items begin a line, the rest flows into paragraphs.

    `full`: characters from which a line counts as broken at the margin rather than ended.
    """
    if level and len(line.text) <= 160:
        previous = blocks[-1] if blocks else ""
        if previous.startswith("#" * level + " ") and not _ENDS_SENTENCE.search(previous) and len(previous) < 120:
            blocks[-1] = f"{previous} {line.text}"  # a heading of two lines
        else:
            blocks.append(f"{'#' * level} {line.text}")
        return
    text = _BULLET.sub("- ", line.text)
    last = blocks[-1] if blocks else "#"
    if text.startswith("- ") or _NUMBERED.match(text):
        if last.startswith("- ") or _NUMBERED.match(last):
            blocks[-1] = f"{last}\n{text}"
        else:
            blocks.append(text)
    elif last.startswith("#") or (_ENDS_SENTENCE.search(last) and len(last.rsplit("\n", 1)[-1]) < 60):
        blocks.append(text)
    else:
        blocks[-1] = _joined(last, text, full)


def _joined(before: str, after: str, full: int) -> str:
    if before.endswith("-") and before[-2:-1].isalpha() and after[:1].islower():
        return before[:-1] + after
    line = before.rsplit("\n", 1)[-1]
    if _CJK.match(before[-1:]) and _CJK.match(after[:1]) and len(line) >= full:
        return before + after
    # Short lines are rows of a table or an address: keep them apart.
    return f"{before}\n{after}"


def _without_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Drop heads, feet and page numbers: edge lines that come again, numbers aside, on most pages."""
    if len(pages) < 3:
        return [[line for line in page if not _is_page_number(line.text)] for page in pages]
    counts = Counter(shape for page in pages for shape in {_shape(line.text) for line in (*page[:2], *page[-2:])})
    running = {shape for shape, count in counts.items() if count >= max(3, 0.6 * len(pages))}
    return [
        [
            line
            for place, line in enumerate(page)
            if not (_is_page_number(line.text) or (_shape(line.text) in running and not 2 <= place < len(page) - 2))
        ]
        for page in pages
    ]


def _shape(text: str) -> str:
    return re.sub(r"\d+", "0", text.casefold())


def _is_page_number(text: str) -> bool:
    return bool(
        re.fullmatch(r"(?:page|seite|第)?\s*\d{1,4}\s*(?:(?:/|of|von)\s*\d{1,4}|页|頁)?", text, re.IGNORECASE)
    ) and not (len(text) == 4 and text.startswith(("19", "20")))


def _described(reader: Any) -> tuple[str, date | None, dict[str, str | int]]:
    try:
        about = reader.metadata
    except Exception:  # noqa: BLE001 - metadata is a courtesy; a broken entry must not cost the text
        about = None
    if about is None:
        return "", None, {}
    said = {key: one_line(str(value)) for key, value in (("title", about.title), ("author", about.author)) if value}
    title = said.pop("title", "")
    when: datetime | None = None
    for attribute in ("modification_date", "creation_date"):
        try:
            when = when or getattr(about, attribute)
        except Exception:  # noqa: BLE001, S112 - as above: dates in PDF files are often malformed
            continue
    if title.casefold() in ("untitled", "(anonymous)", "unspecified") or title.lower().endswith(
        (".doc", ".docx", ".indd", ".tex")
    ):
        title = ""
    return title, when.date() if when else None, dict(said)


def _has_pictures(reader: Any) -> bool:
    """True when a page draws an image, or when nobody can tell."""
    try:
        return any("/XObject" in (page.get("/Resources") or {}) for page in list(reader.pages)[:5])
    except Exception:  # noqa: BLE001 - a page that cannot say what it draws is treated as a picture
        return True
