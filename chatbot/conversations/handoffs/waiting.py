"""The queue of customers who wait for a person: where each stands, and how long it will take where that can be told.

One queue is a team's, or an inbox's where it has no team. The most urgent come first, then who has waited longest.
The estimate is pure arithmetic over what this queue has seen lately; with too little to go by it says nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Final

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from chatbot.accounts import presence
from chatbot.accounts.models import User
from chatbot.conversations import access, events
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Activity, Conversation, Message

logger = logging.getLogger(__name__)

TOLD: Final = 50
"""So many of a queue are told when it moves; the others see their place when they connect."""
SEEN: Final = 20
NEEDED: Final = 5
"""Waits to have seen before an estimate is given."""
_RECENT: Final = timedelta(days=7)
_STEPS: Final = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120)
_KEEP_SECONDS: Final = 60
_QUIET_SECONDS: Final = 2


@dataclass(frozen=True)
class Queue:
    """A team's queue, or (without a team) what an inbox has that no team does."""

    team_id: int | None
    inbox_id: int | None


def queue_of(conversation: Conversation) -> Queue:
    return Queue(conversation.team_id, None if conversation.team_id else conversation.inbox_id)


# --- The estimate (pure) ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Handled:
    """A customer who waited: handed over then, first answered then, by this agent."""

    arrived: datetime
    replied: datetime
    agent_id: int | None = None


def place_minutes(handled: Sequence[Handled], *, agents: int) -> float | None:
    """How long the queue takes to move up by one place with so many agents there. None: cannot be told.

    A wait is divided by the places before it had: those who had come earlier and were answered later than it came.
    """
    if len(handled) < NEEDED or agents < 1:
        return None
    per_place = [
        max(0.0, (one.replied - one.arrived).total_seconds() / 60)
        / (1 + sum(other.arrived < one.arrived < other.replied for other in handled))
        for one in handled
    ]
    then = max(1, len({one.agent_id for one in handled if one.agent_id is not None}))
    return median(per_place) * then / agents


def expected_minutes(position: int, minutes: float | None) -> int | None:
    """The wait at a place, rounded up to what a person would say; None where it is unknown or beyond two hours."""
    if minutes is None:
        return None
    return next((step for step in _STEPS if position * minutes <= step), None)


# --- Reading ----------------------------------------------------------------------------------------------
def waiting(queue: Queue, *, now: datetime | None = None) -> QuerySet[Conversation]:
    """Everybody in the queue, the next first. Who is snoozed is not in it."""
    rows = Conversation.objects.filter(state=Conversation.State.WAITING)
    rows = rows.filter(team=queue.team_id) if queue.team_id else rows.filter(inbox=queue.inbox_id, team=None)
    awake = Q(snoozed_until=None) | Q(snoozed_until__lte=now or timezone.now())
    return rows.filter(awake).order_by("-priority", "waiting_since", "pk")


def standing(conversation: Conversation) -> events.QueueOut | None:
    """Where this conversation stands. None when it does not wait."""
    now = timezone.now()
    snoozed = conversation.snoozed_until is not None and conversation.snoozed_until > now
    if conversation.state != Conversation.State.WAITING or snoozed or conversation.waiting_since is None:
        return None
    queue, since = queue_of(conversation), conversation.waiting_since
    before = Q(priority__gt=conversation.priority) | Q(priority=conversation.priority, waiting_since__lt=since)
    same = Q(priority=conversation.priority, waiting_since=since, pk__lt=conversation.pk)
    position = 1 + waiting(queue, now=now).filter(before | same).count()
    return events.QueueOut(position=position, wait_minutes=expected_minutes(position, pace(queue)))


def agents_there(conversation: Conversation) -> QuerySet[User]:
    """Who may answer this conversation and is there now."""
    found = access.agents(conversation.inbox).filter(pk__in=presence.there().values("pk"))
    return found.filter(teams=conversation.team_id) if conversation.team_id else found


def pace(queue: Queue) -> float | None:
    """`place_minutes` of the queue as it is now; remembered for a minute."""
    key = f"queue-pace:{queue.team_id}:{queue.inbox_id}"
    try:
        kept = cache.get(key)
        if kept is None:
            kept = (_pace(queue),)
            cache.set(key, kept, _KEEP_SECONDS)
        minutes: float | None = kept[0]
    except Exception as error:  # noqa: BLE001 - caches fail in many ways, and none of them is the customer's business
        logger.warning("The pace of a queue is not remembered: %s", error)
        return _pace(queue)
    return minutes


def _pace(queue: Queue) -> float | None:
    one = waiting(queue).select_related("inbox").first()
    return place_minutes(_handled(queue), agents=agents_there(one).count() if one else 0)


def _handled(queue: Queue) -> list[Handled]:
    """The last to be answered first by a person after they were handed over."""
    lately = timezone.now() - _RECENT
    rows = Conversation.objects.filter(updated_at__gt=lately, first_replied_at__gt=lately)
    rows = rows.filter(team=queue.team_id) if queue.team_id else rows.filter(inbox=queue.inbox_id, team=None)
    handed = Activity.objects.filter(
        conversation=OuterRef("pk"), kind="handoff", created_at__lte=OuterRef("first_replied_at")
    ).order_by("-id")
    first = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.AGENT).order_by("seq")
    found = rows.annotate(arrived=Subquery(handed.values("created_at")[:1])).annotate(
        answered_by=Subquery(first.values("author_id")[:1])
    )
    newest = found.filter(arrived__isnull=False).order_by(F("first_replied_at").desc())[:SEEN]
    return [
        Handled(arrived, replied, agent_id)
        for arrived, replied, agent_id in newest.values_list("arrived", "first_replied_at", "answered_by")
        if replied is not None
    ]


# --- Telling ----------------------------------------------------------------------------------------------
def changed_on_commit(queue: Queue) -> None:
    """Tell the queue's customers after commit, once for each queue and transaction."""
    for entry in connection.run_on_commit:
        queued = entry[1]
        if isinstance(queued, partial) and queued.func is changed and queued.args == (queue,):
            return
    transaction.on_commit(partial(changed, queue), robust=True)


def changed(queue: Queue) -> None:
    """Tell the queue's customers where they stand; within two seconds once, the clock does the rest."""
    try:
        if not cache.add(f"queue-told:{queue.team_id}:{queue.inbox_id}", 1, _QUIET_SECONDS):
            return
    except Exception as error:  # noqa: BLE001 - as in `pace`
        logger.debug("Queues are told without a pause: %s", error)
    tell(queue)


def tell(queue: Queue) -> int:
    """Publish the first places of the queue to their customers. Returns how many were told."""
    rows = list(waiting(queue).values_list("pk", flat=True)[:TOLD])
    minutes = pace(queue) if rows else None
    for position, conversation_id in enumerate(rows, start=1):
        publishing.publish(
            conversation_id,
            events.QueueOut(position=position, wait_minutes=expected_minutes(position, minutes)),
        )
    return len(rows)


def tell_all() -> int:
    """The clock's turn: every queue that holds somebody."""
    rows = Conversation.objects.filter(state=Conversation.State.WAITING).values_list("team_id", "inbox_id").distinct()
    queues = {Queue(team_id, None if team_id else inbox_id) for team_id, inbox_id in rows[:1000]}
    return sum(tell(queue) for queue in queues)
