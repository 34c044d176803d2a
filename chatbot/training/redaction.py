"""Takes personal data out of texts before they are learnt from: [NAME_1] for the same person throughout a conversation.

One `Redactor` per conversation. The placeholder says what stood there, so that the text still teaches something. What
the documents say (the company's own phone and addresses) is public and stays.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from chatbot.training import person_names, personal_data
from chatbot.training.personal_data import Span

PLACEHOLDER: Final = re.compile(r"\[(?:NAME|EMAIL|PHONE|CARD|IBAN|ORDER|ADDRESS|URL|IP|ID)_\d+\]")
_PUBLIC: Final = frozenset(["EMAIL", "PHONE", "URL", "ADDRESS", "ORDER", "IP"])
"""Types that a document may hold for everybody. Cards, accounts and identity numbers are never left standing."""
_CAPITAL: Final = re.compile(r"[^\W\d_][\w’'-]*")


_CHINESE: Final = re.compile("[\u3400-\u9fff]+")


@dataclass(frozen=True)
class Redacted:
    text: str
    spans: tuple[Span, ...] = ()
    """What was found, with offsets in the text before."""


@dataclass
class Redactor:
    """`known` are people of the conversation (contact, agents), `values` other data about them (its e-mail address);
    `public` are texts that everybody may read: passages, the company's name."""

    known: Iterable[str] = ()
    values: Iterable[str] = ()
    public: Iterable[str] = ()
    _numbers: dict[tuple[str, str], str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.public = tuple(self.public)
        self._known = _names(self.known)
        self._values = [value for value in self.values if len(value) >= 4]
        self._public = "\n".join(self.public)
        self._flat = _squeeze(self._public)
        self._safe = _words(self._public) - {part.lower() for part in self._known}

    def redact(self, text: str) -> Redacted:
        spans = self.find(text)
        pieces, end = [], 0
        for span in spans:
            pieces += [text[end : span.start], self._placeholder(span)]
            end = span.end
        return Redacted("".join([*pieces, text[end:]]), tuple(spans))

    def find(self, text: str) -> list[Span]:
        """What would be replaced, in order."""
        taken = [match.span() for match in PLACEHOLDER.finditer(text)]
        found = [span for span in personal_data.find(text) if not self._is_public(span)]
        found += person_names.find(text, self._safe)
        found += [*self._known_spans(text), *self._value_spans(text)]
        free = [span for span in found if all(span.end <= start or span.start >= end for start, end in taken)]
        return personal_data.apart(free)

    def _is_public(self, span: Span) -> bool:
        return span.type in _PUBLIC and len(span.text) > 3 and _squeeze(span.text) in self._flat

    def _known_spans(self, text: str) -> Iterable[Span]:
        for name in self._known:
            edge = "" if re.search(r"[\u4e00-\u9fff]", name) else r"\b"
            flags = 0 if len(name) <= 3 else re.I
            for match in re.finditer(rf"{edge}{re.escape(name)}{edge}", text, flags):
                yield Span("NAME", match.start(), match.end(), match[0])

    def _value_spans(self, text: str) -> Iterable[Span]:
        for value in self._values:
            for match in re.finditer(re.escape(value), text, re.I):
                yield Span("EMAIL" if "@" in value else "ID", match.start(), match.end(), match[0])

    def _placeholder(self, span: Span) -> str:
        key = (span.type, self._same(span))
        if key not in self._numbers:
            number = 1 + sum(kind == span.type for kind, _value in self._numbers)
            self._numbers[key] = f"[{span.type}_{number}]"
        return self._numbers[key]

    def _same(self, span: Span) -> str:
        """Equal for ways of writing the same: "Ana" and "Ana Whitaker", a card with and without spaces."""
        flat = _squeeze(span.text)
        if span.type != "NAME":
            return flat
        words = set(span.text.lower().split())
        for kind, other in self._numbers:
            if kind == "NAME" and (words <= set(other.split(" ")) or set(other.split(" ")) <= words):
                return other
            if kind == "NAME" and _CHINESE.fullmatch(flat) and (flat in other or other in flat):
                return other
        return " ".join(span.text.lower().split())


def _names(known: Iterable[str]) -> tuple[str, ...]:
    """Whole names and their parts, longest first; one letter is no name."""
    parts = {one.strip() for name in known for one in (name, *name.split())}
    parts |= {one[1:] for one in parts if len(one) == 3 and _CHINESE.fullmatch(one)}  # a Chinese given name
    return tuple(sorted((one for one in parts if len(one) >= 2), key=len, reverse=True))


@lru_cache(maxsize=4096)
def _squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _CAPITAL.findall(text))


def left(text: str, redactor: "Redactor | None" = None) -> list[Span]:
    """What a text that should be clean still holds."""
    return (redactor or Redactor()).find(text)
