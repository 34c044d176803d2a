"""Whether a customer is there: the sockets that show a conversation, each with a mark in the cache; desks are told.

A hint and never the record. Every socket renews its own mark with its heartbeat: a mark that was lost in a race comes
back with the next one, and what a killed process left expires. Without a cache nobody counts as there.
"""

import logging
import time
from typing import Final

from django.core.cache import cache
from django.utils import timezone

from chatbot.conversations import desk_events
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Contact, Conversation

logger = logging.getLogger(__name__)

ALIVE_SECONDS: Final = 100
"""A little longer than a silent socket lives."""
_MOST: Final = 20
"""Sockets of one conversation that are told apart."""


def here(*, conversation_id: int) -> bool:
    """Whether a browser shows the conversation now."""
    return bool(_marks(conversation_id))


def arrive(*, conversation_id: int, socket: str) -> None:
    """A socket shows the conversation from now on."""
    _mark(conversation_id, socket)
    tell(conversation_id=conversation_id, online=True, touch=True)


def stay(*, conversation_id: int, socket: str) -> None:
    """The socket's heartbeat."""
    if _mark(conversation_id, socket):
        tell(conversation_id=conversation_id, online=True)


def leave(*, conversation_id: int, socket: str) -> None:
    """The socket shows the conversation no longer."""
    marks = _marks(conversation_id)
    marks.pop(socket, None)
    _keep(conversation_id, marks)
    tell(conversation_id=conversation_id, online=bool(marks), touch=True)


def forget(*, conversation_id: int) -> None:
    """The conversation is no more: no mark of it is left, and no desk is told."""
    _keep(conversation_id, {})


def tell(*, conversation_id: int, online: bool, touch: bool = False) -> None:
    """Tell the desks that have the conversation open; `touch` notes that the customer was here a moment ago."""
    found = Conversation.objects.filter(pk=conversation_id)
    row = found.values_list("public_id", "customer_seen_seq", "contact_id").first()
    if row is None:
        return
    public_id, seq, contact_id = row
    if touch:
        Contact.objects.filter(pk=contact_id).update(last_seen_at=timezone.now())
    seen = desk_events.CustomerSeen(conversation=public_id, seq=seq, online=online)
    publishing.publish_desk_on_commit(desk_events.followers_group(conversation_id), seen)


# --- Marks -----------------------------------------------------------------------------------------------
def _key(conversation_id: int) -> str:
    return f"customer-here:{conversation_id}"


def _marks(conversation_id: int) -> dict[str, float]:
    """Socket -> until when it counts, of those that still do."""
    try:
        kept = cache.get(_key(conversation_id)) or {}
    except Exception as error:  # noqa: BLE001 - caches fail in many ways, and none of them is the customer's business
        logger.debug("Who is there is not known: %s", error)
        kept = {}
    now = time.time()
    return {socket: until for socket, until in kept.items() if until > now}


def _mark(conversation_id: int, socket: str) -> bool:
    """Set or renew the socket's mark. True when it had none."""
    marks = _marks(conversation_id)
    fresh = socket not in marks
    marks[socket] = time.time() + ALIVE_SECONDS
    newest = sorted(marks.items(), key=lambda mark: mark[1])[-_MOST:]
    _keep(conversation_id, dict(newest))
    return fresh


def _keep(conversation_id: int, marks: dict[str, float]) -> None:
    try:
        if marks:
            cache.set(_key(conversation_id), marks, ALIVE_SECONDS)
        else:
            cache.delete(_key(conversation_id))
    except Exception as error:  # noqa: BLE001 - as in `_marks`
        logger.debug("Who is there is not kept: %s", error)
