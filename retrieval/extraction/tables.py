"""Rows to Markdown: question-answer lists become headings with answers, everything else a table. Pure."""

import re
from collections.abc import Sequence
from typing import Final

HEAD_EVERY: Final = 40
"""Rows after which a long table begins again with its header, so that a passage never loses it."""

_QUESTION: Final = re.compile(
    r"^(?:customer\s+)?(?:questions?|q|faq|query|queries|问题?|問題?|提问|常见问题|标准问题?|frage|pregunta|pergunta)$",
    re.IGNORECASE,
)
_ANSWER: Final = re.compile(
    r"^(?:answers?|a|reply|replies|response|答案?|回答|回复|标准答案|解答|antwort|réponse|respuesta|resposta)$",
    re.IGNORECASE,
)
_LANGUAGE: Final = re.compile(r"^(?:lang|language|locale|语言|語言)$", re.IGNORECASE)


def to_markdown(rows: Sequence[Sequence[str]]) -> str:
    """One sheet. Rows may differ in length; empty rows and columns are left out."""
    rows = trimmed(rows)
    columns = question_columns(rows)
    if columns is None:
        return table(rows)
    question, answer, has_header = columns
    header = rows[0] if has_header else []
    return "\n\n".join(filter(None, (_entry(row, question, answer, header) for row in rows[1 if has_header else 0 :])))


def question_columns(rows: Sequence[Sequence[str]]) -> tuple[int, int, bool] | None:
    """(question column, answer column, first row is a header) where the rows are a list of questions and answers."""
    if not rows:
        return None
    names = [cell.strip() for cell in rows[0]]
    question = next((place for place, name in enumerate(names) if _QUESTION.match(name)), None)
    answer = next((place for place, name in enumerate(names) if _ANSWER.match(name)), None)
    if question is not None and answer is not None and question != answer:
        return question, answer, True
    if len(names) == 2:
        asks = [row[0].strip().endswith(("?", "？")) for row in rows if row[0].strip()]
        if len(asks) >= 2 and sum(asks) * 10 >= 7 * len(asks):
            return 0, 1, not asks[0]
    return None


def _entry(row: Sequence[str], question: int, answer: int, header: Sequence[str]) -> str:
    asked, said = " ".join(row[question].split()), row[answer].strip()
    if not asked or not said:
        return said
    # Other columns (category, product) help to find and to understand; the language says nothing to a reader.
    others = [
        f"{name.strip()}: {' '.join(cell.split())}"
        for place, (name, cell) in enumerate(zip(header, row, strict=False))
        if place not in (question, answer) and name.strip() and cell.strip() and not _LANGUAGE.match(name.strip())
    ]
    return "\n\n".join([f"## {asked}", said, *([", ".join(others)] if others else [])])


def language_of(rows: Sequence[Sequence[str]]) -> str:
    """The language a `lang` column names for all rows, or empty."""
    rows = trimmed(rows)
    place = next((place for place, name in enumerate(rows[0]) if _LANGUAGE.match(name.strip())), None) if rows else None
    if place is None:
        return ""
    said = {row[place].strip() for row in rows[1:] if row[place].strip()}
    return said.pop()[:16] if len(said) == 1 else ""


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first row is the header; a single column becomes a list."""
    rows = trimmed(rows)
    if not rows:
        return ""
    if len(rows[0]) == 1:
        return "\n".join(f"- {' '.join(row[0].split())}" for row in rows) if len(rows) > 1 else rows[0][0].strip()
    head, body = rows[0], rows[1:]
    parts = [body[begin : begin + HEAD_EVERY] for begin in range(0, len(body), HEAD_EVERY)] or [[]]
    rule = "|" + " --- |" * len(head)
    return "\n\n".join("\n".join([_row(head), rule, *(_row(row) for row in part)]) for part in parts)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def trimmed(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rectangular, without empty rows and without columns that are empty throughout."""
    kept = [list(row) for row in rows if any(cell.strip() for cell in row)]
    width = max((len(row) for row in kept), default=0)
    for row in kept:
        row.extend([""] * (width - len(row)))
    used = [place for place in range(width) if any(row[place].strip() for row in kept)]
    return [[row[place] for place in used] for row in kept]
