"""Terms and BM25: spellings meet, identifiers survive, Chinese is found in both orthographies."""

import numpy as np
import pytest

from retrieval.lexical import LexicalIndex, query_terms, terms


def _best(documents: list[str], question: str, language: str = "en", asked: str = "") -> int:
    index = LexicalIndex.build(documents, [language] * len(documents))
    scores = index.score(query_terms(question, (asked or language,)))
    assert scores.max() > 0
    return int(scores.argmax())


def test_english_words_meet_in_their_stems() -> None:
    assert _best(["We ship to Norway.", "Refunds take five days."], "how are my shoes being shipped") == 0


@pytest.mark.parametrize(
    ("document", "question"),
    [
        ("Order A-12345 is late.", "where is a-12345"),
        ("It costs 1,299.00 euro.", "1299.00"),
        ("Model X200/B", "x200/b"),
    ],
)
def test_numbers_and_identifiers_are_found_as_written(document: str, question: str) -> None:
    assert _best(["Nothing of the kind.", document], question) == 1


def test_traditional_and_simplified_chinese_find_each_other() -> None:
    documents = ["我们提供三十天退货服务", "門店營業時間是早上九點", "运费由客户承担"]
    assert _best(documents, "營業時間", "zh") == 1
    assert _best(documents, "营业时间", "zh") == 1
    assert _best(documents, "退貨", "zh", "zh-hant") == 0


def test_japanese_korean_and_mixed_text_have_terms() -> None:
    assert "送料" in terms("送料はいくらですか", ("ja",))
    assert "배송" in terms("배송비는", ("ko",))
    assert "iphone" in terms("iPhone保修", ("zh",))


def test_accents_and_width_do_not_matter() -> None:
    assert terms("Café ＡＢＣ", ("en",)) == terms("cafe abc", ("en",))


def test_contractions_and_elisions_leave_their_word() -> None:
    assert terms("don't", ("en",)) == []
    assert "hotel" in terms("l'hôtel", ("fr",))


@pytest.mark.parametrize("text", ["", "😀😀", "the of and", "\x00\u200b", "的"])
def test_a_text_without_terms_is_indexed_and_asked_without_harm(text: str) -> None:
    index = LexicalIndex.build([text, "shoes"], ["en", "en"])
    assert index.score(query_terms(text, ("en",))).tolist() == [0.0, 0.0]
    assert LexicalIndex.build([text], ["en"]).score(query_terms("shoes", ("en",))).tolist() == [0.0]


def test_an_index_of_nothing_answers_with_nothing() -> None:
    assert LexicalIndex.build([], []).score({"shoe": 1.0}).tolist() == []


def test_a_weight_counts_and_unknown_terms_do_not() -> None:
    index = LexicalIndex.build(["red shoes", "blue shoes"], ["en", "en"])
    single = index.score({"red": 1.0, "unheard": 5.0})
    assert np.allclose(index.score({"red": 0.5}), single / 2)


def test_a_huge_question_keeps_a_bounded_number_of_terms() -> None:
    assert len(query_terms(" ".join(f"word{n}" for n in range(50_000)), ("en",))) == 512


def test_a_saved_index_scores_the_same(tmp_path) -> None:  # type: ignore[no-untyped-def]
    index = LexicalIndex.build(["red shoes", "blue shoes 鞋子", ""], ["en", "zh", "en"])
    index.save(tmp_path)
    wanted = query_terms("blue 鞋子", ("zh",))
    assert LexicalIndex.load(tmp_path).score(wanted).tolist() == index.score(wanted).tolist()
