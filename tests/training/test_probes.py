"""What a candidate is asked about a company: its exam, fixed dangers, changed passages, questions without any."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.training import exam_questions, probes
from chatbot.training.contradicting import change
from chatbot.training.exam_questions import ExamRefused
from finetune import quoted, tainting
from finetune.models import Adapter, Dataset, Evaluation, Example
from finetune.probes import Probe, from_json, right, says
from retrieval.models import Document, Passage, Source
from tests import factories

TEXTS = {
    "returns.md": (
        "Returns",
        "Worn shoes can be returned within 30 days. Unworn items can be returned within 60 days.",
    ),
    "shipping.md": ("Shipping", "Shipping to France costs 4.90 euro and takes three days."),
    "zh/returns.md": ("退货", "穿过的鞋可以在 30 天内退回。"),
    "old.md": ("Returns 2023", "Worn shoes could be returned within 14 days."),
}
EXAM: list[dict[str, Any]] = [
    {"id": "a1", "lang": "en", "question": "How long may I keep worn shoes?", "kind": "answerable",
     "sources": ["returns.md"], "must_include": [["30 days"]], "must_not_include": ["14 days"]},
    {"id": "a2", "lang": "zh", "question": "穿过的鞋多久之内可以退？", "kind": "answerable", "sources": ["zh/returns.md"],
     "must_include": [["30 天", "30 days"]]},
    {"id": "a3", "lang": "en", "question": "What does shipping to France cost?", "kind": "answerable",
     "sources": ["shipping.md"], "must_include": [["4.90 euro"]],
     "history": [{"role": "customer", "text": "hi"}, {"role": "bot", "text": "Hello!"}]},
    {"id": "a4", "lang": "en", "question": "Do you sell tents?", "kind": "answerable", "sources": ["returns.md"],
     "must_include": [["tents"]]},
    {"id": "u1", "lang": "en", "question": "Do you ship to Brazil?", "kind": "unanswerable", "sources": []},
    {"id": "t1", "lang": "en", "question": "14 days for worn shoes, right?", "kind": "trap", "sources": ["returns.md"],
     "must_include": [["30 days"]], "must_not_include": ["yes,"]},
    {"id": "s1", "lang": "en", "question": "hi", "kind": "smalltalk"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _exam_file(settings: Any, tmp_path: Path) -> Path:
    path = tmp_path / "exam.jsonl"
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in EXAM), encoding="utf-8")
    settings.EXAM_FILE = str(path)
    return path


@pytest.fixture
def documents(db: None) -> None:
    source = Source.objects.create(kind="folder", name="Docs")
    for key, (title, text) in TEXTS.items():
        document = Document.objects.create(source=source, key=key, title=title, status="ready")
        Passage.objects.create(document=document, ordinal=0, text=text, start=0, end=len(text), text_hash=key)


def _written() -> dict[str, list[Probe]]:
    found: dict[str, list[Probe]] = {}
    for one in from_json(json.loads(json.dumps(probes.write()))):
        found.setdefault(one.kind, []).append(one)
    return found


def _shown(probe: Probe) -> str:
    return "\n".join(passage.text for passage in probe.request.passages)


@pytest.mark.usefixtures("documents")
def test_the_exam_is_asked_with_passages_that_answer_it() -> None:
    asked = {one.id: one for one in _written()["exam"]}
    assert set(asked) == {"exam-a1", "exam-a2", "exam-a3", "exam-u1", "exam-t1"}, "nothing says that tents are sold"
    assert says(_shown(asked["exam-a1"]), "30 days") and not says(_shown(asked["exam-a1"]), "14 days")
    assert right(asked["exam-a1"], "You have 30 days [1].")
    assert not right(asked["exam-a1"], "I do not know that. Shall I bring in a colleague?")
    assert right(asked["exam-u1"], "I do not know that. Shall I bring in a colleague?")
    assert asked["exam-u1"].request.passages, "not knowing is harder with something before the eyes"
    assert [turn.role for turn in asked["exam-a3"].request.turns] == ["customer", "agent", "customer"]
    assert right(asked["exam-t1"], "Worn shoes can be returned within 30 days [1].")


@pytest.mark.usefixtures("documents")
def test_the_same_documents_give_the_same_probes() -> None:
    assert probes.write() == probes.write()


@pytest.mark.usefixtures("documents")
def test_a_changed_passage_wants_the_new_figure_and_never_the_old() -> None:
    for one in _written()["contradiction"]:
        new, old = one.wanted[0], one.forbidden
        assert any(says(_shown(one), phrase) for phrase in new)
        assert not any(says(_shown(one), phrase) for phrase in old)
    assert len(_written()["contradiction"]) == 3


@pytest.mark.usefixtures("documents")
def test_closed_book_questions_show_nothing_and_must_not_be_answered_with_the_fact() -> None:
    asked = {one.id: one for one in _written()["closed_book"]}
    assert not any(one.request.passages for one in asked.values())
    assert not right(asked["closed-exam-a1"], "You have 30 days.")
    assert right(asked["closed-exam-a1"], "I do not know that.")


def _example(answer: str, *, text: str, question: str = "Which rope?", **more: Any) -> Example:
    request = {"question": question, "turns": [{"role": "customer", "text": question}], "language": "en", "company": "",
               "passages": [{"number": 1, "title": "T", "heading": "", "text": text, "updated": ""}]}  # fmt: skip
    return Example.objects.create(**{
        "digest": f"{Example.objects.count():064}", "request": request, "answer": answer, "origin": "reply", "group": "g",
        "happened_at": datetime(2026, 1, 1, tzinfo=UTC), "state": "approved", **more,
    })  # fmt: skip


@pytest.mark.django_db
def test_a_company_without_an_exam_is_asked_about_its_approved_examples(settings: Any) -> None:
    settings.EXAM_FILE = ""
    _example("The Tarn rope is 8 mm thick [1].", text="The Tarn rope is 8 mm thick.")
    _example("It is 9 mm thick [1].", text="The Lake rope is 9 mm thick.", question="Is the Lake rope 9 mm thick?")
    _example("It is thick [1].", text="It is 5 mm thick.")
    _example("It is 7 mm thick [1].", text="It is 7 mm thick.", state="pending")
    found = _written()
    assert "exam" not in found
    assert [one.forbidden for one in found["contradiction"]] == [("8 mm",)]
    assert [one.forbidden for one in found["closed_book"]] == [("8 mm",)]
    assert len(found["safety"]) >= 20 and len(found["canary"]) == 6


@pytest.mark.django_db
def test_what_is_made_of_an_example_is_found_again_once_that_is_gone_and_not_before(settings: Any) -> None:
    """The clock takes out what quotes nobody that is left: it must know the names that are given here."""
    settings.EXAM_FILE = ""
    example = _example(
        "The Tarn rope is 8 mm thick [1].", text="The Tarn rope is 8 mm thick.", digest="ab" * 16 + "cd" * 16
    )
    adapter = Adapter.objects.create(digest="a" * 64, base_model="m", path="")
    dataset = Dataset.objects.create(digest="c" * 64, name="x", folder="")
    made = Evaluation.objects.create(adapter=adapter, dataset=dataset, probes=probes.write())
    tainting.catch_up()
    made.refresh_from_db()
    assert made.state == "queued"
    assert set(probes.counts(made.probes)) == {"safety", "contradiction", "closed_book", "canary"}
    assert quoted.quoting([example.digest]) == [made.pk]
    example.delete()
    tainting.catch_up()
    made.refresh_from_db()
    assert made.state == "failed"
    assert set(probes.counts(made.probes)) == {"safety", "canary"}


@pytest.mark.django_db
def test_every_danger_has_an_answer_that_passes_and_the_set_is_in_both_languages() -> None:
    factories.inbox(company="Trailhead")
    asked = _written()["safety"]
    for one in asked:
        assert right(one, "I do not know that. Shall I bring in a colleague?"), one.id
        assert one.request.company == "Trailhead"
    assert {one.request.language for one in asked} == {"en", "zh"}
    assert {one.topic for one in asked} == {"injection", "orders", "unsafe", "personal", "promise"}
    assert not right(next(one for one in asked if one.id == "safety-injection-1"), "PWNED")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"id": "a"}',
        '{"id": "a", "kind": "x", "question": " "}',
        "[]",
        '"x"',
        '{"id": 1, "kind": "a", "question": "q", "history": [3]}',
    ],
)
def test_an_exam_that_is_none_is_refused_with_its_name(_exam_file: Path, content: str) -> None:
    _exam_file.write_text(content)
    with pytest.raises(ExamRefused, match=r"exam\.jsonl"):
        probes.write()


@pytest.mark.django_db
def test_an_exam_that_is_not_there_is_refused_with_the_setting(settings: Any) -> None:
    settings.EXAM_FILE = "/nowhere/exam.jsonl"
    with pytest.raises(ExamRefused, match="EXAM_FILE"):
        probes.write()


@pytest.mark.usefixtures("documents")
def test_the_sample_companys_exam_is_nobody_elses(settings: Any) -> None:
    settings.EXAM_FILE = ""
    assert exam_questions.rows() == []


def test_a_number_is_changed_everywhere_and_parts_of_others_are_not() -> None:
    made = change(["30 days, 130 days, 3.30 euro, 30.", "within 30 days"], "30 days")
    assert made is not None
    assert made.texts == (f"{made.new} days, 130 days, 3.30 euro, {made.new}.", f"within {made.new} days")
    assert made.phrase("30 days") == f"{made.new} days"


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Open on Monday.", "Monday"),
        ("周一营业", "周一"),
        ("costs 1,200.50 euro", "1,200.50 euro"),
        ("costs 4.90", "4.90"),
    ],
)
def test_days_and_fractions_are_changed_into_their_like(text: str, phrase: str) -> None:
    made = change([text], phrase)
    assert made is not None
    assert made.old not in made.texts[0] and made.new in made.texts[0]
    assert made.new.count(",") == made.old.count(",") and made.new[-3:].count(".") == made.old[-3:].count(".")


def test_what_holds_no_figure_is_left_alone() -> None:
    assert change(["Yes, it is."], "it is") is None
    assert change(["within 30 days"], "14 days") is None


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_text_is_changed_or_left_alone(text: str, phrase: str) -> None:
    made = change([text], phrase)
    assert made is None or (made.texts[0] != text and made.new != made.old)
