"""Readable colours from any colour; the nearest language from any tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.widget import appearance, colors, languages


def rgb(text: str) -> colors.Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_inbox_colour_gives_readable_text_everywhere(color: colors.Rgb) -> None:
    palette = colors.palette("#{:02x}{:02x}{:02x}".format(*color))
    assert colors.contrast(rgb(palette.on_brand), rgb(palette.brand)) >= colors.AA
    assert colors.contrast(rgb(palette.on_light), colors.LIGHT) >= colors.AA
    assert colors.contrast(rgb(palette.on_dark), colors.DARK) >= colors.AA


@pytest.mark.parametrize("color", ["", "red", "#12", "#1234567", "url(x)", "#fff;}body{display:none"])
def test_a_damaged_colour_gives_the_default_and_no_injected_style(color: str) -> None:
    assert colors.palette(color) == colors.palette("#1f6feb")


def test_a_good_colour_is_left_as_it_is() -> None:
    assert colors.palette("#0b4f6c").brand == "#0b4f6c"


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("zh-CN", "zh-hans"),
        ("zh_CN", "zh-hans"),
        ("en-GB", "en"),
        ("ar", "en"),
        ("", "en"),
        (None, "en"),
        ("<x>", "en"),
    ],
)
def test_a_tag_finds_the_nearest_catalogue(tag: str | None, found: str) -> None:
    assert languages.for_texts(tag) == found


def test_the_browsers_first_known_language_is_taken() -> None:
    assert languages.preferred("fr, zh-CN;q=0.9, en;q=0.5") == "zh-hans"
    assert languages.preferred("") == "en"


@pytest.mark.parametrize(("tag", "way"), [("ar", "rtl"), ("he-il", "rtl"), ("en", "ltr"), ("zh-hans", "ltr")])
def test_text_runs_the_way_of_its_language(tag: str, way: str) -> None:
    assert languages.direction(tag) == way


def test_an_inboxs_own_texts_are_chosen_by_nearness() -> None:
    texts = {"zh-hans": "你好", "en": "Hello", "de": "Hallo"}
    assert languages.pick(texts, "zh-CN") == "你好"
    assert languages.pick(texts, "de-AT") == "Hallo"
    assert languages.pick(texts, "fr") == "Hello"
    assert languages.pick({"de": "Hallo"}, "fr") == "Hallo"
    assert languages.pick({}, "en") is None
    assert languages.pick(["damaged"], "en") is None


@pytest.mark.parametrize(
    ("title", "shown"), [("Juniper Outdoor", "JO"), ("Parley", "P"), ("杜松户外", "杜"), ("", "?")]
)
def test_the_avatar_has_one_or_two_letters(title: str, shown: str) -> None:
    assert appearance.initials(title) == shown
