"""Measures redaction on texts with marked spans: recall and precision per type. Half of them is held back.

A gold span is found when all its letters and digits are replaced, whatever the type: what counts is that it is gone.
A replacement is right when it touches a gold span of any personal type.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatbot.training.personal_data import Span
from chatbot.training.redaction import Redactor

TYPES: Final = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "PERSON": "NAME",
    "STREET_ADDRESS": "ADDRESS",
    "ZIP_CODE": "ADDRESS",
    "DOMAIN_NAME": "URL",
    "IP_ADDRESS": "IP",
    "US_DRIVER_LICENSE": "ID",
    "US_SSN": "ID",
}
"""The set's types that we promise to remove; others (cities, firms, ages, dates) are not personal by themselves."""


@dataclass
class _Count:
    gold: int = 0
    found: int = 0
    touched: int = 0
    made: int = 0
    right: int = 0


def load(folder: Path) -> list[dict[str, Any]]:
    """Every row of every JSON Lines file in the folder."""
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines if line.strip()]


def half(row: dict[str, Any]) -> str:
    """Rows of one template are in one half, so that no sentence was seen before."""
    key = str(row.get("template_id", row.get("id")))
    return "development" if hashlib.sha256(key.encode()).digest()[0] % 2 == 0 else "held_back"


def measure(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    counts: dict[str, _Count] = {}
    number = 0
    for row in rows:
        number += 1
        spans = Redactor().find(row["text"])
        for gold in row["spans"]:
            if kind := TYPES.get(gold["type"]):
                _count_gold(counts.setdefault(kind, _Count()), row["text"], gold, spans)
        for span in spans:
            count = counts.setdefault(span.type, _Count())
            count.made += 1
            count.right += any(_touch(span, gold) for gold in row["spans"] if gold["type"] in TYPES)
    return {"texts": number, "types": {kind: _figures(count) for kind, count in sorted(counts.items())}}


def _count_gold(count: _Count, text: str, gold: dict[str, Any], spans: list[Span]) -> None:
    hidden = {place for span in spans for place in range(span.start, span.end)}
    letters = [place for place in range(gold["start"], gold["end"]) if text[place].isalnum()]
    count.gold += 1
    count.found += all(place in hidden for place in letters)
    count.touched += any(place in hidden for place in letters)


def _touch(span: Span, gold: dict[str, Any]) -> bool:
    return bool(span.start < gold["end"] and gold["start"] < span.end)


def _figures(count: _Count) -> dict[str, Any]:
    return {
        "gold": count.gold,
        "recall": round(count.found / count.gold, 3) if count.gold else None,
        "recall_touched": round(count.touched / count.gold, 3) if count.gold else None,
        "replaced": count.made,
        "precision": round(count.right / count.made, 3) if count.made else None,
    }


def both_halves(folder: Path) -> dict[str, Any]:
    rows = load(folder)
    return {name: measure(row for row in rows if half(row) == name) for name in ("development", "held_back")}
