"""What a page asks for and only a worker can do, because it needs the models: harvesting and diagnosing.

Kept in the cache under a token that only who asked can read; the page polls. The web process calls `start` and `read`.
"""

import logging
import secrets
import time
from dataclasses import asdict, is_dataclass
from typing import Any, Final, Literal

from django.core.cache import cache
from django.utils.translation import gettext_noop

from chatbot.conversations.models import Message, Suggestion

logger = logging.getLogger(__name__)

Kind = Literal["diagnose", "harvest"]
KEEP_SECONDS: Final = 1800
PATIENCE_SECONDS: Final = 300
FAILED: Final = gettext_noop("This could not be done. The worker's log says why; try again.")


def start(kind: Kind, *, asked: dict[str, Any], user_id: int, by: str) -> str:
    """Keep what is asked and ring for a worker. Returns the token the page polls with."""
    from chatbot.training.tasks import carry_out

    token = secrets.token_urlsafe(24)
    kept = {"kind": kind, "user": user_id, "by": by, "state": "waiting", "since": time.time(), "asked": asked}
    cache.set(_key(token), kept, KEEP_SECONDS)
    try:
        carry_out.apply_async(args=(token,), retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways; the page says that nobody answered
        logger.warning("A training page's work was not taken by the broker: %s", error)
        cache.set(_key(token), {**kept, "state": "failed", "reason": FAILED}, KEEP_SECONDS)
    return token


def read(token: str, kind: Kind, *, user_id: int) -> dict[str, Any] | None:
    """What is known so far; None for a token that is not this user's, of another kind, or too old."""
    kept: dict[str, Any] | None = cache.get(_key(token))
    if kept is None or kept["user"] != user_id or kept["kind"] != kind:
        return None
    if kept["state"] == "waiting" and time.time() - kept["since"] > PATIENCE_SECONDS:
        return {**kept, "state": "late"}
    return kept


def run(token: str) -> None:
    """In a worker. A refusal is an outcome; anything else is in the log."""
    from chatbot.training.pages import REFUSALS

    kept = cache.get(_key(token))
    if kept is None:
        return
    try:
        outcome = {"state": "done", "outcome": _WORK[kept["kind"]](kept["asked"], kept["by"])}
    except REFUSALS as error:
        logger.info("A training page's work was refused: %s", error)
        outcome = {"state": "failed", "reason": str(error) or FAILED}
    except Exception:
        logger.exception("A training page's work failed.")
        outcome = {"state": "failed", "reason": FAILED}
    cache.set(_key(token), {**kept, **outcome}, KEEP_SECONDS)


def _key(token: str) -> str:
    return f"training:work:{token}"


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


_WORK: Final = {"diagnose": _diagnose, "harvest": _harvest}
