"""When a canary goes back by itself: surely worse on what was agreed, and never on a hope or by looking too often."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.training.live_deciding import MEANS, SHARES, Limits, decide

LIMITS = Limits()


def counted(conversations: tuple[int, int] = (200, 1800), **rows: Any) -> dict[str, Any]:
    """`name=((count, of), (count, of))` for shares, `name=((n, value, error), …)` for means; canary first."""
    found: dict[str, Any] = {"shares": {}, "means": {}}
    for label, number in zip(("canary", "stable"), conversations, strict=True):
        found[label] = {"conversations": number}
    for name, sides in rows.items():
        pairs = zip(("canary", "stable"), sides, strict=True)
        if name in SHARES:
            found["shares"][name] = {
                label: {"count": count, "of": of, "value": count / of if of else 0.0} for label, (count, of) in pairs
            }
        else:
            found["means"][name] = {
                label: {"n": n, "value": value, "low": value, "high": value, "error": error}
                for label, (n, value, error) in pairs
            }
    return found


def test_few_conversations_decide_nothing_however_bad_they_are() -> None:
    assert decide(counted((29, 5000), handed_over=((29, 29), (10, 5000))), LIMITS).action == "wait"
    assert decide(counted((5000, 29), handed_over=((4000, 5000), (0, 29))), LIMITS).action == "wait"


def test_no_difference_goes_on() -> None:
    assert decide(counted(handed_over=((20, 200), (180, 1800)), stars=((60, 4.1, 0.15), (500, 4.1, 0.05))), LIMITS) == (
        decide(counted(), LIMITS)
    )
    assert decide(counted(), LIMITS).action == "go_on"


@pytest.mark.parametrize("name", SHARES)
def test_a_share_that_is_surely_worse_is_a_reason(name: str) -> None:
    found = decide(counted(**{name: ((80, 200), (180, 1800))}), LIMITS)
    assert found.action == "roll_back"
    (reason,) = found.reasons
    assert (reason.figure, reason.canary, reason.stable) == (name, 0.4, 0.1)
    assert 0 < reason.low < 0.3 < reason.high


@pytest.mark.parametrize("name", SHARES)
def test_a_share_that_is_surely_better_is_none(name: str) -> None:
    assert decide(counted(**{name: ((2, 200), (900, 1800))}), LIMITS).action == "go_on"


@pytest.mark.parametrize(
    ("name", "canary", "stable", "back"),
    [
        ("stars", 3.0, 4.2, True),
        ("stars", 4.9, 4.2, False),
        ("edits", 0.5, 0.1, True),
        ("edits", 0.01, 0.4, False),
        ("write_ms", 900.0, 400.0, True),
        ("write_ms", 550.0, 400.0, False),  # slower, but not by half
        ("write_ms", 100.0, 400.0, False),
    ],
)
def test_means_know_which_way_is_worse(name: str, canary: float, stable: float, back: bool) -> None:
    error = stable / 100
    found = decide(counted(**{name: ((200, canary, error), (1800, stable, error))}), LIMITS)
    assert (found.action == "roll_back") == back


def test_a_figure_that_few_conversations_have_does_not_count() -> None:
    """200 conversations, but only four of them were rated."""
    assert decide(counted(thumbs_down=((4, 4), (10, 400))), LIMITS).action == "go_on"


def test_what_is_worse_at_95_percent_is_not_yet_sure() -> None:
    figures = counted(handed_over=((36, 200), (200, 1800)))
    assert decide(figures, Limits(z=1.96)).action == "roll_back"
    assert decide(figures, LIMITS).action == "go_on"


def test_a_margin_says_how_much_worse_is_still_tolerated() -> None:
    figures = counted(handed_over=((60, 200), (180, 1800)))
    assert decide(figures, LIMITS).action == "roll_back"
    assert decide(figures, Limits.of({"handed_over": 0.25})).action == "go_on"
    assert decide(figures, Limits.of({"handed_over": 1})).action == "go_on"  # not looked at


@pytest.mark.parametrize(
    "dials", [{"speed": 1.0}, {"least": 0}, {"least": float("nan")}, {"z": 0.1}, {"stars": -1}, {"cut": float("nan")}]
)
def test_dials_that_make_no_sense_are_refused(dials: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"not known|at least 5"):
        Limits.of(dials)


def test_it_reads_what_was_kept_as_json() -> None:
    figures = counted(cut=((80, 200), (180, 1800)), write_ms=((200, 900.0, 5.0), (1800, 400.0, 5.0)))
    assert decide(json.loads(json.dumps(figures)), LIMITS) == decide(figures, LIMITS)


@given(
    st.tuples(*[st.tuples(st.integers(0, 50), st.integers(0, 50)) for _ in range(2)]),
    st.sampled_from(SHARES),
    st.integers(0, 60),
)
def test_whatever_was_counted_it_decides(pairs: Any, name: str, conversations: int) -> None:
    rows = tuple((min(pair), max(pair)) for pair in pairs)
    found = decide(counted((conversations, conversations), **{name: rows}), LIMITS)
    assert found.action in ("wait", "go_on", "roll_back")
    assert bool(found.reasons) == (found.action == "roll_back")


def test_two_equal_sides_are_hardly_ever_told_apart_by_looking_again_and_again() -> None:
    """40 trials of 1,000 conversations a side, looked at every 20: at most one goes back (1 % in the long run)."""
    back = sum(_looked_at(random.Random(seed)) for seed in range(40))
    assert back <= 1


def _looked_at(dice: random.Random) -> bool:
    counts = {label: dict.fromkeys(SHARES, 0) for label in ("canary", "stable")}
    for number in range(1, 1001):
        for label in counts:
            for name in SHARES:
                counts[label][name] += dice.random() < 0.15
        if number % 20 == 0:
            rows = {name: tuple((counts[label][name], number) for label in ("canary", "stable")) for name in SHARES}
            if decide(counted((number, number), **rows), LIMITS).action == "roll_back":
                return True
    return False


def test_every_figure_is_looked_at() -> None:
    assert {*SHARES, *MEANS} == {
        "cut", "abstained", "handed_over", "thumbs_down", "drafts_rejected", "stars", "edits", "write_ms",
    }  # fmt: skip
