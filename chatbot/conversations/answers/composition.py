"""Puts the answerer together from settings: the active index, the configured engine, the extractive floor.

Heavy: imports the index; a model is loaded at the first answer. Task bodies and commands only.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings

from chatbot.conversations.answers import finding
from chatbot.conversations.answers.answering import Answerer
from chatbot.conversations.answers.collection import LiveWords
from chatbot.conversations.answers.finding import WordsOf
from chatbot.conversations.answers.understanding import Understanding
from chatbot.conversations.canned_replies.intents import PreparedReplies
from chatbot.conversations.canned_replies.live_replies import LiveReplies
from finetune.engine_pool import ServingEngine, get_engine
from finetune.engines.extractive import ExtractiveEngine
from finetune.records import ContextPassage, Engine
from retrieval.embedding import Embedder, get_embedder
from retrieval.records import Searcher, Turn
from retrieval.search import get_searcher

logger = logging.getLogger(__name__)
_words = LiveWords()


def _embedder() -> Embedder:
    return get_embedder(settings.EMBEDDER_MODEL)


live_replies = LiveReplies(_embedder)
"""This process's canned replies, shared by the answerer and whoever tries a question."""


def build_answerer(*, patience: float = 0.0) -> Answerer:
    """An answerer for this process over the active index version."""
    return answerer_over(get_searcher(), words_of=_words.of, patience=patience, prepared=live_replies)


def answerer_over(
    searcher: Searcher, *, words_of: WordsOf, patience: float = 0.0, prepared: PreparedReplies | None = None
) -> Answerer:
    """The configured engine over any searcher. While the engine cannot be loaded, the extractive floor answers.

    `patience` is how many seconds to wait for the model to load; servers do not wait, commands do.
    """
    floor = ExtractiveEngine(similarity=searcher.similarity)
    engine = _engine(floor, patience=patience)
    return Answerer(searcher=searcher, engine=engine, fallback=floor, words_of=words_of, prepared=prepared)


def answerer_with(searcher: Searcher | None, engine: Engine | None, *, words_of: WordsOf | None = None) -> Answerer:
    """For one turn with parts of its own: None is the active index, and the extractive floor. No canned replies."""
    chosen = searcher or get_searcher()
    floor = ExtractiveEngine(similarity=chosen.similarity)
    return Answerer(searcher=chosen, engine=engine or floor, fallback=floor, words_of=words_of or _words.of)


def found_for(
    understood: Understanding, *, history: Sequence[Turn], collections: frozenset[str] | None
) -> tuple[ContextPassage, ...]:
    """The passages that the answerer would give its engine, those of the first question first; each once."""
    searcher = get_searcher()
    seen: dict[str, ContextPassage] = {}
    for part in understood.parts:
        found = finding.find(
            part,
            searcher=searcher,
            words_of=_words.of,
            history=history,
            language=understood.language,
            collections=collections,
        )
        for passage in found.passages:
            seen.setdefault(passage.text, passage)
    return tuple(replace(passage, number=number) for number, passage in enumerate(seen.values(), start=1))


def serving() -> ServingEngine:
    """This process's engine, made with the right fallback when it was not there yet."""
    return get_engine(ExtractiveEngine(similarity=get_searcher().similarity))


def generator() -> Engine:
    """The engine that answers with, without search or checks: for asking again with a passage that somebody chose."""
    return _engine(ExtractiveEngine(similarity=get_searcher().similarity))


def _engine(floor: ExtractiveEngine, *, patience: float = 0.0) -> Engine:
    serving = get_engine(floor)
    if serving.status().configured == "extractive":
        return floor
    if patience:
        status = serving.wait_until_settled(patience)
        if status.state != "ready":
            logger.error("The extractive engine answers. %s", status.problem or "The model is still loading.")
    return serving
