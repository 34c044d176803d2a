"""Exam, answer figures and their commands: right figures, and only JSON on standard output."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chatbot.conversations.answers import answer_metrics, exam
from finetune.records import ContextPassage
from tests.conversations import shop


def question(**more: Any) -> dict[str, Any]:
    return {"id": "q1", "lang": "en", "kind": "answerable", "sources": ["a.md"], "must_include": [["30 days"]], **more}


def grade(asked: dict[str, Any], **more: Any) -> exam.Graded:
    said = {"text": "Within 30 days.", "decision": "answer", "offer_person": False, "documents": ["b.md", "a.md"]}
    return exam.grade(asked, **{**said, **more})


def test_an_answer_with_its_source_and_fact_is_right() -> None:
    graded = grade(question())
    assert graded.source_found and graded.correct and not graded.trapped


def test_a_forbidden_phrase_is_a_trap_that_succeeded() -> None:
    asked = question(kind="trap", must_not_include=["14 days"])
    summary = exam.summarise([grade(asked, text="Within 14 DAYS.")])
    assert summary["traps_succeeded"] == 1


@pytest.mark.parametrize(
    ("decision", "offer", "honest"),
    [("abstain", True, 1.0), ("abstain", False, 0.0), ("answer", True, 0.0), ("handoff", False, 1.0)],
)
def test_only_an_abstention_with_a_person_is_honest(decision: str, offer: bool, honest: float) -> None:
    asked = question(kind="unanswerable", sources=[], must_include=[])
    assert exam.summarise([grade(asked, decision=decision, offer_person=offer)])["abstention"] == honest


def test_token_f1_counts_shared_words_and_chinese_characters() -> None:
    assert answer_metrics.token_f1("Within 30 days [1].", ["within 30 days"]) == 1.0
    assert answer_metrics.token_f1("no idea", ["within 30 days"]) == 0.0
    assert answer_metrics.token_f1("三十天", ["三十日"]) == pytest.approx(2 / 3)


def test_rouge_and_bleu_reward_the_same_words_in_the_same_order() -> None:
    assert answer_metrics.rouge_l("the warranty is five years", ["the warranty is five years"]) == 1.0
    assert answer_metrics.bleu(["the warranty is five years"], [["the warranty is five years"]]) == pytest.approx(100)
    assert answer_metrics.bleu(["years five is warranty the"], [["the warranty is five years"]]) < 50


def test_supported_sentences_are_counted() -> None:
    passages = [ContextPassage(1, "Warranty", "", "The warranty on tents is 5 years.")]
    assert answer_metrics.supported_share("The warranty on tents is 5 years [1]. It is 9 years.", passages) == (1, 2)


def test_auroc_needs_both_kinds() -> None:
    assert answer_metrics.auroc([0.9, 0.8], [0.1]) == 1.0
    assert answer_metrics.auroc([0.9], []) is None


# --- Commands ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shop.folder(tmp_path)
    rows = [
        {"query_id": "1", "query": "What does a repair cost?", "history": [], "relevant": [{"doc_id": "warranty"}], "answer": "A repair costs 28 USD."},
        {"query_id": "2", "query": "Do you sell snowshoes for penguins?", "history": [], "relevant": [], "answer": None},
    ]  # fmt: skip
    (tmp_path / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def test_evaluate_answers_prints_one_json_object(folder: Path, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    out = StringIO()
    call_command("evaluate_answers", str(folder), "--json", stdout=out, stderr=StringIO())
    report = json.loads(out.getvalue())
    assert report["n"] == 2 and report["unanswerable"] == 1
    assert report["abstention"] == 1.0
    assert report["token_f1"] > 0.8 and report["supported_sentences"] == 1.0
    assert report["engine"] == "extractive"
    assert {"auroc", "rouge_l", "sacrebleu", "abstention_hidden", "latency_ms"} <= set(report)


@pytest.mark.parametrize("command", ["evaluate_answers", "fit_confidence"])
def test_a_folder_that_is_none_is_refused_in_a_sentence(command: str, tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="queries"):
        call_command(command, str(tmp_path / "none"), stdout=StringIO(), stderr=StringIO())


def test_an_exam_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, db: None) -> None:
    bad = tmp_path / "exam.jsonl"
    bad.write_text("{nonsense")
    with pytest.raises(CommandError, match="not an exam file"):
        call_command("exam", "--file", str(bad), stdout=StringIO())
