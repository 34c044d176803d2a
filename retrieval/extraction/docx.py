"""Word files: headings by style or outline level, lists, tables, in the order of the document.

Reads the XML that python-docx opened, so that text inside tracked insertions, content controls and hyperlinks counts
and deleted or hidden text does not. Refuses packages that `packages.check` refuses.
"""

import io
import re
from collections.abc import Iterator
from typing import Any, Final

from retrieval.extraction import packages
from retrieval.extraction.outcomes import DAMAGED, MAX_MARKDOWN, TOO_LONG, Extracted, Refused
from retrieval.extraction.tables import table
from retrieval.extraction.text import clean, first_heading, one_line, says_updated

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SKIPPED: Final = frozenset(
    [
        f"{_W}del",
        f"{_W}moveFrom",
        f"{_W}instrText",
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    ]
)
_HEADING_STYLE: Final = re.compile(r"(?:heading|überschrift|titre|título|标题|標題)\s*(\d)", re.IGNORECASE)
_TEMPLATE_AUTHOR: Final = "python-docx"
"""Files made from this library's template carry the template's dates, not their own."""


def extract_docx(data: bytes, *, charset: str = "", name: str = "") -> Extracted:
    import docx

    packages.check(data)
    try:
        document = docx.Document(io.BytesIO(data))
        blocks, total = [], 0
        for block in _blocks(document):
            total += len(block)
            if total > MAX_MARKDOWN:
                raise Refused(TOO_LONG)
            blocks.append(block)
        about = document.core_properties
        title, author, modified = one_line(about.title or ""), one_line(about.author or ""), about.modified
        language = about.language or ""
    except Refused:
        raise
    except Exception as error:
        raise Refused(DAMAGED) from error
    markdown = clean(_joined(blocks))
    updated = says_updated(markdown) or (modified.date() if modified and author != _TEMPLATE_AUTHOR else None)
    heading = first_heading(markdown)
    generic = title.casefold() in ("", "word document", "untitled", "document")
    return Extracted(
        markdown,
        title=heading if generic else title,
        lang=language[:16],
        updated=updated,
        details={"author": author} if author and author != _TEMPLATE_AUTHOR else {},
    )


def _joined(blocks: list[str]) -> str:
    """List items follow each other line by line; everything else is set apart."""
    text = ""
    for block in blocks:
        tight = _is_item(block) and _is_item(text.rsplit("\n", 1)[-1])
        text += ("\n" if tight else "\n\n") + block if text else block
    return text


def _is_item(line: str) -> bool:
    return bool(re.match(r"\s*(?:- |\d+\. )", line))


def _blocks(document: Any) -> Iterator[str]:
    styles = {style.style_id: style for style in document.styles if style.style_id}
    numbered = _numbered_lists(document)
    for element in _body_elements(document.element.body):
        if element.tag == f"{_W}p":
            if text := _paragraph(element, styles, numbered):
                yield text
        elif block := table(_rows(element)):
            yield block


def _body_elements(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables, also those inside content controls."""
    for element in parent:
        if element.tag in (f"{_W}p", f"{_W}tbl"):
            yield element
        elif element.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml"):
            yield from _body_elements(element)


def _paragraph(element: Any, styles: dict[str, Any], numbered: set[str]) -> str:
    text = " ".join(_text(element).split(" ")).strip()
    if not text:
        return ""
    style = element.find(f"{_W}pPr/{_W}pStyle")
    style_id = style.get(f"{_W}val") if style is not None else ""
    level = _heading_level(element, styles.get(style_id))
    if level:
        return f"{'#' * level} {' '.join(text.split())}"
    name = str(getattr(styles.get(style_id), "name", "") or "").lower()
    numbering = element.find(f"{_W}pPr/{_W}numPr/{_W}numId")
    if numbering is not None or name.startswith("list "):
        depth = element.find(f"{_W}pPr/{_W}numPr/{_W}ilvl")
        indent = "  " * min(int(depth.get(f"{_W}val") or 0), 6) if depth is not None else ""
        ordered = name.startswith("list number") or (numbering is not None and numbering.get(f"{_W}val") in numbered)
        return f"{indent}{'1.' if ordered else '-'} {' '.join(text.split())}"
    return text


def _heading_level(element: Any, style: Any) -> int:
    """1..6 for a heading, 0 for text. A style inherits its outline level from the style it is based on."""
    outline = element.find(f"{_W}pPr/{_W}outlineLvl")
    seen = 0
    while outline is None and style is not None and seen < 10:
        name = str(style.name or "")
        if name.lower() == "title":
            return 1
        if match := _HEADING_STYLE.search(name):
            return min(int(match[1]) or 1, 6)
        outline = style.element.find(f"{_W}pPr/{_W}outlineLvl")
        style, seen = getattr(style, "base_style", None), seen + 1
    if outline is None:
        return 0
    level = int(outline.get(f"{_W}val") or 9)
    return level + 1 if level < 6 else 0


def _text(element: Any) -> str:
    """Text in reading order, without recursion: Word nests text boxes deeply."""
    parts: list[str] = []
    stack = [iter(element)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.tag == f"{_W}t":
            parts.append(child.text or "")
        elif child.tag in (f"{_W}tab", f"{_W}ptab"):
            parts.append(" ")
        elif child.tag in (f"{_W}br", f"{_W}cr"):
            parts.append("\n")
        elif child.tag == f"{_W}noBreakHyphen":
            parts.append("-")
        elif child.tag not in _SKIPPED and not (
            child.tag == f"{_W}r" and child.find(f"{_W}rPr/{_W}vanish") is not None
        ):
            stack.append(iter(child))
    return "".join(parts)


def _rows(element: Any) -> list[list[str]]:
    """Cells of a table; a cell that continues one above (vertical merge) repeats nothing."""
    rows = []
    for row in element.iter(f"{_W}tr"):
        if next(row.iterancestors(f"{_W}tbl")) is not element:
            continue  # a table within a cell: its text is part of that cell
        cells = [cell for cell in row.iter(f"{_W}tc") if next(cell.iterancestors(f"{_W}tr")) is row]
        rows.append([" ".join(" ".join(_text(p) for p in cell.iter(f"{_W}p")).split()) for cell in cells])
    return rows


def _numbered_lists(document: Any) -> set[str]:
    """Ids of lists whose first level counts rather than shows bullets."""
    try:
        root = document.part.numbering_part.element
    except (KeyError, NotImplementedError):
        return set()
    formats = {}
    for abstract in root.iter(f"{_W}abstractNum"):
        first = abstract.find(f"{_W}lvl/{_W}numFmt")
        formats[abstract.get(f"{_W}abstractNumId")] = first.get(f"{_W}val") if first is not None else "bullet"
    numbered = set()
    for number in root.iter(f"{_W}num"):
        pointer = number.find(f"{_W}abstractNumId")
        if pointer is not None and formats.get(pointer.get(f"{_W}val"), "bullet") not in ("bullet", "none"):
            numbered.add(number.get(f"{_W}numId"))
    return numbered
