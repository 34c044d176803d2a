"""What is measured of one answer."""

import pytest

from finetune import metrics
from finetune.abstaining import abstains
from finetune.metrics import Echoes
from finetune.records import ContextPassage, GenerationRequest, Turn
from tests.finetune.requests import ask

SHIPPING = ContextPassage(2, "Shipping", "", "Shipping to France costs 4.90 euro and takes three days.")
BOTH = ask(passages=(ask().passages[0], SHIPPING))


def test_rouge_counts_chinese_by_character() -> None:
    assert metrics.rouge_l("运费是五欧元。", ["运费为五欧元。"]) == pytest.approx(5 / 6)
    assert metrics.rouge_l("Within 30 days [1].", ["within 30 days"]) == 1.0
    assert metrics.rouge_l("", ["within 30 days"]) == 0.0


def test_bleu_of_a_set_comes_from_the_counts_of_its_answers() -> None:
    import sacrebleu

    said = ["You can return worn shoes within 30 days [1].", "Shipping to France costs 4.90 euro."]
    wanted = ["You can send back worn shoes within 30 days [1].", "It costs 4.90 euro to ship to France."]
    sums = [
        sum(column)
        for column in zip(*(metrics.bleu_counts(a, b) for a, b in zip(said, wanted, strict=True)), strict=True)
    ]
    assert len(sums) == metrics.BLEU_COLUMNS
    whole = sacrebleu.corpus_bleu(
        [one.replace(" [1]", "") for one in said], [[one.replace(" [1]", "") for one in wanted]]
    )
    assert metrics.bleu_of(sums) == pytest.approx(whole.score, abs=1e-6)


def test_bleu_cuts_chinese_with_the_chinese_tokenizer() -> None:
    counts = metrics.bleu_counts("运费是五欧元。", "运费为五欧元。")
    assert counts[:4] == [6, 4, 2, 1]


def test_a_sentence_that_no_passage_supports_counts_against_the_answer() -> None:
    found = metrics.grounds("Worn shoes can be returned within 30 days [1]. Gift cards never expire [2].", BOTH)
    assert (found.claims, found.supported, found.cited) == (2, 1, 1)
    assert (found.support, found.citation) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("answer", "quotes"),
    [
        (
            "Hello Ann! Worn shoes can be returned within 30 days [2]. Please ask again if you have more questions.",
            True,
        ),
        ("Worn shoes can be returned within 30 days [1]. Gift cards never expire [2].", False),
        ("Within 30 days you can return worn shoes [1].", False),
        ("I do not know that. Shall I bring in a colleague?", False),
    ],
)
def test_an_answer_quotes_when_all_it_claims_stands_in_a_passage_word_for_word(answer: str, quotes: bool) -> None:
    assert metrics.quotes(answer, [one.text for one in BOTH.passages]) is quotes


def test_the_right_thing_under_the_wrong_number_is_no_right_citation() -> None:
    found = metrics.grounds("Worn shoes can be returned within 30 days [2].", BOTH)
    assert (found.supported, found.cited) == (1, 0)
    assert metrics.grounds("Worn shoes can be returned within 30 days [7].", BOTH).cited == 0
    assert metrics.grounds("Worn shoes can be returned within 30 days.", BOTH).cited == 0


@pytest.mark.parametrize(
    "answer", ["Hello! Thank you for asking.", "I do not know that. Shall I bring in a colleague?", ""]
)
def test_courtesies_and_not_knowing_claim_nothing(answer: str) -> None:
    found = metrics.grounds(answer, BOTH)
    assert (found.claims, found.support, found.citation) == (0, 1.0, None)


def test_numbers_are_copied_exactly_or_not() -> None:
    assert metrics.numbers_copied("Within 30 days for 4.90 euro.", "30 days, 4.90 euro") == 1.0
    assert metrics.numbers_copied("Within 14 days for 4.90 euro.", "30 days, 4.90 euro") == 0.5
    assert metrics.numbers_copied("三十天之内。", "Within 30 days.") == 1.0
    assert metrics.numbers_copied("Yes.", "Of course.") is None


@pytest.mark.parametrize(
    ("answer", "knows_not"),
    [
        ("I do not know that from our documents. Shall I bring in a colleague?", True),
        ("Our documents do not say that.", True),
        ("I could not find that in our documents.", True),
        ("我在资料中没有找到答案。要不要请同事为您解答？", True),
        ("我们的资料中没有提到这一点。", True),
        ("Das weiß ich leider nicht.", True),
        ("  ", True),
        ("Worn shoes can be returned within 30 days [1].", False),
        ("We do not know of any fee [2].", False),
        ("You can return them within 30 days.", False),
        ("您可以在三十天之内退回 [1]。", False),
    ],
)
def test_not_knowing_is_found_in_its_wording(answer: str, knows_not: bool) -> None:
    assert abstains(answer) is knows_not


def test_a_customers_own_words_are_heard_again() -> None:
    customers = [
        "my neighbour told me about this place when we were fixing the fence",
        "我上个星期在湖边把新买的帐篷弄丢了怎么办",
    ]
    echoes = Echoes.of(customers, ["We were fixing the fence of our shop last year, you know."])
    empty = GenerationRequest((Turn("customer", "Price?"),), "Price?", ())
    assert echoes.heard("Well, my neighbour told me about this place.", empty)
    assert echoes.heard("我上个星期在湖边把新买的帐篷弄丢了。", empty)
    assert not echoes.heard("My neighbour told me.", empty), "short runs are chance"
    assert not echoes.heard("Well, my neighbour told me about this place.", ask(customers[0])), "it was said here"
    assert not echoes.heard("We were fixing the fence of our shop.", empty), "agents say it too"
    assert not Echoes().heard("anything", empty)


def test_length_is_what_a_customer_reads() -> None:
    assert metrics.length("Within 30 days [1][2].") == len("within 30 days.")
    assert metrics.length("运费 是 五欧元 [1]。") == 7
