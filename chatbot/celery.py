"""The Celery application. Queues: `replies`, `index`, `training` (docs/architecture.md, Processes)."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

from finetune.engines.forking import pool_problem

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")

app = Celery("parley")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse_forks(sender: Any, **_: object) -> None:
    """End a worker that would fork a model, before it takes a job. Celery swallows any other exception here."""
    problem = pool_problem(pool=sender.pool_cls, queues=sender.app.amqp.queues.consume_from)
    if problem:
        raise SystemExit(problem)
