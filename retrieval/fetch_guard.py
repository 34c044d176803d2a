"""Keeps the crawler away from internal addresses. What is checked is what is connected to.

The host is resolved here, every address found is judged, and the connection goes to a judged address: no redirect,
DNS answer that changes, or odd way to write an address gets around it. Environment proxies are not used.
"""

import ipaddress
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpcore

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds hand out credentials; refused even where private addresses are allowed."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE: Final = ipaddress.ip_network("::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(Exception):
    """The message is a sentence for the admin. `status` tells tests and callers apart: scheme, address, port, ..."""


@dataclass(frozen=True)
class Policy:
    """What may be fetched. `ports` empty means any port."""

    allow_private: bool = False
    ports: frozenset[int] = frozenset([80, 443])


def judged(address: str, policy: Policy) -> IPAddress:
    """The address to connect to. Raises Forbidden for every address that is not public (or private and allowed)."""
    try:
        found = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError as error:
        raise Forbidden("The address of this page is not an internet address.") from error
    for one in _faces(found):
        if not _is_allowed(one, policy):
            raise Forbidden(
                "This address leads into an internal network, which Parley does not fetch from. "
                "For an intranet, set CRAWL_ALLOW_PRIVATE=1 on the server."
            )
    return found


def _faces(address: IPAddress) -> Iterable[IPAddress]:
    """The address itself and the IPv4 address it may smuggle inside."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            yield address.ipv4_mapped
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield address.teredo[1]
        if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 0xFFFF):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _is_allowed(address: IPAddress, policy: Policy) -> bool:
    if address in _METADATA or address.is_unspecified or address.is_multicast or address.is_link_local:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return True  # its IPv4 face decides
    if address.is_global:
        return True
    return policy.allow_private and (address.is_private or address.is_loopback) and not _is_reserved(address)


def _is_reserved(address: IPAddress) -> bool:
    return address in ipaddress.ip_network("0.0.0.0/8") or address in ipaddress.ip_network("240.0.0.0/4")


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host. Raises Forbidden when there is none."""
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Forbidden("This host name is not known. Check the spelling of the address.") from error
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


class GuardedBackend(httpcore.NetworkBackend):
    """Connects only to judged addresses, and ends every wait at one deadline (monotonic seconds)."""

    def __init__(self, policy: Policy, deadline: float) -> None:
        self._policy = policy
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        if self._policy.ports and port not in self._policy.ports:
            raise Forbidden("Parley fetches from the usual ports 80 and 443 only.")
        addresses = [str(judged(address, self._policy)) for address in resolve(host, port)]
        trouble: Exception = httpcore.ConnectError("no address")
        for address in addresses[:4]:
            try:
                stream = self._sockets.connect_tcp(
                    address,
                    port,
                    timeout=self._left(timeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
                continue
            return _DeadlineStream(stream, self._left)
        raise trouble

    def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Any = None) -> Any:
        raise Forbidden("Parley fetches from web servers only.")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this page is over")
        return left if timeout is None else min(timeout, left)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes all end at the deadline, however slowly the other side drips."""

    def __init__(self, inner: httpcore.NetworkStream, left: Any) -> None:
        self._inner = inner
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, self._left(timeout)), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
