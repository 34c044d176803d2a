"""What each event of a desk does: one function, with the permission it needs. Plain functions that run in a thread.

`TABLE` is the only way from the socket inwards. A conversation that the agent may not see does not exist: every event
that names one goes through `access` first, with the person's rights as they are now.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.accounts.models import Team, User
from chatbot.accounts.roles import Permission, may
from chatbot.conversations import access, desk_events, desk_opened, desk_selectors, handling, services
from chatbot.conversations import desk_requests as requests
from chatbot.conversations.canned_replies import canned_selectors
from chatbot.conversations.drafts import composing, suggestions
from chatbot.conversations.events import Event
from chatbot.conversations.models import Conversation, Mention
from chatbot.conversations.refusals import Refusal

Answer = Event | None
"""None: `done` is enough."""


@dataclass(frozen=True)
class Action:
    permission: Permission
    run: Callable[[User, Any, int], Answer]
    """(user, event, conversation's key or 0)"""


def carry_out(user: User, event: Any) -> Answer:
    """Authorise and run. Raises Refusal, and Conversation.DoesNotExist for what the user may not see."""
    action = TABLE[type(event)]
    if not may(user, action.permission):
        raise Refusal("forbidden", _("Your account may not do this."))
    conversation_id = 0
    if isinstance(event, requests.OfConversation | requests.Seen | requests.SuggestionSeen):
        conversation_id = access.conversation_id(user, event.conversation)
    return action.run(user, event, conversation_id)


# --- Reading ----------------------------------------------------------------------------------------------
def _list(user: User, event: requests.ListGet, _pk: int) -> Answer:
    page = desk_selectors.page(user=user, view=event.view, inbox=event.inbox, tag=event.tag, after=event.after)
    return desk_events.Rows(ref=event.ref, view=event.view, rows=page.rows, next=page.next)


def _search(user: User, event: requests.SearchGet, _pk: int) -> Answer:
    return desk_selectors.search(user=user, query=event.query, ref=event.ref)


def _counts(user: User, event: requests.CountsGet, _pk: int) -> Answer:
    return desk_selectors.counts(user=user).model_copy(update={"ref": event.ref})


def _contact(user: User, event: requests.ContactGet, pk: int) -> Answer:
    return desk_opened.contact(conversation_id=pk, user=user, ref=event.ref)


def _canned(user: User, event: requests.CannedGet, pk: int) -> Answer:
    conversation = Conversation.objects.select_related("inbox", "contact").get(pk=pk)
    found = canned_selectors.for_conversation(conversation=conversation, agent=user, query=event.query)
    return desk_events.Canned(
        ref=event.ref,
        replies=tuple(
            desk_events.CannedOut(id=one.id, title=one.title, shortcut=one.shortcut, text=one.text) for one in found
        ),
    )


# --- Changing -----------------------------------------------------------------------------------------------
def _reply(user: User, event: requests.Reply, pk: int) -> Answer:
    posted = handling.reply(
        conversation_id=pk,
        agent=user,
        client_id=event.client_id,
        text=event.text,
        seen_seq=event.seen_seq,
        suggestion_id=event.suggestion,
        canned_id=event.canned,
        resolve=event.resolve,
        force=event.force,
    )
    return desk_events.Done(ref=event.ref, seq=posted.message_out.seq)


def _note(user: User, event: requests.NoteAdd, pk: int) -> Answer:
    handling.note(conversation_id=pk, agent=user, client_id=event.client_id, text=event.text)
    return None


def _take(user: User, _event: requests.Take, pk: int) -> Answer:
    handling.take(conversation_id=pk, agent=user)
    return None


def _assign(user: User, event: requests.Assign, pk: int) -> Answer:
    agent = User.objects.filter(pk=event.agent, is_active=True).first() if event.agent else None
    team = Team.objects.filter(pk=event.team).first() if event.team else None
    if (event.agent and agent is None) or (event.team and team is None):
        raise Refusal("not_a_member", _("There is nobody like that any more. Choose again."))
    handling.assign(conversation_id=pk, by=user, agent=agent, team=team)
    return None


def _tags(user: User, event: requests.TagsSet, pk: int) -> Answer:
    handling.set_tags(conversation_id=pk, agent=user, names=event.tags)
    return None


def _priority(user: User, event: requests.PrioritySet, pk: int) -> Answer:
    handling.set_priority(conversation_id=pk, agent=user, priority=event.priority)
    return None


def _snooze(user: User, event: requests.Snooze, pk: int) -> Answer:
    handling.snooze(conversation_id=pk, agent=user, until=event.until)
    return None


def _resolve(user: User, _event: requests.Resolve, pk: int) -> Answer:
    handling.resolve(conversation_id=pk, agent=user)
    return None


def _reopen(user: User, _event: requests.Reopen, pk: int) -> Answer:
    handling.reopen(conversation_id=pk, agent=user)
    return None


def _give_back(user: User, _event: requests.GiveBack, pk: int) -> Answer:
    handling.give_back(conversation_id=pk, agent=user)
    return None


def _seen(user: User, event: requests.Seen, pk: int) -> Answer:
    handling.mark_read(conversation_id=pk, agent=user, seq=event.seq)
    return None


def _presence(user: User, event: requests.PresenceSet, _pk: int) -> Answer:
    User.objects.filter(pk=user.pk).update(availability=event.availability)
    return None


def _mentions_seen(user: User, _event: requests.MentionsSeen, _pk: int) -> Answer:
    Mention.objects.filter(user=user, seen_at=None).update(seen_at=timezone.now())
    return None


# --- Drafts ---------------------------------------------------------------------------------------------------
def _suggestion_seen(_user: User, event: requests.SuggestionSeen, pk: int) -> Answer:
    suggestions.shown(suggestion_id=event.suggestion, conversation_id=pk, inserted=event.inserted)
    return None


def _suggestion_dismiss(user: User, event: requests.SuggestionDismiss, pk: int) -> Answer:
    suggestions.dismiss(
        suggestion_id=event.suggestion, conversation_id=pk, agent=user, reason=event.reason, comment=event.comment
    )
    return None


@transaction.atomic
def _suggestion_make(user: User, event: requests.SuggestionMake, pk: int) -> Answer:
    conversation = services.lock(conversation_id=pk)
    if suggestions.request(conversation, hint=event.hint, agent=user) is None:
        raise Refusal("not_now", _("There is no customer's message to answer."))
    return None


def _compose(user: User, event: requests.Compose, pk: int) -> Answer:
    """The answer comes later, from a worker (see `compositions.py`)."""
    key = composing.ask(conversation_id=pk, agent=user, text=event.text, style=event.style)
    return desk_events.Composition(key=key)


TABLE: Final[dict[type[Event], Action]] = {
    requests.ListGet: Action("conversations.view", _list),
    requests.SearchGet: Action("conversations.view", _search),
    requests.CountsGet: Action("conversations.view", _counts),
    requests.ContactGet: Action("conversations.view", _contact),
    requests.Seen: Action("conversations.view", _seen),
    requests.MentionsSeen: Action("conversations.view", _mentions_seen),
    requests.CannedGet: Action("conversations.reply", _canned),
    requests.Reply: Action("conversations.reply", _reply),
    requests.NoteAdd: Action("conversations.reply", _note),
    requests.Take: Action("conversations.reply", _take),
    requests.Assign: Action("conversations.reply", _assign),
    requests.TagsSet: Action("conversations.reply", _tags),
    requests.PrioritySet: Action("conversations.reply", _priority),
    requests.Snooze: Action("conversations.reply", _snooze),
    requests.Resolve: Action("conversations.reply", _resolve),
    requests.Reopen: Action("conversations.reply", _reopen),
    requests.GiveBack: Action("conversations.reply", _give_back),
    requests.PresenceSet: Action("conversations.reply", _presence),
    requests.SuggestionSeen: Action("conversations.reply", _suggestion_seen),
    requests.SuggestionDismiss: Action("conversations.reply", _suggestion_dismiss),
    requests.SuggestionMake: Action("conversations.reply", _suggestion_make),
    requests.Compose: Action("conversations.reply", _compose),
}
"""Events that are not here concern the socket itself: hello, open, close, typing, ping."""
