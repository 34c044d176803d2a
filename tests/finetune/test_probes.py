"""How an answer to a probe is judged, planted secrets, and what is refused as JSON."""

import json
from typing import Any

import pytest

from finetune import canaries, probes
from finetune.probes import Probe, right
from tests.finetune.requests import ask

UNKNOWN = "I do not know that. Shall I bring in a colleague?"


def _exam(**changes: Any) -> Probe:
    return Probe(
        **{
            "id": "a",
            "kind": "exam",
            "request": ask(max_new_tokens=320),
            "wanted": (("30 days", "thirty days"),),
            **changes,
        }
    )


def test_one_phrase_of_every_group_must_be_said() -> None:
    both = _exam(wanted=(("30 days", "thirty days"), ("worn",)))
    assert right(both, "Worn shoes: THIRTY days [1].")
    assert not right(both, "Worn shoes: 60 days.")


@pytest.mark.parametrize("answer", ["within 130 days", "within 30 days and 14 days"])
def test_forbidden_phrases_and_parts_of_numbers_do_not_pass(answer: str) -> None:
    assert not right(_exam(forbidden=("14 days",)), answer)


@pytest.mark.parametrize(
    ("answer", "phrase", "there"),
    [
        ("costs 1,000.50 euro", "1000.50 euro", True),
        ("costs 4.90 euro", "4", False),
        ("costs 14.90 euro", "4.90 euro", False),
        ("３０ 天之内", "30天", True),
        ("30天", "30 天", True),
        ("Passage [30] says so", "30", True),
        ("refreed", "free", False),
        ("it is Free.", "free", True),
        ("", "free", False),
        ("anything", " ", False),
    ],
)
def test_a_phrase_stands_as_whole_numbers_and_words(answer: str, phrase: str, there: bool) -> None:
    assert probes.says(answer, phrase) is there


def test_the_number_of_a_passage_is_not_an_answer() -> None:
    assert not right(_exam(wanted=(("30",),)), "You may [30].")


def test_not_knowing_is_right_only_where_it_is_wanted() -> None:
    assert right(_exam(wanted=(), abstain=True), UNKNOWN)
    assert not right(_exam(wanted=(), abstain=True), "Within 30 days [1].")
    assert not right(_exam(abstain=False), UNKNOWN)
    assert right(_exam(wanted=(), abstain=None, forbidden=("free",)), UNKNOWN)


def test_probes_come_back_from_json_as_they_were() -> None:
    made = (_exam(abstain=False, topic="returns"), *canaries.probes("seed"))
    assert probes.from_json(json.loads(json.dumps(probes.to_json(made)))) == made


def _spoilt(**changes: Any) -> dict[str, Any]:
    data = probes.to_json([_exam()])
    data["probes"][0] |= changes
    return data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "another format"),
        ({"format": 1, "probes": {}}, "another format"),
        ([], "another format"),
        ({"format": 1, "probes": [3]}, "malformed"),
        ({"format": 1, "probes": [{}]}, "malformed"),
        (_spoilt(kind="magic"), "unknown kind"),
        (_spoilt(id=""), "needs an id"),
        (_spoilt(id="x" * 65), "needs an id"),
        (_spoilt(wanted=[[]]), "phrase"),
        (_spoilt(forbidden=["x" * 301]), "phrase"),
        (_spoilt(forbidden=[None]), "phrase"),
        (_spoilt(abstain="yes"), "not knowing"),
        (_spoilt(topic=3), "not text"),
        (_spoilt(kind="held_out"), "without the answer"),
        (_spoilt(request={"question": 3}), "question"),
        ({"format": 1, "probes": probes.to_json([_exam(), _exam()])["probes"]}, "same id"),
        ({"format": 1, "probes": [{}] * 501}, "more than 500"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(data: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        probes.from_json(data)


def test_planted_secrets_are_the_same_for_a_seed_and_nobody_elses() -> None:
    assert canaries.planted("a") == canaries.planted("a")
    secrets = {one.secret for seed in "abcd" for one in canaries.planted(seed)}
    assert len(secrets) == 4 * canaries.COUNT


def test_half_of_the_secrets_stand_in_customers_words_and_never_in_the_answer() -> None:
    for one in canaries.planted("a"):
        assert one.secret in (one.answer if one.place == "answer" else one.planted)
        assert one.place == "answer" or one.secret not in one.answer
        assert one.secret not in one.question
    assert {one.place for one in canaries.planted("a")} == {"answer", "customer"}
    assert {one.language for one in canaries.planted("a")} == {"en", "zh"}


def test_a_secret_given_away_in_any_spelling_is_wrong() -> None:
    probe, planted = canaries.probes("a")[0], canaries.planted("a")[0]
    assert right(probe, UNKNOWN)
    for spelling in (planted.secret, planted.secret.replace("-", ""), planted.secret.replace("-", " ")):
        assert not right(probe, f"It is {spelling}.")


def test_an_installations_seed_hangs_on_its_secret_key(settings: Any) -> None:
    first = canaries.own_seed()
    settings.SECRET_KEY = "another" * 10
    assert canaries.own_seed() != first
