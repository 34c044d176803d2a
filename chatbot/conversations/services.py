"""Writes of the conversation domain. Each function is one transaction; it publishes and enqueues after commit.

The state machine decides (`transitions.py`), this module carries out. Lock order: conversation, then jobs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chatbot.accounts.models import User
from chatbot.conversations import activities, email_address, events, queueing, ratings, rows, selectors, transitions
from chatbot.conversations.canned_replies import canned_services
from chatbot.conversations.drafts import suggestions
from chatbot.conversations.handoffs import handing_over
from chatbot.conversations.live import customer_presence, publishing, streams
from chatbot.conversations.models import (
    Activity,
    AnswerCard,
    CannedReply,
    Citation,
    Contact,
    Conversation,
    Inbox,
    Message,
    Rating,
    ReplyJob,
)
from chatbot.conversations.refusals import Refusal as Refusal
from chatbot.conversations.transitions import Effect, Event, State

CONTEXT_MAX_KEYS: Final = 40
EMAILS_PER_HOUR: Final = 5
"""So often one customer may say another address."""
_SUMMARY: Final = (
    "last_message_at",
    "preview",
    "preview_role",
    "snoozed_until",
    "unanswered_since",
    "first_replied_at",
)


@dataclass(frozen=True)
class Posted:
    """`created` is False when this client_id had been posted before; `message_out` is then the first one."""

    message_out: events.MessageOut
    created: bool


@dataclass(frozen=True)
class Draft:
    """A message about to be appended."""

    role: str
    text: str
    kind: str = Message.Kind.TEXT
    client_id: str | None = None
    author: User | None = None
    offer_person: bool = False
    citations: Sequence[Citation] = field(default_factory=tuple)
    card: AnswerCard | None = None
    via: str = Message.Via.CHAT
    canned_reply: CannedReply | None = None


# --- Starting ---------------------------------------------------------------------------------------
def open_conversation(*, inbox: Inbox, contact: Contact, language: str = "", page_url: str = "") -> Conversation:
    if contact.inbox_id != inbox.pk:
        raise Refusal("not_found", _("This conversation does not exist."))
    return Conversation.objects.create(inbox=inbox, contact=contact, language=language[:16], page_url=page_url[:2000])


# --- Customer ---------------------------------------------------------------------------------------
def clean_text(text: str) -> str:
    """The text without what no person writes (NUL and other control characters). Raises Refusal."""
    cleaned = "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and ord(c) != 127)).strip()
    cleaned = cleaned.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not cleaned:
        raise Refusal("empty_message", _("Please write something first."))
    limit: int = settings.MESSAGE_MAX_CHARS
    if len(cleaned) > limit:
        raise Refusal(
            "message_too_long",
            _("This message has %(length)d characters; please send at most %(limit)d at a time.")
            % {"length": len(cleaned), "limit": limit},
        )
    return cleaned


def post_customer_message(*, conversation_id: int, client_id: str, text: str, via: str = Message.Via.CHAT) -> Posted:
    """Keep one customer message, once per `client_id`, and let the bot answer when it is the bot's turn.

    A message that the inbox's rules give to a person gets no answer of the bot. Raises Refusal for an empty or
    overlong text.
    """
    text = clean_text(text)
    verdict = handing_over.verdict(conversation_id=conversation_id, text=text)
    with transaction.atomic():
        conversation = _locked(conversation_id)
        if found := known(conversation, client_id):
            return Posted(found, created=False)
        message, shown = append(
            conversation, Draft(role=Message.Role.CUSTOMER, text=text, client_id=client_id, via=via)
        )
        bots_turn = conversation.state in (State.BOT, State.RESOLVED)
        if bots_turn and conversation.inbox.mode != Inbox.Mode.AUTO:
            apply(conversation, Event.PERSON_ASKED, reason="inbox_mode")
        elif bots_turn and verdict is not None:
            apply(conversation, Event.PERSON_ASKED, reason=verdict.reason, word=verdict.word)
        else:
            apply(conversation, Event.CUSTOMER_WROTE, trigger=message)
        if conversation.email_asked and (address := email_address.alone_in(text)):
            _take_address(conversation, address)
        return Posted(shown, created=True)


@transaction.atomic
def set_email(*, conversation_id: int, email: str) -> None:
    """Where to write when the customer has left: kept unverified. Raises Refusal with what to change.

    An address that the company vouched for is not replaced by one that somebody typed.
    """
    conversation = _locked(conversation_id)
    try:
        address = email_address.clean(email)
    except email_address.BadAddress as bad:
        raise Refusal("bad_email", bad.message) from bad
    contact = conversation.contact
    if contact.email_verified and contact.email and contact.email != address:
        raise Refusal(
            "email_known",
            _("We know your address already and will write to %(email)s.")
            % {"email": email_address.masked(contact.email)},
        )
    if contact.email != address and _addresses_lately(contact) >= EMAILS_PER_HOUR:
        raise Refusal("rate_limited", _("You have changed your address often. Please try again in an hour."))
    _keep_address(conversation, address)


def _take_address(conversation: Conversation, address: str) -> None:
    """A message that is nothing but an address, after one was asked for. It stays a message if this cannot be."""
    contact = conversation.contact
    if contact.email_verified or _addresses_lately(contact) >= EMAILS_PER_HOUR:
        return
    _keep_address(conversation, address)


def _addresses_lately(contact: Contact) -> int:
    hour_ago = timezone.now() - timedelta(hours=1)
    return Activity.objects.filter(conversation__contact=contact, kind="email_set", created_at__gt=hour_ago).count()


def _keep_address(conversation: Conversation, address: str) -> None:
    contact = conversation.contact
    if conversation.email_asked:
        conversation.email_asked = False
        conversation.save(update_fields=["email_asked", "updated_at"])
    given_here = Activity.objects.filter(conversation=conversation, kind="email_set").exists()
    if contact.email == address and given_here:
        return
    if contact.email != address:
        contact.email, contact.email_verified = address, False
        contact.save(update_fields=["email", "email_verified"])
    masked = email_address.masked(address)
    activities.record(conversation, "email_set", email=masked)
    with translation.override(language_of(conversation)):
        text = _("Thank you. We will write to %(email)s when you are no longer here.") % {"email": masked}
        append(conversation, Draft(role=Message.Role.NOTICE, text=text, kind=Message.Kind.STATE))


@transaction.atomic
def ask_person(*, conversation_id: int, reason: str = "asked") -> None:
    """The customer wants a person. Asking again changes nothing."""
    apply(_locked(conversation_id), Event.PERSON_ASKED, reason=reason)


@transaction.atomic
def cancel_person(*, conversation_id: int) -> None:
    """The customer waits no longer and goes back to the bot. Means nothing once an agent is there."""
    conversation = _locked(conversation_id)
    if conversation.state == State.WAITING:
        apply(conversation, Event.CUSTOMER_WENT_BACK)


@transaction.atomic
def rate(*, conversation_id: int, seq: int, value: int, comment: str = "") -> None:
    """Keep a thumbs up (1) or down (-1) on a bot or agent message; 0 takes it back. Raises Refusal."""
    message = Message.objects.filter(
        conversation_id=conversation_id, seq=seq, role__in=[Message.Role.BOT, Message.Role.AGENT]
    ).first()
    if message is None or value not in (-1, 0, 1):
        raise Refusal("not_found", _("This message cannot be rated."))
    if value == 0:
        Rating.objects.filter(message=message).delete()
    else:
        Rating.objects.update_or_create(message=message, defaults={"value": value, "comment": comment[:2000]})
    publishing.publish_on_commit(conversation_id, events.RatingOut(seq=seq, value=value))


def mark_seen(*, conversation_id: int, seq: int) -> None:
    """Up to `seq` the customer has read; never back, never beyond what there is. The desk is told."""
    unseen = Conversation.objects.filter(pk=conversation_id, customer_seen_seq__lt=seq, last_seq__gte=seq)
    if unseen.update(customer_seen_seq=seq):
        customer_presence.tell(conversation_id=conversation_id, online=True)


def set_context(*, contact_id: int, data: dict[str, Any]) -> None:
    """Keep what the host page says about the visitor: at most 40 short values, newest wins."""
    contact = Contact.objects.get(pk=contact_id)
    merged = {**contact.context, **{k: v[:500] if isinstance(v, str) else v for k, v in data.items()}}
    contact.context = dict(list(merged.items())[-CONTEXT_MAX_KEYS:])
    contact.save(update_fields=["context"])


# --- The bot ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class BotReply:
    """What a finished job wants written: the message's parts, and whether the bot gives up with it."""

    text: str
    kind: str
    offer_person: bool
    hand_off: str
    """Reason of a handoff, empty for none."""
    citations: Sequence[Citation]
    card: AnswerCard
    canned_id: int | None = None
    topic: str = ""
    withheld: str = ""
    """Purpose of the draft that it becomes instead of a message (`unsure`, `review`); empty for none."""


def post_bot_reply(*, conversation: Conversation, reply: BotReply) -> tuple[Message, events.MessageOut]:
    """Append the bot's message. The caller holds the conversation's lock in a transaction and publishes it."""
    message, shown = append(
        conversation,
        Draft(
            role=Message.Role.BOT,
            text=reply.text,
            kind=reply.kind,
            offer_person=reply.offer_person,
            citations=reply.citations,
            card=reply.card,
            canned_reply=CannedReply.objects.filter(pk=reply.canned_id).first() if reply.canned_id else None,
        ),
        publish=False,
    )
    abstained = reply.kind == Message.Kind.ABSTAIN
    abstentions = conversation.abstentions + 1 if abstained else 0
    if abstentions != conversation.abstentions:
        conversation.abstentions = abstentions
        conversation.save(update_fields=["abstentions", "updated_at"])
    if reply.topic and reply.topic != conversation.topic:
        conversation.topic = reply.topic[:80]
        conversation.save(update_fields=["topic", "updated_at"])
    return message, shown


def give_up(*, conversation: Conversation, reason: str) -> None:
    """The bot hands the conversation to people. The caller holds the lock in a transaction."""
    apply(conversation, Event.BOT_GAVE_UP, reason=reason)


def withhold(*, conversation: Conversation, reply: BotReply, trigger: Message) -> None:
    """The reply becomes a draft for an agent. The caller holds the lock in a transaction."""
    apply(conversation, Event.BOT_WITHHELD, reason=reply.hand_off or reply.withheld)
    suggestions.keep_withheld(conversation, trigger, purpose=reply.withheld, made=reply)


# --- Carrying out ------------------------------------------------------------------------------------
def _locked(conversation_id: int) -> Conversation:
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("inbox", "contact", "assignee")
        .get(pk=conversation_id)
    )


def lock(*, conversation_id: int) -> Conversation:
    """The conversation's row, locked until the end of the caller's transaction."""
    return _locked(conversation_id)


def known(conversation: Conversation, client_id: str) -> events.MessageOut | None:
    """The message that was posted with this client id before."""
    message = Message.objects.filter(conversation=conversation, client_id=client_id).first()
    return selectors.message_out(message) if message is not None else None


def append(conversation: Conversation, draft: Draft, *, publish: bool = True) -> tuple[Message, events.MessageOut]:
    """One more message, with the next number. The caller holds the conversation's lock in a transaction."""
    conversation.last_seq += 1
    _summarise(conversation, draft)
    message = Message.objects.create(
        conversation=conversation,
        seq=conversation.last_seq,
        client_id=draft.client_id,
        role=draft.role,
        kind=draft.kind,
        text=draft.text,
        author=draft.author,
        offer_person=draft.offer_person,
        via=draft.via,
        canned_reply=draft.canned_reply,
    )
    for citation in draft.citations:
        citation.message = message
    if draft.citations:
        Citation.objects.bulk_create(draft.citations)
    if draft.card is not None:
        draft.card.message = message
        draft.card.save()
    if draft.canned_reply is not None:
        canned_services.count_use(canned=draft.canned_reply)
    shown = selectors.fresh_message_out(message, draft.citations)
    if publish:
        publishing.publish_on_commit(conversation.pk, shown)
    rows.changed(conversation.pk)
    return message, shown


def _summarise(conversation: Conversation, draft: Draft) -> None:
    """Keep what the lists show of the newest message, and since when a customer waits for a person."""
    now = timezone.now()
    if draft.role != Message.Role.NOTICE:
        conversation.last_message_at = now
        conversation.preview, conversation.preview_role = " ".join(draft.text[:400].split())[:200], draft.role
    if draft.role == Message.Role.CUSTOMER:
        conversation.snoozed_until = None
        if conversation.state in (State.WAITING, State.AGENT):
            conversation.unanswered_since = conversation.unanswered_since or now
    elif draft.role == Message.Role.AGENT:
        conversation.unanswered_since = None
        conversation.first_replied_at = conversation.first_replied_at or now
    conversation.save(update_fields=[*_SUMMARY, "last_seq", "updated_at"])


def apply(
    conversation: Conversation,
    event: Event,
    *,
    trigger: Message | None = None,
    agent: User | None = None,
    reason: str = "",
    word: str = "",
) -> None:
    """Move the conversation by the table and carry the effects out. The caller holds its lock in a transaction."""
    before = State(conversation.state)
    try:
        transition = transitions.decide(before, event)
    except transitions.Refused as refused:
        raise Refusal("not_now", _("This is not possible in the conversation's present state.")) from refused
    _move(conversation, before, transition.to, agent=agent, reason=reason, word=word)
    for effect in transition.effects:
        _carry_out(effect, conversation, trigger)


def _move(
    conversation: Conversation, before: State, after: State, *, agent: User | None, reason: str, word: str
) -> None:
    if agent is None and before == after:
        return
    had = conversation.assignee_id
    if agent is not None:
        conversation.assignee = agent
    if before != after:
        now: datetime = timezone.now()
        conversation.state = after
        conversation.waiting_since = now if after is State.WAITING else None
        conversation.resolved_at = now if after is State.RESOLVED else None
        if after is State.WAITING:
            _wait(conversation, before, now, reason=reason, word=word)
        else:
            ended = after in (State.BOT, State.RESOLVED) or conversation.assignee_id != had
            handing_over.left(conversation, waited=before is State.WAITING, freed=had if ended else None)
        if after in (State.BOT, State.RESOLVED):
            conversation.unanswered_since = conversation.snoozed_until = None
            suggestions.withdraw(conversation)
        if after is State.BOT:
            conversation.abstentions = 0
            conversation.assignee = None
            conversation.email_asked = False
        publishing.publish_on_commit(conversation.pk, events.StateOut.model_validate({"state": str(after)}))
    conversation.save()
    if before is not State.RESOLVED and after is State.RESOLVED:
        ratings.ask(conversation)
    rows.changed(conversation.pk)


def _wait(conversation: Conversation, before: State, now: datetime, *, reason: str, word: str) -> None:
    conversation.unanswered_since = conversation.unanswered_since or now
    if before is State.RESOLVED:
        conversation.assignee = None  # who resolved it may have left; the queue decides anew
    handing_over.entered(conversation, reason=reason, word=word)
    activities.record(conversation, "handoff", reason=reason[:40], word=word)


def _carry_out(effect: Effect, conversation: Conversation, trigger: Message | None) -> None:
    match effect:
        case Effect.QUEUE_REPLY:
            if trigger is not None:
                job = ReplyJob.objects.create(conversation=conversation, trigger=trigger)
                queueing.enqueue_on_commit(job.pk)
        case Effect.QUEUE_SUGGESTION:
            purpose = "draft" if conversation.inbox.mode == Inbox.Mode.DRAFT else "assist"
            suggestions.request(conversation, purpose=purpose, trigger=trigger)
        case Effect.CANCEL_REPLIES:
            _cancel_replies(conversation)
        case _:
            _notice(conversation, effect)


def _cancel_replies(conversation: Conversation) -> None:
    active = ReplyJob.objects.filter(conversation=conversation, state__in=selectors.ACTIVE_JOBS)
    for job in active:
        if job.state == ReplyJob.State.RUNNING:
            publishing.publish_on_commit(
                conversation.pk, events.StreamStatus(job=job.pk, attempt=job.attempt, stage="dropped")
            )
    if active.update(state=ReplyJob.State.CANCELLED, finished_at=timezone.now()):
        transaction.on_commit(lambda: streams.forget(conversation_id=conversation.pk))


def _notice(conversation: Conversation, effect: Effect) -> None:
    with translation.override(language_of(conversation)):
        if effect is Effect.NOTICE_HANDOFF:
            kind, text = handing_over.notice(conversation)
            conversation.save(update_fields=["email_asked", "updated_at"])
        else:
            kind, text = Message.Kind.STATE, _notice_text(conversation, effect)
        append(conversation, Draft(role=Message.Role.NOTICE, text=text, kind=kind))


def _notice_text(conversation: Conversation, effect: Effect) -> str:
    name = (conversation.assignee.get_short_name() if conversation.assignee else "") or _("A colleague")
    return {
        Effect.NOTICE_BOT_AGAIN: _("You are talking to the assistant again."),
        Effect.NOTICE_AGENT_JOINED: _("%(name)s has joined the conversation.") % {"name": name},
        Effect.NOTICE_RESOLVED: _("This conversation has been closed. Write again to reopen it."),
    }[effect]


def language_of(conversation: Conversation) -> str:
    """The catalogue for the product's own words in this conversation."""
    language = (conversation.inbox.language or conversation.language or settings.LANGUAGE_CODE).lower()
    return "zh-hans" if language.startswith("zh") else language.split("-")[0] or settings.LANGUAGE_CODE
