"""One question of the test bench: kept in the cache, answered by a worker, read by the page that asked.

The web process calls `start` and `read` only; `run` loads the index and the engine.
"""

import logging
import secrets
import time
from dataclasses import asdict
from typing import Any, Final

from django.core.cache import cache
from django.utils.translation import gettext_noop

from chatbot.conversations.models import Inbox
from retrieval.models import Passage

logger = logging.getLogger(__name__)

KEEP_SECONDS: Final = 900
PATIENCE_SECONDS: Final = 120
FAILED: Final = gettext_noop("The test could not be run. The worker's log says why; try again.")


def start(*, question: str, history: list[tuple[str, str]], inbox_id: int | None, user_id: int) -> str:
    """Keep the question and ring for a worker. Returns the token the page polls with."""
    from chatbot.knowledge.tasks import try_question

    token = secrets.token_urlsafe(24)
    kept = {
        "user": user_id,
        "state": "waiting",
        "since": time.time(),
        "question": question,
        "history": history,
        "inbox": inbox_id,
    }
    cache.set(_key(token), kept, KEEP_SECONDS)
    try:
        try_question.apply_async(args=(token,), retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways; the page says that nobody answered
        logger.warning("The test bench's question was not taken by the broker: %s", error)
        cache.set(_key(token), {**kept, "state": "failed", "reason": FAILED}, KEEP_SECONDS)
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
    """In a worker: answer the kept question and keep the outcome."""
    kept = cache.get(_key(token))
    if kept is None:
        return
    try:
        outcome = {"state": "done", **_outcome(kept)}
    except Exception:
        logger.exception("The test bench's question failed.")
        outcome = {"state": "failed", "reason": FAILED}
    cache.set(_key(token), {**kept, **outcome}, KEEP_SECONDS)


def _key(token: str) -> str:
    return f"knowledge:trial:{token}"


def _outcome(kept: dict[str, Any]) -> dict[str, Any]:
    from chatbot.conversations import replying
    from chatbot.conversations.answering import AnswerContext
    from chatbot.conversations.intents import Asker
    from retrieval.records import Turn
    from retrieval.search import get_searcher

    inbox = Inbox.objects.filter(pk=kept["inbox"]).first() if kept["inbox"] else None
    collections = frozenset(inbox.collections) or None if inbox else None
    history = tuple(Turn(role, text) for role, text in kept["history"])
    found = get_searcher().search(kept["question"], history=history, k=10, collections=collections)
    began = time.perf_counter()
    answer = replying.answerer().answer(
        AnswerContext(
            question=kept["question"],
            history=history,
            language=inbox.language if inbox else "",
            company=(inbox.company or inbox.title or inbox.name) if inbox else "",
            collections=collections,
            asker=Asker(inbox.pk if inbox else None, {"company": inbox.company or inbox.title} if inbox else {}),
        ),
        emit=lambda _text: None,
        stage=lambda _name: None,
        cancelled=lambda: False,
    )
    seconds = time.perf_counter() - began
    return {
        "lexical": _arm(found.lexical),
        "dense": _arm(found.dense),
        "hits": [asdict(hit) for hit in found.hits],
        "index_version": found.index_version,
        "query_lang": found.query_lang,
        "milliseconds": dict(found.milliseconds),
        "answer": {
            "text": answer.text,
            "decision": answer.decision,
            "confidence": round(answer.confidence, 3),
            "engine": answer.engine,
            "sources": [asdict(source) for source in answer.sources],
            "seconds": round(seconds, 2),
        },
    }


def _arm(rows: Any) -> list[dict[str, Any]]:
    """One arm's ranking with titles, best first; passages that were taken out since are left out."""
    known = Passage.objects.select_related("document").defer("document__markdown").in_bulk([r.passage_id for r in rows])
    return [
        {
            "rank": rank,
            "score": row.score,
            "passage_id": row.passage_id,
            "document_id": passage.document_id,
            "title": passage.document.title,
            "heading": " › ".join(passage.heading_path),
            "text": passage.text[:300],
        }
        for rank, row in enumerate(rows, start=1)
        if (passage := known.get(row.passage_id)) is not None
    ]
