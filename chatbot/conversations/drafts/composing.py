"""Helps with an agent's own words: shorter, friendlier, or in the customer's language, where a model is configured.

The web process only asks: the text waits in the cache under a random key, a worker takes it once, and the desk that
asked is told. Nothing is stored. What the model wrote is refused when a number, a name or a link did not survive.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from django.conf import settings
from django.core.cache import cache
from django.utils import translation
from django.utils.translation import gettext as _

from chatbot.accounts.models import User
from chatbot.conversations import desk_events, queueing, rates, services
from chatbot.conversations.answers import language
from chatbot.conversations.drafts import rewording
from chatbot.conversations.drafts.rewording import Style
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation, Message
from chatbot.conversations.refusals import Refusal

if TYPE_CHECKING:
    from finetune.records import Engine

logger = logging.getLogger(__name__)

MOST_CHARACTERS: Final = 2000
WAIT_SECONDS: Final = 45.0
"""So long a desk waits; the worker has the same time from when it was asked."""
RATE: Final = rates.Rate(20, 60)
"""For one agent."""
GENERATIVE: Final = frozenset({"transformers", "openai"})
_TOKENS_OF_A_CHARACTER: Final = 2
_places: Final = threading.BoundedSemaphore(max(1, settings.REPLY_CONCURRENCY // 4))
"""Customers who wait for the bot keep three quarters of the engine."""


@dataclass(frozen=True)
class Composition:
    """What waits in the cache. `told_in` is the agent's language, `language` the customer's; `asked` is a time."""

    agent_id: int
    style: Style
    text: str
    language: str
    told_in: str
    asked: float


def available() -> bool:
    """Whether a model is configured that can write. Reads settings alone: the web process loads no model."""
    from finetune.engine_pool import config_from_settings

    return config_from_settings().kind in GENERATIVE


# --- Asking: in the web process ----------------------------------------------------------------------------
def ask(*, conversation_id: int, agent: User, text: str, style: Style) -> str:
    """Have the text reworded; gives the key under which the worker will answer. Raises Refusal."""
    if not available():
        raise Refusal("not_available", _("The present engine cannot help with texts."))
    text = services.clean_text(text)
    if len(text) > MOST_CHARACTERS:
        raise Refusal(
            "message_too_long",
            _("Help is for texts of at most %(limit)d characters. Shorten this one by hand, or ask for a part of it.")
            % {"limit": MOST_CHARACTERS},
        )
    rates.take([rates.Limit(RATE, "compositions", str(agent.pk))])
    key = secrets.token_urlsafe(18)
    waiting = Composition(
        agent.pk, style, text, customers_language(conversation_id), translation.get_language() or "", time.time()
    )
    try:
        cache.set(_cache_key(key), asdict(waiting), WAIT_SECONDS)
    except Exception as error:
        logger.warning("A text could not be handed to a worker: %s", error)
        raise Refusal("not_now", _("Help with texts cannot be reached at the moment. Please try again.")) from error
    queueing.enqueue_composition(key)
    return key


def customers_language(conversation_id: int) -> str:
    """What the customer writes in; else what the conversation is set to."""
    conversation = Conversation.objects.select_related("inbox").get(pk=conversation_id)
    known = conversation.language or conversation.inbox.language or settings.LANGUAGE_CODE
    theirs = Message.objects.filter(conversation=conversation, role=Message.Role.CUSTOMER).order_by("-seq")
    said = " ".join(reversed(theirs.values_list("text", flat=True)[:3]))
    return language.language_of(said[:2000], default=known)


def _cache_key(key: str) -> str:
    return f"composition:{key}"


# --- Answering: in a worker ----------------------------------------------------------------------------------
def run(key: str) -> None:
    """Reword what waits under the key, once, and tell the desk. Nobody waits any more: nothing is done."""
    waiting = _taken(key)
    if waiting is None:
        return
    with translation.override(waiting.told_in or None):
        try:
            text = _in_turn(waiting)
            told = desk_events.Composition(key=key, text=text)
        except Refusal as refusal:
            told = desk_events.Composition(key=key, code=refusal.code, message=refusal.message)
        except Exception:
            logger.exception("An agent's text could not be reworded.")
            told = desk_events.Composition(
                key=key, code="failed", message=_("The text could not be changed. It is as you wrote it.")
            )
    publishing.publish_desk(desk_events.person_group(waiting.agent_id), told)


def _taken(key: str) -> Composition | None:
    """What waits, for the one worker whose delete removed it."""
    kept: Any = cache.get(_cache_key(key))
    if not isinstance(kept, dict) or not cache.delete(_cache_key(key)):
        return None
    waiting = Composition(**kept)
    known = waiting.style in get_args(Style)
    return waiting if known and time.time() - waiting.asked < WAIT_SECONDS else None


def _in_turn(waiting: Composition) -> str:
    if not _places.acquire(blocking=False):  # waiting here would take a place from customers
        raise Refusal("not_now", _("Help with texts is busy at the moment. Please try again."))
    try:
        return reworded(waiting, engine(), late=lambda: time.time() - waiting.asked > WAIT_SECONDS)
    finally:
        _places.release()


def engine() -> "Engine":
    """This worker's engine, made together with its answerer, which knows the right fallback."""
    from chatbot.conversations import replying
    from finetune.engine_pool import get_engine

    replying.answerer()
    return get_engine()


def reworded(waiting: Composition, engine: "Engine", *, late: Callable[[], bool]) -> str:
    """The text in other words, checked. Raises Refusal with what the agent can do."""
    from finetune.records import GenerationRequest

    request = GenerationRequest(turns=(), question=waiting.text, passages=(), language=waiting.language)
    room = min(settings.GENERATOR_MAX_NEW_TOKENS, 64 + _TOKENS_OF_A_CHARACTER * len(waiting.text))
    generation = engine.generate(replace(request, rewrite=waiting.style, max_new_tokens=room))
    for _piece in generation:
        if late():
            generation.cancel()
    result = generation.result
    if result.engine not in GENERATIVE:
        raise Refusal("not_now", _("The model is not ready yet. Please try again in a minute."))
    if result.finish_reason == "length":
        raise Refusal("too_long", _("The model has no room for the whole text. Ask for a part of it."))
    if result.finish_reason != "stop":
        raise Refusal("failed", _("The text could not be changed. It is as you wrote it."))
    after = services.clean_text(rewording.bare(result.text)) if result.text.strip() else ""
    _refuse(rewording.problem(waiting.text, after, style=waiting.style))
    return after


def _refuse(problem: rewording.Problem | None) -> None:
    if problem is None:
        return
    sentences = {
        rewording.Problem.EMPTY: _("The text could not be changed. It is as you wrote it."),
        rewording.Problem.NOT_SHORTER: _("The model found no shorter way to say it."),
        rewording.Problem.FACTS: _("The model changed a number, a date or an amount, so its text was dropped."),
        rewording.Problem.ADDRESSES: _("The model changed a link or an address, so its text was dropped."),
        rewording.Problem.NAMES: _("The model changed a name, so its text was dropped."),
        rewording.Problem.SWOLLEN: _("The model added too much of its own, so its text was dropped."),
    }
    raise Refusal("changed", sentences[problem])
