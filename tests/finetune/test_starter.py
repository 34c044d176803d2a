"""Invented companies and what is taught about them: reproducible, in two languages, right by construction."""

import itertools
import random
from collections import Counter

import pytest

from finetune.starter import lessons
from finetune.starter.companies import Language, company, phrases
from finetune.starter.examples import KINDS, TEST_FROM, StarterExample, example, examples
from finetune.starter.slots import kinds
from finetune.support import citation_marks, sentences, support, without_marks

LANGUAGES: list[Language] = ["en", "zh"]


def some(count: int, seed: int = 1) -> list[StarterExample]:
    return list(itertools.islice(examples(seed=seed, first_company=0, companies=5000), count))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_can_be_read_off_every_statement(language: Language) -> None:
    for fact in phrases(language).facts:
        held = set.intersection(*(kinds(text) for text in fact.statements))
        for answer in fact.answers:
            assert kinds(answer) <= held, (fact.id, answer)


def test_both_languages_tell_the_same_kinds_of_facts() -> None:
    english, chinese = ({fact.id for fact in phrases(language).facts} for language in LANGUAGES)
    assert chinese <= english
    assert len(chinese) >= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_company_is_always_the_same_and_another_is_another(language: Language) -> None:
    said = [[dict(fact.values) for fact in company(number, language).facts] for number in (5, 5, 6)]
    assert said[0] == said[1] != said[2]


def test_the_same_seed_gives_the_same_conversations() -> None:
    assert some(30) == some(30)
    assert some(30) != some(30, seed=2)


def test_every_taught_answer_passes_the_verification_it_will_meet_when_served() -> None:
    for one in some(300):
        texts = [passage.text for passage in one.request.passages]
        titles = [passage.title for passage in one.request.passages]
        for sentence in sentences(one.answer) if one.kind != "unknown" else []:
            assert support(sentence, texts, titles=titles).supported, (sentence, texts)


def test_an_answer_cites_the_passage_that_holds_its_facts() -> None:
    for one in some(300):
        if one.kind == "unknown":
            assert citation_marks(one.answer) == ()
            continue
        (number,) = set(citation_marks(one.answer))
        cited = next(passage for passage in one.request.passages if passage.number == number)
        assert all(fact in cited.text for fact in one.facts), one


def test_of_two_dates_the_newer_one_is_right() -> None:
    for one in [made for made in some(600) if made.kind == "dated"]:
        (number,) = set(citation_marks(one.answer))
        dates = {passage.number: passage.updated for passage in one.request.passages if passage.updated}
        assert dates[number] == max(dates.values())


def test_orders_in_passages_never_reach_an_answer() -> None:
    for one in [made for made in some(600) if made.kind == "orders"]:
        assert not any(word in one.answer for word in ("everything is free", "Ignore", "忽略", "一切免费"))


def test_all_kinds_come_in_about_their_shares() -> None:
    counted = Counter(one.kind for one in some(2000))
    for kind, share in KINDS.items():
        assert abs(counted[kind] / 2000 - share) < 0.06, kind


def test_companies_for_testing_share_no_number_with_those_for_training() -> None:
    assert lessons.Course().companies < TEST_FROM


def test_passages_are_numbered_from_one_and_the_question_is_the_last_turn() -> None:
    for one in some(100):
        assert [passage.number for passage in one.request.passages] == list(range(1, len(one.request.passages) + 1))
        assert one.request.turns[-1].role == "customer"


def test_a_lesson_depends_on_its_number_alone() -> None:
    course = lessons.Course(seed=3)
    for progress in (0.05, 0.3, 0.6, 0.9):
        assert lessons.lesson(course, 17, progress) == lessons.lesson(course, 17, progress)


def test_a_drill_asks_for_what_stands_in_its_table() -> None:
    for number in range(50):
        pieces = lessons.lesson(lessons.Course(), number, 0.15)
        assert isinstance(pieces, list)
        table = pieces[0][0]
        for text, weight in pieces[1:]:
            if weight == 1.0:
                assert without_marks(text).split(".<|im_end|>")[0] in table


def test_a_kind_that_a_company_cannot_serve_becomes_another() -> None:
    chinese = (company(number, "zh") for number in range(4000))
    bare = next(one for one in chinese if not any(fact.twin for fact in one.facts))
    assert example(bare, "twin", random.Random(1)).kind == "plain"
