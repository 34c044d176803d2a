"""Fetching stays out of internal networks and within its limits, whatever a server or a name server says."""

import gzip
import socket
import threading
import zlib
from collections.abc import Iterator

import pytest

from retrieval import fetch_guard
from retrieval.fetch_guard import Forbidden, Policy, judged
from retrieval.fetching import Fetcher, FetchFailed, checked_url
from tests.retrieval.site import Page, Site, serving

INTERNAL = Policy(allow_private=True, ports=frozenset())


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as made:
        yield made


def reason(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(FetchFailed) as failure:
        fetcher.fetch(url)
    return failure.value.reason


# --- Addresses ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "::127.0.0.1", "2001:db8::1", "fe80::1%eth0",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(Forbidden):
        judged(address, Policy())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert judged(address, Policy())


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "fc00::1"])
def test_an_intranet_can_be_allowed(address: str) -> None:
    assert judged(address, INTERNAL)


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "0.0.0.0", "224.0.0.1"])
def test_where_clouds_keep_credentials_is_refused_even_then(address: str) -> None:
    with pytest.raises(Forbidden):
        judged(address, INTERNAL)


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.test", "ftp://shop.test/", "file:///etc/passwd", "gopher://shop.test/", "javascript:alert(1)",
        "https://user:password@shop.test/", "https://shop.test\\@evil.test/", "https://shop.test/a b",
        "https://shop.test/\r\nHost: evil", "https://", "http://[::1", "https://shop.test:99999/", "https://" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        checked_url(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "127.1"])
def test_no_way_to_write_this_machine_gets_through(host: str, site: Site) -> None:
    site.pages["/"] = Page(b"secret")
    policy = Policy(ports=frozenset())
    with pytest.raises(FetchFailed):
        Fetcher(policy, seconds=5).fetch(f"http://{host}:{site.port}/")
    assert site.asked == []


def test_odd_ports_are_refused(site: Site) -> None:
    assert "ports 80 and 443" in reason(Fetcher(Policy(allow_private=True)), site.url("/"))
    assert site.asked == []


# --- Redirects and name servers -------------------------------------------------------------------------
@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Answers of the name server: for each host the addresses of the first question, the second, ..."""
    table: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: int, **options: int) -> object:
        if host not in table:
            return real(host, port, *args, **options)
        answers = table[host]
        now = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now]

    monkeypatch.setattr(fetch_guard.socket, "getaddrinfo", getaddrinfo)
    return table


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """93.184.216.34 is this machine's test site; every other connection goes where it says."""
    connect = fetch_guard.httpcore.SyncBackend.connect_tcp

    def connect_tcp(self: object, host: str, *args: object, **kwargs: object) -> object:
        return connect(self, "127.0.0.1" if host == "93.184.216.34" else host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(fetch_guard.httpcore.SyncBackend, "connect_tcp", connect_tcp)


ANY_PORT = Policy(ports=frozenset())


@pytest.mark.usefixtures("outside")
def test_a_redirect_to_an_internal_address_is_refused(site: Site, names: dict[str, list[list[str]]]) -> None:
    names["shop.test"] = [["93.184.216.34"]]
    for target in (site.url("/secret"), f"//127.0.0.1:{site.port}/secret"):
        site.pages["/"] = Page(status=302, headers={"Location": target})
        assert "internal network" in reason(Fetcher(ANY_PORT), f"http://shop.test:{site.port}/")
    assert "/secret" not in site.paths()


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://shop.test/", "https://u:p@shop.test/"])
def test_a_redirect_to_something_else_than_a_page_is_refused(
    target: str, site: Site, names: dict[str, list[list[str]]]
) -> None:
    names["shop.test"] = [["93.184.216.34"]]
    site.pages["/"] = Page(status=302, headers={"Location": target})
    reason(Fetcher(ANY_PORT), f"http://shop.test:{site.port}/")
    assert site.paths() == ["/"]


@pytest.mark.usefixtures("outside")
def test_a_name_that_changes_its_address_between_two_questions_gains_nothing(
    site: Site, names: dict[str, list[list[str]]]
) -> None:
    names["shop.test"] = [["93.184.216.34"], ["127.0.0.1"]]
    site.pages["/"] = Page(status=302, headers={"Location": "/secret"})
    site.pages["/secret"] = Page(b"secret")
    assert "internal network" in reason(Fetcher(ANY_PORT), f"http://shop.test:{site.port}/")
    assert site.paths() == ["/"]


@pytest.mark.usefixtures("outside")
def test_one_internal_address_among_public_ones_is_enough_to_refuse(
    site: Site, names: dict[str, list[list[str]]]
) -> None:
    names["shop.test"] = [["93.184.216.34", "10.0.0.1"]]
    assert "internal network" in reason(Fetcher(ANY_PORT), f"http://shop.test:{site.port}/")
    assert site.asked == []


@pytest.mark.usefixtures("outside")
def test_a_redirect_within_the_site_is_followed(site: Site, names: dict[str, list[list[str]]]) -> None:
    names["shop.test"] = [["93.184.216.34"]]
    site.pages |= {"/": Page(status=301, headers={"Location": "/new?a=1#part"}), "/new?a=1": Page(b"here")}
    found = Fetcher(ANY_PORT).fetch(f"http://shop.test:{site.port}/")
    assert (found.data, found.url) == (b"here", f"http://shop.test:{site.port}/new?a=1")


def test_redirects_without_end_are_given_up(site: Site) -> None:
    site.pages["/"] = Page(status=302, headers={"Location": "/"})
    assert "redirects too often" in reason(Fetcher(INTERNAL), site.url("/"))
    assert len(site.asked) == 6


# --- Limits and manners ---------------------------------------------------------------------------------
def test_a_page_over_the_limit_is_not_read_to_its_end(site: Site) -> None:
    site.pages["/declared"] = Page(b"x" * 5000, headers={"Content-Length": "5000"})
    site.pages["/undeclared"] = Page(b"x" * 5000)
    for path in site.pages:
        assert reason(Fetcher(INTERNAL, max_bytes=4999), site.url(path)) == "The page is larger than the limit."
        assert len(Fetcher(INTERNAL, max_bytes=5000).fetch(site.url(path)).data) == 5000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_page_counts_unpacked(encoding: str, site: Site) -> None:
    bomb = b"\x00" * 20_000_000
    packed = gzip.compress(bomb) if encoding == "gzip" else zlib.compress(bomb)
    site.pages["/"] = Page(packed, headers={"Content-Encoding": encoding})
    assert reason(Fetcher(INTERNAL, max_bytes=1_000_000), site.url("/")) == "The page is larger than the limit."
    assert Fetcher(INTERNAL).fetch(site.url("/")).data == bomb


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_a_packing_nobody_asked_for_is_refused(encoding: str, site: Site) -> None:
    site.pages["/"] = Page(b"???", headers={"Content-Encoding": encoding})
    assert "does not read" in reason(Fetcher(INTERNAL), site.url("/"))


def test_a_damaged_packing_is_a_reason(site: Site) -> None:
    site.pages["/"] = Page(b"not gzip at all", headers={"Content-Encoding": "gzip"})
    assert reason(Fetcher(INTERNAL), site.url("/"))


def test_a_server_that_drips_for_ever_is_left(site: Site) -> None:
    site.pages["/"] = Page(drip=threading.Event())
    assert "did not answer in time" in reason(Fetcher(INTERNAL, seconds=0.5), site.url("/"))


@pytest.mark.parametrize(
    ("status", "gone", "words"),
    [
        (404, True, "no page"),
        (410, True, "no page"),
        (403, False, "login"),
        (429, False, "slowly"),
        (500, False, "500"),
    ],
)
def test_errors_of_a_server_are_sentences(status: int, gone: bool, words: str, site: Site) -> None:
    site.pages["/"] = Page(b"stack trace", status=status)
    with pytest.raises(FetchFailed) as failure:
        Fetcher(INTERNAL).fetch(site.url("/"))
    assert (failure.value.gone, failure.value.status) == (gone, status)
    assert words in failure.value.reason
    assert "stack trace" not in failure.value.reason


def test_a_server_that_is_not_there_is_a_reason(site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        assert "could not be reached" in reason(Fetcher(INTERNAL), url)


def test_a_page_is_asked_for_again_only_when_it_changed(site: Site) -> None:
    site.pages["/"] = Page(b"text", headers={"ETag": '"one"', "Content-Type": "text/html; charset=utf-8"})
    first = Fetcher(INTERNAL).fetch(site.url("/"))
    assert (first.data, first.etag, first.content_type) == (b"text", '"one"', "text/html; charset=utf-8")
    again = Fetcher(INTERNAL).fetch(site.url("/"), etag=first.etag)
    assert (again.not_modified, again.data) == (True, b"")


def test_no_cookie_and_no_credential_is_sent_and_proxies_are_not_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    site.pages["/"] = Page(b"text", headers={"Set-Cookie": "a=b"})
    for _visit in range(2):
        Fetcher(INTERNAL).fetch(site.url("/"), etag="bad\r\nCookie: x")
    headers = site.asked[-1][1]
    assert "ParleyBot" in headers["user-agent"]
    assert not {"cookie", "authorization", "if-none-match"} & set(headers)
