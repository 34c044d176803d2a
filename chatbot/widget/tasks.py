"""Celery's door into the widget: daily cleaning (queue `index`)."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings


@shared_task(queue="index", ignore_result=True, expires=3600)
def purge() -> None:
    """Remove visitors whose tokens have expired and used identity tokens. Safe to run at any time."""
    from chatbot.widget import visitors

    visitors.purge(older_than=timedelta(days=settings.VISITOR_TOKEN_DAYS + 1))
