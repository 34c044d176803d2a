"""The test bench's question, answered where the models are. Queue `replies`: those workers have them loaded."""

import logging
from typing import Final

from celery import shared_task

logger = logging.getLogger(__name__)

SECONDS: Final = 180


@shared_task(queue="replies", ignore_result=True, expires=SECONDS, time_limit=SECONDS, soft_time_limit=SECONDS - 10)
def try_question(token: str) -> None:
    """Search and answer the question kept under `token`, and keep the outcome there."""
    from chatbot.knowledge import trial

    trial.run(token)
