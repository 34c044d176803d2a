"""Files one can hold in the head."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 500


def test_no_module_has_more_than_500_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for package in ("chatbot", "retrieval", "finetune", "tests", "benchmarks")
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LIMIT
    }
    assert not long


def test_no_module_is_named_after_nothing() -> None:
    banned = {"utils.py", "helpers.py", "common.py", "misc.py", "core.py"}
    found = [
        path
        for package in ("chatbot", "retrieval", "finetune")
        for path in (ROOT / package).rglob("*.py")
        if path.name in banned
    ]
    assert not found
