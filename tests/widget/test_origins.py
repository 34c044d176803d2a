"""Which pages and sockets are let in. What is not plainly allowed is denied."""

import pytest

from chatbot.widget import doors, origins

OWN = frozenset({"http://chat.test:8000"})


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        (["https://shop.example"], "https://shop.example"),
        (["https://shop.example"], "https://shop.example:443"),
        (["https://shop.example/"], "https://SHOP.example"),
        (["https://shop.example:8443"], "https://shop.example:8443"),
        (["https://*.example.com"], "https://a.example.com"),
        (["https://*.example.com"], "https://a.b.example.com"),
        (["https://bücher.example"], "https://xn--bcher-kva.example"),
        (["http://[::1]:3000"], "http://[::1]:3000"),
        (["self"], "http://chat.test:8000"),
        (["nonsense", "https://shop.example"], "https://shop.example"),
    ],
)
def test_a_page_of_an_allowed_origin_is_let_in(allowed: list[str], origin: str) -> None:
    assert origins.allows(allowed, origin, own=OWN)


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        ([], "https://shop.example"),
        (["https://shop.example"], "http://shop.example"),
        (["https://shop.example"], "https://shop.example:8443"),
        (["https://shop.example"], "https://evil.example"),
        (["https://shop.example"], "https://shop.example.evil.test"),
        (["https://shop.example"], "https://evilshop.example"),
        (["https://shop.example"], "https://shop.example@evil.test"),
        (["https://*.example.com"], "https://example.com"),
        (["https://*.example.com"], "https://evilexample.com"),
        (["https://*.example.com"], "https://.example.com"),
        (["https://*.example.com"], "https://*.example.com"),
        (["https://*.example.com"], "https://a.example.com.evil.test"),
        (["https://shop.example"], "null"),
        (["null"], "null"),
        (["*"], "https://shop.example"),
        (["https://*"], "https://shop.example"),
        (["self"], "https://shop.example"),
        (["https://shop.example"], ""),
        (["https://shop.example"], None),
        (["https://shop.example"], "https://shop.example/path"),
        (["https://shop.example"], "https://shop.example https://evil.test"),
        (["file://"], "file://"),
        (["javascript://shop.example"], "javascript://shop.example"),
        ("https://shop.example", "https://shop.example"),
        (None, "https://shop.example"),
        ([None, 7, {}], "https://shop.example"),
    ],
)
def test_every_other_page_is_denied(allowed: object, origin: str | None) -> None:
    assert not origins.allows(allowed, origin, own=OWN)


def test_the_browser_is_told_exactly_the_allowed_ancestors() -> None:
    assert origins.frame_ancestors([]) == ["'none'"]
    assert origins.frame_ancestors(["*", "null", "data:"]) == ["'none'"]
    assert list(origins.frame_ancestors(["https://A.example/", "https://*.b.example", "self"])) == [
        "https://a.example",
        "https://*.b.example",
        "'self'",
    ]


def test_no_entry_can_smuggle_a_second_directive_into_the_policy() -> None:
    assert origins.frame_ancestors(
        ["https://a.example; script-src *", "https://a.example *", "https://a.example,b"]
    ) == ["'none'"]


def test_a_forged_host_header_makes_no_own_origin(settings) -> None:  # type: ignore[no-untyped-def]
    settings.PUBLIC_URL = "https://chat.example"
    settings.ALLOWED_HOSTS = ["chat.example", "localhost"]
    assert doors.own_origins("evil.test") == {"https://chat.example"}
    assert doors.own_origins("localhost:8000") == {"https://chat.example", "https://localhost:8000"}


@pytest.mark.parametrize("url", ["", "not a url", "http://[broken", "/path", "https://a b.example/x"])
def test_what_is_no_address_has_no_origin(url: str) -> None:
    assert origins.of_url(url) is None


def test_the_origin_of_a_page_is_its_address_without_path() -> None:
    assert origins.of_url("https://shop.example:8443/a/b?c#d") == "https://shop.example:8443"
