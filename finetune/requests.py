"""A `GenerationRequest` as JSON and back: how examples, datasets and evaluations keep what the model was asked."""

from dataclasses import asdict, fields
from typing import Any, Final

from finetune.records import ContextPassage, GenerationRequest, Turn

KEPT: Final = ("turns", "question", "passages", "language", "company")
"""What shapes an answer. Wishes, budgets and ids belong to one serving and are left out."""


def to_json(request: GenerationRequest) -> dict[str, Any]:
    """Equal for equal requests; passages and turns as lists of objects."""
    whole = asdict(request)
    return {
        name: [dict(one) for one in whole[name]] if isinstance(whole[name], tuple) else whole[name] for name in KEPT
    }


def from_json(data: dict[str, Any]) -> GenerationRequest:
    """Raises ValueError for anything `to_json` would not write."""
    if unknown := sorted(set(data) - set(KEPT)):
        raise ValueError(f"A stored request has unknown fields: {', '.join(unknown)}.")
    try:
        turns = tuple(_turn(one) for one in data.get("turns", ()))
        passages = tuple(ContextPassage(**one) for one in data.get("passages", ()))
        said = {name: data[name] for name in ("question", "language", "company") if name in data}
        if not isinstance(said.get("question"), str) or not all(isinstance(value, str) for value in said.values()):
            raise ValueError("A stored request needs a question, and texts are strings.")
        if not all(isinstance(getattr(one, field.name), str) for one in passages for field in fields(one)[1:]):
            raise ValueError("A stored passage holds something that is not text.")
        return GenerationRequest(turns=turns, passages=passages, **said)
    except TypeError as error:
        raise ValueError(f"A stored request is malformed: {error}") from error


def _turn(data: dict[str, Any]) -> Turn:
    turn = Turn(**data)
    if turn.role not in ("customer", "agent") or not isinstance(turn.text, str):
        raise ValueError(f"A stored turn has the role {turn.role!r}; customer and agent are known.")
    return turn
