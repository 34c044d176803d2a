"""What the clock does for the people at the desk (queue `index`). Rows say what is due; twice does no harm."""

from celery import shared_task


@shared_task(queue="index", ignore_result=True, expires=30)
def wake_snoozed() -> None:
    """Bring snoozed conversations back when their time has come."""
    from chatbot.conversations.handoffs import snoozing

    snoozing.wake_due()


@shared_task(queue="index", ignore_result=True, expires=10)
def route_waiting() -> None:
    """Take back what agents who left did not answer, and give what waits to those who are free."""
    from chatbot.conversations.handoffs import routing

    routing.sweep()


@shared_task(queue="index", ignore_result=True, expires=15)
def tell_queues() -> None:
    """Tell waiting customers where they stand."""
    from chatbot.conversations.handoffs import waiting

    waiting.tell_all()
