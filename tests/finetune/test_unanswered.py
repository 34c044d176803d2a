"""Examples without what answers them: the passages say nothing of the answer, and the answer is not to know."""

from dataclasses import replace

from finetune import unanswered
from finetune.dataset_rows import DatasetRow
from finetune.records import ContextPassage, GenerationRequest, Turn
from finetune.starter.companies import phrases
from finetune.support import support

FACTS = {
    "kettle": "The kettle costs 40 USD and holds two litres.",
    "lamp": "The lamp shines for 9 hours with one battery.",
    "tent": "The tent weighs 3 kg and takes two people.",
    "rope": "The rope is 60 metres long and dries fast.",
}


def _row(thing: str, *others: str, language: str = "en", answer: str = "") -> DatasetRow:
    passages = tuple(
        ContextPassage(number, one.title(), "", FACTS[one]) for number, one in enumerate((thing, *others), start=1)
    )
    question = f"Tell me about the {thing}"
    request = GenerationRequest((Turn("customer", question),), question, passages, language=language)
    return DatasetRow(thing, request, answer or f"{FACTS[thing][:-1]} [1].", "", f"customer of {thing}", language, "")


def test_what_answers_is_taken_away_and_what_is_left_is_numbered_anew() -> None:
    learnt = [_row("kettle", "lamp"), _row("tent", "rope"), _row("lamp"), _row("rope", "kettle", "tent")]
    made = unanswered.rows(learnt, 1.0)
    assert {row.request.question for row in made} == {row.request.question for row in learnt}
    for row in made:
        thing = row.request.question.split()[-1]
        texts = [one.text for one in row.request.passages]
        assert texts and not any(support(FACTS[thing], [text]).supported for text in texts)
        assert [one.number for one in row.request.passages] == list(range(1, len(texts) + 1))
        assert row.answer in phrases("en").unknown and "[" not in row.answer
        assert row.group == f"customer of {thing}"


def test_a_passage_that_stands_beside_the_answer_stays() -> None:
    made = unanswered.rows([_row("kettle", "lamp"), _row("tent")], 1.0)
    kettle = next(row for row in made if row.request.question.endswith("kettle"))
    assert FACTS["lamp"] in [one.text for one in kettle.request.passages]


def test_it_is_said_in_the_language_of_the_question() -> None:
    (made,) = unanswered.rows([_row("kettle", "lamp", language="zh-hans")], 1.0)
    assert made.answer in phrases("zh").unknown


def test_share_and_seed_decide_which() -> None:
    learnt = [replace(_row(thing, other), id=f"{thing}{other}") for thing in FACTS for other in FACTS if other != thing]
    assert unanswered.rows(learnt, 0.0) == []
    assert len(unanswered.rows(learnt, 0.5)) == 6
    assert unanswered.rows(learnt, 0.5, seed=1) == unanswered.rows(learnt, 0.5, seed=1)
    assert unanswered.rows(learnt, 0.5, seed=1) != unanswered.rows(learnt, 0.5, seed=2)


def test_nothing_is_made_of_an_example_that_cites_nothing_or_has_nothing_else_to_show() -> None:
    assert unanswered.rows([_row("kettle", answer="Hello, I am here."), _row("lamp", answer="Thanks!")], 1.0) == []
    assert unanswered.rows([_row("kettle")], 1.0) == []
