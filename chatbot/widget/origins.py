"""Which pages may show a widget, and which may open its socket. Pure; what is not allowed is denied.

An origin is `scheme://host[:port]`. Entries of `Inbox.allowed_origins` are origins, `scheme://*.host[:port]` (any
subdomain, not the host itself), or `self` (the address Parley itself is reached at). The opaque origin `null`
(sandboxed frames, files) never matches.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from chatbot.conversations.origins import normalise as normalise

SELF: Final = "self"


def of_url(url: str) -> str | None:
    """The origin of a whole URL, such as a Referer header; None when it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return normalise(f"{parts.scheme}://{parts.netloc}")


def entries(allowed: object) -> list[str]:
    """The usable entries of `Inbox.allowed_origins`, normalised; what is damaged allows nothing."""
    if not isinstance(allowed, list):
        return []
    found = (SELF if entry == SELF else normalise(entry) for entry in allowed if isinstance(entry, str))
    return [entry for entry in found if entry]


def matches(origin: str, entry: str) -> bool:
    """Whether a normalised origin is the normalised entry, or a subdomain of its wildcard."""
    scheme, _sep, rest = entry.partition("://")
    if not rest.startswith("*."):
        return origin == entry
    prefix, suffix = f"{scheme}://", rest[1:]
    return origin.startswith(prefix) and origin.endswith(suffix) and len(origin) > len(prefix) + len(suffix)


def allows(allowed: object, origin: str | None, *, own: Iterable[str] = ()) -> bool:
    """Whether a page of `origin` may use the inbox whose `allowed_origins` these are. `own`: Parley's own origins."""
    page = normalise(origin or "")
    if page is None or "*" in page:
        return False
    return any(page in own if entry == SELF else matches(page, entry) for entry in entries(allowed))


def frame_ancestors(allowed: object) -> Sequence[str]:
    """Sources for the CSP directive of the same name."""
    return ["'self'" if entry == SELF else entry for entry in entries(allowed)] or ["'none'"]
