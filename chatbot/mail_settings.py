"""Reads how e-mail is sent and received from the environment: EMAIL_URL to Django's settings, with named mistakes."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_PORTS: Final = {"smtp": 25, "smtps": 465}
_FLAGS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Server:
    """The SMTP server that takes our mail. `host` is empty when e-mail is off."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    tls: bool = False
    """STARTTLS after connecting."""
    ssl: bool = False
    """TLS from the first byte."""


def server(value: str) -> Server:
    """`smtp://user:password@host:587?tls=1` or `smtps://…`; empty: none. Raises ImproperlyConfigured."""
    if not value:
        return Server()
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"EMAIL_URL cannot be read: {error}.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ImproperlyConfigured(
            "EMAIL_URL must look like smtp://user:password@host:587?tls=1 (STARTTLS) or smtps://user:password@host."
        )
    tls = ssl = False
    for name, given in parse_qsl(parts.query, keep_blank_values=True):
        if name not in ("tls", "ssl") or given.lower() not in _FLAGS:
            raise ImproperlyConfigured(f"EMAIL_URL holds {name}={given!r}; it may hold tls=1 or ssl=1.")
        tls, ssl = (_FLAGS[given.lower()], ssl) if name == "tls" else (tls, _FLAGS[given.lower()])
    ssl = ssl or parts.scheme == "smtps"
    if tls and ssl:
        raise ImproperlyConfigured("EMAIL_URL asks for both tls=1 and TLS from the start (smtps or ssl=1); choose one.")
    return Server(
        host=parts.hostname,
        port=port or (465 if ssl else 587 if tls else _PORTS[parts.scheme]),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
        ssl=ssl,
    )
