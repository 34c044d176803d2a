"""Fusion on numbers alone: an arm without competence has no say, a clear question lowers the history."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import fusion
from retrieval.fusion import Arm, Ranked
from retrieval.records import Turn

DOCUMENTS = np.arange(50, dtype=np.int32)
NOTHING = Arm(Ranked.nothing(), Ranked.nothing(), Ranked.nothing(), 0.0)


def _ranked(*rows: int) -> Ranked:
    return Ranked(np.array(rows, np.int64), np.linspace(1.0, 0.2, len(rows)).astype(np.float32))


def _arm(question: Ranked, history: Ranked | None = None, clarity: float = 0.0) -> Arm:
    return Arm(question, history or question, history or question, clarity)


def _fused(lexical: Arm, dense: Arm, competence: float = 1.0) -> list[int]:
    return fusion.fuse(lexical, dense, competence=competence, documents=DOCUMENTS).rows.tolist()


def test_without_competence_the_result_is_the_lexical_arm_alone() -> None:
    lexical = _arm(_ranked(3, 1, 2))
    assert _fused(lexical, _arm(_ranked(9, 8, 7)), 0.0) == _fused(lexical, NOTHING, 0.0) == [3, 1, 2]


def test_an_arm_that_found_nothing_leaves_the_other_alone() -> None:
    assert _fused(NOTHING, _arm(_ranked(5, 6))) == [5, 6]
    assert _fused(_arm(_ranked(5, 6)), NOTHING) == [5, 6]
    assert _fused(NOTHING, NOTHING) == []


def test_what_both_arms_find_comes_before_what_one_finds() -> None:
    assert _fused(_arm(_ranked(1, 2, 3)), _arm(_ranked(4, 2, 5)))[0] == 2


def test_a_clear_question_outweighs_the_history_and_a_vague_one_does_not() -> None:
    def first(clarity: float) -> int:
        return _fused(_arm(_ranked(1, 2), _ranked(7, 8), clarity), _arm(_ranked(1, 2), _ranked(7, 8), clarity))[0]

    assert first(1.5) == 1
    assert first(-1.5) == 7


def test_documents_of_the_history_lift_their_passages() -> None:
    documents = np.array([0, 0, 1, 1], np.int32)
    question = Ranked(np.array([1, 3]), np.array([1.0, 0.99], np.float32))
    arm = Arm(question, question, _ranked(2), 0.0)
    assert fusion.fuse(arm, NOTHING, competence=0.0, documents=documents).rows[0] == 3


@given(st.lists(st.floats(0, 50, width=32), max_size=150))
def test_scaled_scores_lie_between_0_and_1_and_keep_their_order(scores: list[float]) -> None:
    ordered = np.array(sorted(scores, reverse=True), np.float32)
    scaled = fusion.scaled(ordered)
    assert len(scaled) == len(ordered)
    assert all(0.0 <= value <= 1.0 for value in scaled)
    assert all(later <= earlier for earlier, later in zip(scaled, scaled[1:], strict=False))


@given(st.lists(st.floats(-5, 5, width=32), max_size=60), st.integers(1, 80))
def test_the_best_are_those_a_full_sort_gives(scores: list[float], count: int) -> None:
    array = np.array(scores, np.float32)
    chosen = fusion.best(array, count)
    assert sorted(array[chosen].tolist(), reverse=True) == sorted(scores, reverse=True)[:count]


def test_a_long_turn_does_not_outweigh_the_question() -> None:
    long = {f"term{number}": 1.0 for number in range(100)}
    joined = fusion.join_terms({"shoe": 1.0}, [(long, 0.6), ({"boot": 1.0}, 0.6)])
    assert joined["shoe"] == 1.0
    assert joined["boot"] == pytest.approx(0.6)
    assert joined["term1"] == pytest.approx(0.06)


def test_a_term_of_the_question_keeps_its_weight_when_the_history_repeats_it() -> None:
    assert fusion.join_terms({"shoe": 1.0}, [({"shoe": 1.0}, 0.3)])["shoe"] == 1.0


def test_older_turns_weigh_less_and_very_old_ones_nothing() -> None:
    history = [Turn("customer", f"turn {number}") for number in range(60)]
    weighted = fusion.turn_weights(history)
    assert weighted[0][0] == "turn 59"
    assert [weight for _text, weight in weighted] == sorted((weight for _text, weight in weighted), reverse=True)
    assert len(weighted) == fusion.MAX_TURNS


def test_without_history_all_three_texts_are_the_question() -> None:
    assert fusion.conversation_texts("refunds?", []) == ("refunds?", "refunds?", "refunds?")


def test_the_newest_turn_comes_first_and_an_agents_long_answer_is_cut() -> None:
    history = [Turn("customer", "old"), Turn("agent", "answer " * 200), Turn("customer", "")]
    _question, recent, conversation = fusion.conversation_texts("and now?", history)
    assert recent.startswith("and now? answer answer")
    assert recent.count("answer") < 30
    assert conversation.endswith("old")


def test_clarity_is_high_where_the_best_stands_out() -> None:
    flat = Ranked(np.arange(30), np.full(30, 0.5, np.float32))
    peak = Ranked(np.arange(30), np.array([0.9] + [0.2] * 29, np.float32))
    assert fusion.dense_clarity(peak, 0.15) > 0 > fusion.dense_clarity(flat, 0.15)
    assert fusion.lexical_clarity(peak) > 0 > fusion.lexical_clarity(flat)
    assert fusion.lexical_clarity(Ranked.nothing()) == -1.0
    assert fusion.dense_clarity(peak, 0.0) == 0.0
