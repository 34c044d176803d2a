"""What the pages ask of a worker. Queue `replies`: those workers have the models loaded."""

from typing import Final

from celery import shared_task

SECONDS: Final = 600


@shared_task(queue="replies", ignore_result=True, expires=300, time_limit=SECONDS, soft_time_limit=SECONDS - 20)
def carry_out(token: str) -> None:
    """Do what is kept under `token` and keep the outcome there."""
    from chatbot.training import page_work

    page_work.run(token)
