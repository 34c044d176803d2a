"""The address a request or socket came from, honouring only as many proxies as were declared."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings


def client_address(meta: Mapping[str, Any]) -> str | None:
    """Address from a WSGI-style META mapping. X-Forwarded-For counts only behind TRUSTED_PROXIES proxies."""
    return resolve_address(meta.get("REMOTE_ADDR"), meta.get("HTTP_X_FORWARDED_FOR", ""))


def scope_address(scope: Mapping[str, Any]) -> str | None:
    """Address from an ASGI scope."""
    client = scope.get("client") or (None, 0)
    forwarded = b",".join(value for name, value in scope.get("headers", []) if name == b"x-forwarded-for")
    return resolve_address(client[0], forwarded.decode("latin-1"))


def resolve_address(peer: str | None, forwarded: str) -> str | None:
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    proxies: int = settings.TRUSTED_PROXIES
    if proxies and len(hops) >= proxies:
        return hops[-proxies]
    return peer or None
