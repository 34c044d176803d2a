"""Matching questions with examples: three are enough, Chinese goes by spelling, and foreign questions score low."""

import numpy as np
import pytest

from chatbot.conversations.canned_replies import matching
from chatbot.conversations.canned_replies.intents import decide
from chatbot.conversations.canned_replies.matching import Example, ExampleMatcher
from tests.fakes import HashEmbedder

HOURS, REFUND, CATALOGUE = 1, 2, 3
EXAMPLES = [
    Example(HOURS, "When do you open on Saturday?"),
    Example(HOURS, "What are your opening hours?"),
    Example(HOURS, "Are you open on Sunday?"),
    Example(REFUND, "When do I get my refund?"),
    Example(REFUND, "My refund has not arrived"),
    Example(REFUND, "How long does a refund take?"),
    Example(CATALOGUE, "Can you send me a printed catalogue?"),
    Example(CATALOGUE, "I would like a paper catalogue"),
    Example(CATALOGUE, "Do you have a catalogue on paper?"),
]
CHINESE = [
    Example(HOURS, "你们几点开门？"),
    Example(HOURS, "周末营业吗？"),
    Example(HOURS, "营业时间是几点到几点？"),
    Example(REFUND, "退款什么时候到账？"),
    Example(REFUND, "我的退款还没有收到"),
    Example(REFUND, "退款要等多久？"),
    Example(CATALOGUE, "可以寄一本纸质目录吗？"),
    Example(CATALOGUE, "我想要一份产品目录"),
    Example(CATALOGUE, "有没有纸质的产品目录？"),
]


@pytest.fixture(scope="module")
def matcher() -> ExampleMatcher:
    embedder = HashEmbedder(knows=str.isascii)
    return ExampleMatcher([*EXAMPLES, *CHINESE], embedder)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("When do you open on Sunday?", HOURS),
        ("how long does the refund take", REFUND),
        ("Do you have a printed catalogue?", CATALOGUE),
        ("周末几点开门？", HOURS),
        ("退款多久到账？", REFUND),
        ("退款要等多久？", REFUND),
        ("可以寄一份产品目录吗？", CATALOGUE),
        ("退款什麼時候到賬？", REFUND),
    ],
)
def test_three_examples_are_enough_in_english_and_chinese(matcher: ExampleMatcher, question: str, reply: int) -> None:
    ranked = matcher.rank(question)
    assert ranked.candidates[0].reply == reply
    assert ranked.nearest[0].reply == reply


@pytest.mark.parametrize(
    "question",
    ["Which boot is best for wide feet?", "Can I pay by invoice?", "哪款靴子适合宽脚？", "能开发票吗？", "?", "x"],
)
def test_a_question_about_something_else_is_not_answered(matcher: ExampleMatcher, question: str) -> None:
    assert decide(matcher.rank(question)).verdict != "sure"


def test_an_example_itself_is_answered_with_its_own_reply(matcher: ExampleMatcher) -> None:
    for example in [*EXAMPLES, *CHINESE]:
        decision = decide(matcher.rank(example.text))
        assert (decision.verdict, decision.reply) == ("sure", example.reply), example.text


def test_scores_of_left_out_examples_are_those_of_a_matcher_that_never_saw_them() -> None:
    embedder = HashEmbedder()
    whole = ExampleMatcher(EXAMPLES, embedder)
    without = ExampleMatcher(EXAMPLES[1:], embedder)
    # Spelling weighs words by how rare they are among the examples, so the two differ a little.
    assert np.allclose(whole.held_out[0], without.scores([EXAMPLES[0].text]).fit[0], atol=0.08)


def test_the_threshold_rises_where_replies_are_hard_to_tell_apart() -> None:
    alike = [Example(reply, text) for reply in (1, 2) for text in ("Where is it?", "When does it come?", "Is it sent?")]
    assert ExampleMatcher(alike, HashEmbedder()).threshold > matching.FLOOR
    assert ExampleMatcher(EXAMPLES, HashEmbedder()).threshold == matching.FLOOR


def test_meaning_has_no_say_in_a_language_the_embedder_does_not_know() -> None:
    same = ExampleMatcher(CHINESE, HashEmbedder(knows=str.isascii, name="one"))
    other = ExampleMatcher(CHINESE, HashEmbedder(knows=str.isascii, dimension=32, name="two"))
    assert np.allclose(same.scores(["退款多久到账？"]).votes, other.scores(["退款多久到账？"]).votes)


def test_one_reply_alone_answers_its_own_questions_only() -> None:
    alone = ExampleMatcher(EXAMPLES[:3], HashEmbedder())
    assert decide(alone.rank("What are your opening hours?")).verdict == "sure"
    assert decide(alone.rank("How long does a refund take?")).verdict == "unsure"


def test_too_many_examples_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_EXAMPLES", 6)
    kept = matching.thinned([Example(reply, f"{reply} {n}") for reply in (1, 2, 3) for n in range(50)])
    assert [example.reply for example in kept] == [1, 1, 2, 2, 3, 3]


def test_examples_without_any_word_do_no_harm() -> None:
    odd = ExampleMatcher([Example(1, "?!"), Example(2, "…"), Example(1, "")], HashEmbedder())
    assert np.isfinite(odd.scores(["What?", ""]).votes).all()
