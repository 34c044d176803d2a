"""The bot's canned replies as they are now: matchers kept in memory and made anew when the replies change.

Heavy: builds matchers. While a new matcher is made the old one decides, and a reply is always read from the database
before it is said, so what was deleted, switched off or rewritten takes effect at once. Never raises: without an
answer from here the bot searches its documents.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import DatabaseError, connections
from django.db.models import Count, Max, QuerySet, Sum

from chatbot.conversations.canned_replies import canned, canned_selectors
from chatbot.conversations.canned_replies.intents import Asker, Decision, Prepared, decide
from chatbot.conversations.canned_replies.matching import Example, ExampleMatcher
from chatbot.conversations.models import CannedExample, CannedReply
from retrieval.embedding import Embedder, EmbedderUnavailable

logger = logging.getLogger(__name__)

MATCHERS: Final = 16
"""Inboxes with replies of their own each need a matcher; the least used make room."""
PATIENCE_SECONDS: Final = 3.0
"""How long the first question waits for a matcher; later ones never wait."""
LONGEST: Final = 400
"""Characters. A longer question tells a story, and no agreed text answers a story."""

Fingerprint = tuple[object, ...]


@dataclass(frozen=True)
class _Built:
    """A matcher for one state of the replies; None where there was nothing to learn from."""

    state: Fingerprint
    matcher: ExampleMatcher | None


class LiveReplies:
    """Implements `intents.PreparedReplies` over the database. Thread-safe. `embedder` is called when first needed."""

    def __init__(self, embedder: Callable[[], Embedder]) -> None:
        self._embedder = embedder
        self._built: OrderedDict[int | None, _Built] = OrderedDict()
        self._building: dict[int | None, threading.Thread] = {}
        self._lock = threading.Lock()

    def match(self, question: str, *, language: str, asker: Asker) -> Prepared | None:
        try:
            found = self.judge(question, inbox_id=asker.inbox)
            return self._prepared(found, language, asker) if found.verdict == "sure" else None
        except (DatabaseError, EmbedderUnavailable) as error:
            logger.warning("Canned replies were left out: %s", error)
            return None

    def judge(self, question: str, *, inbox_id: int | None, patience: float = PATIENCE_SECONDS) -> Decision:
        """The decision on one question, also when it is not sure. Raises DatabaseError, EmbedderUnavailable."""
        if not question.strip() or len(question) > LONGEST:
            return Decision("nothing")
        matcher = self._matcher(inbox_id, patience)
        return decide(matcher.rank(question)) if matcher else Decision("nothing")

    def _prepared(self, found: Decision, language: str, asker: Asker) -> Prepared | None:
        """Read anew: the text is today's, and a reply that may not be used here any more is not."""
        row = _for_bot(asker.inbox).filter(pk=found.reply).first() if found.reply is not None else None
        text = canned.own_text(row.texts, language) if row else ""
        if row is None or not text:
            return None
        said = canned.fill(text, {**canned.neutral(language), **asker.values})
        return Prepared(row.pk, row.shortcut, row.title, said, found) if said else None

    def _matcher(self, inbox_id: int | None, patience: float) -> ExampleMatcher | None:
        state = _fingerprint(inbox_id)
        with self._lock:
            built = self._built.get(inbox_id)
            if built is not None:
                self._built.move_to_end(inbox_id)
                if built.state == state:
                    return built.matcher
            thread = self._building.get(inbox_id)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=self._build, args=(inbox_id, state), name="learn-replies", daemon=True)
                self._building[inbox_id] = thread
                thread.start()
        if built is not None:
            return built.matcher
        thread.join(patience)
        fresh = self._built.get(inbox_id)
        return fresh.matcher if fresh else None

    def _build(self, inbox_id: int | None, state: Fingerprint) -> None:
        try:
            rows = CannedExample.objects.filter(canned_reply__in=_for_bot(inbox_id).values("pk"))
            examples = [Example(reply, text) for reply, text in rows.values_list("canned_reply_id", "text")]
            matcher = ExampleMatcher(examples, self._embedder()) if examples else None
            with self._lock:
                self._built[inbox_id] = _Built(state, matcher)
                self._built.move_to_end(inbox_id)
                while len(self._built) > MATCHERS:
                    self._built.popitem(last=False)
        except Exception:
            logger.exception("The canned replies' examples could not be learned; the earlier ones stay.")
        finally:
            connections.close_all()


def _for_bot(inbox_id: int | None) -> QuerySet[CannedReply]:
    return canned_selectors.usable_in(inbox_id).filter(for_bot=True)


def _fingerprint(inbox_id: int | None) -> Fingerprint:
    """Changes with every change of the replies that count here; two aggregates over indexed columns."""
    replies = list(_for_bot(inbox_id).order_by("pk").values_list("pk", "changed_at"))
    examples = CannedExample.objects.filter(canned_reply__in=[pk for pk, _changed in replies])
    counted = examples.aggregate(count=Count("pk"), newest=Max("pk"), total=Sum("pk")) if replies else {}
    return (*replies, *counted.values())
