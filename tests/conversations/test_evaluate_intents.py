"""`manage.py evaluate_intents` on small made-up sets: only JSON, disjoint questions, mistakes named by their line."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chatbot.conversations.canned_replies import intent_measuring
from chatbot.conversations.canned_replies.intent_measuring import BadIntents, draw, read
from retrieval import embedding
from tests.fakes import HashEmbedder

TOPICS = {"opening": "opening hours of the shop", "refund": "refund of my money", "parcel": "parcel delivery to me"}
STARTS = ["tell me about the {}", "what is the {}", "explain {} please", "i ask for {}", "{} question", "more on {}"]


def rows(*, test: bool = True, oos: bool = True) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for intent, topic in TOPICS.items():
        for number, start in enumerate(STARTS * 3):
            split = "test" if test and number >= 12 else "train"
            found.append({"text": f"{start.format(topic)} {number}", "intent": intent, "split": split})
    if oos:
        found += [
            {"text": f"zebra {word} xylophone", "intent": "oos", "oos": True, "split": split}
            for word in ("green", "loud", "seven", "cold") for split in ("oos_train", "oos_test")
        ]  # fmt: skip
    return found


def write(folder: Path, lines: list[dict[str, Any]], *, packed: bool = False) -> Path:
    text = "\n".join(json.dumps(line) for line in lines)
    if packed:
        (folder / "intents.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / "intents.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "get_embedder", lambda _name="": HashEmbedder())


def run(folder: Path, *more: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("evaluate_intents", str(folder), "--json", *more, stdout=out, stderr=io.StringIO())
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_only_json_with_every_figure_goes_to_standard_output(tmp_path: Path, packed: bool) -> None:
    report = run(write(tmp_path, rows(), packed=packed), "--shots", "4")
    assert report["accuracy"] == 1.0
    assert report["oos_recall"] == 1.0
    assert report["oos_auroc"] == 1.0
    assert (report["n"], report["n_oos"], report["intents"], report["shots"]) == (18, 4, 3, 4)
    for name in ("reference_accuracy", "reference_oos_recall", "reference_oos_auroc", "false_alarms"):
        assert 0 <= report[name] <= 1


def test_without_out_of_scope_questions_their_figures_are_null(tmp_path: Path) -> None:
    report = run(write(tmp_path, rows(test=False, oos=False)), "--shots", "4")
    assert (report["oos_recall"], report["oos_auroc"], report["reference_oos_recall"]) == (None, None, None)
    assert report["accuracy"] > 0.9
    assert report["n"] == 3 * 14 - report["n_held_out"]


def test_examples_held_out_and_tested_questions_are_disjoint_and_oos_is_never_learned(tmp_path: Path) -> None:
    for test in (True, False):
        drawn = draw(read(write(tmp_path, rows(test=test))), shots=5, seed=3)
        parts = [{row.text for row in part} for part in (drawn.examples, drawn.held_out, drawn.test, drawn.foreign)]
        assert sum(map(len, parts)) == len(set().union(*parts))
        assert not any(row.oos for row in (*drawn.examples, *drawn.held_out, *drawn.test))
        assert len(drawn.examples) == 15


def test_the_first_examples_are_taken_or_random_ones_by_seed(tmp_path: Path) -> None:
    known = read(write(tmp_path, rows()))
    first = draw(known, shots=2).examples
    assert [row.text for row in first if row.intent == "opening"] == [
        "tell me about the opening hours of the shop 0", "what is the opening hours of the shop 1",
    ]  # fmt: skip
    assert draw(known, shots=2, seed=1).examples == draw(known, shots=2, seed=1).examples
    assert draw(known, shots=2, seed=1).examples != first


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{nonsense", "Line 1 is not a JSON object"),
        ('{"text": "a"}', "Line 1 is not a JSON object"),
        ('["a"]', "Line 1 is not a JSON object"),
        ('{"text": 7, "intent": "a"}', "Line 1 has no text"),
        ('{"text": "a", "intent": "a"}', "at least two intents"),
    ],
)
def test_a_file_that_is_no_labelled_set_is_refused_with_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "intents.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(CommandError, match=words):
        call_command("evaluate_intents", str(tmp_path), "--json")


def test_a_folder_without_the_file_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no intents\.jsonl"):
        call_command("evaluate_intents", str(tmp_path))
    (tmp_path / "intents.jsonl.gz").write_bytes(b"not gzip")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("evaluate_intents", str(tmp_path))


def test_too_many_shots_leave_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(BadIntents, match="fewer --shots"):
        draw(read(write(tmp_path, rows(test=False))), shots=50)
    with pytest.raises(CommandError, match="at least 1"):
        call_command("evaluate_intents", str(tmp_path), "--shots", "0")


def test_every_text_is_embedded_once() -> None:
    fake = HashEmbedder()
    asked: list[str] = []
    real = fake.queries
    fake.queries = lambda texts: (asked.extend(texts), real(texts))[1]  # type: ignore[method-assign, func-returns-value]
    embedded = intent_measuring.Embedded(fake, lambda *_more: None)
    embedded.queries(["a", "b", "a"])
    embedded.queries(["b", "c"])
    assert sorted(asked) == ["a", "b", "c"]
