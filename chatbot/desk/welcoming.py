"""What a desk is told when it opens: who the agent is, where they work, with whom, and which tags there are."""

from django.utils import timezone

from chatbot.accounts import presence
from chatbot.accounts.models import Team, User
from chatbot.conversations import desk_events, desk_selectors, rows
from chatbot.conversations.desk_sessions import Agent
from chatbot.conversations.drafts import composing
from chatbot.conversations.models import Tag

MOST_TAGS = 300


def welcome(agent: Agent) -> desk_events.Welcome:
    now = timezone.now()
    colleagues = (
        User.objects.filter(is_active=True, groups__name__in=["agent", "admin"]).distinct().order_by("username")
    )
    people = [rows.person_out(user, online=presence.is_there(user, now=now)) for user in colleagues]
    me = rows.person_out(User.objects.get(pk=agent.user.pk), online=True)
    assert me is not None  # noqa: S101 - a user gives a person
    return desk_events.Welcome.model_validate(
        {
            "me": me,
            "availability": agent.user.availability,
            "may_reply": agent.may_reply,
            "may_compose": agent.may_reply and composing.available(),
            "inboxes": tuple(desk_selectors.inboxes_out(agent.user)),
            "teams": tuple(
                desk_events.TeamOut(id=team.pk, name=team.name, members=tuple(user.pk for user in team.members.all()))
                for team in Team.objects.prefetch_related("members")
            ),
            "people": tuple(person for person in people if person is not None),
            "tags": tuple(desk_events.TagOut(name=tag.name, color=tag.color) for tag in Tag.objects.all()[:MOST_TAGS]),
        }
    )
