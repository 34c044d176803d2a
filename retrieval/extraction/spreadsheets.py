"""XLSX and CSV files: each sheet a section. Formulas give their stored values; hidden sheets, rows and columns go."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any, Final

from retrieval.extraction import packages, tables
from retrieval.extraction.outcomes import BINARY, DAMAGED, MAX_MARKDOWN, TOO_LONG, Extracted, Refused
from retrieval.extraction.text import clean, decode, is_mostly_printable, one_line, says_updated

MAX_COLUMNS: Final = 200
MAX_ROWS: Final = 200_000


def extract_csv(data: bytes, *, charset: str = "", name: str = "") -> Extracted:
    text = decode(data, charset)
    if not is_mostly_printable(text):
        raise Refused(BINARY)
    text = clean(text)
    csv.field_size_limit(1_000_000)
    try:
        rows = _within_limits(csv.reader(io.StringIO(text), _dialect(text, name)))
    except csv.Error as error:
        raise Refused(DAMAGED) from error
    return Extracted(clean(tables.to_markdown(rows)), lang=tables.language_of(rows), details={"rows": len(rows)})


def _dialect(text: str, name: str) -> type[csv.Dialect]:
    class Found(csv.excel):
        delimiter = "\t" if name.lower().endswith(".tsv") else ","

    head = "\n".join(text.split("\n")[:30])
    first = head.split("\n", 1)[0]
    candidates = {mark: first.count(mark) for mark in ("\t", ";", ",", "|")}
    if not candidates[Found.delimiter]:
        Found.delimiter = max(candidates, key=lambda mark: candidates[mark])
    return Found


def extract_xlsx(data: bytes, *, charset: str = "", name: str = "") -> Extracted:
    import openpyxl

    packages.check(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True, keep_links=False)
        sheets = [
            (one_line(str(sheet.title)), _rows(sheet)) for sheet in book.worksheets if sheet.sheet_state == "visible"
        ]
        about = book.properties
        title, author, modified = one_line(about.title or ""), one_line(about.creator or ""), about.modified
    except Refused:
        raise
    except Exception as error:
        raise Refused(DAMAGED) from error
    sheets = [(heading, rows) for heading, rows in sheets if rows]
    parts = [
        tables.to_markdown(rows) if len(sheets) == 1 else f"# {heading}\n\n{tables.to_markdown(rows)}"
        for heading, rows in sheets
    ]
    languages = {tables.language_of(rows) for _heading, rows in sheets}
    markdown = clean("\n\n".join(parts))
    if len(markdown) > MAX_MARKDOWN:
        raise Refused(TOO_LONG)
    return Extracted(
        markdown,
        title=title,
        lang=languages.pop() if len(languages) == 1 else "",
        # openpyxl's own files say "now" when read; only what another program wrote counts.
        updated=says_updated(markdown) or (modified.date() if modified and author != "openpyxl" else None),
        details={"sheets": len(sheets), "rows": sum(len(rows) for _heading, rows in sheets)},
    )


def _rows(sheet: Any) -> list[list[str]]:
    hidden_rows = {number for number, shape in sheet.row_dimensions.items() if shape.hidden}
    hidden_columns: set[int] = set()
    for shape in sheet.column_dimensions.values():
        if shape.hidden and shape.min:
            hidden_columns.update(range(shape.min, min(shape.max or shape.min, MAX_COLUMNS) + 1))
    visible = (
        [_shown(value) for place, value in enumerate(row, start=1) if place not in hidden_columns]
        for number, row in enumerate(
            sheet.iter_rows(values_only=True, max_col=min(sheet.max_column or 1, MAX_COLUMNS)), start=1
        )
        if number not in hidden_rows
    )
    return _within_limits(visible)


def _within_limits(rows: Iterable[list[str]]) -> list[list[str]]:
    return tables.trimmed(list(_counted(rows)))


def _counted(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    total = 0
    for number, row in enumerate(rows):
        total += sum(map(len, row))
        if number >= MAX_ROWS or total > MAX_MARKDOWN:
            raise Refused(TOO_LONG)
        if any(cell.strip() for cell in row):
            yield row[:MAX_COLUMNS]


def _shown(value: object) -> str:
    """A cell as people read it: 5 rather than 5.0, dates in ISO form, no time at midnight."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
