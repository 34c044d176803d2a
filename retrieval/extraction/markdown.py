"""Markdown files: front matter is read and taken off, comments and hidden HTML go, the rest stays as it was written."""

import re
from typing import Final

from retrieval.extraction.outcomes import BINARY, Extracted, Refused
from retrieval.extraction.text import (
    clean,
    decode,
    first_heading,
    is_mostly_printable,
    one_line,
    parse_date,
    says_updated,
)

_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_PAIR: Final = re.compile(r"^([A-Za-z_][\w-]{0,40})[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ACTIVE: Final = re.compile(
    r"<(script|style|template|noscript|iframe|object)\b[^>]*>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_HIDDEN: Final = re.compile(
    r"<(\w+)\b[^>]*(?:\bhidden\b|display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0)[^>]*>.*?</\1\s*>",
    re.DOTALL | re.IGNORECASE,
)
_FENCE: Final = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_SETEXT: Final = re.compile(r"\A\s*(\S.{0,200})\n=+[ \t]*\n")


def extract_markdown(data: bytes, *, charset: str = "", name: str = "") -> Extracted:
    text = decode(data, charset)
    if not is_mostly_printable(text):
        raise Refused(BINARY)
    text = clean(text)
    said, body = split_front_matter(text)
    body = clean(without_hidden(body))
    setext = _SETEXT.match(body)
    return Extracted(
        body,
        title=one_line(said.get("title", "")) or first_heading(body) or (one_line(setext[1]) if setext else ""),
        lang=said.get("lang", said.get("language", ""))[:16],
        updated=next(
            (
                found
                for key in ("updated", "last_updated", "lastmod", "modified", "date")
                if (found := parse_date(said.get(key, "")))
            ),
            None,
        )
        or says_updated(body),
        details={key: said[key] for key in ("author", "description", "tags") if said.get(key)},
    )


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """Simple `key: value` lines of a YAML head, and the text after it. Nested values are ignored."""
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}, text
    pairs = {key.lower(): value.strip().strip("\"'").strip() for key, value in _PAIR.findall(match[1])}
    return (pairs, text[match.end() :]) if pairs else ({}, text)


def without_hidden(text: str) -> str:
    """Drop comments, scripts and hidden elements, which readers never see; code fences stay as they are."""
    parts, at = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_visible(text[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*parts, _visible(text[at:])])


def _visible(text: str) -> str:
    return text if "<" not in text else _HIDDEN.sub("", _ACTIVE.sub("", _COMMENT.sub("", text)))
