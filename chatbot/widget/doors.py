"""Who may come in: own origins, pages that may show a widget, sockets that may open. Deny by default.

Three checks hold together. The frame page is only shown inside allowed pages (CSP `frame-ancestors`, enforced by the
browser, and the `origin` the loader names must be allowed). The frame talks only to that origin (`postMessage`).
A socket opens only for the frame's own origin or an origin the inbox allows; without an Origin header it does not.
"""

from collections.abc import Iterable

from chatbot.conversations import selectors
from chatbot.conversations.origins import own_origins as own_origins
from chatbot.widget import origins


def socket_may_open(*, headers: Iterable[tuple[bytes, bytes]], inbox_key: str) -> bool:
    """Whether a WebSocket handshake comes from the frame, or from a page that the inbox allows."""
    given = {name: value.decode("latin-1") for name, value in headers if name in (b"origin", b"host")}
    own = own_origins(given.get(b"host", ""))
    origin = origins.normalise(given.get(b"origin", ""))
    if origin is None:
        return False
    if origin in own:
        return True
    inbox = selectors.active_inbox(key=inbox_key)
    return inbox is not None and origins.allows(inbox.allowed_origins, origin, own=own)
