"""Careful reading of one field of a foreign record: wrong types become the default, texts are cleaned and cut. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from chatbot.conversations.history.records import Author, ImportedMessage, Unusable

Record = Mapping[str, Any]

MESSAGES_MOST: Final = 2000
NOTES_MOST: Final = 500
TEXT_MOST: Final = 20_000
"""Longer texts are cut there, and the conversation says so."""
TAGS_MOST: Final = 20
_CUT_MARK: Final = " […]"
_EARLIEST: Final = datetime(1995, 1, 1, tzinfo=UTC)
_PRIORITIES: Final = {"low": -1, "normal": 0, "none": 0, "medium": 0, "high": 1, "priority": 1, "urgent": 2}
_ROLES: Final = {
    "customer": "customer", "user": "customer", "visitor": "customer", "contact": "customer", "client": "customer",
    "agent": "agent", "admin": "agent", "operator": "agent", "human": "agent",
    "bot": "bot", "assistant": "bot", "notice": "notice", "system": "notice",
    "action": "note", "note": "note", "internal": "note",
}  # fmt: skip


def mapping(value: object) -> Record:
    return value if isinstance(value, Mapping) else {}


def listing(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def records(value: object) -> list[Record]:
    return [one for one in listing(value) if isinstance(one, Mapping)]


def clean(value: object, most: int = TEXT_MOST) -> str:
    """A text without control characters or broken surrogates, at most `most` long."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    kept = "".join(c for c in value[: most * 2] if c in "\n\t" or (ord(c) >= 32 and ord(c) != 127))
    return kept.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()[:most]


def line(value: object, most: int) -> str:
    """A one-line text."""
    return " ".join(clean(value, most).split())


def body(value: object) -> tuple[str, bool]:
    """A message's text, and whether it had to be cut."""
    text = clean(value, TEXT_MOST + 1)
    if len(text) <= TEXT_MOST:
        return text, False
    return text[: TEXT_MOST - len(_CUT_MARK)] + _CUT_MARK, True


def identity(value: object) -> str:
    """An id as a text; long ones are shortened to something as unique."""
    text = line(value, 1000)
    return text if len(text) <= 150 else text[:100] + hashlib.sha256(text.encode()).hexdigest()[:32]


def number(value: object, low: int, high: int, default: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    try:
        whole = int(float(value))
    except (ValueError, OverflowError):
        return default
    return whole if low <= whole <= high else default


def share(value: object) -> float:
    """A number between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return 0.0
    return float(min(1, max(0, value)))


def moment(value: object) -> datetime | None:
    """A time from ISO text or seconds since 1970; None for what is missing, senseless or in the future."""
    at: datetime | None = None
    try:
        if (isinstance(value, int | float) and not isinstance(value, bool)) or (
            isinstance(value, str) and value.isdigit()
        ):
            seconds = float(value)
            at = datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, tz=UTC)
        elif isinstance(value, str) and len(value) <= 40:
            at = datetime.fromisoformat(value.strip().replace(" UTC", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    if at is None:
        return None
    try:
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return at if at >= _EARLIEST else None


def past(value: object) -> datetime | None:
    """As `moment`; a time in the future is not believed."""
    at = moment(value)
    return at if at is None or at <= datetime.now(UTC) else None


def priority(value: object) -> int:
    if isinstance(value, str):
        return _PRIORITIES.get(value.lower(), 0)
    return number(value, -1, 2)


def tags(value: object) -> tuple[str, ...]:
    names = (line(one, 40) for one in listing(value) if isinstance(one, str))
    return tuple(dict.fromkeys(name for name in names if name))[:TAGS_MOST]


def email(value: object) -> str:
    text = line(value, 254).lower()
    name, at, host = text.partition("@")
    return text if name and at and "." in host and " " not in text and "@" not in host else ""


def web_address(value: object) -> str:
    """Only what a link may lead to: http, https, or a path of this server."""
    text = line(value, 2000)
    if text.startswith("/") and not text.startswith(("//", "/\\")):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in ("http", "https") and parts.netloc else ""


def author(value: object) -> Author:
    """From a name, or from {name, email, username}."""
    if isinstance(value, str):
        return (
            Author(email=email(value), username=line(value, 150)) if "@" in value else Author(username=line(value, 150))
        )
    found = mapping(value)
    return Author(
        name=line(found.get("name"), 150), email=email(found.get("email")), username=line(found.get("username"), 150)
    )


def flat(value: object, most: int = 40) -> dict[str, str | int | float | bool | None]:
    """The simple values of a mapping, as a contact's context keeps them."""
    kept: dict[str, str | int | float | bool | None] = {}
    for name, one in list(mapping(value).items())[:most]:
        if isinstance(one, str):
            kept[line(name, 60)] = clean(one, 500)
        elif one is None or (isinstance(one, int | float) and abs(one) < 1e15):
            kept[line(name, 60)] = one
    return kept


def role(value: object) -> str:
    """One of customer, agent, bot, notice and note. Raises Unusable."""
    known = _ROLES.get(value.lower().strip()) if isinstance(value, str) else None
    if known is None:
        raise Unusable(
            f"a message has the role {line(value, 40) or 'nothing'!r}; known are customer, agent, bot, notice and note"
        )
    return known


def conversation_key(value: object) -> str:
    key = identity(value)
    if not key:
        raise Unusable("the conversation has no id")
    return key


class Keys:
    """Names messages that have no id of their own: by role, text and how often that pair came before."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, given: object, role: str, text: str) -> str:
        key = identity(given)
        if not key:
            key = "text:" + hashlib.sha256(f"{role}\n{text}".encode()).hexdigest()[:40]
        self._seen[key] += 1
        return key if self._seen[key] == 1 else f"{key}#{self._seen[key]}"


def checked(messages: Iterable[ImportedMessage]) -> tuple[ImportedMessage, ...]:
    """Raises Unusable for none or too many."""
    found = tuple(messages)
    if not found:
        raise Unusable("the conversation has no public message with a text")
    if len(found) > MESSAGES_MOST:
        raise Unusable(f"the conversation has {len(found)} messages; at most {MESSAGES_MOST} are read")
    return found
