"""Which pages a site offers, and which of them may be read: sitemaps and robots.txt, politely and within limits.

Stays on the site it was sent to. Refuses XML with entities, sitemaps of sitemaps without end, and pages robots.txt
forbids.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin

import httpx

from retrieval.fetch_guard import Forbidden
from retrieval.fetching import AGENT, Fetched, Fetcher, FetchFailed, checked_url, gunzipped

MAX_SITEMAPS: Final = 50
MAX_SITEMAP_DEPTH: Final = 3
ROBOTS_BYTES: Final = 512 * 1024
LONGEST_DELAY: Final = 10.0


@dataclass
class Crawler:
    """One visit to one site. `delay` is the least number of seconds between two requests to a host."""

    fetcher: Fetcher
    delay: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    _rules: dict[str, Any] = field(default_factory=dict)
    _last: dict[str, float] = field(default_factory=dict)

    def fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Fetched:
        """A page, if robots.txt allows it. Raises FetchFailed."""
        if not self.allowed(url):
            raise FetchFailed("The site's robots.txt asks programs not to read this page.")
        self._wait(url)
        return self.fetcher.fetch(url, etag=etag, last_modified=last_modified)

    def allowed(self, url: str) -> bool:
        rules = self._robots(url)
        return rules is None or bool(rules.can_fetch(url, AGENT))

    def pages(self, sitemap: str, *, limit: int) -> list[str]:
        """Addresses of the pages a sitemap lists, on its own site, at most `limit`. Raises FetchFailed."""
        found: dict[str, None] = {}
        waiting = [(sitemap, 0)]
        seen = {sitemap}
        for _turn in range(MAX_SITEMAPS):
            if not waiting or len(found) >= limit:
                break
            address, depth = waiting.pop(0)
            for kind, location in self._entries(address, first=depth == 0):
                if not same_site(location, sitemap):
                    continue
                if kind == "page":
                    found.setdefault(location)
                elif depth < MAX_SITEMAP_DEPTH and location not in seen:
                    seen.add(location)
                    waiting.append((location, depth + 1))
                if len(found) >= limit:
                    break
        if not found:
            raise FetchFailed("This sitemap lists no pages of its own site.")
        return list(found)

    def _entries(self, address: str, *, first: bool) -> Iterator[tuple[str, str]]:
        """("page" | "sitemap", address) pairs. A damaged sitemap below the first one is skipped."""
        try:
            self._wait(address)
            fetched = self.fetcher.fetch(address)
            yield from read_sitemap(fetched, self.fetcher.max_bytes)
        except FetchFailed:
            if first:
                raise

    def _robots(self, url: str) -> Any:
        """Parsed rules of the page's host; None where there are none."""
        from protego import Protego

        origin = urljoin(url, "/")
        if origin not in self._rules:
            self._wait(url)
            try:
                data = self.fetcher.fetch(urljoin(origin, "/robots.txt"), max_bytes=ROBOTS_BYTES).data
                self._rules[origin] = Protego.parse(data.decode("utf-8", "replace").replace("\x00", ""))
            except FetchFailed as error:
                # A site without the file allows everything; one that cannot answer is left alone (RFC 9309).
                if not 400 <= error.status < 500 or error.status == 429:
                    raise
                self._rules[origin] = None
        return self._rules[origin]

    def _wait(self, url: str) -> None:
        host = checked_host(url)
        rules = self._rules.get(urljoin(url, "/"))
        wished = float(rules.crawl_delay(AGENT) or 0) if rules is not None else 0.0
        pause = max(self.delay, min(wished, LONGEST_DELAY)) - (time.monotonic() - self._last.get(host, 0.0))
        if host in self._last and pause > 0:
            self.sleep(pause)
        self._last[host] = time.monotonic()


def checked_host(url: str) -> str:
    try:
        return checked_url(url).host
    except Forbidden as error:
        raise FetchFailed(str(error)) from error


def same_site(url: str, other: str) -> bool:
    """Same host, a leading `www.` aside, and for http and https alike the same port beyond the usual ones."""
    try:
        left, right = checked_url(url), checked_url(other)
    except Forbidden:
        return False
    return _site(left) == _site(right)


def _site(url: httpx.URL) -> tuple[str, int]:
    return url.host.removeprefix("www."), url.port if url.port not in (80, 443, None) else 0


def read_sitemap(fetched: Fetched, max_bytes: int) -> Iterator[tuple[str, str]]:
    """Entries of an XML sitemap, a sitemap index or a plain list of addresses, packed or not. Raises FetchFailed."""
    data = fetched.data
    if data.startswith(b"\x1f\x8b"):
        data = gunzipped(data, max_bytes)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        yield from _xml_entries(data, fetched.url)
        return
    for line in data.decode("utf-8", "replace").splitlines():
        if line.strip().startswith(("http://", "https://")):
            yield "page", line.strip()


def _xml_entries(data: bytes, base: str) -> Iterator[tuple[str, str]]:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(data.strip(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise FetchFailed("This is not a sitemap: its XML cannot be read.") from error
    kind = {"urlset": "page", "sitemapindex": "sitemap"}.get(_local(root.tag))
    if kind is None:
        raise FetchFailed("This is not a sitemap. For one page, add it as a page.")
    for entry in root:
        for child in entry:
            if _local(child.tag) == "loc" and (child.text or "").strip():
                yield kind, urljoin(base, child.text.strip())


def _local(tag: object) -> str:
    return str(tag).rsplit("}", 1)[-1]
