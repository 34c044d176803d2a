"""The gate: figures and limits in, a verdict with every reason out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune import gate
from finetune.gate import Limits, decide


def figure(
    candidate: float, current: float, low: float | None = None, high: float | None = None, n: int = 30, **more: Any
) -> dict[str, Any]:
    difference = candidate - current
    return {"candidate": candidate, "current": current, "base": current, "difference": difference, "n": n,
            "low": difference if low is None else low, "high": difference if high is None else high, **more}  # fmt: skip


def sound() -> dict[str, dict[str, Any]]:
    """A candidate that is better where it should be and the same elsewhere."""
    shares = dict.fromkeys(["support", "citation", "numbers", "exam", "safety", "abstention", "contradiction"], 0.9)
    return {
        **{name: figure(value, value) for name, value in shares.items()},
        "loss": figure(1.2, 1.5, -0.4, -0.2),
        "rouge_l": figure(0.6, 0.5, 0.05, 0.15),
        "false_abstention": figure(0.05, 0.05),
        "closed_book": figure(0.0, 0.0, n=8),
        "canary": figure(0.0, 0.0, n=6),
        "customer_text": figure(0.0, 0.0),
        "length": figure(120.0, 100.0, reference=130.0),
        "latency": figure(0.5, 0.4),
    }


def failed(**changes: Any) -> set[str]:
    return {check.code for check in decide({**sound(), **changes}).failed}


def test_a_sound_candidate_passes_and_every_check_says_so() -> None:
    decision = decide(sound())
    assert decision.passed
    assert {check.code for check in decision.checks} == set(sound())
    assert all(check.sentence.startswith(gate.NAMES[check.figure]) for check in decision.checks)


@pytest.mark.parametrize(
    "name", ["rouge_l", "support", "citation", "numbers", "exam", "safety", "abstention", "contradiction"]
)
def test_a_significant_loss_of_what_should_be_high_blocks(name: str) -> None:
    assert failed(**{name: figure(0.6, 0.9, -0.4, -0.1)}) == {name}


@pytest.mark.parametrize("name", ["loss", "false_abstention"])
def test_a_significant_rise_of_what_should_be_low_blocks(name: str) -> None:
    assert failed(**{name: figure(0.5, 0.1, 0.2, 0.6)}) == {name}


@pytest.mark.parametrize("name", gate.COMPARED)
def test_a_loss_past_the_margin_blocks_even_where_the_interval_cannot_tell(name: str) -> None:
    worse = 0.3 if name in gate.LOWER_IS_BETTER else -0.3
    assert failed(**{name: figure(0.5 + worse, 0.5, -0.9, 0.9)}) == {name}


@pytest.mark.parametrize("name", gate.COMPARED)
def test_noise_within_the_margin_passes(name: str) -> None:
    worse = 0.04 if name in gate.LOWER_IS_BETTER else -0.04
    assert failed(**{name: figure(0.5 + worse, 0.5, -0.2, 0.2)}) == set()


@pytest.mark.parametrize(("lost", "blocked"), [(1, False), (2, True)])
def test_of_six_questions_one_alone_blocks_nothing(lost: int, blocked: bool) -> None:
    """A sixth is more than any margin."""
    down = figure(round(5 / 6 - lost / 6, 6), round(5 / 6, 6), -0.5, 0.1, n=6)
    up = figure(round(1 / 6 + lost / 6, 6), round(1 / 6, 6), -0.1, 0.5, n=6)
    assert failed(citation=down, false_abstention=up) == ({"citation", "false_abstention"} if blocked else set())


def test_one_loss_of_the_loss_is_no_question() -> None:
    assert failed(loss=figure(1.6, 1.5, -0.1, 0.3, n=6)) == {"loss"}


@pytest.mark.parametrize("name", sorted(gate.REQUIRED))
@pytest.mark.parametrize("found", [None, figure(0.0, 0.0, n=0)])
def test_nothing_goes_live_without_what_must_be_measured(name: str, found: Any) -> None:
    assert failed(**{name: found}) == {name}


def test_what_a_company_has_no_questions_for_does_not_block() -> None:
    assert failed(exam=None, abstention=None, contradiction=None, closed_book=None) == set()


def test_too_few_held_out_conversations_prove_nothing() -> None:
    decision = decide({**sound(), "loss": figure(1.0, 2.0, -1.2, -0.8, n=3)})
    assert [check.outcome for check in decision.failed] == ["too_few"]


def test_nothing_at_all_is_blocked() -> None:
    assert not decide({}).passed


def test_a_single_planted_secret_blocks_whatever_the_present_model_does() -> None:
    assert failed(canary=figure(1 / 6, 1.0, n=6)) == {"canary"}


def test_facts_told_without_a_passage_are_held_against_limit_and_present_model() -> None:
    assert failed(closed_book=figure(0.25, 0.0, n=8)) == {"closed_book"}
    assert failed(closed_book=figure(0.25, 0.5, n=8)) == set()
    assert failed(customer_text=figure(0.02, 0.0)) == {"customer_text"}


def test_length_is_held_against_the_longer_of_present_model_and_people() -> None:
    assert failed(length=figure(200.0, 50.0, reference=130.0)) == set()
    assert failed(length=figure(230.0, 50.0, reference=130.0)) == {"length"}
    assert failed(length=figure(230.0, 0.0, reference=0.0)) == {"length"}
    assert failed(length=figure(0.0, 0.0, reference=0.0)) == set()


def test_a_slower_answer_blocks_and_milliseconds_do_not() -> None:
    assert failed(latency=figure(1.0, 0.4)) == {"latency"}
    assert failed(latency=figure(0.09, 0.01)) == set()


def test_improvement_can_be_demanded() -> None:
    same = {**sound(), "loss": figure(1.5, 1.5, -0.1, 0.1), "rouge_l": figure(0.5, 0.5, -0.1, 0.1)}
    assert decide(same).passed
    assert {check.code for check in decide(same, Limits(must_improve=True)).failed} == {"improvement"}
    assert decide(sound(), Limits(must_improve=True)).passed


@pytest.mark.parametrize(
    "changed", [{"magic": 1.0}, {"exam_margin": -1.0}, {"exam_margin": "much"}, {"canary_most": float("nan")}]
)
def test_limits_that_make_no_sense_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"gate"):
        Limits.of(changed)


def test_limits_can_be_changed_by_name() -> None:
    assert decide({**sound(), "exam": figure(0.7, 0.9, -0.4, 0.1)}, Limits.of({"exam_margin": 0.3})).passed


def test_checks_become_json_with_the_words_that_pages_translate() -> None:
    shown = decide(sound()).checks[0].as_json()
    assert shown["text"] == shown["sentence"]
    assert gate.SENTENCES[shown["outcome"]] % {"name": gate.NAMES[shown["figure"]], **shown["values"]} == shown["text"]


numbers = st.floats(0, 1)


@given(
    st.dictionaries(st.sampled_from(sorted(sound())), st.tuples(numbers, numbers, numbers, numbers, st.integers(0, 50)))
)
def test_any_figures_get_a_verdict_that_follows_from_its_checks(drawn: dict[str, Any]) -> None:
    figures = {name: figure(a, b, min(c, d) - 0.5, max(c, d) - 0.5, n) for name, (a, b, c, d, n) in drawn.items()}
    decision = decide(figures)
    assert decision.passed == (not decision.failed)
    assert len(decision.checks) == len({check.code for check in decision.checks})
    assert all(check.sentence for check in decision.checks)
