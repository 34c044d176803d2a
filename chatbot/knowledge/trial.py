"""One question of the test bench: kept in the cache, answered by a worker, read by the page that asked.

The web process calls `start` and `read` only; `run` loads the index and the engine.
"""

import time
from dataclasses import asdict
from typing import Any, Final

from django.utils.translation import gettext_noop

from chatbot.conversations.errands import Errand
from chatbot.conversations.models import Inbox
from retrieval.models import Passage

FAILED: Final = gettext_noop("The test could not be run. The worker's log says why; try again.")
_errand: Final = Errand("knowledge:trial", keep_seconds=900, patience_seconds=120, failed=FAILED)


def start(*, question: str, history: list[tuple[str, str]], inbox_id: int | None, user_id: int) -> str:
    """Keep the question and ring for a worker. Returns the token the page polls with."""
    from chatbot.knowledge.tasks import try_question

    return _errand.start(try_question.apply_async, user_id=user_id, question=question, history=history, inbox=inbox_id)


read: Final = _errand.read


def run(token: str) -> None:
    """In a worker: answer the kept question and keep the outcome."""
    _errand.run(token, _outcome)


def _outcome(kept: dict[str, Any]) -> dict[str, Any]:
    from chatbot.conversations import replying
    from chatbot.conversations.answers.answering import AnswerContext
    from chatbot.conversations.canned_replies.intents import Asker
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
