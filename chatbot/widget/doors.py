"""Who may come in: own origins, pages that may show a widget, sockets that may open. Deny by default.

Three checks hold together. The frame page is only shown inside allowed pages (CSP `frame-ancestors`, enforced by the
browser, and the `origin` the loader names must be allowed). The frame talks only to that origin (`postMessage`).
A socket opens only for the frame's own origin or an origin the inbox allows; without an Origin header it does not.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from chatbot.conversations import selectors
from chatbot.widget import origins


def own_origins(host: str) -> frozenset[str]:
    """The origins Parley is reached at: PUBLIC_URL, and the Host header of this request when it is an allowed one."""
    public = origins.normalise(settings.PUBLIC_URL)
    scheme = urlsplit(settings.PUBLIC_URL).scheme
    found = {public} if public else set()
    domain, _port = split_domain_port(host)
    if domain and validate_host(domain, settings.ALLOWED_HOSTS):
        origin = origins.normalise(f"{scheme}://{host}")
        found |= {origin} if origin else set()
    return frozenset(found)


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
