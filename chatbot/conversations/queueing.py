"""Rings the bell for a reply job. The row is the queue: when the broker is away, `reconcile` finds the row."""

import logging
from functools import partial
from typing import Final

from django.db import transaction

from chatbot.conversations.live.breaker import Breaker

logger = logging.getLogger(__name__)

_breaker: Final = Breaker("The broker")


def enqueue(job_id: int) -> None:
    """Ask a worker to look at the job now. Never raises: a lost ring only costs time."""
    from chatbot.conversations.tasks import reply_to_message

    try:
        _breaker.call(reply_to_message.apply_async, args=(job_id,), retry=False)
    except Exception as error:  # noqa: BLE001 - brokers fail in many ways, and none of them loses the job
        logger.warning("Reply job %d waits for the next reconcile: the broker did not take it (%s).", job_id, error)


def enqueue_suggestion(suggestion_id: int) -> None:
    """The same for a draft."""
    from chatbot.conversations.tasks import suggest_reply

    try:
        _breaker.call(suggest_reply.apply_async, args=(suggestion_id,), retry=False)
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("Draft %d waits for the next reconcile: the broker did not take it (%s).", suggestion_id, error)


def enqueue_suggestion_on_commit(suggestion_id: int) -> None:
    transaction.on_commit(partial(enqueue_suggestion, suggestion_id))


def enqueue_composition(key: str) -> None:
    """The same for an agent's text. No row stands behind it: a lost ring ends in a sentence for the agent."""
    from chatbot.conversations.tasks import reword

    try:
        _breaker.call(reword.apply_async, args=(key,), retry=False)
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("An agent's text is not reworded: the broker did not take it (%s).", error)


def enqueue_on_commit(job_id: int) -> None:
    transaction.on_commit(partial(enqueue, job_id))
