"""What a page asks of a worker, as it takes models or time: harvesting, diagnosing, replaying, ordering evaluations.

Kept in the cache under a token that only who asked can read; the page polls. The web process calls `start` and `read`.
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from typing import Any, Final, Literal

from django.core.cache import cache
from django.utils.translation import gettext, gettext_noop

from chatbot.conversations.errands import Errand
from chatbot.conversations.models import Message, Suggestion
from chatbot.training.pages import REFUSALS
from finetune.models import Adapter, Dataset

Kind = Literal["diagnose", "harvest", "replay", "evaluate"]
FAILED: Final = gettext_noop("This could not be done. The worker's log says why; try again.")
KEEP_SECONDS: Final = 1800
GONE: Final = gettext_noop("This conversation has been deleted.")
logger = logging.getLogger(__name__)
_errand: Final = Errand(
    "training:work", keep_seconds=KEEP_SECONDS, patience_seconds=300, failed=FAILED, refusals=REFUSALS
)


def start(kind: Kind, *, asked: dict[str, Any], user_id: int, by: str) -> str:
    """Keep what is asked and ring for a worker. Returns the token the page polls with."""
    from chatbot.training.tasks import carry_out

    token = _errand.start(carry_out.apply_async, user_id=user_id, kind=kind, by=by, asked=asked)
    about = next((row for row in subject(asked).values() if row is not None), None)
    if about is not None:
        tokens = cache.get(_of(about.conversation_id)) or []
        cache.set(_of(about.conversation_id), [*tokens, token], KEEP_SECONDS)
    return token


def _of(conversation_id: int) -> str:
    return f"training:work:of:{conversation_id}"


def forget(conversation_ids: Iterable[int]) -> None:
    """The conversations are erased: what was asked about them, and what came out, is kept no longer."""
    try:
        for key in map(_of, conversation_ids):
            for token in cache.get(key) or []:
                _errand.change(token, **_gone())
            cache.delete(key)
    except Exception as error:  # noqa: BLE001 - caches fail in many ways; what they keep expires soon
        logger.warning("What pages had asked for could not be forgotten at once: %s", error)


def _gone() -> dict[str, Any]:
    return {"state": "failed", "reason": gettext(GONE), "asked": {}, "outcome": None}


def read(token: str, kind: Kind, *, user_id: int) -> dict[str, Any] | None:
    """What is known so far; None for a token that is not this user's, of another kind, or too old."""
    kept = _errand.read(token, user_id=user_id)
    return kept if kept is not None and kept["kind"] == kind else None


def run(token: str) -> None:
    """In a worker. Where the conversation is erased meanwhile, neither what was asked nor what came out is kept."""
    asked: dict[str, Any] = {}

    def work(kept: dict[str, Any]) -> dict[str, Any]:
        asked.update(kept["asked"])
        return {"outcome": _WORK[kept["kind"]](asked, kept["by"])}

    _errand.run(token, work)
    if _is_gone(asked):
        _errand.change(token, **_gone())


def _is_gone(asked: dict[str, Any]) -> bool:
    """It was about a message or a draft that is there no longer."""
    named = asked.get("message") or asked.get("suggestion")
    return bool(named) and not any(subject(asked).values())


def subject(asked: dict[str, Any]) -> dict[str, Any]:
    """The message or suggestion that is meant, both as keywords."""
    message, suggestion = asked.get("message"), asked.get("suggestion")
    return {
        "message": Message.objects.filter(pk=message).first() if message else None,
        "suggestion": Suggestion.objects.filter(pk=suggestion).first() if suggestion else None,
    }


def _diagnose(asked: dict[str, Any], by: str) -> int:
    """Refuses an answer that was erased while this waited: its question must not live on as if it were anybody's."""
    from chatbot.training import parts

    if _is_gone(asked):
        raise ValueError(gettext(GONE))
    made = parts.diagnose(
        **subject(asked), question=asked["question"], wanted=asked["wanted"], passage_id=asked["passage_id"], by=by
    )
    return int(made.pk)


def _harvest(asked: dict[str, Any], by: str) -> dict[str, Any]:
    from chatbot.conversations.models import Inbox
    from chatbot.training import parts

    made = parts.harvest(inbox=Inbox.objects.filter(pk=asked["inbox"]).first() if asked["inbox"] else None, by=by)
    return asdict(made) if is_dataclass(made) and not isinstance(made, type) else dict(made)


def _replay(asked: dict[str, Any], _by: str) -> dict[str, Any]:
    from chatbot.training import parts

    return asdict(parts.replay(**subject(asked), **asked["on"]))


def _evaluate(asked: dict[str, Any], by: str) -> int:
    from chatbot.training import parts

    adapter = Adapter.objects.filter(pk=asked["adapter"]).first()
    dataset = Dataset.objects.filter(pk=asked["dataset"]).first()
    if adapter is None or dataset is None:
        raise ValueError(gettext("The adapter or the dataset is gone meanwhile."))
    return int(parts.order_evaluation(adapter=adapter, dataset=dataset, by=by).pk)


_WORK: Final = {"diagnose": _diagnose, "harvest": _harvest, "replay": _replay, "evaluate": _evaluate}
