"""Cuts Markdown and plain text into units that can be read alone: sentences, list items, table rows.

Pure. Knows English and Chinese punctuation, abbreviations, decimals and addresses of the web. It repairs nothing:
what it cannot cut stays one long unit.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

Kind = Literal["text", "item", "row", "heading", "question"]

_ABBREVIATIONS: Final = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "jr",
        "st",
        "no",
        "nr",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "eg",
        "ie",
        "approx",
        "inc",
        "ltd",
        "co",
        "corp",
        "dept",
        "fig",
        "al",
        "u.s",
        "u.k",
        "p.m",
        "a.m",
        "pm",
        "am",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "tel",
        "ext",
        "max",
        "min",
        "ca",
        "bzw",
        "z.b",
        "d.h",
        "u.a",
        "str",
        "art",
        "nos",
    ]
)
_END: Final = re.compile(r"[.!?…]+[\"'”’)\]]*(?:\s*\[\d+\])*(?=\s|$)|[。！？；…]+[”’」』）\]]*(?:\s*\[\d+\])*")
_FENCE: Final = re.compile(r"^\s*(```|~~~)")
_HEADING: Final = re.compile(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_ITEM: Final = re.compile(r"^(\s*)(?:[-*+•·◦▪]|\d{1,3}[.)、]|[（(]\d{1,2}[）)]|[a-z]\))\s+(.*)$")
_ITEM_ZH: Final = re.compile(r"^(\s*)(?:[一二三四五六七八九十]+、|\d{1,2}[、．])\s*(.*)$")
_RULE: Final = re.compile(r"^\s*(?:[-*_]\s*){3,}$|^\s*=+\s*$")
_TABLE_RULE: Final = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_QUESTION_LABEL: Final = re.compile(r"^(?:q|question|frage|问题?|問題?)\s*\d*\s*[:：.]\s*", re.I)
_ANSWER_LABEL: Final = re.compile(r"^(?:a|answer|antwort|答案?|回答)\s*\d*\s*[:：.]\s*", re.I)


@dataclass(frozen=True)
class Unit:
    """One readable piece. `paragraph` counts blocks; `lead` is what a list item or answer hangs on; `heading` the
    nearest heading inside the text."""

    text: str
    kind: Kind
    paragraph: int
    lead: str = ""
    heading: str = ""


def plain(text: str) -> str:
    """Markdown's marks removed from one line: links keep their words, images their description."""
    text = re.sub(r"<!--.*?-->", " ", text, flags=re.S)
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\[([^\]]+)\]\((?:[^()\s]|\([^)]*\))*(?:\s+\"[^\"]*\")?\)", r"\1", text)
    text = re.sub(r"<(https?://[^>\s]+|[^>\s@]+@[^>\s]+)>", r"\1", text)
    text = re.sub(r"</?[a-zA-Z][^<>]*>", " ", text)
    text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<![\w*])[*_](?=\S)([^*_]+?)(?<=\S)[*_](?![\w*])", r"\1", text)
    text = re.sub(r"`+([^`]*)`+", r"\1", text)
    text = re.sub(r"\\([\\`*_{}\[\]()#+.!|~>-])", r"\1", text)
    return re.sub(r"\s+", " ", html.unescape(text)).strip()


def _is_end(text: str, match: re.Match[str]) -> bool:
    """Whether a full stop at `match` ends a sentence: not after abbreviations, initials, or before a small letter."""
    if match[0][0] != "." or len(match[0].rstrip("\"'”’)] ")) > 1:
        return True
    before = re.search(r"(\S+)$", text[: match.start()])
    word = before[1].lstrip("(\"'“‘").casefold() if before else ""
    after = text[match.end() :].lstrip()
    if word in {"p.m", "a.m", "pm", "am", "etc", "inc", "ltd", "u.s", "u.k"}:
        return not after or after[0].isupper()
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
        return not after
    if word.isdigit() and len(word) <= 2 and after[:1].islower():
        return False  # "am 3. mai"
    return not after or not after[0].islower()


def _cuts(text: str) -> Iterator[int]:
    for match in _END.finditer(text):
        if _is_end(text, match):
            yield match.end()


@lru_cache(maxsize=4096)
def sentences(text: str) -> tuple[str, ...]:
    """Sentences of running text; citation marks like [1] stay with the sentence before them."""
    found, start = [], 0
    for end in _cuts(text):
        piece = text[start:end].strip()
        if piece:
            found.append(piece)
        start = end
    rest = text[start:].strip()
    if rest:
        found.append(rest)
    return tuple(found)


class SentenceStream:
    """Cuts text that arrives in pieces: `push` gives the sentences that are surely whole, `finish` the rest.

    Pieces keep their white space, so that joined together they are the text that was pushed.
    """

    def __init__(self) -> None:
        self._held = ""

    def push(self, piece: str) -> list[str]:
        self._held += piece
        whole, start = [], 0
        for end in self._ends():
            whole.append(self._held[start:end])
            start = end
        self._held = self._held[start:]
        return whole

    def finish(self) -> list[str]:
        rest, self._held = self._held, ""
        return [rest] if rest else []

    def _ends(self) -> Iterator[int]:
        """Ends that no later piece can move: a blank line, or a sentence with the start of the next one behind it."""
        text, done = self._held, 0
        for match in re.finditer(r"\n+|" + _END.pattern, text):
            if match.end() <= done:
                continue
            if match[0][0] == "\n":
                done = match.end()
                yield done
                continue
            tail = re.match(r"[ \t]*(?:\[\d+\][ \t]*)*", text[match.end() :])
            end = match.end() + (tail.end() if tail else 0)
            rest = text[end:]
            if not rest or rest[0] == "[" or rest[0] in "\"'”’)」』）":
                continue
            if _is_end(text, match):
                done = end
                yield end


def _cells(line: str) -> list[str]:
    return [plain(cell) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _row_text(head: list[str], cells: list[str]) -> str:
    """A table row as words: the first cell names the row, the others follow with their column's name."""
    pairs = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip(head[1:], cells[1:], strict=False)
        if cell.strip("-–— ")
    ]
    first = cells[0] if cells else ""
    if not pairs:
        return first
    return f"{first} – {', '.join(pairs)}" if first else ", ".join(pairs)


def _blocks(text: str) -> Iterator[tuple[str, str | list[str]]]:
    """("text" | "heading" | "item" | "table" | "break", content) in order; wrapped lines are joined."""
    lines = re.sub(r"<!--.*?-->", " ", text, flags=re.S).splitlines()
    held: list[str] = []
    kind = "text"
    table: list[str] = []
    fenced = False

    def flush() -> Iterator[tuple[str, str | list[str]]]:
        nonlocal kind
        if held:
            yield kind, " ".join(held)
            held.clear()
        kind = "text"
        if table:
            yield "table", list(table)
            table.clear()

    for line in lines:
        if _FENCE.match(line):
            yield from flush()
            fenced = not fenced
            continue
        heading = None if fenced else _HEADING.match(line)
        item = None if fenced else _ITEM.match(line) or _ITEM_ZH.match(line)
        row = not fenced and line.count("|") >= 2 and line.strip().startswith("|")
        if not line.strip():
            yield from flush()
            yield "break", ""
        elif heading:
            yield from flush()
            yield "heading", heading[1]
        elif row or (table and "|" in line):
            if not table:
                yield from flush()
            table.append(line)
        elif _RULE.match(line):
            yield from flush()
        elif item:
            yield from flush()
            kind = "item"
            held.append(item[2])
        else:
            if table:
                yield from flush()
            stripped = re.sub(r"^\s*>+\s?", "", line).strip()
            if held and (_ANSWER_LABEL.match(stripped) or _QUESTION_LABEL.match(stripped)):
                yield from flush()
            held.append(stripped)
    yield from flush()


def _is_question(text: str) -> bool:
    return text.rstrip("\"'”’) ").endswith(("?", "？"))


@lru_cache(maxsize=2048)
def units(text: str) -> tuple[Unit, ...]:
    """The readable pieces of a passage, in order. Headings and questions are units of their own kinds."""
    found: list[Unit] = []
    heading, lead, paragraph, lead_open = "", "", 0, False
    for kind, content in _blocks(text):
        if kind == "break":
            paragraph += 1
            continue
        if kind == "heading":
            heading, lead, lead_open = plain(str(content)), "", False
            paragraph += 1
            found.append(Unit(heading, "heading", paragraph))
            continue
        if kind == "table":
            found.extend(_table_units(list(content), paragraph, lead if lead_open else "", heading))
            continue
        line = plain(str(content))
        if not line:
            continue
        question = _QUESTION_LABEL.match(line)
        line = _ANSWER_LABEL.sub("", _QUESTION_LABEL.sub("", line))
        if kind == "item":
            parts = sentences(line)
            found.extend(
                Unit(part, "item" if index == 0 else "text", paragraph, lead if lead_open else "", heading)
                for index, part in enumerate(parts)
            )
            continue
        lead_open = False
        for part in sentences(line):
            asked = _is_question(part) or (question is not None and part == line)
            if asked:
                lead = part
            found.append(Unit(part, "question" if asked else "text", paragraph, "", heading))
            if part.endswith((":", "：")):
                lead, lead_open = part, True
            elif asked:
                lead_open = True
    return tuple(_with_answers_leads(found))


def _with_answers_leads(found: list[Unit]) -> Iterator[Unit]:
    """Text that follows a question in the same list of answers hangs on that question."""
    question = ""
    for unit in found:
        if unit.kind == "question":
            question = unit.text
        elif unit.kind == "heading":
            question = unit.text if _is_question(unit.text) else ""
        elif question and unit.kind == "text" and not unit.lead:
            unit = Unit(unit.text, unit.kind, unit.paragraph, question, unit.heading)
        yield unit


def _table_units(lines: list[str], paragraph: int, lead: str, heading: str) -> Iterator[Unit]:
    ruled = len(lines) > 1 and bool(_TABLE_RULE.match(lines[1]))
    head = _cells(lines[0]) if ruled else []
    asks = bool(head) and bool(re.match(r"(?i)(q|question|frage|问题|問題)$", head[0]))
    for line in lines[2:] if ruled else lines:
        cells = _cells(line)
        if _TABLE_RULE.match(line) or not any(cells):
            continue
        if asks and len(cells) > 1:
            yield Unit(cells[0], "question", paragraph, "", heading)
            for part in sentences(cells[1]):
                yield Unit(part, "text", paragraph, cells[0], heading)
            continue
        yield Unit(_row_text(head or [""] * len(cells), cells), "row", paragraph, lead, heading)
