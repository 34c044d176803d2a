"""Celery's doors into the domain (queue `replies`, run by a *threads* pool: a model never survives a fork)."""

from celery import shared_task

from chatbot.conversations import clock_tasks  # noqa: F401 - Celery looks for tasks in modules of this name only
from chatbot.conversations.mail import tasks as mail_tasks  # noqa: F401 - Celery looks in modules of this name only


@shared_task(queue="replies", ignore_result=True, acks_late=False)
def reply_to_message(job_id: int) -> None:
    """Answer one reply job. Safe to run twice, at once or later: the row's claim decides."""
    from chatbot.conversations import replying

    replying.run(job_id)


@shared_task(queue="replies", ignore_result=True, acks_late=False)
def suggest_reply(suggestion_id: int) -> None:
    """Make one draft for an agent. Safe to run twice, at once or later: the row's claim decides."""
    from chatbot.conversations.drafts import suggesting

    suggesting.run(suggestion_id)


@shared_task(queue="replies", ignore_result=True, acks_late=False, expires=45)
def reword(key: str) -> None:
    """Help with an agent's own text. Safe to run twice: the text is taken once."""
    from chatbot.conversations.drafts import composing

    composing.run(key)


@shared_task(queue="replies", ignore_result=True, expires=30)
def reconcile() -> None:
    """Put back what dead workers held, and ring for what is due."""
    from chatbot.conversations import jobs
    from chatbot.conversations.drafts import suggesting

    jobs.recover()
    suggesting.recover()
