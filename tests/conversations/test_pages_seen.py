"""Pages a customer was on: only web pages, the newest few, and nothing in a title that deceives its reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations import pages_seen
from chatbot.conversations.models import Contact, PageView
from tests import factories


@pytest.fixture
def contact(db: None) -> Contact:
    return factories.contact()


def visit(contact: Contact, url: str, title: str = "") -> None:
    page = pages_seen.clean(url, title)
    assert page is not None
    pages_seen.keep(contact_id=contact.pk, page=page)


def urls(contact: Contact) -> list[str]:
    return list(contact.page_views.values_list("url", flat=True))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>1</script>",
        "file:///etc/passwd",
        "blob:https://shop.test/1",
        "//evil.test/",
        "/relative",
        "https://",
        "https:///path",
        "https:\\\\evil.test",
        "https://user:secret@shop.test/",
        "https://shop.test\\@evil.test/",
        "https://shop.test/a\r\nX-Header: 1",
        "https://shop.test/a b",
        "https://shop.test:port/",
        "https://[::1/",
        "https://shop.test/\u202egnp.exe",
        "https://ѕhop.test/",
        "https://shop.test/" + "a" * 2000,
    ],
)
def test_what_is_no_web_page_is_not_kept(url: str) -> None:
    assert pages_seen.clean(url) is None


@pytest.mark.parametrize(
    "url", ["http://localhost:3000/", "https://shop.test/shoes?size=42#reviews", "https://[::1]:8000/", "HTTPS://A.B/"]
)
def test_addresses_of_web_pages_are_kept_as_they_are(url: str) -> None:
    assert pages_seen.clean(url) == pages_seen.Page(url)


def test_a_title_loses_what_nobody_sees_and_is_cut() -> None:
    page = pages_seen.clean("https://shop.test/", "  Boots\n\t\u202eevil\u200b\x00 \ud83d " + "x" * 5000)
    assert page is not None
    assert page.title.startswith("Boots evil x")
    assert len(page.title) == pages_seen.TITLE_CHARS


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_is_survived_and_what_is_kept_fits_its_columns(url: str, title: str) -> None:
    for address in (url, f"https://{url}", f"https://shop.test/{url}"):
        page = pages_seen.clean(address, title)
        if page is not None:
            assert page.url.lower().startswith(("http://", "https://"))
            assert len(page.url) <= pages_seen.URL_CHARS
            assert len(page.title) <= pages_seen.TITLE_CHARS
            assert page.title.isprintable()


def test_the_same_page_in_a_row_is_one_row_with_its_newest_title(contact: Contact) -> None:
    visit(contact, "https://shop.test/a", "A")
    visit(contact, "https://shop.test/a", "A, loaded")
    visit(contact, "https://shop.test/a")
    visit(contact, "https://shop.test/b")
    visit(contact, "https://shop.test/a", "A")
    assert urls(contact) == ["https://shop.test/a", "https://shop.test/b", "https://shop.test/a"]
    assert contact.page_views.last().title == "A, loaded"  # type: ignore[union-attr]


def test_the_newest_thirty_are_kept(contact: Contact) -> None:
    other = factories.contact()
    visit(other, "https://shop.test/other")
    for number in range(35):
        visit(contact, f"https://shop.test/{number}")
    assert urls(contact) == [f"https://shop.test/{number}" for number in range(34, 4, -1)]
    assert urls(other) == ["https://shop.test/other"]


def test_what_was_seen_before_signing_in_becomes_the_customers(contact: Contact) -> None:
    anonymous = factories.contact(inbox=contact.inbox)
    for number in range(20):
        visit(contact, f"https://shop.test/old/{number}")
    for number in range(20):
        visit(anonymous, f"https://shop.test/new/{number}")
    pages_seen.hand_over(from_contact_id=anonymous.pk, to_contact_id=contact.pk)
    assert (PageView.objects.count(), urls(contact)[0], urls(anonymous)) == (30, "https://shop.test/new/19", [])
