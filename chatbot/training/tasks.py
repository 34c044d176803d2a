"""What the pages ask of a worker (queue `replies`: the models are there), and what the clock looks at."""

from typing import Final

from celery import shared_task

from chatbot.training.live_figures import watch  # noqa: F401 - as below
from chatbot.training.staleness import look_for_stale  # noqa: F401 - Celery looks in modules of this name only

SECONDS: Final = 600


@shared_task(queue="replies", ignore_result=True, expires=300, time_limit=SECONDS, soft_time_limit=SECONDS - 20)
def carry_out(token: str) -> None:
    """Do what is kept under `token` and keep the outcome there."""
    from chatbot.training import page_work

    page_work.run(token)


@shared_task(queue="index", ignore_result=True, expires=60, time_limit=SECONDS, soft_time_limit=SECONDS - 20)
def finish_erasures() -> None:
    """Take up erasures that a killed process left, and remove what was made of tainted data since."""
    from chatbot.training import erasure

    erasure.finish_all()
