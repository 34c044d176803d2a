"""What agents do to a conversation: take, reply, note, assign, tag, snooze, resolve. Each is one transaction.

Who may do it was asked before (`access.py`); this module refuses what makes no sense now, with a sentence that says
why. First send wins: a reply to what a colleague has answered meanwhile is refused and nothing of it is lost.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.accounts.models import Team, User
from chatbot.conversations import access, activities, desk_events, rows, services
from chatbot.conversations.canned_replies import canned_selectors
from chatbot.conversations.drafts import suggestions
from chatbot.conversations.handoffs import handing_over, waiting
from chatbot.conversations.live import publishing
from chatbot.conversations.models import (
    CannedReply,
    Conversation,
    Mention,
    Message,
    Note,
    ReadMark,
    Tag,
)
from chatbot.conversations.services import Draft, Posted, Refusal
from chatbot.conversations.transitions import Event, State

SNOOZE_MOST: Final = timedelta(days=90)
_MENTION: Final = re.compile(r"(?<![\w@])@([\w.+-]+)")


@transaction.atomic
def take(*, conversation_id: int, agent: User) -> None:
    conversation = services.lock(conversation_id=conversation_id)
    before = conversation.assignee_id
    services.apply(conversation, Event.AGENT_TOOK, agent=agent)
    if before != agent.pk:
        activities.record(conversation, "taken", actor=agent)


@transaction.atomic
def reply(
    *,
    conversation_id: int,
    agent: User,
    client_id: str,
    text: str,
    seen_seq: int | None = None,
    suggestion_id: int | None = None,
    canned_id: int | None = None,
    resolve: bool = False,
    force: bool = False,
) -> Posted:
    """An agent's public reply, once per `client_id`. The agent takes the conversation with it.

    Raises Refusal `collision` when another agent's message is newer than `seen_seq`, unless `force`.
    """
    conversation = services.lock(conversation_id=conversation_id)
    if known := services.known(conversation, client_id):
        return Posted(known, created=False)
    text = services.clean_text(text)
    if seen_seq is not None and not force:
        _refuse_collision(conversation, agent, seen_seq)
    canned = _canned(conversation, canned_id)
    services.apply(conversation, Event.AGENT_WROTE, agent=agent)
    message, shown = services.append(
        conversation,
        Draft(role=Message.Role.AGENT, text=text, client_id=client_id, author=agent, canned_reply=canned),
    )
    suggestions.sent(conversation, message, agent=agent, suggestion_id=suggestion_id)
    if resolve:
        _resolve(conversation, agent)
    return Posted(shown, created=True)


def _canned(conversation: Conversation, canned_id: int | None) -> CannedReply | None:
    """What the text was made from; None for what is not, or no longer, for this inbox: the words count all the same."""
    return canned_selectors.usable_in(conversation.inbox_id).filter(pk=canned_id).first() if canned_id else None


def _refuse_collision(conversation: Conversation, agent: User, seen_seq: int) -> None:
    unseen = Message.objects.filter(conversation=conversation, role=Message.Role.AGENT, seq__gt=seen_seq)
    other = unseen.exclude(author=agent).select_related("author").order_by("-seq").first()
    if other is not None:
        name = other.author.shown_name if other.author else _("A colleague")
        raise Refusal(
            "collision",
            _("%(name)s has just answered. Your text is kept: read the answer first, then send or drop it.")
            % {"name": name},
        )


@transaction.atomic
def note(*, conversation_id: int, agent: User, client_id: str, text: str) -> Note:
    """An internal note, once per `client_id`; colleagues named with @ are told, if they may see the conversation."""
    conversation = services.lock(conversation_id=conversation_id)
    known = Note.objects.filter(conversation=conversation, client_id=client_id).first()
    if known is not None:
        return known
    made = Note.objects.create(
        conversation=conversation,
        client_id=client_id,
        author=agent,
        text=services.clean_text(text),
        after_seq=conversation.last_seq,
    )
    named = set(_MENTION.findall(made.text))
    colleagues = access.agents(conversation.inbox).filter(username__in=named).exclude(pk=agent.pk) if named else []
    for colleague in colleagues:
        Mention.objects.create(note=made, user=colleague)
        told = desk_events.Mentioned(conversation=conversation.public_id, by=agent.shown_name, text=made.text[:200])
        publishing.publish_desk_on_commit(desk_events.person_group(colleague.pk), told)
    publishing.publish_desk_on_commit(
        desk_events.followers_group(conversation.pk), note_out(made, conversation, [c.username for c in colleagues])
    )
    return made


def note_out(made: Note, conversation: Conversation, mentions: Sequence[str]) -> desk_events.NoteOut:
    return desk_events.NoteOut(
        conversation=conversation.public_id,
        id=made.pk,
        client_id=made.client_id,
        author=rows.person_out(made.author),
        text=made.text,
        mentions=tuple(mentions),
        after_seq=made.after_seq,
        created_at=made.created_at.isoformat(),
    )


@transaction.atomic
def assign(*, conversation_id: int, by: User, agent: User | None, team: Team | None) -> None:
    """To an agent, to a team's queue, or (both None) to everybody's queue."""
    conversation = services.lock(conversation_id=conversation_id)
    if agent is not None and not access.agents(conversation.inbox).filter(pk=agent.pk).exists():
        raise Refusal("not_a_member", _("%(name)s cannot see this inbox.") % {"name": agent.shown_name})
    services.apply(conversation, Event.ASSIGNED if agent else Event.UNASSIGNED, reason="assigned")
    had = conversation.assignee_id
    freed = had if had != (agent.pk if agent else None) else None
    handing_over.left(conversation, waited=conversation.state == State.WAITING, freed=freed)
    conversation.assignee, conversation.team = agent, team
    conversation.save(update_fields=["assignee", "team", "updated_at"])
    handing_over.moved(conversation)
    rows.changed(conversation.pk)
    if agent is None:
        activities.record(conversation, "unassigned", actor=by, team=team.name if team else "")
        return
    activities.record(conversation, "assigned", actor=by, to=agent.shown_name, team=team.name if team else "")
    if agent != by:
        alert(conversation, agent, "assigned")


def alert(conversation: Conversation, agent: User, kind: str) -> None:
    """Tell one agent's desks after commit."""
    told = desk_events.Alert.model_validate(
        {
            "kind": kind,
            "conversation": conversation.public_id,
            "contact": str(conversation.contact),
            "text": conversation.preview,
        }
    )
    publishing.publish_desk_on_commit(desk_events.person_group(agent.pk), told)


@transaction.atomic
def set_tags(*, conversation_id: int, agent: User, names: Sequence[str]) -> None:
    """Exactly these tags; unknown ones are made. Case does not make another tag."""
    conversation = services.lock(conversation_id=conversation_id)
    before = sorted(conversation.tags.values_list("name", flat=True))
    clean = dict.fromkeys(" ".join(name.split())[:40] for name in names)
    wanted = [_tag(name) for name in clean if name]
    conversation.tags.set(wanted)
    after = sorted(tag.name for tag in wanted)
    if after != before:
        activities.record(conversation, "tags", actor=agent, before=before, after=after)
        rows.changed(conversation.pk)


def _tag(name: str) -> Tag:
    return Tag.objects.filter(name__iexact=name).first() or Tag.objects.create(name=name)


@transaction.atomic
def set_priority(*, conversation_id: int, agent: User, priority: int) -> None:
    conversation = services.lock(conversation_id=conversation_id)
    if conversation.priority == priority:
        return
    before, conversation.priority = conversation.priority, Conversation.Priority(priority)
    conversation.save(update_fields=["priority", "updated_at"])
    activities.record(conversation, "priority", actor=agent, before=before, after=priority)
    rows.changed(conversation.pk)
    if conversation.state == State.WAITING:
        waiting.changed_on_commit(waiting.queue_of(conversation))


@transaction.atomic
def snooze(*, conversation_id: int, agent: User, until: datetime | None) -> None:
    """Out of the lists until then (at most 90 days); None brings it back. The customer's next message does too."""
    conversation = services.lock(conversation_id=conversation_id)
    now = timezone.now()
    if until is not None:
        until = until if timezone.is_aware(until) else timezone.make_aware(until)
        if not now < until <= now + SNOOZE_MOST:
            raise Refusal("bad_time", _("Choose a time between now and 90 days from now."))
        if conversation.state == State.RESOLVED:
            raise Refusal("not_now", _("This conversation is resolved; there is nothing to snooze."))
    if conversation.snoozed_until == until:
        return
    conversation.snoozed_until = until
    conversation.save(update_fields=["snoozed_until", "updated_at"])
    if until is not None:
        activities.record(conversation, "snoozed", actor=agent, until=until.isoformat())
    else:
        activities.record(conversation, "unsnoozed", actor=agent)
    rows.changed(conversation.pk)


@transaction.atomic
def resolve(*, conversation_id: int, agent: User | None = None) -> None:
    _resolve(services.lock(conversation_id=conversation_id), agent)


def _resolve(conversation: Conversation, agent: User | None) -> None:
    was = State(conversation.state)
    services.apply(conversation, Event.RESOLVED)
    if was is not State.RESOLVED:
        activities.record(conversation, "resolved", actor=agent)


@transaction.atomic
def reopen(*, conversation_id: int, agent: User) -> None:
    """The agent takes a resolved conversation up again."""
    conversation = services.lock(conversation_id=conversation_id)
    if conversation.state != State.RESOLVED:
        raise Refusal("not_now", _("This conversation is open."))
    services.apply(conversation, Event.AGENT_TOOK, agent=agent)
    activities.record(conversation, "reopened", actor=agent)


@transaction.atomic
def give_back(*, conversation_id: int, agent: User | None = None) -> None:
    """To the bot, which answers again from the customer's next message on."""
    conversation = services.lock(conversation_id=conversation_id)
    if conversation.inbox.mode != conversation.inbox.Mode.AUTO:
        raise Refusal("no_bot", _("In this inbox the bot does not answer by itself."))
    services.apply(conversation, Event.AGENT_GAVE_BACK)
    activities.record(conversation, "given_back", actor=agent)


def mark_read(*, conversation_id: int, agent: User, seq: int) -> None:
    """Up to `seq` this agent has read; never back, never beyond what there is."""
    newest = Conversation.objects.values_list("last_seq", flat=True).get(pk=conversation_id)
    mark, _made = ReadMark.objects.get_or_create(user=agent, conversation_id=conversation_id)
    ReadMark.objects.filter(pk=mark.pk, seq__lt=min(seq, newest)).update(seq=min(seq, newest))
