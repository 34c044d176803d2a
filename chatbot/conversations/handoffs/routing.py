"""Who gets a waiting conversation: the round of a team, and taking back what an agent who left did not answer.

Deciding is pure (`choose`); the rest locks, asks again and writes. The agents are locked first, in the order of their
keys, then the conversation: two handoffs at once wait for each other and never put an agent over the cap together.
What finds nobody free stays in the queue; hooks and the clock look again.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from chatbot.accounts import presence
from chatbot.accounts.models import Team, User
from chatbot.conversations import access, activities, handling, rows, services
from chatbot.conversations.handoffs import waiting
from chatbot.conversations.handoffs.handoff import Reason
from chatbot.conversations.handoffs.waiting import Queue
from chatbot.conversations.models import Activity, Conversation
from chatbot.conversations.transitions import Event

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 50
_REMEMBERED: Final = timedelta(hours=12)
_OPEN: Final = (Conversation.State.WAITING, Conversation.State.AGENT)
TAKEN_BACK: Final = "went_away"
"""`rule` of the activity that says a conversation was taken from an agent who had left."""


# --- Choosing (pure) ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Candidate:
    agent_id: int
    open: int
    """Conversations they have open now."""
    last_routed_at: datetime | None


def choose(candidates: Sequence[Candidate], *, cap: int, but: Collection[int] = ()) -> Candidate | None:
    """Whose turn is longest ago, of those below the cap; who never had one comes first."""
    free = [one for one in candidates if one.open < cap and one.agent_id not in but]
    return min(
        free,
        key=lambda one: (one.last_routed_at.timestamp() if one.last_routed_at else 0.0, one.open, one.agent_id),
        default=None,
    )


# --- The round ----------------------------------------------------------------------------------------------
def route_team(team_id: int) -> int:
    """Give the team's queue to its agents who are there, from its head, while somebody is free. Returns how many."""
    team = Team.objects.filter(pk=team_id, round_robin=True).first()
    if team is None or not presence.there().filter(teams=team).exists():
        return 0
    queue = waiting.waiting(Queue(team_id, None)).filter(assignee=None)
    routed = 0
    for conversation_id in list(queue.values_list("pk", flat=True)[:_AT_ONCE]):
        outcome = _route(team, conversation_id)
        if outcome == "nobody_free":
            break
        routed += outcome == "routed"
    return routed


@transaction.atomic
def _route(team: Team, conversation_id: int) -> str:
    candidates = _locked_candidates(team)
    if not any(one.open < team.cap for one in candidates):
        return "nobody_free"
    conversation = services.lock(conversation_id=conversation_id)
    if not _still_waits(conversation, team):
        return "gone"
    allowed = set(access.agents(conversation.inbox).values_list("pk", flat=True))
    but = {one.agent_id for one in candidates} - allowed | _had_it(conversation)
    chosen = choose(candidates, cap=team.cap, but=but)
    if chosen is None:
        return "nobody_fits"
    agent = User.objects.get(pk=chosen.agent_id)
    User.objects.filter(pk=agent.pk).update(last_routed_at=timezone.now())
    conversation.assignee = agent
    conversation.save(update_fields=["assignee", "updated_at"])
    activities.record(conversation, "assigned", to=agent.shown_name, team=team.name, rule="round_robin")
    rows.changed(conversation.pk)
    handling.alert(conversation, agent, "assigned")
    return "routed"


def _locked_candidates(team: Team) -> list[Candidate]:
    """The team's agents who are there; nobody else gives them anything until this transaction ends."""
    here = presence.there().filter(teams=team).values("pk")
    agents = list(User.objects.select_for_update(no_key=True).filter(pk__in=here).order_by("pk"))
    counted = Conversation.objects.filter(assignee__in=agents, state__in=_OPEN)
    counted = counted.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=timezone.now()))
    open_by = dict(counted.values("assignee").annotate(n=Count("pk")).values_list("assignee", "n"))
    return [Candidate(agent.pk, open_by.get(agent.pk, 0), agent.last_routed_at) for agent in agents]


def _still_waits(conversation: Conversation, team: Team) -> bool:
    return (
        conversation.state == Conversation.State.WAITING
        and conversation.assignee_id is None
        and conversation.team_id == team.pk
    )


def _had_it(conversation: Conversation) -> set[int]:
    """Agents from whom it was taken back today: the round gives nobody the same conversation twice."""
    taken = Activity.objects.filter(
        conversation=conversation, kind="unassigned", created_at__gt=timezone.now() - _REMEMBERED
    )
    details = taken.values_list("detail", flat=True)
    return {int(detail["agent_id"]) for detail in details if detail.get("rule") == TAKEN_BACK}


def agent_is_free(agent_id: int) -> int:
    """Somebody came, finished, or gave something back: let the rounds they are in look again."""
    teams = Team.objects.filter(round_robin=True, members=agent_id).values_list("pk", flat=True)
    return sum(route_team(team_id) for team_id in teams)


def agent_is_free_on_commit(agent_id: int) -> None:
    transaction.on_commit(lambda: agent_is_free(agent_id), robust=True)


def route_team_on_commit(team_id: int) -> None:
    transaction.on_commit(lambda: route_team(team_id), robust=True)


# --- The clock ----------------------------------------------------------------------------------------------
def sweep() -> int:
    """Take back what nobody answers, then let every round look at its queue. Returns how many found an agent."""
    take_back_unanswered()
    waits = Conversation.objects.filter(state=Conversation.State.WAITING, assignee=None, team__round_robin=True)
    return sum(route_team(team_id) for team_id in waits.values_list("team_id", flat=True).distinct())


def take_back_unanswered() -> int:
    """Conversations whose agent left without answering go back to the queue, where somebody else can take them."""
    patience = timezone.now() - timedelta(minutes=settings.TAKE_BACK_AFTER_MINUTES)
    late = Conversation.objects.filter(state__in=_OPEN, unanswered_since__lt=patience, assignee__isnull=False)
    late = late.exclude(assignee__in=presence.there().values("pk"))
    gone = late.filter(Q(assignee__last_seen_at=None) | Q(assignee__last_seen_at__lt=patience))
    away = late.filter(assignee__availability=User.Availability.AWAY)
    found = list((gone | away).filter(_awake()).values_list("pk", flat=True)[:200])
    return sum(_take_back(conversation_id, patience) for conversation_id in found)


def _awake() -> Q:
    return Q(snoozed_until=None) | Q(snoozed_until__lte=timezone.now())


@transaction.atomic
def _take_back(conversation_id: int, patience: datetime) -> bool:
    """Looks again under the lock. Only where another agent is there: else the customer gains nothing by it."""
    conversation = services.lock(conversation_id=conversation_id)
    agent, since = conversation.assignee, conversation.unanswered_since
    if conversation.state not in _OPEN or agent is None or since is None or since >= patience:
        return False
    given = Activity.objects.filter(conversation=conversation, kind__in=["assigned", "taken", "reopened"])
    newest = given.order_by("-id").values_list("created_at", flat=True).first()
    if presence.is_there(agent) or (newest is not None and newest >= patience):
        return False
    if not waiting.agents_there(conversation).exclude(pk=agent.pk).exists():
        return False
    services.apply(conversation, Event.UNASSIGNED, reason=Reason.AGENT_AWAY)
    conversation.assignee = None
    conversation.save(update_fields=["assignee", "updated_at"])
    activities.record(
        conversation,
        "unassigned",
        rule=TAKEN_BACK,
        agent=agent.shown_name,
        agent_id=agent.pk,
        team=conversation.team.name if conversation.team else "",
    )
    rows.changed(conversation.pk)
    waiting.changed_on_commit(waiting.queue_of(conversation))
    if conversation.team_id:
        route_team_on_commit(conversation.team_id)
    return True
