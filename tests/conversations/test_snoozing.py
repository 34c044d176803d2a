"""Snoozed conversations come back when they are due, once, and their agent is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from chatbot.celery import app
from chatbot.conversations import clock_tasks, desk_events
from chatbot.conversations.handoffs import snoozing
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Activity, Conversation
from tests import factories

pytestmark = pytest.mark.django_db


def snoozed(minutes: int, **kwargs: Any) -> Conversation:
    until = timezone.now() + timedelta(minutes=minutes)
    return factories.conversation(**{"state": "agent", "snoozed_until": until, **kwargs})


def test_what_is_due_comes_back_once_and_the_rest_sleeps_on(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[str, object]] = []
    monkeypatch.setattr(publishing, "publish_desk", lambda group, event: told.append((group, event)))
    agent = factories.user()
    due, later = snoozed(-1, assignee=agent), snoozed(5)
    with django_capture_on_commit_callbacks(execute=True):
        assert snoozing.wake_due() == 1
        assert snoozing.wake_due() == 0
    due.refresh_from_db()
    later.refresh_from_db()
    assert due.snoozed_until is None
    assert later.snoozed_until is not None
    assert Activity.objects.get(kind="unsnoozed").detail == {"rule": "due"}
    alerts = [(group, event.kind) for group, event in told if isinstance(event, desk_events.Alert)]
    assert alerts == [(desk_events.person_group(agent.pk), "waiting")]
    assert any(isinstance(event, desk_events.Row) for _group, event in told)


def test_the_clock_has_these_tasks_on_the_index_queue() -> None:
    app.loader.import_default_modules()
    clock = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    for task in (clock_tasks.wake_snoozed, clock_tasks.route_waiting, clock_tasks.tell_queues):
        assert task.name in clock
        assert app.amqp.router.route({}, task.name)["queue"].name == "index"
        task()
