"""The starter model that is shipped: small, whole, safe to load, and it copies from companies it has never seen."""

from pathlib import Path

import pytest

from finetune.starter import measuring, shipped

FOLDER = Path(shipped.folder())


def test_it_is_small_and_holds_nothing_that_runs() -> None:
    assert shipped.folder()
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert sum(files.values()) < 25 * 1024 * 1024
    assert {path.suffix for path in FOLDER.iterdir()} <= {".json", ".safetensors", ".jinja", ".md"}
    assert "safetensors" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.timeout(600)
def test_it_answers_from_passages_of_companies_it_has_never_seen() -> None:
    figures = measuring.measure(measuring.greedy(FOLDER), measuring.held_out(40))
    english = figures["en"]
    assert english["exact_copy"] > 0.3, figures
    assert english["supported_sentences"] > 0.6, figures
    assert english["false_abstention"] < 0.3, figures
