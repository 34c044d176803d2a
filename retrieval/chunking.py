"""Cuts Markdown into passages. Pure: text in, frozen chunks out; knows no files, tables or models.

Every chunk is an exact slice of the document (`markdown[start:end]`), so a citation can be shown where it stands.
Cuts fall between sections first, then paragraphs and table rows, then sentences; only a sentence longer than a whole
chunk is cut inside. Nothing that is not blank is lost.
"""

import bisect
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

CHUNKING_GENERATION: Final = 1
"""Raise it when the same text would be cut differently: passages of an older generation are cut again."""

PASSAGE_TOKENS: Final = 220
"""Estimates run about 8 % high for English, so this is 200 wordpieces of a BERT-like model."""
OVERLAP_TOKENS: Final = 40
MERGE_TOKENS: Final = 180
"""A section smaller than this shares a passage with the next one under the same parent."""

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_SENTENCE_END = re.compile(
    r"[。！？；…]+[”’」』）)\]\"']*"  # ends by itself
    r"|[.!?]+[”’\")\]]*(?=[ \t\n]+[^\sa-z])"  # ends before something that may begin a sentence
    r"|[.!?]+[”’\")\]]*(?=[A-Z][a-z])"  # a missing blank: "licence.We"
)
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]|[^\W\d_]+|\d+|[^\w\s]|_", re.UNICODE)
_MAX_HEADING_CHARS: Final = 200
_MAX_CONTEXT_CHARS: Final = 400


@dataclass(frozen=True)
class Chunk:
    """`text == markdown[start:end]`. `context` is what a reader of the slice alone misses: a table's header row.

    `heading_path` holds the headings above the first line, outermost first; headings inside stand in `text`.
    """

    ordinal: int
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]
    context: str
    tokens: int


@dataclass(frozen=True)
class _Unit:
    """The smallest stretch that is kept whole. `context` is set on table rows below the header."""

    start: int
    end: int
    tokens: int
    context: str = ""


@dataclass(frozen=True)
class _Section:
    path: tuple[str, ...]
    """Headings above this section, its own not included."""
    heading: str
    level: int
    units: tuple[_Unit, ...]
    tokens: int


def estimate_tokens(text: str) -> int:
    """About as many wordpieces as a multilingual BERT-like vocabulary makes: one per CJK character, word or sign."""
    return sum(_token_weight(match.group()) for match in _TOKEN.finditer(text))


def _token_weight(token: str) -> int:
    length = len(token)
    if length <= 7:
        return 1 if not token.isdigit() else (length + 2) // 3
    return math.ceil(length / 5)


def chunk(
    markdown: str,
    *,
    passage_tokens: int = PASSAGE_TOKENS,
    overlap_tokens: int = OVERLAP_TOKENS,
    merge_tokens: int = MERGE_TOKENS,
) -> list[Chunk]:
    """Cut a document. Sizes are estimates of wordpieces. An empty or blank document gives no chunk.

    Raises ValueError when the overlap is not smaller than half a passage (the cutting would not advance).
    """
    if passage_tokens < 8 or not 0 <= overlap_tokens <= passage_tokens // 2:
        raise ValueError("passage_tokens must be at least 8 and overlap_tokens at most half of it")
    chunks: list[Chunk] = []
    for group in _merged(_sections(markdown, passage_tokens), min(merge_tokens, passage_tokens), passage_tokens):
        path = group[0].path
        units = [unit for section in group for unit in section.units]
        for first, last in _packed(units, passage_tokens, overlap_tokens):
            start, end = units[first].start, units[last].end
            shown = path if first == 0 or not group[0].heading else (*path, group[0].heading)
            chunks.append(
                Chunk(
                    ordinal=len(chunks),
                    start=start,
                    end=end,
                    text=markdown[start:end],
                    heading_path=shown,
                    context=units[first].context,
                    tokens=sum(unit.tokens for unit in units[first : last + 1]),
                )
            )
    return chunks


def _packed(units: Sequence[_Unit], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Ranges (first, last) of units, evenly filled so that no passage is a mere tail."""
    total = sum(unit.tokens for unit in units)
    if total <= size:
        if units:
            yield 0, len(units) - 1
        return
    pieces = math.ceil((total - overlap) / max(1, size - overlap))
    aim = min(size, math.ceil((total + overlap * (pieces - 1)) / pieces) + 8)
    first = 0
    while first < len(units):
        last, filled = first, units[first].tokens
        while last + 1 < len(units) and filled + units[last + 1].tokens <= aim:
            last += 1
            filled += units[last].tokens
        yield first, last
        if last + 1 >= len(units):
            return
        back, repeated = last + 1, 0
        while back - 1 > first and repeated + units[back - 1].tokens <= overlap:
            back -= 1
            repeated += units[back].tokens
        # What is repeated must leave room for something new.
        first = back if repeated + units[last + 1].tokens <= aim else last + 1


def _merged(sections: Sequence[_Section], smallest: int, largest: int) -> Iterator[list[_Section]]:
    """Groups of neighbouring sections: a small one takes in what follows at its level or below."""
    group: list[_Section] = []
    filled = 0
    for section in sections:
        fits = filled + section.tokens <= largest
        related = bool(group) and section.path[: len(group[0].path)] == group[0].path
        if group and filled < smallest and fits and related and section.level >= group[0].level:
            group.append(section)
            filled += section.tokens
            continue
        if group:
            yield group
        group, filled = [section], section.tokens
    if group:
        yield group


def _sections(markdown: str, size: int) -> list[_Section]:
    """The document cut at its headings; a heading's line is the first unit of its section."""
    lines = _lines(markdown)
    found: list[_Section] = []
    above: list[tuple[int, str]] = []
    heading, level, begin = "", 0, 0
    marks = [*_headings(markdown, lines), (len(lines), 7, "")]
    for index, next_level, next_heading in marks:
        units = tuple(_units(markdown, lines[begin:index], size))
        path = tuple(text for _level, text in above)
        if units:
            found.append(_Section(path, heading, level, units, sum(unit.tokens for unit in units)))
        if heading:
            above.append((level, heading))
        while above and above[-1][0] >= next_level:
            above.pop()
        heading, level, begin = next_heading, next_level, index
    return found


def _lines(markdown: str) -> list[tuple[int, int]]:
    """(start, end) of each line, line break excluded."""
    found, start = [], 0
    for line in markdown.splitlines(keepends=True):
        found.append((start, start + len(line.rstrip("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))))
        start += len(line)
    return found


def _headings(markdown: str, lines: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """(line, level, text) of each heading outside fences; `#` and underlined ones."""
    fence = ""
    for number, (start, end) in enumerate(lines):
        line = markdown[start:end]
        if match := _FENCE.match(line):
            mark = match.group(1)
            if not fence:
                fence = mark
            elif mark.startswith(fence):
                fence = ""
            continue
        if fence or not line.strip():
            continue
        if (match := _HEADING.match(line)) and (match.group(2) or "").strip():
            yield number, len(match.group(1)), _plain(match.group(2))
        elif number + 1 < len(lines) and _is_underlined(markdown, lines, number):
            level = 1 if "=" in markdown[slice(*lines[number + 1])] else 2
            yield number, level, _plain(line)


def _is_underlined(markdown: str, lines: Sequence[tuple[int, int]], number: int) -> bool:
    """A lone line of text above === or --- (not a table, a list or the end of a paragraph)."""
    line = markdown[slice(*lines[number])]
    below = markdown[slice(*lines[number + 1])]
    if len(below.strip()) < 3 or not _UNDERLINE.match(below) or "|" in line or _ITEM.match(line):
        return False
    alone = number == 0 or not markdown[slice(*lines[number - 1])].strip()
    return alone and len(line) <= _MAX_HEADING_CHARS and not _UNDERLINE.match(line)


def _plain(heading: str) -> str:
    """The heading's words without emphasis marks and link targets."""
    text = re.sub(r"!?\[([^\]\[]*)\]\([^()]*\)", r"\1", heading)
    return re.sub(r"[*_`]+", "", text).strip()[:_MAX_HEADING_CHARS]


def _units(markdown: str, lines: Sequence[tuple[int, int]], size: int) -> Iterator[_Unit]:
    """Rows, items, fence lines and sentences of some lines, in order."""
    paragraph: list[tuple[int, int]] = []
    fence, header, index = "", "", 0
    while index < len(lines):
        start, end = lines[index]
        line = markdown[start:end]
        match = _FENCE.match(line)
        if match and (not fence or match.group(1).startswith(fence)):
            fence = "" if fence else match.group(1)
            is_row, is_alone = False, True
        else:
            is_row = not fence and _is_row(line, bool(header))
            is_alone = bool(fence) or bool(_HEADING.match(line)) or is_row
        if not is_row:
            header = ""
        if is_alone or not line.strip() or _ITEM.match(line):
            yield from _sentences(markdown, paragraph, size)
            paragraph = []
        if is_row and not header and index + 1 < len(lines) and _TABLE_RULE.match(markdown[slice(*lines[index + 1])]):
            rule = lines[index + 1]
            header = markdown[start : rule[1]] if rule[1] - start <= _MAX_CONTEXT_CHARS else ""
            yield from _cut(markdown, start, rule[1], size, "")
            header = header or " "
            index += 2
            continue
        if is_alone and line.strip():
            yield from _cut(markdown, start, end, size, header.strip())
        elif line.strip():
            paragraph.append((start, end))
        index += 1
    yield from _sentences(markdown, paragraph, size)


def _is_row(line: str, in_table: bool) -> bool:
    stripped = line.strip()
    return stripped.startswith("|") or (in_table and "|" in stripped) or stripped.count("|") >= 2


def _sentences(markdown: str, lines: Sequence[tuple[int, int]], size: int) -> Iterator[_Unit]:
    """Sentences of one paragraph (its lines follow each other)."""
    if not lines:
        return
    begin, end = lines[0][0], lines[-1][1]
    start = begin
    for match in _SENTENCE_END.finditer(markdown, begin, end):
        yield from _cut(markdown, start, match.end(), size, "")
        start = match.end()
    yield from _cut(markdown, start, end, size, "")


def _cut(markdown: str, start: int, end: int, size: int, context: str) -> Iterator[_Unit]:
    """One unit, trimmed of blanks; several where it alone is longer than a chunk, cut at a blank if there is one."""
    while start < end and markdown[start].isspace():
        start += 1
    while end > start and markdown[end - 1].isspace():
        end -= 1
    if start >= end:
        return
    spans = [(m.start(), m.end(), _token_weight(m.group())) for m in _TOKEN.finditer(markdown, start, end)]
    total = sum(weight for _s, _e, weight in spans)
    if total <= size:
        yield _Unit(start, end, max(1, total), context)
        return
    yield from _hard_cuts(markdown, start, end, spans, size, context)


def _hard_cuts(
    markdown: str, start: int, end: int, spans: Sequence[tuple[int, int, int]], size: int, context: str
) -> Iterator[_Unit]:
    """Pieces of at most `size` tokens; a single endless word is cut by characters."""
    limit = max(1, size // 2)
    piece, filled = start, 0
    for token_start, weight in _bounded(spans, limit):
        if filled and filled + weight > limit:
            cut = _blank_before(markdown, piece, token_start)
            yield from _piece(markdown, piece, cut, filled, context)
            piece, filled = cut, 0
        filled += weight
    yield from _piece(markdown, piece, end, filled, context)


def _bounded(spans: Sequence[tuple[int, int, int]], limit: int) -> Iterator[tuple[int, int]]:
    """(start, weight) of each token; an endless one in parts of at most `limit`."""
    for start, end, weight in spans:
        if weight <= limit:
            yield start, weight
            continue
        step = max(1, (end - start) * limit // weight)
        for begin in range(start, end, step):
            yield begin, max(1, math.ceil(weight * (min(end, begin + step) - begin) / (end - start)))


def _blank_before(markdown: str, start: int, position: int) -> int:
    """The last place after a blank within the last 40 characters before `position`, else `position`."""
    for index in range(position, max(start + 1, position - 40), -1):
        if markdown[index - 1].isspace():
            return index
    return position


def _piece(markdown: str, start: int, end: int, tokens: int, context: str) -> Iterator[_Unit]:
    text = markdown[start:end]
    lead = len(text) - len(text.lstrip())
    stripped = text.strip()
    if stripped:
        yield _Unit(start + lead, start + lead + len(stripped), max(1, tokens), context)


def shortened(text: str, tokens: int) -> str:
    """The first so many tokens of a text."""
    filled = 0
    for match in _TOKEN.finditer(text):
        filled += _token_weight(match.group())
        if filled > tokens:
            return text[: match.start()].rstrip()
    return text


def sentences(text: str) -> list[str]:
    """The sentences, rows and items of a text, in order, as one chunk would hold them."""
    return [text[unit.start : unit.end] for unit in _units(text, _lines(text), PASSAGE_TOKENS)]


def passage_at(chunks: Sequence[Chunk], offset: int) -> int | None:
    """Ordinal of the last chunk that covers a character offset, None where only blanks are."""
    index = bisect.bisect_right([one.start for one in chunks], offset) - 1
    return chunks[index].ordinal if index >= 0 and chunks[index].end > offset else None
