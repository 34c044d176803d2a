"""Where a customer stands in the queue, and how long it takes where that can be told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chatbot.accounts.models import Team
from chatbot.conversations import events, handling, selectors, services
from chatbot.conversations.handoffs import waiting
from chatbot.conversations.handoffs.waiting import Handled, Queue, expected_minutes, place_minutes
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Activity, Conversation, Inbox, Message
from tests import factories

START = datetime(2026, 11, 24, 9, 0).astimezone()


def handled(*waits: tuple[float, float], agent: int = 1) -> list[Handled]:
    return [
        Handled(START + timedelta(minutes=arrived), START + timedelta(minutes=replied), agent)
        for arrived, replied in waits
    ]


def test_an_estimate_needs_enough_to_go_by_and_somebody_there() -> None:
    four = handled(*[(n * 60, n * 60 + 4) for n in range(4)])
    five = handled(*[(n * 60, n * 60 + 4) for n in range(5)])
    assert place_minutes(four, agents=1) is None
    assert place_minutes(five, agents=0) is None
    assert place_minutes(five, agents=1) == 4


def test_a_wait_is_shared_by_those_who_stood_before() -> None:
    together = handled((0, 4), (1, 8), (2, 12), (3, 16), (3.5, 20))
    assert place_minutes(together, agents=1) == pytest.approx(3.5, abs=0.5)


def test_more_agents_than_then_are_quicker() -> None:
    five = handled(*[(n * 60, n * 60 + 4) for n in range(5)])
    assert place_minutes(five, agents=2) == 2


@pytest.mark.parametrize(
    ("position", "minutes", "told"),
    [(1, 0.2, 1), (2, 1.6, 5), (10, 2.9, 30), (100, 2, None), (3, None, None), (1, 0, 1)],
)
def test_an_estimate_is_rounded_up_to_what_people_say(position: int, minutes: float | None, told: int | None) -> None:
    assert expected_minutes(position, minutes) == told


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e4)), max_size=30), st.integers(-1, 20), st.integers(1, 99))
def test_an_estimate_is_never_negative_and_never_shrinks_down_the_queue(
    waits: list[tuple[float, float]], agents: int, position: int
) -> None:
    minutes = place_minutes(handled(*[(start, start + took) for start, took in waits]), agents=agents)
    here, behind = expected_minutes(position, minutes), expected_minutes(position + 1, minutes)
    assert here is None or here >= 1
    assert behind is None or (here is not None and here <= behind)


# --- In the database ------------------------------------------------------------------------------------------------
def waits(inbox: Inbox, minutes: int, **kwargs: Any) -> Conversation:
    since = timezone.now() - timedelta(minutes=minutes)
    return factories.conversation(inbox=inbox, state="waiting", waiting_since=since, **kwargs)


def position_of(conversation: Conversation) -> int | None:
    queue = selectors.snapshot(conversation_id=conversation.pk, last_seq=0).queue
    return queue.position if queue else None


@pytest.mark.django_db
def test_the_longest_wait_is_first_and_the_urgent_before_it() -> None:
    inbox = factories.inbox()
    late, early = waits(inbox, 1), waits(inbox, 9)
    urgent = waits(inbox, 0, priority=2)
    waits(factories.inbox(), 99)
    waits(inbox, 99, snoozed_until=timezone.now() + timedelta(hours=1))
    factories.conversation(inbox=inbox, state="agent")
    assert [position_of(one) for one in (urgent, early, late)] == [1, 2, 3]


@pytest.mark.django_db
def test_a_team_has_one_queue_over_its_inboxes() -> None:
    team = Team.objects.create(name="All")
    one, other = factories.inbox(), factories.inbox()
    first, second = waits(one, 5, team=team), waits(other, 3, team=team)
    alone = waits(one, 9)
    assert [position_of(each) for each in (first, second, alone)] == [1, 2, 1]


@pytest.mark.django_db
def test_who_does_not_wait_has_no_place() -> None:
    assert position_of(factories.conversation(state="agent")) is None
    snoozed = waits(factories.inbox(), 5, snoozed_until=timezone.now() + timedelta(hours=1))
    assert position_of(snoozed) is None


@pytest.mark.django_db
def test_the_estimate_is_made_of_this_queues_own_waits() -> None:
    inbox, now = factories.inbox(), timezone.now()
    agent = factories.agent_there(inbox)
    for number in range(6):
        done = factories.conversation(inbox=inbox, state="resolved", first_replied_at=now - timedelta(hours=number))
        Activity.objects.create(
            conversation=done, kind="handoff", after_seq=0, created_at=now - timedelta(hours=number, minutes=4)
        )
        Message.objects.create(conversation=done, seq=1, role="agent", text="Hi", author=agent)
    here, elsewhere = waits(inbox, 1), waits(factories.inbox(), 1)
    assert selectors.snapshot(conversation_id=here.pk, last_seq=0).queue == events.QueueOut(position=1, wait_minutes=5)
    queue = selectors.snapshot(conversation_id=elsewhere.pk, last_seq=0).queue
    assert queue is not None
    assert queue.wait_minutes is None


class Told:
    """What was published of queues: (conversation, position)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: list[tuple[int, int]] = []
        monkeypatch.setattr(publishing, "publish", self._publish)

    def _publish(self, conversation_id: int, event: events.Event) -> None:
        if isinstance(event, events.QueueOut):
            self.places.append((conversation_id, event.position))


@pytest.mark.django_db
def test_those_behind_are_told_when_somebody_ahead_is_taken(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    told, inbox, agent = Told(monkeypatch), factories.inbox(), factories.user()
    first, second, third = waits(inbox, 9), waits(inbox, 8), waits(inbox, 7)
    with django_capture_on_commit_callbacks(execute=True):
        handling.take(conversation_id=first.pk, agent=agent)
    assert told.places == [(second.pk, 1), (third.pk, 2)]


@pytest.mark.django_db
def test_many_changes_at_once_are_told_once_and_the_clock_tells_the_rest(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    told, inbox = Told(monkeypatch), factories.inbox()
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            services.ask_person(conversation_id=factories.conversation(inbox=inbox).pk)
    assert len(told.places) == 1
    waiting.tell_all()
    assert [place for _id, place in told.places[1:]] == [1, 2, 3]


@pytest.mark.django_db
def test_of_a_long_queue_the_first_fifty_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told, inbox = Told(monkeypatch), factories.inbox()
    for _ in range(waiting.TOLD + 5):
        waits(inbox, 5)
    waiting.tell(Queue(None, inbox.pk))
    assert len(told.places) == waiting.TOLD


@pytest.mark.django_db
def test_the_snapshot_shows_the_address_in_part() -> None:
    conversation = factories.conversation(contact=factories.contact(email="mia@example.com"))
    assert selectors.snapshot(conversation_id=conversation.pk, last_seq=0).email == "m***@example.com"
