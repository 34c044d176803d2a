"""One tried question: kept in the cache, judged by a worker that has the matcher, read by the page that asked.

The web process calls `start` and `read` only.
"""

import logging
import secrets
import time
from typing import Any, Final

from django.core.cache import cache
from django.utils import translation

from chatbot.conversations import canned
from chatbot.conversations.models import CannedReply

logger = logging.getLogger(__name__)

KEEP_SECONDS: Final = 600
PATIENCE_SECONDS: Final = 60


def start(*, question: str, inbox_id: int | None, user_id: int) -> str:
    """Keep the question and ring for a worker. Returns the token the page polls with."""
    from chatbot.desk.tasks import try_canned

    token = secrets.token_urlsafe(24)
    kept = {
        "user": user_id,
        "state": "waiting",
        "since": time.time(),
        "question": question.replace("\x00", ""),
        "inbox": inbox_id,
        "language": translation.get_language() or "en",
    }
    cache.set(_key(token), kept, KEEP_SECONDS)
    try:
        try_canned.apply_async(args=(token,), retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways; the page says that nobody answered
        logger.warning("The question was not taken by the broker: %s", error)
        cache.set(_key(token), {**kept, "state": "failed"}, KEEP_SECONDS)
    return token


def read(token: str, *, user_id: int) -> dict[str, Any] | None:
    """What is known so far; None for a token that is not this user's or too old."""
    kept: dict[str, Any] | None = cache.get(_key(token))
    if kept is None or kept["user"] != user_id:
        return None
    if kept["state"] == "waiting" and time.time() - kept["since"] > PATIENCE_SECONDS:
        return {**kept, "state": "late"}
    return kept


def run(token: str) -> None:
    """In a worker: judge the kept question and keep the outcome."""
    kept = cache.get(_key(token))
    if kept is None:
        return
    try:
        outcome = {"state": "done", **_outcome(kept)}
    except Exception:
        logger.exception("The question could not be tried.")
        outcome = {"state": "failed"}
    cache.set(_key(token), {**kept, **outcome}, KEEP_SECONDS)


def _key(token: str) -> str:
    return f"desk:canned-trial:{token}"


def _outcome(kept: dict[str, Any]) -> dict[str, Any]:
    from chatbot.conversations import language as languages
    from chatbot.conversations.composition import live_replies

    found = live_replies.judge(kept["question"], inbox_id=kept["inbox"], patience=PATIENCE_SECONDS)
    spoken = languages.language_of(kept["question"], default=kept["language"])
    reply = CannedReply.objects.filter(pk=found.reply).first() if found.reply is not None else None
    verdict: str = found.verdict
    if reply is not None and verdict == "sure" and not canned.own_text(reply.texts, spoken):
        verdict = "no_text"
    return {
        "verdict": verdict if reply is not None else "nothing",
        "title": reply.title if reply else "",
        "shortcut": reply.shortcut if reply else "",
        "text": canned.text_for(reply.texts, spoken) if reply else "",
        "score": round(found.score, 3),
        "threshold": round(found.threshold, 3),
        "second": round(found.second, 3),
        "nearest": [{"text": near.text, "similarity": round(near.similarity, 3)} for near in found.nearest],
    }
