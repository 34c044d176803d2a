"""A sitemap becomes documents: politely, on its own site only, and what leaves the sitemap leaves the answers."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from retrieval import intake
from retrieval.crawling import MAX_SITEMAPS, Crawler
from retrieval.fetch_guard import Policy
from retrieval.fetching import Fetcher, FetchFailed
from retrieval.intake_work import sync_waiting
from retrieval.models import Document, Source
from tests.retrieval.site import Page, Site, serving

INTERNAL = Policy(allow_private=True, ports=frozenset())


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as made:
        yield made


def crawler(**fields: Any) -> Crawler:
    return Crawler(Fetcher(INTERNAL, seconds=10), **{"delay": 0.0, **fields})


def urlset(*urls: str) -> Page:
    rows = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    return Page(
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'.encode()
    )


def index(*urls: str) -> Page:
    rows = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return Page(f"<sitemapindex>{rows}</sitemapindex>".encode())


def page(text: str) -> Page:
    return Page(
        f"<html><main><h1>{text}</h1><p>About {text}.</p></main></html>".encode(), headers={"Content-Type": "text/html"}
    )


# --- Sitemaps -------------------------------------------------------------------------------------------
def test_pages_are_those_of_the_sitemap_on_its_own_site_once_each(site: Site) -> None:
    site.pages["/map.xml"] = urlset(
        site.url("/a"), site.url("/b"), site.url("/a"), "/c", "https://evil.test/x", "file:///etc"
    )
    assert crawler().pages(site.url("/map.xml"), limit=10) == [site.url("/a"), site.url("/b"), site.url("/c")]


def test_sitemaps_of_sitemaps_packed_ones_and_plain_lists_are_read(site: Site) -> None:
    packed = gzip.compress(urlset(site.url("/a")).body)
    site.pages |= {
        "/map.xml": index(site.url("/one.xml.gz"), site.url("/two.txt"), site.url("/gone.xml")),
        "/one.xml.gz": Page(packed),
        "/two.txt": Page(f"{site.url('/b')}\nnot an address\n".encode()),
    }
    assert crawler().pages(site.url("/map.xml"), limit=10) == [site.url("/a"), site.url("/b")]


def test_sitemaps_that_name_each_other_end(site: Site) -> None:
    site.pages |= {"/map.xml": index(site.url("/other.xml")), "/other.xml": index(site.url("/map.xml"))}
    with pytest.raises(FetchFailed, match="lists no pages"):
        crawler().pages(site.url("/map.xml"), limit=10)
    assert len(site.asked) == 2


def test_a_sitemap_of_thousands_of_sitemaps_is_left_after_a_while(site: Site) -> None:
    many = [site.url(f"/{number}.xml") for number in range(MAX_SITEMAPS * 3)]
    site.pages["/map.xml"] = index(*many)
    with pytest.raises(FetchFailed):
        crawler().pages(site.url("/map.xml"), limit=10)
    assert len(site.asked) == MAX_SITEMAPS


def test_no_more_pages_than_the_limit(site: Site) -> None:
    site.pages["/map.xml"] = urlset(*(site.url(f"/{number}") for number in range(100)))
    assert len(crawler().pages(site.url("/map.xml"), limit=7)) == 7


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>&x;</loc></url></urlset>',
        b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><urlset>&b;</urlset>',
        b"<urlset><url>",
        b"<html><body>Not found</body></html>",
        b"\x1f\x8b broken",
        b"",
    ],
)
def test_what_is_no_sitemap_is_a_sentence(body: bytes, site: Site) -> None:
    site.pages["/map.xml"] = Page(body)
    with pytest.raises(FetchFailed) as failure:
        crawler().pages(site.url("/map.xml"), limit=10)
    assert failure.value.reason.endswith(".")
    assert "passwd" not in failure.value.reason


# --- Manners --------------------------------------------------------------------------------------------
def test_pages_that_robots_txt_forbids_are_not_fetched(site: Site) -> None:
    site.pages |= {
        "/robots.txt": Page(b"User-agent: *\nDisallow: /private\n"),
        "/a": page("A"),
        "/private/b": page("B"),
    }
    visit = crawler()
    assert visit.fetch(site.url("/a")).status == 200
    with pytest.raises(FetchFailed, match=r"robots\.txt"):
        visit.fetch(site.url("/private/b"))
    assert site.paths() == ["/robots.txt", "/a"]


def test_a_rule_for_this_program_goes_before_the_one_for_all(site: Site) -> None:
    site.pages |= {
        "/robots.txt": Page(b"User-agent: *\nAllow: /\n\nUser-agent: ParleyBot\nDisallow: /\n"),
        "/a": page("A"),
    }
    assert not crawler().allowed(site.url("/a"))


def test_a_site_whose_robots_txt_cannot_be_read_just_now_is_left_alone(site: Site) -> None:
    site.pages |= {"/robots.txt": Page(status=503), "/a": page("A")}
    with pytest.raises(FetchFailed):
        crawler().fetch(site.url("/a"))
    assert site.paths() == ["/robots.txt"]


@pytest.mark.parametrize(
    ("robots", "least", "most"),
    [
        ("User-agent: *\nAllow: /\n", 0.0, 5.0),
        ("User-agent: *\nCrawl-delay: 9\n", 5.0, 9.0),
        ("User-agent: *\nCrawl-delay: 86400\n", 5.0, 10.0),
    ],
    ids=["ours", "theirs", "theirs within reason"],
)
def test_between_two_requests_there_is_a_pause(robots: str, least: float, most: float, site: Site) -> None:
    site.pages |= {"/a": page("A"), "/b": page("B"), "/robots.txt": Page(robots.encode())}
    pauses: list[float] = []
    visit = crawler(delay=5.0, sleep=pauses.append)
    visit.fetch(site.url("/a"))
    visit.fetch(site.url("/b"))
    assert len(pauses) == 2
    assert all(least < pause <= most for pause in pauses)


# --- As a source ----------------------------------------------------------------------------------------
@pytest.fixture
def source(db: None, site: Site, settings: Any) -> Source:
    settings.CRAWL_ALLOW_PRIVATE = True
    settings.CRAWL_DELAY_SECONDS = 0.0
    site.pages |= {"/a": page("Returns"), "/b": page("Shipping"), "/map.xml": urlset(site.url("/a"), site.url("/b"))}
    return intake.add_sitemap(site.url("/map.xml"), actor="boss")


def rows() -> dict[str, tuple[str, str]]:
    return {row.key.rsplit("/", 1)[-1]: (row.status, row.reason) for row in Document.objects.all()}


def test_a_sitemap_becomes_documents(source: Source) -> None:
    sync_waiting()
    source.refresh_from_db()
    assert (source.status, source.reason) == ("idle", "")
    assert rows() == {"a": ("processing", ""), "b": ("processing", "")}
    assert Document.objects.get(title="Returns").markdown.startswith("# Returns\n\nAbout Returns.")


def test_a_page_that_fails_is_its_own_reason_and_stops_no_other(source: Source, site: Site) -> None:
    site.pages["/a"] = Page(b"oops", status=500)
    sync_waiting()
    assert rows()["a"][0] == "failed"
    assert "status 500" in rows()["a"][1]
    assert rows()["b"] == ("processing", "")


def test_a_page_in_the_answers_that_cannot_be_reached_keeps_its_text(source: Source, site: Site) -> None:
    sync_waiting()
    Document.objects.update(status="ready")
    site.pages["/a"] = Page(b"oops", status=500)
    intake.resync(source)
    sync_waiting()
    status, reason = rows()["a"]
    assert status == "ready"
    assert "answers still use the earlier text" in reason
    assert Document.objects.get(title="Returns").markdown


def test_what_leaves_the_sitemap_or_the_site_leaves_the_answers(source: Source, site: Site) -> None:
    sync_waiting()
    Document.objects.update(status="ready")
    site.pages["/map.xml"] = urlset(site.url("/a"))
    site.pages["/a"] = Page(b"", status=410)
    intake.resync(source)
    sync_waiting()
    assert rows()["b"][0] == "deleted"
    assert rows()["a"][0] == "failed"


def test_a_sitemap_that_breaks_leaves_the_documents_as_they_are(source: Source, site: Site) -> None:
    sync_waiting()
    Document.objects.update(status="ready")
    site.pages["/map.xml"] = Page(status=500)
    intake.resync(source)
    sync_waiting()
    source.refresh_from_db()
    assert source.status == "failed"
    assert "status 500" in source.reason
    assert {status for status, _reason in rows().values()} == {"ready"}


def test_a_second_visit_asks_for_changes_only(source: Source, site: Site) -> None:
    site.pages["/a"].headers["ETag"] = '"v1"'
    sync_waiting()
    Document.objects.update(status="ready")
    site.asked.clear()
    intake.resync(source)
    sync_waiting()
    assert [headers.get("if-none-match") for path, headers in site.asked if path == "/a"] == ['"v1"']
    assert rows() == {"a": ("ready", ""), "b": ("ready", "")}


def test_a_page_that_leads_to_another_site_is_not_taken_in(source: Source, site: Site) -> None:
    with serving() as other:
        other.pages["/"] = page("Elsewhere")
        site.pages["/a"] = Page(status=302, headers={"Location": other.url("/")})
        sync_waiting()
    assert rows()["a"] == ("failed", "The page leads to another site, which this sitemap does not cover.")


def test_an_internal_address_is_refused_without_the_setting(source: Source, settings: Any, site: Site) -> None:
    settings.CRAWL_ALLOW_PRIVATE = False
    sync_waiting()
    source.refresh_from_db()
    assert source.status == "failed"
    assert site.asked == []
