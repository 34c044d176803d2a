"""Origins (`scheme://host[:port]`): their one way of writing, and those that Parley itself is reached at."""

import re
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\]")


def normalise(text: str) -> str | None:
    """`scheme://host[:port]` in lower case, IDNA-encoded and without a default port; None when it is no origin."""
    try:
        parts = urlsplit(text.strip().lower())
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    if parts.scheme not in _DEFAULT_PORTS or parts.username is not None or parts.password is not None:
        return None
    if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in text or "#" in text:
        return None
    host = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(host):
        return None
    return f"{parts.scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")


def own_origins(host: str) -> frozenset[str]:
    """The origins Parley is reached at: PUBLIC_URL, and the Host header of this request when it is an allowed one."""
    public = normalise(settings.PUBLIC_URL)
    scheme = urlsplit(settings.PUBLIC_URL).scheme
    found = {public} if public else set()
    domain, _port = split_domain_port(host)
    if domain and validate_host(domain, settings.ALLOWED_HOSTS):
        origin = normalise(f"{scheme}://{host}")
        found |= {origin} if origin else set()
    return frozenset(found)
