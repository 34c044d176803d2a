"""Markdown of documents as safe HTML, with one passage marked. Pure; everything written by others is hostile.

Raw HTML in Markdown is shown as text, and what remains is cleaned again. Nothing is loaded from elsewhere.
"""

import re
from dataclasses import dataclass
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

LONGEST: Final = 120_000
"""Characters rendered at once; of a longer document only the surroundings of the passage are shown."""
_MARKED: Final = frozenset(["paragraph_open", "heading_open", "tr_open", "fence", "code_block"])
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
_PARSER: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
_TAGS: Final = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}} | {
    tag: {"class", "id"} for tag in ("p", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "pre", "code", "li")
}


@dataclass(frozen=True)
class Rendered:
    """`html` is safe to show. `whole` is False when only a part of the document is in it."""

    html: str
    whole: bool


def render(markdown: str, *, start: int | None = None, end: int | None = None) -> Rendered:
    """The document, with the blocks that hold characters `start`..`end` marked (class `cited`, first id `passage`)."""
    text, shift = _window(markdown, start or 0, end or 0)
    tokens = _PARSER.parse(text)
    if start is not None and end is not None and end > start:
        _mark(tokens, _line_of(text, start - shift), _line_of(text, max(start, end - 1) - shift))
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
    )
    return Rendered(clean, whole=len(text) == len(markdown))


def _window(markdown: str, start: int, end: int) -> tuple[str, int]:
    """(text, its offset): all of it, or the part around the passage, cut at blank lines where there are some."""
    if len(markdown) <= LONGEST:
        return markdown, 0
    begin = max(0, start - LONGEST // 2)
    stop = min(len(markdown), max(end, begin) + LONGEST // 2)
    blank = markdown.find("\n\n", begin, start)
    begin = blank + 2 if begin and blank >= 0 else begin
    blank = markdown.rfind("\n\n", end, stop)
    return markdown[begin : blank if blank > 0 and stop < len(markdown) else stop], begin


def _line_of(text: str, offset: int) -> int:
    return len(_NEWLINE.findall(text[: max(0, offset)]))


def _mark(tokens: list[Token], first: int, last: int) -> None:
    found = False
    for token in tokens:
        if token.type not in _MARKED or token.map is None or token.map[1] <= first or token.map[0] > last:
            continue
        token.attrJoin("class", "cited")
        if not found and not token.hidden:
            token.attrSet("id", "passage")
            found = True
