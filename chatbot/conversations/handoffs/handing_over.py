"""Carries a handoff out: whose queue it is, the summary for the agent, the one notice, and an e-mail address.

`services.py` calls this inside its transactions, with the conversation locked; what `handoff.py` decides it is told.
The notice is honest: it promises a person only while it is open and somebody who may answer is there.
"""

from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import formats, timezone, translation
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from chatbot.conversations import email_address, mail
from chatbot.conversations.handoffs import handoff, hours, summary, waiting
from chatbot.conversations.handoffs.summary import Said
from chatbot.conversations.models import Activity, Conversation, Inbox, Message

_READ_NEWEST: Final = 80
_READ_FIRST: Final = 10
_ALERTED: Final = 50
_RULED: Final = (Conversation.State.BOT, Conversation.State.RESOLVED)


# --- Whether -------------------------------------------------------------------------------------------------
def verdict(*, conversation_id: int, text: str) -> handoff.Verdict | None:
    """What the inbox's rules say to a message that is about to be posted. Locks nothing: words are read before."""
    conversation = Conversation.objects.select_related("inbox").filter(pk=conversation_id, state__in=_RULED).first()
    if conversation is None or conversation.inbox.mode != Inbox.Mode.AUTO:
        return None
    inbox = conversation.inbox
    rules = handoff.Rules(handoff.kept_words(inbox.handoff_words), inbox.handoff_on_mood)
    earlier: list[str] = []
    if rules.on_mood:
        theirs = Message.objects.filter(conversation=conversation, role=Message.Role.CUSTOMER).order_by("-seq")
        earlier = list(theirs.values_list("text", flat=True)[:2])[::-1]
    return handoff.decide(rules, text, earlier=earlier, language=inbox.language or conversation.language)


# --- Coming into the queue, and leaving it ---------------------------------------------------------------------
def entered(conversation: Conversation, *, reason: str, word: str = "") -> None:
    """The conversation starts to wait for a person. The caller saves it."""
    conversation.handoff_reason = reason[:40]
    if conversation.team_id is None:
        conversation.team = conversation.inbox.team
    conversation.handoff_summary = summary_of(conversation, reason=reason, word=word)
    transaction.on_commit(partial(_look_at, conversation.pk, new=True), robust=True)


def left(conversation: Conversation, *, waited: bool, freed: int | None) -> None:
    """It waits no longer in this queue; `freed` is an agent who has it no longer."""
    if waited:
        waiting.changed_on_commit(waiting.queue_of(conversation))
    if freed is not None:
        transaction.on_commit(partial(_agent_is_free, freed), robust=True)


def moved(conversation: Conversation) -> None:
    """It stands elsewhere in the queues than before: customers are told, and the round looks at it."""
    transaction.on_commit(partial(_look_at, conversation.pk, new=False), robust=True)


def _look_at(conversation_id: int, *, new: bool) -> None:
    from chatbot.conversations import handling  # both write through services, which call this module
    from chatbot.conversations.handoffs import routing  # both write through services, which call this module

    conversation = Conversation.objects.select_related("inbox", "contact").get(pk=conversation_id)
    if conversation.state != Conversation.State.WAITING:
        return
    if conversation.team_id is not None:
        routing.route_team(conversation.team_id)
    waiting.changed(waiting.queue_of(conversation))
    conversation.refresh_from_db(fields=["assignee"])
    if new and conversation.assignee_id is None:
        for agent in waiting.agents_there(conversation)[:_ALERTED]:
            handling.alert(conversation, agent, "waiting")


def _agent_is_free(agent_id: int) -> None:
    from chatbot.conversations.handoffs import routing  # as above

    routing.agent_is_free(agent_id)


# --- The summary ---------------------------------------------------------------------------------------------------
def summary_of(conversation: Conversation, *, reason: str, word: str = "") -> str:
    """In the desk's language, from the messages alone."""
    spoken = Message.objects.filter(conversation=conversation).exclude(role=Message.Role.NOTICE)
    wanted = spoken.select_related("author").prefetch_related("citations")
    newest = list(wanted.order_by("-seq")[:_READ_NEWEST])[::-1]
    first = list(wanted.filter(seq__lt=newest[0].seq).order_by("seq")[:_READ_FIRST]) if newest else []
    missing = spoken.count() - len(first) - len(newest) if first else 0
    with translation.override(settings.LANGUAGE_CODE):
        return summary.summarise(
            [_said(message) for message in (*first, *newest)],
            reason=reason,
            word=word,
            language=conversation.language or conversation.inbox.language,
            missing=missing,
        )


def _said(message: Message) -> Said:
    return Said(
        role=message.role,
        kind=message.kind,
        text=message.text,
        author=message.author.shown_name if message.author else "",
        sources=tuple(citation.title for citation in message.citations.all()),
    )


# --- The notice ----------------------------------------------------------------------------------------------------
def notice(conversation: Conversation) -> tuple[str, str]:
    """Kind and text, in the language that is active; remembers that an address was asked for."""
    inbox, now = conversation.inbox, timezone.now()
    schedule = hours.kept_schedule(inbox.hours, inbox.time_zone, inbox.holidays)
    is_open = schedule.is_open(now)
    if is_open and waiting.agents_there(conversation).exists():
        return Message.Kind.HANDOFF, _("A person from our team will take over here. You can keep writing meanwhile.")
    opening = None if is_open else schedule.next_opening(now)
    parts = [_away(conversation, opening, now)]
    if not mail.available():
        parts.append(_("You can keep writing here, and will find the answer here."))
    elif email := _may_write_to(conversation):
        parts.append(
            _("We will write to %(email)s. You can keep writing here.") % {"email": email_address.masked(email)}
        )
    else:
        conversation.email_asked = True
        parts.append(_("Please leave your e-mail address, and we will write to you. You can keep writing here."))
    return Message.Kind.AWAY, " ".join(parts)


def _may_write_to(conversation: Conversation) -> str:
    """The address that will be written to: vouched for, or given in this very conversation, and not stopped."""
    from chatbot.conversations.mail import outgoing  # it reads what this module's callers write

    contact = conversation.contact
    given = Activity.objects.filter(conversation=conversation, kind="email_set").exists()
    if not contact.email or not (contact.email_verified or given):
        return ""
    return "" if outgoing.is_stopped(conversation, contact.email) else contact.email


def _away(conversation: Conversation, opening: datetime | None, now: datetime) -> str:
    if opening is None:
        return _("Nobody from our team is here at the moment.")
    theirs = _customers_zone(conversation)
    when = in_words(opening.astimezone(theirs) if theirs else opening, now)
    if theirs is None:
        zone = conversation.inbox.time_zone.replace("_", " ")
        return _("Our team is not here now and is back %(when)s (%(zone)s).") % {"when": when, "zone": zone}
    return _("Our team is not here now and is back %(when)s.") % {"when": when}


def _customers_zone(conversation: Conversation) -> ZoneInfo | None:
    """The time zone that the host page named for its visitor, if it is one."""
    context = conversation.contact.context if isinstance(conversation.contact.context, dict) else {}
    named = context.get("time_zone") or context.get("timezone")
    return ZoneInfo(named) if isinstance(named, str) and named in hours.zones() else None


def in_words(at: datetime, now: datetime) -> str:
    """ "today at 09:00", "on Monday at 09:00", in the language that is active and the time zone of `at`."""
    days = (at.date() - now.astimezone(at.tzinfo).date()).days
    time = formats.time_format(at, "H:i")
    if days == 0:
        return _("today at %(time)s") % {"time": time}
    if days == 1:
        return _("tomorrow at %(time)s") % {"time": time}
    if days < 7:
        return _("on %(day)s at %(time)s") % {"day": WEEKDAYS[at.weekday()], "time": time}
    return _("on %(day)s at %(time)s") % {"day": formats.date_format(at, "MONTH_DAY_FORMAT"), "time": time}
