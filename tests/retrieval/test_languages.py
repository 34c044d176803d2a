"""Which language: sure where the script says it, careful where a question is short."""

import pytest

from retrieval.languages import base, detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How long do I have to send back shoes I have worn?", "en"),
        ("我穿过的鞋子可以退吗", "zh"),
        ("我穿過的鞋子可以退嗎", "zh-hant"),
        ("iPhone 15 保修多久", "zh"),
        ("送料はいくらですか", "ja"),
        ("배송비는 얼마인가요", "ko"),
        ("Сколько стоит доставка?", "ru"),
        ("Wie lange kann ich die Schuhe zurückgeben?", "de"),
        ("¿Cuánto cuesta el envío?", "es"),
    ],
)
def test_the_language_of_an_ordinary_question(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize("text", ["refund", "hi", "ok thanks", "hola", "Cairn 2 Dry"])
def test_a_short_question_is_taken_for_a_language_of_the_documents(text: str) -> None:
    assert detect(text, among=["en", "zh"], default="en") == "en"


@pytest.mark.parametrize("text", ["", "   ", "😀", "12345", "https://shop.test/returns"])
def test_a_text_without_words_is_of_the_default_language(text: str) -> None:
    assert detect(text) == ""
    assert detect(text, default="en") == "en"


def test_a_language_tag_is_reduced_to_its_base() -> None:
    assert base("zh-hant") == "zh"
    assert base("pt_BR") == "pt"
    assert base("") == ""
