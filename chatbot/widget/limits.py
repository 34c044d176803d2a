"""How much one visitor, one address and one inbox may ask for. Over the limit is refused with a time to try again.

A sliding window of two counters, kept in the cache (Redis in production, this process's memory when embedded). The
arithmetic is pure; `take` does the counting. When the cache is away the limits are off: a customer's message weighs
more than a count.
"""

import ipaddress
import logging
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as remember
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chatbot.conversations.services import Refusal

logger = logging.getLogger(__name__)

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_SHAPE: Final = re.compile(r"^\s*(\d{1,7})\s*/\s*(second|minute|hour|day)\s*$")


class OverLimit(Refusal):
    """`retry_after` in seconds."""

    def __init__(self, retry_after: float) -> None:
        seconds = math.ceil(retry_after)
        wait = ngettext("Please try again in %(n)d second.", "Please try again in %(n)d seconds.", seconds)
        super().__init__("rate_limited", f"{_('That was a lot at once.')} {wait % {'n': seconds}}")
        self.retry_after = retry_after

    def renamed(self, code: str) -> "OverLimit":
        self.code = code
        return self


@dataclass(frozen=True)
class Rate:
    """At most `count` in any `seconds`."""

    count: int
    seconds: int


@dataclass(frozen=True)
class Window:
    """What was counted in the present window of the clock and in the one before; `elapsed` seconds into this one."""

    previous: int
    current: int
    elapsed: float


@dataclass(frozen=True)
class Limit:
    """A rate for one holder, for example ("messages", "visitor 17")."""

    rate: Rate
    name: str
    holder: str


@remember
def parse(text: str, setting: str) -> Rate:
    """`20/minute` as a Rate. Raises ImproperlyConfigured, naming the setting."""
    match = _SHAPE.match(text)
    if match is None or int(match[1]) == 0:
        raise ImproperlyConfigured(f"{setting} is {text!r}; write a limit like 20/minute (second, minute, hour, day).")
    return Rate(int(match[1]), _SECONDS[match[2]])


def rate_of(setting: str) -> Rate:
    return parse(getattr(settings, setting), setting)


def wait(rate: Rate, window: Window) -> float:
    """Seconds until one more fits; 0 when it fits now. `window` does not hold the one more yet."""
    room = rate.count - 1
    left = rate.seconds - window.elapsed
    if window.current > room:
        fits_after = rate.seconds * (1 - room / window.current)
        return left + fits_after
    if window.previous * left / rate.seconds + window.current <= room:
        return 0.0
    return left - rate.seconds * (room - window.current) / window.previous


def take(limits: Sequence[Limit], *, now: float | None = None) -> None:
    """Count one against every limit, or against none and raise OverLimit.

    Give the narrow limits first: what one visitor may not do then never uses up what the others share.
    """
    moment = time.time() if now is None else now
    taken: list[str] = []
    try:
        for limit in limits:
            key, seconds = _take_one(limit, moment)
            if seconds > 0:
                _give_back(taken)
                raise OverLimit(seconds)
            taken.append(key)
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001 - caches fail in many ways
        logger.warning("Limits are not counted: the cache does not answer (%s).", error)


def _take_one(limit: Limit, now: float) -> tuple[str, float]:
    period = limit.rate.seconds
    number = int(now // period)
    stem = f"limit:{limit.name}:{limit.holder}:{period}"
    key = f"{stem}:{number}"
    cache.add(key, 0, 2 * period + 5)
    current = cache.incr(key) - 1
    previous = cache.get(f"{stem}:{number - 1}") or 0
    seconds = wait(limit.rate, Window(previous, current, now - number * period))
    if seconds > 0:
        cache.decr(key)
    return key, seconds


def _give_back(keys: Sequence[str]) -> None:
    for key in keys:
        cache.decr(key)


# --- What the widget limits ---------------------------------------------------------------------------
_OPINIONS: Final = Rate(20, 3600)


def message(*, visitor_id: int, address: str, inbox_id: int) -> None:
    """Count one message. Raises OverLimit."""
    take(
        (
            Limit(rate_of("LIMIT_MESSAGES_PER_VISITOR"), "messages.visitor", str(visitor_id)),
            Limit(rate_of("LIMIT_MESSAGES_PER_ADDRESS"), "messages.address", _safe(address)),
            Limit(rate_of("LIMIT_MESSAGES_PER_INBOX"), "messages.inbox", str(inbox_id)),
        )
    )


def conversation(*, address: str) -> None:
    """Count one new conversation. Raises OverLimit."""
    take((Limit(rate_of("LIMIT_CONVERSATIONS_PER_ADDRESS"), "conversations", _safe(address)),))


def opinion(*, visitor_id: int) -> None:
    """Count one rating of a conversation, or one address left. Raises OverLimit."""
    take((Limit(_OPINIONS, "opinions", str(visitor_id)),))


def connection(*, address: str) -> None:
    """Count one new socket. Raises OverLimit."""
    take((Limit(rate_of("LIMIT_CONNECTIONS_PER_ADDRESS"), "connections", _safe(address)),))


def _safe(address: str) -> str:
    """The address as a key; an IPv6 address counts as its /64, because that is what one customer is given."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return ipaddress.ip_network(f"{parsed}/64", strict=False).network_address.exploded
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


class Flood:
    """One socket's own bucket of events, in memory: `burst` at once, `per_second` for long. Not thread-safe."""

    def __init__(self, *, burst: int = 40, per_second: float = 10.0) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._left = self._burst
        self._at = time.monotonic()

    def allows(self, *, now: float | None = None) -> bool:
        moment = time.monotonic() if now is None else now
        self._left = min(self._burst, self._left + max(0.0, moment - self._at) * self._per_second)
        self._at = moment
        if self._left < 1:
            return False
        self._left -= 1
        return True
