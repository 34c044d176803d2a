"""What a page asks for and a worker does, as it takes models or time: harvesting, diagnosing, ordering evaluations.

Kept in the cache under a token that only who asked can read; the page polls. The web process calls `start` and `read`.
"""

from dataclasses import asdict, is_dataclass
from typing import Any, Final, Literal

from django.utils.translation import gettext, gettext_noop

from chatbot.conversations.errands import Errand
from chatbot.conversations.models import Message, Suggestion
from chatbot.training.pages import REFUSALS
from finetune.models import Adapter, Dataset

Kind = Literal["diagnose", "harvest", "evaluate"]
FAILED: Final = gettext_noop("This could not be done. The worker's log says why; try again.")
_errand: Final = Errand("training:work", keep_seconds=1800, patience_seconds=300, failed=FAILED, refusals=REFUSALS)


def start(kind: Kind, *, asked: dict[str, Any], user_id: int, by: str) -> str:
    """Keep what is asked and ring for a worker. Returns the token the page polls with."""
    from chatbot.training.tasks import carry_out

    return _errand.start(carry_out.apply_async, user_id=user_id, kind=kind, by=by, asked=asked)


def read(token: str, kind: Kind, *, user_id: int) -> dict[str, Any] | None:
    """What is known so far; None for a token that is not this user's, of another kind, or too old."""
    kept = _errand.read(token, user_id=user_id)
    return kept if kept is not None and kept["kind"] == kind else None


def run(token: str) -> None:
    """In a worker."""
    _errand.run(token, lambda kept: {"outcome": _WORK[kept["kind"]](kept["asked"], kept["by"])})


def subject(asked: dict[str, Any]) -> dict[str, Any]:
    """The message or suggestion that is meant, both as keywords."""
    message, suggestion = asked.get("message"), asked.get("suggestion")
    return {
        "message": Message.objects.filter(pk=message).first() if message else None,
        "suggestion": Suggestion.objects.filter(pk=suggestion).first() if suggestion else None,
    }


def _diagnose(asked: dict[str, Any], by: str) -> int:
    from chatbot.training import parts

    made = parts.diagnose(
        **subject(asked), question=asked["question"], wanted=asked["wanted"], passage_id=asked["passage_id"], by=by
    )
    return int(made.pk)


def _harvest(asked: dict[str, Any], by: str) -> dict[str, Any]:
    from chatbot.conversations.models import Inbox
    from chatbot.training import parts

    made = parts.harvest(inbox=Inbox.objects.filter(pk=asked["inbox"]).first() if asked["inbox"] else None, by=by)
    return asdict(made) if is_dataclass(made) and not isinstance(made, type) else dict(made)


def _evaluate(asked: dict[str, Any], by: str) -> int:
    from chatbot.training import parts

    adapter = Adapter.objects.filter(pk=asked["adapter"]).first()
    dataset = Dataset.objects.filter(pk=asked["dataset"]).first()
    if adapter is None or dataset is None:
        raise ValueError(gettext("The adapter or the dataset is gone meanwhile."))
    return int(parts.order_evaluation(adapter=adapter, dataset=dataset, by=by).pk)


_WORK: Final = {"diagnose": _diagnose, "harvest": _harvest, "evaluate": _evaluate}
