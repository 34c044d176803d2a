"""HTML of an e-mail as plain text: words and line breaks, quotations marked with >. Runs nothing, loads nothing. Pure.

Not a parser: one pass that finds tags and drops them. What comes out is plain text and is escaped where it is shown,
so that a tag which slips through is only ugly. Parsers proper hang on a megabyte of `<div>` or `&`.
"""

import html as entities
import re
from typing import Final

_SILENT: Final = re.compile(r"script|style|title|template|noscript|svg|math|iframe|object", re.IGNORECASE)
_BREAKS: Final = frozenset("p div br tr li ul ol table h1 h2 h3 h4 h5 h6 hr pre section article header footer".split())
_NAME: Final = re.compile(r"/?[a-zA-Z][a-zA-Z0-9]{0,20}")
_SPACES: Final = re.compile(r"[\s\u00a0]+")
_MOST_DEPTH: Final = 20


class _Page:
    """The lines so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._line: list[str] = []
        self._quoted = 0

    def tag(self, name: str) -> None:
        closing, name = name.startswith("/"), name.lstrip("/").lower()
        if name == "blockquote":
            self.end_line()
            self._quoted = max(0, self._quoted - 1) if closing else min(self._quoted + 1, _MOST_DEPTH)
        elif name in _BREAKS:
            self.end_line(blank=name == "br")
            if name == "p" and closing:
                self.end_line(blank=True)
            if name == "li" and not closing:
                self._line = ["- "]

    def words(self, markup: str) -> None:
        words = _SPACES.sub(" ", entities.unescape(markup))
        if not self._line:
            words = words.lstrip()
        if words:
            self._line.append(words)

    def end_line(self, *, blank: bool = False) -> None:
        """`blank`: an empty line counts too (<br> after a line, the end of a paragraph)."""
        line = "".join(self._line).rstrip()
        self._line = []
        if line:
            self.lines.append("> " * self._quoted + line)
        elif blank:
            self.lines.append("")


def from_html(html: str) -> str:
    """The words of the page."""
    page, at, end = _Page(), 0, len(html)
    while at < end:
        opening = html.find("<", at)
        if opening < 0:
            break
        page.words(html[at:opening])
        at = _after_tag(html, opening, page)
    if at < end:
        page.words(html[at:])
    page.end_line()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(page.lines)).strip()


def _after_tag(html: str, opening: int, page: _Page) -> int:
    """Where to go on after what begins with < at `opening`. What never ends swallows the rest."""
    if html.startswith("<!--", opening):
        return _past(html, "-->", opening + 4)
    if html.startswith(("<!", "<?"), opening):
        return _past(html, ">", opening)
    name = _NAME.match(html, opening + 1)
    if name is None:
        page.words("<")
        return opening + 1
    if _SILENT.fullmatch(name[0]):
        closed = re.compile(f"</{name[0]}", re.IGNORECASE).search(html, name.end())
        return _past(html, ">", closed.end()) if closed else len(html)
    page.tag(name[0])
    return _past(html, ">", name.end())


def _past(html: str, mark: str, start: int) -> int:
    found = html.find(mark, start)
    return len(html) if found < 0 else found + len(mark)
