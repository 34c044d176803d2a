"""A frozen dataset for trainings on the spot: short questions on days and prices, answered from one passage."""

from datetime import UTC, datetime, timedelta
from typing import Any

from finetune import datasets, requests
from finetune.models import Dataset, Example
from finetune.records import ContextPassage, GenerationRequest, Turn


def request(number: int) -> GenerationRequest:
    asked = f"How long may I keep item {number}?"
    return GenerationRequest(
        turns=(Turn("customer", asked),),
        question=asked,
        passages=(ContextPassage(1, "Returns", "", f"Item {number} may be kept for {number + 3} days."),),
        language="en",
        company="Shop",
    )


def example(number: int, **more: Any) -> Example:
    preference = more.get("kind") == "preference"
    return Example.objects.create(
        **{
            "digest": f"{'p' if preference else 's'}{number:063d}",
            "state": Example.State.APPROVED,
            "request": requests.to_json(request(number)),
            "answer": f"You may keep it for {number + 3} days [1].",
            "rejected": "Of course, whatever you like." if preference else "",
            "origin": "reply",
            "group": f"group {number // 2}",
            "language": "en",
            "happened_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
            **more,
        }
    )


def dataset(count: int = 24, **more: Any) -> Dataset:
    for number in range(count):
        example(number, **more)
    return datasets.freeze(name="Test", kind=more.get("kind", "supervised"), by="test")
