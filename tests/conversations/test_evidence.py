"""How sure one may be: signs, weights and vetoes."""

import pytest

from chatbot.conversations.answers import evidence, fitting
from chatbot.conversations.answers.collection import CollectionWords
from finetune.ranking import rank
from finetune.records import ContextPassage
from retrieval.records import Hit

WORDS = CollectionWords(["Shipping to Germany costs 15 USD.", "The Rook 28 weighs 980 g.", "Returns are free."])


def weigh(question: str, text: str, **more: object) -> evidence.Evidence:
    passages = [ContextPassage(1, "Page", "", text)]
    hits = [Hit(1, 1, "Page", (), text, "", "en", 1.0)]
    return evidence.weigh(question, passages, hits, rank(question, passages), WORDS, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "text", "missing"),
    [
        ("What does shipping to Brazil cost?", "Shipping to Germany costs 15 USD.", True),
        ("What does shipping to Germany cost?", "Shipping to Germany costs 15 USD.", False),
        ("What does shipping to Germany cost?", "Shipping within the EU costs 15 USD.", False),
        ("What does shipping to Brazil cost?", "Shipping costs 15 USD worldwide.", False),
        ("How heavy is the Rook 40?", "The Rook 28 weighs 980 g.", True),
        ("How heavy is the Rook 28?", "The Rook 28 weighs 980 g.", False),
        ("Where is my order FW20481733?", "Order numbers begin with FW.", True),
        ("My order FW20481733 came broken", "Report damage within 7 days.", False),
    ],
)
def test_what_is_named_and_not_there_takes_the_confidence_away(question: str, text: str, missing: bool) -> None:
    assert bool(weigh(question, text).missing) is missing


def test_a_veto_lowers_the_confidence() -> None:
    there = weigh("What does shipping to Germany cost?", "Shipping to Germany costs 15 USD.")
    gone = weigh("What does shipping to Brazil cost?", "Shipping to Germany costs 15 USD.")
    assert gone.confidence < 0.3 < there.confidence
    assert "br" in gone.reasons[-1]


def test_unknown_words_lower_the_confidence_and_are_named() -> None:
    text = "Returns are free."
    known, unknown = weigh("Are returns free?", text), weigh("Are returns free?", text, unknown=("gaiters",))
    assert unknown.confidence < known.confidence
    assert "gaiters" in unknown.reasons[0]


def test_nothing_found_is_no_confidence() -> None:
    assert evidence.weigh("Anything?", [], [], [], WORDS).confidence == 0.0


def test_every_sign_has_a_weight_and_the_other_way_round() -> None:
    assert set(evidence.COEFFICIENTS) == set(evidence.FEATURES)
    assert 0.0 < evidence.probability(dict.fromkeys(evidence.FEATURES, 0.0)) < 1.0


# --- Fitting ---------------------------------------------------------------------------------------------------------
def rows(count: int, sign: str) -> list[tuple[dict[str, float], bool]]:
    base = dict.fromkeys(evidence.FEATURES, 0.0)
    return [({**base, sign: float(n % 2)}, bool(n % 2)) for n in range(count)]


def test_a_sign_that_tells_right_from_wrong_gets_the_weight() -> None:
    fitted = fitting.fit({"one": rows(40, "lead"), "two": rows(60, "lead")})
    assert fitted["coefficients"]["lead"] > 1
    assert fitted["auroc"] == {"one": 1.0, "two": 1.0}
    assert fitted["rows"] == {"one": 40, "two": 60}


def test_nothing_to_tell_apart_is_refused_in_a_sentence() -> None:
    with pytest.raises(fitting.TooLittle, match="larger sets"):
        fitting.fit({"one": [(dict.fromkeys(evidence.FEATURES, 0.0), True)]})
