"""Counts attempts to sign in, so that passwords cannot be guessed: per address with user name, and per address.

Nobody is locked out by strangers: attempts from elsewhere on the same user name do not count against its owner. An
attempt is counted before the password is looked at, so that many at once count as many. When the cache is away the
limits are off, for otherwise nobody could sign in.
"""

import hashlib
import ipaddress
import logging
import math
import time
from typing import Final

from django.core.cache import cache

logger = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 15 * 60
PER_NAME: Final = 10
"""Attempts on one user name from one address in a period."""
PER_ADDRESS: Final = 50
"""Attempts from one address in a period, whatever the names."""


def take(address: str | None, name: str, *, now: float | None = None) -> int:
    """Count one attempt. 0 when it may go on, otherwise the seconds until the next one may."""
    moment = time.time() if now is None else now
    allowed = True
    try:
        for key, limit in _counters(address, name, moment):
            allowed = _counted(key) <= limit and allowed
    except Exception as error:  # noqa: BLE001 - caches fail in many ways
        logger.warning("Attempts to sign in are not counted: the cache does not answer (%s).", error)
        return 0
    return 0 if allowed else max(1, math.ceil(PERIOD_SECONDS - moment % PERIOD_SECONDS))


def is_first_refusal(address: str | None, name: str, *, now: float | None = None) -> bool:
    """True once a period for one address and name: the audit log gets a line, not a flood."""
    key, _limit = _counters(address, name, time.time() if now is None else now)[0]
    try:
        return bool(cache.add(f"{key}:told", 1, PERIOD_SECONDS))
    except Exception:  # noqa: BLE001 - as above
        return True


def forgive(address: str | None, name: str, *, now: float | None = None) -> None:
    """The password was right: earlier slips on this name are forgotten, and the address gets this attempt back."""
    (by_name, _limit), (by_address, _other) = _counters(address, name, time.time() if now is None else now)
    try:
        cache.delete(by_name)
        cache.decr(by_address)
    except Exception as error:  # noqa: BLE001 - as above; a counter that is gone needs no correction
        logger.debug("An attempt to sign in was not taken back: %s", error)


def _counters(address: str | None, name: str, now: float) -> list[tuple[str, int]]:
    holder, period = _network(address), int(now // PERIOD_SECONDS)
    who = hashlib.sha256(name.strip().casefold().encode("utf-8", "replace")).hexdigest()[:32]
    return [(f"login:{period}:{holder}:{who}", PER_NAME), (f"login:{period}:{holder}", PER_ADDRESS)]


def _counted(key: str) -> int:
    cache.add(key, 0, PERIOD_SECONDS)
    try:
        return int(cache.incr(key))
    except ValueError:  # it expired between the two lines
        cache.set(key, 1, PERIOD_SECONDS)
        return 1


def _network(address: str | None) -> str:
    """An IPv6 customer has a whole /64 to himself, so that is what counts as one address."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if isinstance(found, ipaddress.IPv6Address):
        return ipaddress.ip_network((found, 64), strict=False).network_address.exploded.replace(":", "-")
    return str(found)
