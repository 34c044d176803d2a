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


@worker_init.connect
def load_before_the_first_job(sender: Any, **_: object) -> None:
    """Load index and engine before this worker takes a job that another, which has loaded them, could answer now."""
    if "replies" in sender.app.amqp.queues.consume_from:
        from chatbot.runtime import warm_up

        warm_up()
