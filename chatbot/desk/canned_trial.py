"""One tried question: kept in the cache, judged by a worker that has the matcher, read by the page that asked.

The web process calls `start` and `read` only.
"""

from typing import Any, Final

from django.utils import translation

from chatbot.conversations.canned_replies import canned
from chatbot.conversations.errands import Errand
from chatbot.conversations.models import CannedReply

PATIENCE_SECONDS: Final = 60
_errand: Final = Errand("desk:canned-trial", keep_seconds=600, patience_seconds=PATIENCE_SECONDS)


def start(*, question: str, inbox_id: int | None, user_id: int) -> str:
    """Keep the question and ring for a worker. Returns the token the page polls with."""
    from chatbot.desk.tasks import try_canned

    return _errand.start(
        try_canned.apply_async,
        user_id=user_id,
        question=question.replace("\x00", ""),
        inbox=inbox_id,
        language=translation.get_language() or "en",
    )


read: Final = _errand.read


def run(token: str) -> None:
    """In a worker: judge the kept question and keep the outcome."""
    _errand.run(token, _outcome)


def _outcome(kept: dict[str, Any]) -> dict[str, Any]:
    from chatbot.conversations.answers import language as languages
    from chatbot.conversations.answers.composition import live_replies

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
