"""HTML of e-mails and other tools as plain text. No markup survives; scripts, styles and hidden heads are left out."""

from html.parser import HTMLParser
from typing import Final

from chatbot.conversations.history.fields import TEXT_MOST

_SILENT: Final = frozenset(["script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg"])
_BREAKS: Final = frozenset(
    "p div br li ul ol tr table h1 h2 h3 h4 h5 h6 blockquote pre section article header footer hr".split()
)
_DEEPEST: Final = TEXT_MOST * 20
"""Characters of markup that are looked at."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BREAKS:
            self.parts.append("\n- " if tag == "li" else "\n")
        elif tag == "a":
            self._link = dict(attrs).get("href") or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BREAKS:
            self.parts.append("\n")
        elif tag == "a":
            self._name_link()

    def _name_link(self) -> None:
        """The address of a link whose text does not say it; only of the web."""
        if self._link.startswith(("http://", "https://")) and not self._silent:
            said = self.parts[-1].strip() if self.parts else ""
            if said and self._link.rstrip("/") != said.rstrip("/"):
                self.parts.append(f" ({self._link})")
        self._link = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data.replace("\r", "").replace("\xa0", " "))


def text_of(markup: object) -> str:
    """The text of a piece of HTML, with its line breaks."""
    if not isinstance(markup, str):
        return ""
    reader = _Reader()
    reader.feed(markup[:_DEEPEST])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()
