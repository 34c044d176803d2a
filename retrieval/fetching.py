"""Fetches one address from the web, within limits on size, time and redirects, and asks again only for what changed.

Every hop is held against `fetch_guard`. Nothing is executed, no cookie is kept, no credential is sent.
"""

import ssl
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import httpcore
import httpx

from retrieval.fetch_guard import Forbidden, GuardedBackend, Policy

AGENT: Final = "ParleyBot"
USER_AGENT: Final = f"{AGENT}/1.0 (knowledge base of a customer service chat)"
SECONDS: Final = 30.0
WAIT_SECONDS: Final = 10.0
MAX_REDIRECTS: Final = 5
MAX_URL: Final = 2000


@dataclass(frozen=True)
class Fetched:
    """`url` is where redirects ended. `not_modified`: the server says that nothing changed, and `data` is empty."""

    url: str
    status: int
    data: bytes
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    not_modified: bool = False


class FetchFailed(Exception):
    """The message is a sentence for the admin. `gone`: the page is no longer there; otherwise trying again may help."""

    def __init__(self, reason: str, *, gone: bool = False, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gone = gone
        self.status = status


@dataclass(frozen=True)
class Fetcher:
    """Limits for all fetches of one crawl. `max_bytes` counts the unpacked page."""

    policy: Policy = field(default_factory=Policy)
    max_bytes: int = 25 * 1024 * 1024
    seconds: float = SECONDS

    def fetch(self, url: str, *, etag: str = "", last_modified: str = "", max_bytes: int = 0) -> Fetched:
        """Raises FetchFailed for everything that does not end in a page or in "not modified"."""
        deadline = time.monotonic() + self.seconds
        headers = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in headers.items() if value and value.isascii() and value.isprintable()}
        try:
            address = checked_url(url)
            for _hop in range(MAX_REDIRECTS + 1):
                found = self._once(address, headers, deadline, max_bytes or self.max_bytes)
                if isinstance(found, Fetched):
                    return found
                address = checked_url(str(address.join(found)))
        except Forbidden as error:
            raise FetchFailed(str(error)) from error
        except httpx.InvalidURL as error:
            raise FetchFailed("The page redirects to an address that is not valid.") from error
        raise FetchFailed("The page redirects too often. Check the address in a browser.")

    def _once(self, url: httpx.URL, headers: Mapping[str, str], deadline: float, max_bytes: int) -> "Fetched | str":
        """One request: the page, or the address it redirects to."""
        backend = GuardedBackend(self.policy, deadline)
        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=_headers(url, headers),
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), WAIT_SECONDS)},
        )
        try:
            with (
                httpcore.ConnectionPool(network_backend=backend, ssl_context=_tls()) as pool,
                pool.stream(
                    request.method, request.url, headers=request.headers, extensions=request.extensions
                ) as response,
            ):
                return _answer(url, response, max_bytes)
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise FetchFailed("The server did not answer in time. Try again later.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError, zlib.error) as error:
            tls = "ssl" in str(error).lower() or "certificate" in str(error).lower()
            raise FetchFailed(
                "The server's certificate could not be verified, so nothing was fetched."
                if tls
                else "The server could not be reached, or it broke off. Check the address, then try again."
            ) from error


def checked_url(url: str) -> httpx.URL:
    """Parsed once, by the parser that connects. Raises Forbidden for what is not a plain web address."""
    url = url.strip()
    if not url or len(url) > MAX_URL or "\\" in url or any(ord(char) < 33 or ord(char) == 127 for char in url):
        raise Forbidden("This is not a web address. It begins with https:// or http:// and has no spaces.")
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise Forbidden("This is not a web address. It begins with https:// or http:// and has no spaces.") from error
    if parsed.scheme not in ("http", "https") or not host:
        raise Forbidden("Only addresses that begin with https:// or http:// can be fetched.")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise Forbidden("This address names a port that does not exist.")
    if parsed.userinfo:
        raise Forbidden("Addresses with a user name or password in them are not fetched.")
    return parsed.copy_with(fragment=None)


def _headers(url: httpx.URL, extra: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", url.netloc),
        (b"User-Agent", USER_AGENT.encode()),
        (b"Accept", b"text/html,application/xhtml+xml,application/pdf,text/*;q=0.9,*/*;q=0.5"),
        (b"Accept-Encoding", b"gzip, deflate"),
        (b"Connection", b"close"),
        *((name.encode(), value.encode()) for name, value in extra.items()),
    ]


def _answer(url: httpx.URL, response: httpcore.Response, max_bytes: int) -> "Fetched | str":
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
    status = response.status
    if status in (301, 302, 303, 307, 308) and headers.get("location"):
        return headers["location"]
    if status == 304:
        return Fetched(str(url), status, b"", not_modified=True)
    if status in (401, 403):
        raise FetchFailed("The server does not let Parley read this page (it asks for a login).", status=status)
    if status in (404, 410):
        raise FetchFailed("There is no page at this address (any more).", gone=True, status=status)
    if status == 429:
        raise FetchFailed("The server asks Parley to come more slowly. Try again later.", status=status)
    if status != 200:
        raise FetchFailed(f"The server answered with an error (status {status}). Try again later.", status=status)
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise FetchFailed("The page is larger than the limit.")
    return Fetched(
        str(url),
        status,
        _body(response.iter_stream(), headers.get("content-encoding", ""), max_bytes),
        content_type=headers.get("content-type", "")[:200],
        etag=headers.get("etag", "")[:300],
        last_modified=headers.get("last-modified", "")[:100],
    )


def _body(chunks: Iterable[bytes], encoding: str, max_bytes: int) -> bytes:
    """Joined and unpacked, never more than `max_bytes` at any moment."""
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise FetchFailed("The server packs its pages in a way Parley does not read.")
    parts, total = [], 0
    unpack = None if encoding in ("", "identity") else zlib.decompressobj(zlib.MAX_WBITS | 32)
    for chunk in chunks:
        if unpack is None:
            part = chunk
        else:
            part = unpack.decompress(chunk, max_bytes + 1 - total)
        total += len(part)
        if total > max_bytes or (unpack is not None and unpack.unconsumed_tail):
            raise FetchFailed("The page is larger than the limit.")
        parts.append(part)
    return b"".join(parts)


def gunzipped(data: bytes, max_bytes: int) -> bytes:
    """Unpack a .gz file. Raises FetchFailed when it is damaged or larger than `max_bytes`."""
    try:
        return _body([data], "gzip", max_bytes)
    except zlib.error as error:
        raise FetchFailed("This packed file is damaged.") from error


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
