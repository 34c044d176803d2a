"""A logged turn answered again, on any adapter, index version and prompt that still exist, and what is different.

For a worker: it loads an index and an engine of its own and drops them after, so customers are served as before. One at
a time in a process. Nothing is written and nobody but who asked sees the outcome. What was deleted stays deleted: an
old index version finds no text of a document that is gone.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from chatbot.conversations.models import Message, Suggestion
from chatbot.training.logged_turns import (
    LoggedTurn,
    ReplayRefused,
    Said,
    Shown,
    context_of,
    of_answer,
    of_message,
    of_suggestion,
)
from finetune.models import Adapter

if TYPE_CHECKING:
    from chatbot.conversations.answers.finding import WordsOf
    from finetune.records import Engine
    from retrieval.records import Searcher

SECONDS: Final = 180.0
WORDS: Final = 3000
_one: Final = threading.Lock()


@dataclass(frozen=True)
class Replayed:
    """Both answers. `gained` and `lost` are passages that only the new or only the old answer had before it."""

    question: str
    before: Said
    after: Said
    gained: tuple[Shown, ...]
    lost: tuple[Shown, ...]
    kept: int
    same_text: bool
    seconds: float


def replay(
    *,
    message: Message | None = None,
    suggestion: Suggestion | None = None,
    adapter: str | None = None,
    index: str | None = None,
    prompt: int | None = None,
) -> Replayed:
    """`adapter` and `index` are digests; "" is the base model and the active index, None what the turn had.

    `prompt` is a generation of the prompt, None the present one. Raises ReplayRefused, EngineUnavailable.
    """
    turn = _turn(message, suggestion)
    if not _one.acquire(blocking=False):
        raise ReplayRefused(_("Another turn is being answered again. Try in a moment."))
    began = time.monotonic()
    try:
        after = _again(turn, adapter, index, _generation(prompt))
    finally:
        _one.release()
    return compared(turn, after, seconds=round(time.monotonic() - began, 2))


def _turn(message: Message | None, suggestion: Suggestion | None) -> LoggedTurn:
    if message is not None:
        return of_message(message)
    if suggestion is not None:
        return of_suggestion(suggestion)
    raise ReplayRefused(_("This turn is not in the log any more."))


def _again(turn: LoggedTurn, adapter: str | None, index: str | None, generation: int) -> Said:
    from chatbot.conversations.answers.composition import answerer_with

    deadline = time.monotonic() + SECONDS

    def cancelled() -> bool:
        if time.monotonic() > deadline:
            raise ReplayRefused(_("The answer took too long."))
        return False

    searcher, words_of = _index(turn.said.index_version if index is None else index)
    with _engine(turn, adapter) as engine:
        answerer = answerer_with(searcher, engine, words_of=words_of)
        return of_answer(answerer.answer(context_of(turn, prompt=generation), cancelled=cancelled))


def _generation(prompt: int | None) -> int:
    from finetune.prompt import GENERATIONS

    if prompt and prompt not in GENERATIONS:
        raise ReplayRefused(_("This version of the prompt is not kept any more."))
    return prompt or 0


# --- Parts that still exist -----------------------------------------------------------------------------------
def _index(digest: str) -> "tuple[Searcher | None, WordsOf | None]":
    """A searcher over this version, with the words of its documents; None for the active one."""
    from chatbot.conversations.answers.collection import CollectionWords
    from retrieval import versions
    from retrieval.models import IndexVersion
    from retrieval.search import IndexSearcher

    active = versions.active()
    if not digest or (active is not None and active.digest == digest):
        return None, None
    version = IndexVersion.objects.filter(digest=digest, status=IndexVersion.Status.READY).first()
    if version is None or not versions.folder(version).is_dir():
        raise ReplayRefused(_("This index version is not kept any more. Choose another one."))
    searcher = IndexSearcher(version=digest)
    if version.passages and not searcher.warm_up():
        raise ReplayRefused(_("This index version cannot be read. Choose another one."))
    words = CollectionWords(searcher.texts(WORDS))
    return searcher, lambda _version: words


@contextmanager
def _engine(turn: LoggedTurn, digest: str | None) -> "Iterator[Engine | None]":
    """An engine with this adapter; None for the extractive one."""
    from finetune.engine_pool import SERVES_ADAPTERS, config_from_settings

    config = config_from_settings()
    if digest is None and turn.said.engine == "extractive":
        yield None
        return
    wanted = turn.said.adapter if digest is None else digest
    folder = _folder(wanted, config.model) if wanted else ""
    if config.kind not in SERVES_ADAPTERS:
        if wanted:
            raise ReplayRefused(_("The configured generator serves no adapters."))
        yield None
        return
    from chatbot.conversations.answers.composition import serving

    with serving().with_adapter(folder) as engine:
        yield engine


def _folder(digest: str, model: str) -> str:
    from finetune.promotion import same_model

    found = Adapter.objects.filter(digest=digest).first()
    if found is None:
        raise ReplayRefused(_("This adapter is not kept any more. Choose another one."))
    if found.tainted:
        raise ReplayRefused(_("This adapter is tainted and answers nothing any more. Choose another one."))
    if not same_model(found.base_model, model):
        raise ReplayRefused(_("This adapter was trained for another base model than the one that is configured."))
    return found.path


# --- What is different ------------------------------------------------------------------------------------------
def compared(turn: LoggedTurn, after: Said, *, seconds: float = 0.0) -> Replayed:
    """The two answers side by side. A passage that was cut anew with the same words is the same passage."""
    names = _names([*turn.said.passages, *after.passages])
    before_names = {names[one.passage_id] for one in turn.said.passages}
    after_names = {names[one.passage_id] for one in after.passages}
    return Replayed(
        question=turn.question,
        before=turn.said,
        after=after,
        gained=tuple(one for one in after.passages if names[one.passage_id] not in before_names),
        lost=tuple(one for one in turn.said.passages if names[one.passage_id] not in after_names),
        kept=len(before_names & after_names),
        same_text=turn.said.text == after.text,
        seconds=seconds,
    )


def _names(passages: list[Shown]) -> dict[int, str]:
    """Passage -> the hash of its text, or its number where the row is gone."""
    from retrieval.models import Passage

    keys = [one.passage_id for one in passages]
    hashes = dict(Passage.objects.filter(pk__in=keys).values_list("pk", "text_hash"))
    return {key: hashes.get(key) or f"number {key}" for key in keys}
