"""Who works here: people with their role, teams and inboxes. Writes only; who may call this was asked before.

Nobody takes the last admin away, and what somebody who leaves was handling goes back to the queue.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext as _

from chatbot.accounts.models import Team, User
from chatbot.accounts.roles import Role, roles_of
from chatbot.conversations import activities, rows, services
from chatbot.conversations.models import Conversation, Inbox
from chatbot.conversations.services import Refusal
from chatbot.conversations.transitions import Event, State


@dataclass(frozen=True)
class Person:
    """What an admin says about somebody."""

    username: str
    first_name: str
    last_name: str
    email: str
    role: Role
    active: bool
    teams: tuple[Team, ...] = ()
    inboxes: tuple[Inbox, ...] = ()


@transaction.atomic
def add(person: Person) -> User:
    """A new colleague without a password: a link lets them choose one."""
    user = User(username=person.username)
    user.set_unusable_password()
    return _write(user, person)


@transaction.atomic
def change(user: User, person: Person) -> User:
    """Raises Refusal when this would leave nobody who may change people."""
    user = User.objects.select_for_update().get(pk=user.pk)
    loses = "admin" in roles_of(user) and not (person.active and person.role == "admin")
    if loses and not _other_admin(user):
        raise Refusal("last_admin", _("This is the only admin. Make somebody else an admin first."))
    written = _write(user, person)
    _give_up_what_is_out_of_sight(written)
    return written


def _other_admin(user: User) -> bool:
    others = User.objects.select_for_update().filter(is_active=True).exclude(pk=user.pk)
    return others.filter(groups__name="admin").exists() or others.filter(is_superuser=True).exists()


def _write(user: User, person: Person) -> User:
    user.username, user.email = person.username, person.email
    user.first_name, user.last_name = person.first_name, person.last_name
    user.is_active = person.active
    if person.role != "admin" or not person.active:
        user.is_superuser = False
    user.save()
    group, _made = Group.objects.get_or_create(name=person.role)
    user.groups.set([group])
    user.teams.set(person.teams)
    user.inboxes.set(person.inboxes)
    return user


def _give_up_what_is_out_of_sight(user: User) -> None:
    """Open conversations that this person can no longer answer go back to the queue."""
    held = Conversation.objects.filter(assignee=user).exclude(state=State.RESOLVED)
    if user.is_active and "admin" in roles_of(user):
        return
    if user.is_active and "agent" in roles_of(user):
        held = held.exclude(inbox__in=user.inboxes.values("pk"))
    for conversation_id in held.values_list("pk", flat=True):
        conversation = services.lock(conversation_id=conversation_id)
        services.apply(conversation, Event.UNASSIGNED, reason="left")
        conversation.assignee = None
        conversation.save(update_fields=["assignee", "updated_at"])
        activities.record(conversation, "unassigned", team="", left=user.shown_name)
        rows.changed(conversation.pk)


@transaction.atomic
def save_team(team: Team, *, members: Iterable[User], inboxes: Iterable[Inbox]) -> Team:
    team.save()
    team.members.set(members)
    chosen = [inbox.pk for inbox in inboxes]
    Inbox.objects.filter(team=team).exclude(pk__in=chosen).update(team=None)
    Inbox.objects.filter(pk__in=chosen).update(team=team)
    return team
