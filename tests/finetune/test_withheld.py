"""Abstention is measured without an exam too: held-out questions whose passages are withheld."""

from finetune import evaluation_questions
from finetune.dataset_rows import DatasetRow
from finetune.figures import figures
from finetune.probes import Probe
from finetune.records import ContextPassage, GenerationRequest, Turn
from finetune.support import support

THINGS = [f"thing number {number}" for number in range(20)]


def _fact(thing: str) -> str:
    return f"The {thing} costs {30 + THINGS.index(thing)} USD and is made of oak."


def _rows() -> list[DatasetRow]:
    made = []
    for thing in THINGS:
        question = f"What does the {thing} cost?"
        passage = ContextPassage(1, thing.title(), "", _fact(thing))
        request = GenerationRequest((Turn("customer", question),), question, (passage,), language="en")
        made.append(DatasetRow(thing, request, f"{_fact(thing)[:-1]} [1].", "", thing, "en", ""))
    return made


def _exam(count: int) -> list[Probe]:
    request = GenerationRequest((Turn("customer", "Hm?"),), "Hm?", (), language="en")
    return [Probe(f"exam-{number}", "exam", request, abstain=True) for number in range(count)]


def test_without_an_exam_held_out_questions_are_asked_without_what_answers_them() -> None:
    made = evaluation_questions.withheld(_rows(), [])
    assert len(made) == evaluation_questions.UNANSWERABLE_LEAST
    assert len({one.id for one in made}) == len(made)
    for one in made:
        assert one.kind == "withheld" and one.abstain is True and one.request.passages
        thing = one.request.question[len("What does the ") : -len(" cost?")]
        assert not any(support(_fact(thing), [passage.text]).supported for passage in one.request.passages)


def test_an_exam_with_unanswerable_questions_of_its_own_needs_none() -> None:
    assert evaluation_questions.withheld(_rows(), _exam(12)) == []
    assert len(evaluation_questions.withheld(_rows(), _exam(9))) == 3


def test_they_count_as_right_abstention_and_as_nothing_else() -> None:
    def measures(abstained: bool) -> dict[str, object]:
        return {
            "right": abstained, "abstained": abstained, "loss": None, "rouge_l": None, "support": None,
            "citation": None, "numbers": None, "length": 10, "seconds": 0.1, "customer_text": False, "nll": 0.0,
            "scored": 0, "bleu": [0] * 10, "reference_length": 0, "reference_abstains": False,
        }  # fmt: skip

    sides = {"candidate": measures(False), "current": measures(True), "base": measures(True)}
    found = figures(
        [{"id": f"w{number}", "kind": "withheld", "abstain": True, "measures": sides} for number in range(8)]
    )
    assert found["abstention"]["n"] == 8
    assert (found["abstention"]["candidate"], found["abstention"]["current"]) == (0.0, 1.0)
    assert "false_abstention" not in found and "exam" not in found
