"""The desk's questions to workers. Queue `replies`: those have the models loaded."""

from celery import shared_task


@shared_task(queue="replies", ignore_result=True, expires=60, time_limit=120, soft_time_limit=110)
def try_canned(token: str) -> None:
    """Say which canned reply would answer the question kept under `token`."""
    from chatbot.desk import canned_trial

    canned_trial.run(token)
