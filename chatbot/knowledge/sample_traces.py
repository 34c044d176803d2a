"""What people and time left on the sample's conversations: activities, mentions, read marks, pages seen.

And who these people are: two more agents and an adviser in Shanghai, in two teams. None of them can sign in.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import Group
from django.utils import timezone

from chatbot.accounts.models import Team, User
from chatbot.conversations.models import Activity, Contact, Conversation, Inbox, Mention, Message, PageView, ReadMark

AGENTS: Final = {"jonas": ("Jonas", "Falk"), "amara": ("Amara", "Okoye"), "mei": ("梅", "林")}
STAFF: Final = (*AGENTS, "agent", "admin")
_TEAMS: Final = {"Customer care": ("jonas", "amara", "agent"), "Shanghai": ("mei",)}
_LOGIN: Final = ("Alex", "Moreno")

Row = dict[str, Any]


def load_staff(inbox: Inbox) -> None:
    """Agents, teams and the inbox's members; again changes nothing that somebody has changed since."""
    group, _made = Group.objects.get_or_create(name="agent")
    for username, (first, last) in AGENTS.items():
        user, fresh = User.objects.get_or_create(
            username=username,
            defaults={"first_name": first, "last_name": last, "email": f"{username}@fellwren.example"},
        )
        if fresh:
            user.set_unusable_password()
            user.save()
            user.groups.add(group)
    User.objects.filter(username="agent", first_name="", last_name="").update(first_name=_LOGIN[0], last_name=_LOGIN[1])
    for name, members in _TEAMS.items():
        team, fresh = Team.objects.get_or_create(name=name)
        if fresh:
            team.members.set(User.objects.filter(username__in=members))
    if not inbox.members.exists():
        inbox.members.set(User.objects.filter(username__in=STAFF))
        inbox.team = inbox.team or Team.objects.get(name="Customer care")
        inbox.handoff_words = inbox.handoff_words or ["lawyer", "attorney", "律师"]
        inbox.save(update_fields=["team", "handoff_words"])


class Traces:
    """Collects over all conversations and writes each table once."""

    def __init__(self, users: dict[str, User]) -> None:
        self._users = users
        self._activities: list[Activity] = []
        self._mentions: list[Mention] = []
        self._marks: list[ReadMark] = []
        self._views: list[PageView] = []
        self._contacts: dict[int, Contact] = {}
        self._loaded: list[int] = []

    def add(self, conversation: Conversation, row: Row, began: datetime) -> None:
        self._loaded.append(conversation.pk)
        self._add_activities(conversation, row, began)
        self._add_notes(conversation)
        self._add_marks(conversation, row)
        self._add_contact(conversation, row, began)

    def _add_activities(self, conversation: Conversation, row: Row, began: datetime) -> None:
        actor = self._users.get(row.get("assignee", ""))

        def keep(kind: str, seconds: int, *, by: User | None = actor, **detail: Any) -> None:
            at = began + timedelta(seconds=seconds)
            after = max((place for place, one in enumerate(row["messages"], 1) if one["at"] <= seconds), default=0)
            self._activities.append(
                Activity(conversation=conversation, kind=kind, actor=by, detail=detail, after_seq=after, created_at=at)
            )

        if "handed_over" in row:
            keep("handoff", row["handed_over"], by=None, reason=row["handoff_reason"])
        if "taken" in row:
            keep("taken", row["taken"])
            if row.get("tags"):
                keep("tags", row["taken"] + 30, before=[], after=sorted(row["tags"]))
            if row.get("priority"):
                keep("priority", row["taken"] + 35, before=0, after=row["priority"])
        if "snoozed_hours" in row and conversation.snoozed_until:
            keep("snoozed", row["messages"][-1]["at"] + 60, until=conversation.snoozed_until.isoformat())
        if row["state"] == "resolved" and "resolved_after" in row:
            keep("resolved", row["resolved_after"])
            if rating := row.get("rating"):
                value, comment = rating["value"], rating.get("comment", "")
                keep("rated", row["resolved_after"] + rating["after"], by=None, value=value, comment=comment)

    def _add_notes(self, conversation: Conversation) -> None:
        for note in conversation.notes.all():
            named = {name for name in re.findall(r"@([\w.+-]+)", note.text) if name in self._users}
            old = timezone.now() - note.created_at > timedelta(days=1)
            self._mentions += [
                Mention(
                    note=note, user=self._users[name], seen_at=note.created_at + timedelta(hours=1) if old else None
                )
                for name in sorted(named)
            ]

    def _add_marks(self, conversation: Conversation, row: Row) -> None:
        """Everybody has read what is over; what is open, whoever handles it."""
        over = row["state"] in ("resolved", "bot")
        readers = self._users.values() if over else [self._users[row["assignee"]]] if "assignee" in row else []
        seq = conversation.last_seq if over else max(1, conversation.last_seq - 1)
        self._marks += [ReadMark(user=user, conversation=conversation, seq=seq) for user in readers]

    def _add_contact(self, conversation: Conversation, row: Row, began: datetime) -> None:
        contact = self._contacts.setdefault(conversation.contact_id, conversation.contact)
        contact.created_at = min(contact.created_at, began)
        seen = conversation.last_message_at or began
        contact.last_seen_at = max(contact.last_seen_at or seen, seen)
        for place, (path, title) in enumerate(reversed(row.get("pages", []))):
            view = PageView(contact=contact, url=f"https://fellwren.example{path}", title=title)
            view.seen_at = began - timedelta(seconds=40 * (len(row["pages"]) - place))
            self._views.append(view)

    def write(self) -> None:
        self._forget_the_import()
        Activity.objects.bulk_create(sorted(self._activities, key=lambda one: one.created_at))
        Mention.objects.bulk_create(self._mentions)
        ReadMark.objects.bulk_create(self._marks)
        self._views.sort(key=lambda view: view.seen_at)
        times = [view.seen_at for view in self._views]
        PageView.objects.bulk_create(self._views)
        for view, at in zip(self._views, times, strict=True):  # the table stamps new rows with the present
            view.seen_at = at
        PageView.objects.bulk_update(self._views, ["seen_at"], batch_size=200)
        Contact.objects.bulk_update(self._contacts.values(), ["created_at", "last_seen_at"], batch_size=200)

    def _forget_the_import(self) -> None:
        """They came through the door of imports, but were never somewhere else."""
        Activity.objects.filter(conversation__in=self._loaded, kind="imported").delete()
        Message.objects.filter(conversation__in=self._loaded).update(via=Message.Via.CHAT)
