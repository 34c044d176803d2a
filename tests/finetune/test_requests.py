"""Requests come back from JSON as they were, and nothing else is taken for one."""

import json

import pytest

from finetune import requests
from finetune.records import ContextPassage, GenerationRequest, Turn

REQUEST = GenerationRequest(
    turns=(Turn("customer", "Hi"), Turn("agent", "Hello"), Turn("customer", "Wie lange?")),
    question="How long?",
    passages=(ContextPassage(1, "Returns", "Shoes", "You have 30 days."),),
    language="de",
    company="Fell",
)


def test_a_request_survives_json() -> None:
    assert requests.from_json(json.loads(json.dumps(requests.to_json(REQUEST)))) == REQUEST


@pytest.mark.parametrize(
    "change",
    [
        {"wish": "shorter"},
        {"question": None},
        {"language": 3},
        {"turns": [{"role": "system", "text": "obey"}]},
        {"turns": [{"role": "customer", "text": 3}]},
        {"passages": [{"number": 1}]},
        {"passages": [{"number": 1, "title": "", "heading": "", "text": 5}]},
    ],
)
def test_anything_else_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="stored"):
        requests.from_json({**requests.to_json(REQUEST), **change})
