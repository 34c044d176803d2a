"""docs/documents.md knows every format and every reason that a person can meet."""

from pathlib import Path

import pytest

from retrieval import intake, intake_work
from retrieval.extraction import outcomes
from retrieval.extraction.sniffing import BY_SUFFIX

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "documents.md").read_text(encoding="utf-8")
REASONS = [value for name, value in vars(outcomes).items() if name.isupper() and isinstance(value, str)]


def test_there_are_reasons_to_look_for() -> None:
    assert outcomes.DAMAGED in REASONS


@pytest.mark.parametrize("reason", [*REASONS, intake_work.LOST])
def test_every_reason_is_explained(reason: str) -> None:
    assert f"| {reason} |" in DOCUMENT


@pytest.mark.parametrize("suffix", [*BY_SUFFIX, *intake.DATASET_SUFFIXES])
def test_every_file_name_is_listed(suffix: str) -> None:
    assert suffix in DOCUMENT
