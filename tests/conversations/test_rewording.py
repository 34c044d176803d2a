"""What must survive when an agent's text is said in other words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations.drafts.rewording import Problem, Style, bare, problem

BEFORE = (
    "Dear Anna, thank you for writing to us. The refund of 25.50 EUR takes 5 business days; see https://shop.test/r."
)


def test_fewer_words_with_the_same_facts_are_fine() -> None:
    assert (
        problem(BEFORE, "Dear Anna, 25.50 EUR come back in 5 business days: https://shop.test/r", style="shorter")
        is None
    )


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ("Dear Anna, 25.50 EUR come back in 3 business days: https://shop.test/r", Problem.FACTS),
        ("Dear Anna, the refund takes 5 business days: https://shop.test/r", Problem.FACTS),
        ("Dear Anna, 25.50 EUR and 10 % off in 5 business days: https://shop.test/r", Problem.FACTS),
        ("Dear Anna, 25.50 EUR come back in 5 business days: https://evil.test/r", Problem.ADDRESSES),
        ("Dear Anna, 25.50 EUR come back in 5 business days.", Problem.ADDRESSES),
        ("Dear Berta, 25.50 EUR come back in 5 business days: https://shop.test/r", Problem.NAMES),
        ("", Problem.EMPTY),
        (BEFORE, Problem.NOT_SHORTER),
        (BEFORE + " Really.", Problem.NOT_SHORTER),
    ],
)
def test_what_changed_a_fact_is_dropped(after: str, found: Problem) -> None:
    assert problem(BEFORE, after, style="shorter") is found


def test_a_friendlier_text_may_grow_but_not_without_end() -> None:
    assert problem("It takes 5 days.", "Thank you for your patience! It takes 5 days.", style="friendlier") is None
    assert (
        problem("It takes 5 days.", "It takes 5 days. " + "so very nice " * 40, style="friendlier") is Problem.SWOLLEN
    )


@pytest.mark.parametrize(
    ("before", "after", "fine"),
    [
        ("The refund takes 5 business days.", "退款需要 5 个工作日。", True),
        ("The refund takes 5 business days.", "退款需要 3 个工作日。", False),
        ("It costs 1,000 USD.", "Es kostet 1.000 USD.", True),
        ("Call us after 14:30.", "Rufen Sie uns nach 14:30 Uhr an.", True),
        ("Write to help@shop.test.", "请写信至 help@shop.test。", True),
        ("Write to help@shop.test.", "请写信至 help@evil.test。", False),
    ],
)
def test_a_translation_keeps_every_figure_and_address(before: str, after: str, fine: bool) -> None:
    assert (problem(before, after, style="translate") is None) is fine


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(["shorter", "friendlier", "translate"]))
def test_another_number_never_passes(said: int, written: int, style: Style) -> None:
    before = f"Thank you very much for asking, your number in our waiting list is {said} at the moment."
    assert (problem(before, f"Your number in the list is {written}.", style=style) is None) is (said == written)


def test_what_models_put_around_a_text_is_taken_off() -> None:
    assert bare('"It takes 5 days."') == "It takes 5 days."
    assert bare("<message>\nIt takes 5 days.\n</message>") == "It takes 5 days."
    assert bare('"Yes" and "no"') == '"Yes" and "no"'
