"""Celery's doors into e-mail (queue `index`): the clock finds, another task sends one."""

from celery import shared_task


@shared_task(queue="index", ignore_result=True, expires=30)
def find() -> None:
    """Queue e-mails for customers who have left, and ring for those that are due again."""
    from chatbot.conversations.mail import outgoing, ringing

    outgoing.find()
    ringing.ring_due()


@shared_task(queue="index", ignore_result=True, acks_late=False)
def send(email_id: int) -> None:
    """Send one queued e-mail. Safe to run twice, at once or later: the row's claim decides."""
    from chatbot.conversations.mail import sending

    sending.run(email_id)
