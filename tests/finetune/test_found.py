"""Questions made of sentences of real text: clear ones, answered by the sentence itself, or by not knowing."""

import random
from itertools import islice

import pytest

from finetune import quotations
from finetune.dataset_rows import DatasetRow
from finetune.records import ContextPassage, GenerationRequest, Turn
from finetune.starter.companies import phrases
from finetune.starter.examples import StarterExample
from finetune.starter.found import WORDS, Reading, dressed, passages_of
from finetune.starter.lessons import Course, Followed, reading
from finetune.support import citation_marks, sentences, support, without_marks
from finetune.terms import coverage, term_set

ENGLISH = """\
# Returns

You may send back shoes within 45 days, even when you have worn them outside on wet grass. The label for the parcel lies
in the box. Money for returned articles reaches your bank account five working days after our warehouse has opened the
parcel and looked at its contents.

## Repairs

Our cobblers in Leeds resole hiking boots for 60 euros. Laces, insoles and zips are replaced without charge during the
first two years. A repair usually takes three weeks from the day on which the boots arrive at the workshop.

```
curl --data worn=1 https://example.org/returns
```

Vouchers
========

Vouchers are valid for three years and cannot be paid out in cash. Several vouchers can be used for one order, and what is
left over stays on the voucher. A lost voucher is replaced when you can show the receipt of the shop that sold it to you.
Companies that buy more than fifty vouchers receive a discount of 8 per cent and an invoice at the end of the month.
"""
CHINESE = """\
# 会员积分

会员每消费一元可获得一个积分，积分在消费后的第二天到账。积分的有效期是两年，过期的积分会在月底自动清零。

# 上门安装

大件家具在配送后七天内免费上门安装，偏远地区需要另付80元。安装师傅会提前一天打电话确认时间，改期请在当天中午之前通知客服。
"""


def _examples(read: Reading, count: int, seed: int = 0) -> list[StarterExample]:
    chance = random.Random(seed)
    endless = (read.example(chance, read.page(chance)) for _ in range(20 * count))
    return list(islice((one for one in endless if one is not None), count))


@pytest.fixture(scope="module")
def english() -> Reading:
    return Reading.of_texts([ENGLISH])


def test_a_document_is_cut_at_its_headings_and_not_within_a_sentence() -> None:
    made = passages_of(ENGLISH)
    assert [(one.title, one.heading) for one in made] == [
        ("Returns", ""), ("Returns", "Repairs"), ("Returns", "Vouchers"),
    ]  # fmt: skip
    assert all(len(one.text.split()) <= 2 * WORDS[1] for one in made)
    assert made[0].text.endswith("looked at its contents.")
    assert [one.title for one in passages_of(CHINESE)] == ["会员积分", "上门安装"]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_the_answer_is_a_sentence_of_the_passage_it_cites_and_of_no_other(text: str) -> None:
    found = [one for one in _examples(Reading.of_texts([text]), 60) if one.kind == "found"]
    assert len(found) > 20
    for one in found:
        (number,) = citation_marks(one.answer)
        cited = next(passage for passage in one.request.passages if passage.number == number)
        said = without_marks(one.answer).rstrip(".。")
        assert said in " ".join(cited.text.split())
        assert all(support(sentence, [cited.text]).supported for sentence in sentences(one.answer))
        assert all(fact in one.answer for fact in one.facts)


def test_a_question_gives_no_number_away_and_asks_for_nothing_else_that_is_shown(english: Reading) -> None:
    for one in _examples(english, 80):
        if one.kind != "found":
            continue
        question = one.request.question
        assert not any(letter.isdigit() for letter in question)
        wanted = term_set(question)
        said = without_marks(one.answer)
        others = [
            sentence
            for passage in one.request.passages
            for sentence in sentences(" ".join(passage.text.split()))
            if sentence.rstrip(".") != said.rstrip(".")
        ]
        right = max(coverage(wanted, term_set(f"{passage.title} {said}")) for passage in one.request.passages)
        assert all(coverage(wanted, term_set(other)) < right for other in others)


def test_a_quarter_asks_for_what_is_not_shown_and_is_answered_by_not_knowing(english: Reading) -> None:
    made = _examples(Reading.of_texts([ENGLISH, CHINESE]), 200)
    unknown = [one for one in made if one.kind == "unknown"]
    assert 20 < len(unknown) < 90
    for one in unknown:
        assert one.answer in phrases(one.language).unknown
        assert not citation_marks(one.answer)


def test_headings_and_dates_stand_on_a_page_and_in_no_answer(english: Reading) -> None:
    chance = random.Random("dressed")
    pages = [dressed(english.page(chance), chance) for _ in range(40)]
    shown = [passage for page in pages for passage in page]
    assert 0.3 < sum(one.text.startswith("#") for one in shown) / len(shown) < 0.7
    assert any(one.updated for one in shown) and not all(one.updated for one in shown)
    asked = [one for page in pages if (one := english.example(chance, page)) is not None]
    assert len(asked) > 20
    for one in asked:
        dates = [passage.updated for passage in one.request.passages if passage.updated]
        assert "#" not in one.answer and not any(date in one.answer for date in dates)


def test_neither_code_nor_a_heading_is_an_answer(english: Reading) -> None:
    assert not any("curl" in one.answer or one.answer.startswith("Vouchers [") for one in _examples(english, 100))


def test_the_same_seed_asks_the_same(english: Reading) -> None:
    assert _examples(english, 20, seed=3) == _examples(english, 20, seed=3)
    assert _examples(english, 20, seed=3) != _examples(english, 20, seed=4)


def test_lessons_on_documents_are_pages_first_and_later_as_they_are_served(english: Reading) -> None:
    course = Course.going_on(seed=1)
    early = [reading(course, english, number, 0.1) for number in range(30)]
    assert {type(one) for one in early} == {list, Followed}
    assert early == [reading(course, english, number, 0.1) for number in range(30)]
    assert {type(reading(course, english, number, 0.99)) for number in range(30)} == {list, Followed}
    first = Course(seed=1)  # only a course from nothing ends with them
    late = [one for one in (reading(first, english, number, 0.9) for number in range(60)) if not isinstance(one, list)]
    assert late and any(len(one.request.turns) == 3 for one in late)
    assert all(one.request.turns[-1].text == one.request.question for one in late)


def test_where_no_sentence_can_be_told_from_another_the_lesson_is_the_text_itself() -> None:
    rooms = " ".join(f"Room {number} costs {number}0 euros a night with a breakfast for two." for number in (2, 3))
    alike = Reading([ContextPassage(0, "Rooms", "", rooms)])
    course = Course.going_on(seed=1)
    assert all(reading(course, alike, number, 0.9) == [(f"Rooms\n{rooms}\n", 1.0)] for number in range(10))


def test_text_without_a_sentence_that_can_be_asked_for_teaches_nothing() -> None:
    assert not Reading.of_texts(["", "# Heading", "x = 1\n" * 80])


def _row(number: int) -> DatasetRow:
    passages = tuple(
        ContextPassage(place, one.title, one.heading, one.text)
        for place, one in enumerate(passages_of(ENGLISH)[number:], start=1)
    )
    request = GenerationRequest((Turn("customer", "Hm?"),), "Hm?", passages, language="en", company="Fell & Foam")
    return DatasetRow(f"{number}", request, "Yes [1].", "", "someone", "en", "")


def test_quotations_are_of_the_examples_own_passages_and_as_many_as_wanted() -> None:
    learnt = [_row(0), _row(1), _row(2)]
    made = quotations.rows(learnt, 4.0, seed=1)
    assert len(made) == 12
    texts = {passage.text for row in learnt for passage in row.request.passages}
    assert all(passage.text in texts for row in made for passage in row.request.passages)
    assert all(row.request.company == "Fell & Foam" and len(row.request.passages) <= 4 for row in made)
    assert made == quotations.rows(learnt, 4.0, seed=1) != quotations.rows(learnt, 4.0, seed=2)
    assert quotations.rows(learnt, 0.0) == [] == quotations.rows([], 1.0)
