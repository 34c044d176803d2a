"""Filling in texts: what is known goes in once, what is missing leaves no hole."""

import pytest

from chatbot.conversations.canned_replies import canned


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello {{customer}},\nwe are on it.", "Hello,\nwe are on it."),
        ("Hi {{ customer }}! Thanks.", "Hi! Thanks."),
        ("Thanks, {{customer}}!", "Thanks!"),
        ("{{customer}}, your parcel is on its way.", "your parcel is on its way."),
        ("您好{{customer}}，请稍等。", "您好，请稍等。"),
        ("Dear {{customer}} and family", "Dear and family"),
        ("Nothing to fill { in } here", "Nothing to fill { in } here"),
    ],
)
def test_a_missing_value_is_left_out_with_its_space_and_comma(text: str, filled: str) -> None:
    assert canned.fill(text, {}) == filled


def test_known_values_go_in_whatever_the_spelling_of_the_variable() -> None:
    assert canned.fill("Hi {{ Customer }}, I am {{agent}}.", {"customer": "Ada", "agent": "Li"}) == "Hi Ada, I am Li."


@pytest.mark.parametrize("hostile", ["{{agent}}", "{{customer}}", "\\1 \\g<0>", "{0} %s", "{{"])
def test_a_value_is_never_read_as_a_text_with_variables(hostile: str) -> None:
    assert canned.fill("Hi {{customer}}!", {"customer": hostile, "agent": "SECRET"}) == f"Hi {hostile}!"


def test_a_value_is_one_short_line_without_control_characters() -> None:
    filled = canned.fill("Hi {{customer}}!", {"customer": "A\n\nda\x00\u202e " + "x" * 5000})
    assert filled.startswith("Hi A da x")
    assert "\n" not in filled
    assert len(filled) <= canned.VALUE_MAX_CHARS + 4


def test_unknown_variables_and_broken_braces_are_named() -> None:
    assert canned.unknown_variables("{{customer}} {{order}} {{ Agent }} {{order}}") == ["order"]
    assert canned.unknown_variables("Hello {{customer}") == ["{{"]
    assert canned.unknown_variables("All {fine} here, {{company}}") == []


def test_an_unknown_variable_never_reaches_a_customer() -> None:
    assert canned.fill("Order {{order}} is late.", {"order_": "7"}) == "Order is late."


def test_texts_are_found_by_language_and_never_in_a_foreign_one_for_the_bot() -> None:
    texts = {"en": "Hello", "zh-hans": "您好"}
    assert canned.own_text(texts, "zh") == "您好"
    assert canned.own_text(texts, "zh-TW") == "您好"
    assert canned.own_text(texts, "de") == ""
    assert canned.text_for(texts, "de") == "Hello"
    assert canned.text_for({"fr": "Bonjour"}, "de") == "Bonjour"
    assert canned.text_for({}, "en") == ""


def test_neutral_words_stand_for_company_and_agent() -> None:
    assert canned.fill("{{agent}} of {{company}}", canned.neutral("en-GB")) == "our team of our company"
    assert canned.fill("{{company}}会联系您", canned.neutral("zh-hans")) == "我们会联系您"
