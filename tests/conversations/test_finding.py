"""Passages are found in the documents' words and language, and chosen so that one long page does not push out others."""

import pytest

from chatbot.conversations.answers import finding, glossary, places, wording
from chatbot.conversations.answers.collection import CollectionWords
from retrieval.records import Hit, Turn


def hit(number: int, document: int, score: float, text: str = "Words.", title: str = "Page") -> Hit:
    return Hit(number, document, title, (), text, "", "en", score)


# --- Other words -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("postage to Oregon for a 50 dollar order?", {"shipping", "United", "States"}),
        ("do u take bitcoin", {"cryptocurrency"}),
        ("Delivery to Lisbon", {"Portugal", "European", "Union"}),
        ("寄到东京多少钱", {"Japan", "日本"}),
    ],
)
def test_a_question_is_searched_in_other_words_too(question: str, wanted: set[str]) -> None:
    assert wanted <= set(wording.other_words(question).split())


def test_a_question_without_other_words_gets_none() -> None:
    assert wording.other_words("Tell me about Saturn") == ""


def test_part_of_a_word_is_not_a_word() -> None:
    assert "bank" not in wording.other_words("Is the backpack wireless?")
    assert places.country_names("I like Parisienne style") == ()


@pytest.mark.parametrize(
    ("question", "language", "wanted"),
    [
        ("Was kostet der Versand?", "de", {"cost", "shipping"}),
        ("Quelle est la garantie sur les tentes ?", "fr", {"warranty", "tent"}),
        ("¿Puedo pagar con criptomonedas?", "es", {"pay", "cryptocurrency"}),
        ("企业采购有折扣吗", "zh", {"business", "discount"}),
    ],
)
def test_known_words_are_put_into_english(question: str, language: str, wanted: set[str]) -> None:
    assert wanted <= set(glossary.in_english(question, language).split())


def test_an_unlisted_language_is_left_alone() -> None:
    assert glossary.in_english("Mikä on takuu?", "fi") == ""


def test_cities_become_their_countries() -> None:
    assert places.by_country("Delivery to Toronto, please") == "Delivery to Canada, please"
    assert places.by_country("寄到东京") == "寄到日本"


# --- Readings ------------------------------------------------------------------------------------------------------
def test_other_words_and_corrections_count_as_if_said_before() -> None:
    words = CollectionWords(["Choose a new password and confirm it."])
    reading = finding.native("locked out, typed my pasword wrong", (Turn("customer", "Hi"),), "", words)
    assert reading.query == "locked out, typed my pasword wrong"
    assert reading.history[0].text == "Hi"
    assert "password" in reading.history[-1].text


def test_a_translated_question_keeps_the_original_for_names() -> None:
    reading = finding.translated("Was kostet der Versand nach Wien?", (), "cost shipping")
    assert "Austria" in reading.query and "shipping" in reading.query
    assert reading.history[-1].text == "Was kostet der Versand nach Wien?"


# --- Choosing ------------------------------------------------------------------------------------------------------
def test_two_of_a_document_come_first_and_the_rest_wait() -> None:
    hits = [hit(n, 1, 10 - n) for n in range(5)] + [hit(9, 2, 4.0)]
    chosen = finding.choose(hits, ())
    assert [one.document_id for one in chosen] == [1, 1, 2, 1, 1, 1]


def test_no_more_than_asked_are_chosen() -> None:
    assert len(finding.choose([hit(n, n, 1.0) for n in range(20)], (), count=4)) == 4
    assert finding.choose([], ()) == ()


def test_pages_out_of_date_are_left_out_unless_asked_for() -> None:
    old = hit(1, 1, 2.0, title="Archive: returns 2023 (no longer valid)")
    new = hit(2, 2, 1.0, title="Returns")
    assert finding.current([old, new], "How long can I return shoes?") == (new,)
    assert finding.current([old, new], "What was the old returns policy?") == (old, new)
    assert finding.current([old], "How long can I return shoes?") == (old,)


# --- Words of the collection ----------------------------------------------------------------------------------------
TEXTS = ["Returns are free within 30 days.", "Shipping takes 4 days.", "穿过的鞋可以退货。"]


def test_a_word_that_no_document_holds_is_unknown() -> None:
    words = CollectionWords(TEXTS)
    assert words.unknown("Do you sell gaiters?") == ("gaiters",)
    assert words.unknown("Are returns free?") == ()


@pytest.mark.parametrize("question", ["my uncle said shiping is slow", "is shipping to Toronto slow yesterday"])
def test_slips_places_and_the_story_around_are_not_unknown(question: str) -> None:
    assert not {"shiping", "toronto", "uncle", "said", "yesterday"} & set(CollectionWords(TEXTS).unknown(question))


def test_chinese_nouns_are_looked_up_and_verbs_are_not() -> None:
    words = CollectionWords(TEXTS)
    assert "军人" in words.unknown("军人有优惠吗")
    assert "退货" not in words.unknown("穿过的鞋能退货吗")


def test_a_slip_of_the_pen_is_corrected_towards_the_documents() -> None:
    words = CollectionWords(TEXTS)
    assert words.spelled("shiping") == "shipping"
    assert words.spelled("shipping") == ""
    assert words.spelled("elephant") == ""
    assert words.respelled("is shiping free") == "shipping"


def test_words_of_hidden_passages_are_not_counted() -> None:
    words = CollectionWords(TEXTS).without(TEXTS[1:2])
    assert "shipping" in words.unknown("Is shipping free?") or words.idf("ship") > CollectionWords(TEXTS).idf("ship")


def test_without_documents_no_word_is_unknown() -> None:
    assert CollectionWords().unknown("gaiters") == ()
    assert 0 < CollectionWords().idf("gaiters") <= 1
