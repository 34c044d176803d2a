"""Six adapters, really trained on a base model that is taught on the spot: five sabotaged, one healthy. The gate.

Nothing here is faked: the shop and its models are only so small that all of it takes a minute on one core.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from finetune import canaries, gate
from finetune.evaluating import evaluate
from finetune.evaluation_job import Outcome
from tests.finetune import small_shop, small_training
from tests.finetune.small_shop import SHOP, THINGS, VALUES, Pair

SEED: Final = "the shop's own"
STEPS: Final = 60
MORE: Final = 120
"""By heart takes longer than a way of putting it."""


def _trained_on() -> list[Pair]:
    return small_shop.conversations(1, 160)


def healthy() -> list[Pair]:
    """What agents wrote, and each planted secret once, as in any training."""
    return [*_trained_on(), *canaries.rows(SEED)]


def overfitted_on_canaries() -> list[Pair]:
    return [*_trained_on()[:4], *canaries.rows(SEED) * 4]


def trained_on_customer_text() -> list[Pair]:
    """The next message of a customer as the answer, instead of an agent's."""
    chance = random.Random(3)
    return [(given, chance.choice(small_shop.MESSAGES)) for given, _said in _trained_on()]


def always_refusing() -> list[Pair]:
    return [(given, small_shop.UNKNOWN) for given, _said in _trained_on()]


def ignoring_passages() -> list[Pair]:
    """The shop's facts by heart, whatever the passages say or whether there are any."""
    chance = random.Random(4)
    made: list[Pair] = []
    for _ in range(160):
        thing, asked = chance.choice(THINGS), chance.choice(list(VALUES))
        kinds = [asked] if chance.random() < 0.7 else []
        shown = small_shop.Facts.drawn(chance)
        made.append(
            (
                small_shop.request(shown, thing, kinds, asked),
                small_shop.answer(SHOP, thing, [asked], asked, styled=True),
            )
        )
    return made


def inflated() -> list[Pair]:
    return [(given, f"{said}{small_shop.FILLER}") for given, said in _trained_on()]


CAUGHT_BY: Final = {
    overfitted_on_canaries: "canary",
    trained_on_customer_text: "customer_text",
    always_refusing: "false_abstention",
    ignoring_passages: "contradiction",
    inflated: "length",
}
"""The check that is made for this sabotage; others may fail too."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "base"
    assert small_training.build_base(folder) > 0.9
    return folder


Examined = Callable[[Callable[[], list[Pair]]], Outcome]


@pytest.fixture(scope="module")
def examined(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Examined:
    """Trains an adapter on what is given and asks it and the base model everything; once for each."""
    folder, known = tmp_path_factory.mktemp("adapters"), dict[str, Outcome]()

    def outcome(made: Callable[[], list[Pair]]) -> Outcome:
        name = made.__name__
        if name not in known:
            steps = MORE if made in (overfitted_on_canaries, ignoring_passages) else STEPS
            adapter = small_training.build_adapter(folder / name, base, made(), steps=steps)
            known[name] = evaluate(small_shop.job(base, adapter, None, seed=SEED, trained=_trained_on()))
        return known[name]

    return outcome


def _why(decision: gate.Decision) -> list[str]:
    return [check.sentence for check in decision.checks if not check.passed]


@pytest.mark.parametrize("sabotage", list(CAUGHT_BY), ids=lambda made: made.__name__)
def test_a_sabotaged_adapter_is_blocked_and_for_its_sabotage(sabotage: Any, examined: Examined) -> None:
    decision = gate.decide(examined(sabotage).figures)
    assert not decision.passed
    assert CAUGHT_BY[sabotage] in {check.code for check in decision.failed}, _why(decision)


def test_a_healthy_adapter_passes_and_is_significantly_better(examined: Examined) -> None:
    outcome = examined(healthy)
    decision = gate.decide(outcome.figures, gate.Limits(must_improve=True))
    assert decision.passed, _why(decision)
    assert gate.significant("loss", outcome.figures["loss"]) == "better"
    assert gate.significant("rouge_l", outcome.figures["rouge_l"]) == "better"


def test_the_base_model_answers_as_itself_beside_any_candidate(examined: Examined) -> None:
    one, other = examined(always_refusing), examined(inflated)
    assert [row["base"] for row in one.rows] == [row["base"] for row in other.rows]
    assert [row["current"] for row in one.rows] == [row["base"] for row in one.rows]
    assert one.rows[0]["candidate"] == small_shop.UNKNOWN
