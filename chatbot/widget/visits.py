"""What a socket may do: enter with a token, write, start anew, identify, log out. The consumer's one door inwards.

Plain functions that run in a thread. Each takes the Visit (who this socket stands for) and returns the next one;
each raises Refusal with a sentence for the customer.
"""

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Subquery
from django.utils.translation import gettext as _

from chatbot.conversations import desk_events, events, pages_seen, ratings, selectors, services
from chatbot.conversations.live import customer_presence, publishing
from chatbot.conversations.models import Conversation, Inbox
from chatbot.conversations.services import Refusal
from chatbot.widget import identity, limits, visitors
from chatbot.widget.models import Visitor

CONTEXT_MAX_VALUES: Final = 40


@dataclass(frozen=True)
class Visit:
    """Who a socket stands for, and which conversation it shows (None: none yet)."""

    inbox: Inbox
    visitor_id: int
    token: str
    identified: bool
    address: str
    language: str
    page: pages_seen.Page | None
    conversation_id: int | None = None
    public_id: UUID | None = None
    last_seq: int = 0
    """What the client holds of this conversation."""
    reset: bool = False
    """The client shows another conversation and must forget it."""
    problem: Refusal | None = None
    """Why an identity offered on entering was not accepted."""


@dataclass(frozen=True)
class Pulse:
    """Whether the visitor is still admitted, and the newest number of its conversation (None: it is gone)."""

    open: bool
    last_seq: int | None


def enter(*, inbox_key: str, hello: events.Hello, address: str) -> Visit:
    """Admit the bearer of a token (or a newcomer), apply an identity, and choose the conversation to show."""
    inbox = selectors.active_inbox(key=inbox_key) if hello.inbox == inbox_key else None
    if inbox is None:
        raise Refusal("unknown_inbox", _("This chat is not available."))
    visitor = visitors.admit(inbox=inbox, token=hello.token)
    problem = None
    if hello.identity:
        try:
            visitor = _identify(visitor.pk, inbox, hello.identity)
        except Refusal as refusal:
            problem = refusal
    visit = Visit(
        inbox=inbox,
        visitor_id=visitor.pk,
        token=visitors.token_of(visitor),
        identified=_identified(visitor),
        address=address,
        language=hello.language,
        page=pages_seen.clean(hello.page.url, hello.page.title),
        problem=problem,
    )
    _keep_page(visit, visitor)
    return _showing(visit, visitor, hello.conversation, hello.last_seq)


def _keep_page(visit: Visit, visitor: Visitor) -> None:
    """Note where the customer is. A visitor who has not written yet is nobody: the page waits in the visit."""
    if visitor.contact_id is not None and visit.page is not None:
        pages_seen.keep(contact_id=visitor.contact_id, page=visit.page)


def _identify(visitor_id: int, inbox: Inbox, token: str) -> Visitor:
    claims = identity.verify(token, key=inbox.key, secret=inbox.secret)
    return visitors.identify(visitor_id=visitor_id, claims=claims)


def _identified(visitor: Visitor) -> bool:
    return visitor.contact is not None and visitor.contact.external_id is not None


def _showing(visit: Visit, visitor: Visitor, shown: UUID | None, last_seq: int) -> Visit:
    """The visit with the conversation the client shows, if it is the visitor's own, or else the latest one."""
    conversation = None
    if visitor.contact_id is not None:
        if shown is not None:
            conversation = selectors.conversation_of(contact_id=visitor.contact_id, public_id=shown)
        conversation = conversation or selectors.latest_conversation(contact_id=visitor.contact_id)
    if conversation is None:
        return replace(visit, conversation_id=None, public_id=None, last_seq=0, reset=shown is not None)
    same = conversation.public_id == shown and last_seq <= conversation.last_seq
    return replace(
        visit,
        conversation_id=conversation.pk,
        public_id=conversation.public_id,
        last_seq=last_seq if same else 0,
        reset=shown is not None and not same,
    )


# --- Writing -------------------------------------------------------------------------------------------
def ready_to_write(visit: Visit) -> Visit:
    """The visit with a conversation to write into, opened now when the visitor has none."""
    _may_write(visit)
    if visit.conversation_id is not None:
        return visit
    with transaction.atomic():
        visitor = visitors.lock(visitor_id=visit.visitor_id)
        latest = selectors.latest_conversation(contact_id=visitors.contact_of(visitor).pk)
        return _moved(visit, latest or _open(visit, visitor))


def _may_write(visit: Visit) -> None:
    if visit.inbox.require_identity and not visit.identified:
        raise Refusal("identity_required", _("Please sign in on this site to use the chat."))
    if not visitors.is_open(visitor_id=visit.visitor_id):
        raise Refusal("signed_out", _("You have been signed out. Please open the chat again."))


def _open(visit: Visit, visitor: Visitor) -> Conversation:
    limits.conversation(address=visit.address)
    contact = visitors.contact_of(visitor)
    _keep_page(visit, visitor)
    return services.open_conversation(
        inbox=visit.inbox,
        contact=contact,
        language=visit.language,
        page_url=visit.page.url if visit.page else "",
    )


def _moved(visit: Visit, conversation: Conversation) -> Visit:
    return replace(
        visit,
        conversation_id=conversation.pk,
        public_id=conversation.public_id,
        last_seq=0,
        reset=visit.public_id not in (None, conversation.public_id),
    )


def post(visit: Visit, message: events.MessageSend) -> events.Ack:
    """Keep one message of the customer, once. The visit has a conversation."""
    conversation_id, public_id = _conversation(visit)
    limits.message(visitor_id=visit.visitor_id, address=visit.address, inbox_id=visit.inbox.pk)
    posted = services.post_customer_message(
        conversation_id=conversation_id, client_id=message.client_id, text=message.text
    )
    return events.Ack(client_id=message.client_id, seq=posted.message_out.seq, conversation=public_id)


def start_anew(visit: Visit) -> Visit:
    """A new conversation; the present one when nothing was said in it yet."""
    _may_write(visit)
    with transaction.atomic():
        visitor = visitors.lock(visitor_id=visit.visitor_id)
        latest = selectors.latest_conversation(contact_id=visitors.contact_of(visitor).pk)
        return _moved(visit, latest if latest and latest.last_seq == 0 else _open(visit, visitor))


def ask_person(visit: Visit) -> None:
    services.ask_person(conversation_id=_conversation(visit)[0])


def cancel_person(visit: Visit) -> None:
    if visit.conversation_id is not None:
        services.cancel_person(conversation_id=visit.conversation_id)


def rate(visit: Visit, rating: events.RatingSet) -> None:
    services.rate(conversation_id=_conversation(visit)[0], seq=rating.seq, value=rating.value, comment=rating.comment)


def rate_conversation(visit: Visit, rating: events.ConversationRate) -> None:
    """What the customer thought of the conversation this socket shows."""
    conversation_id, _public_id = _conversation(visit)
    _may_write(visit)
    limits.opinion(visitor_id=visit.visitor_id)
    ratings.rate(conversation_id=conversation_id, value=rating.value, comment=rating.comment)


def set_email(visit: Visit, email: str) -> None:
    """Where to write when the customer has left. A tab of somebody who has signed out may not say it."""
    conversation_id, _public_id = _conversation(visit)
    _may_write(visit)
    limits.opinion(visitor_id=visit.visitor_id)
    services.set_email(conversation_id=conversation_id, email=email)


def typing(visit: Visit, on: bool) -> None:
    """Tell the desks that have the conversation open. Reads and writes nothing."""
    if visit.conversation_id is not None and visit.public_id is not None:
        told = desk_events.CustomerTyping(conversation=visit.public_id, on=on)
        publishing.publish_desk(desk_events.followers_group(visit.conversation_id), told)


def page(visit: Visit, seen: events.PageSeen) -> Visit:
    """The visit on another page of the site. What is no web page changes nothing."""
    found = pages_seen.clean(seen.url, seen.title)
    if found is None:
        return visit
    moved = replace(visit, page=found)
    visitor = Visitor.objects.filter(pk=visit.visitor_id, closed_at=None).first()
    if visitor is not None:
        _keep_page(moved, visitor)
    return moved


def seen(visit: Visit, seq: int) -> None:
    if visit.conversation_id is not None:
        services.mark_seen(conversation_id=visit.conversation_id, seq=seq)


def set_context(visit: Visit, data: dict[str, Any]) -> None:
    if len(data) > CONTEXT_MAX_VALUES:
        raise Refusal(
            "context_too_large",
            _("The page sent too much about its visitor: at most %(n)d values.") % {"n": CONTEXT_MAX_VALUES},
        )
    with transaction.atomic():
        contact = visitors.contact_of(visitors.lock(visitor_id=visit.visitor_id))
        services.set_context(contact_id=contact.pk, data=data)


def _conversation(visit: Visit) -> tuple[int, UUID]:
    if visit.conversation_id is None or visit.public_id is None:
        raise Refusal("not_found", _("There is no conversation yet."))
    return visit.conversation_id, visit.public_id


# --- Who ------------------------------------------------------------------------------------------------
def identify(visit: Visit, token: str) -> Visit:
    """The visit as the identity's; its conversation when it was claimed or is theirs, else their latest one."""
    visitor = _identify(visit.visitor_id, visit.inbox, token)
    next_visit = replace(visit, visitor_id=visitor.pk, token=visitors.token_of(visitor), identified=True, problem=None)
    _keep_page(next_visit, visitor)
    return _showing(next_visit, visitor, visit.public_id, visit.last_seq)


def logout(visit: Visit) -> Visit:
    """The old token is dead; the visit goes on as a fresh anonymous visitor."""
    visitors.close(visitor_id=visit.visitor_id)
    visitor = visitors.admit(inbox=visit.inbox, token=None)
    return replace(
        visit,
        visitor_id=visitor.pk,
        token=visitors.token_of(visitor),
        identified=False,
        conversation_id=None,
        public_id=None,
        last_seq=0,
        reset=True,
    )


def renew(visit: Visit) -> Visit:
    """The visit with a token of today, rotated when due."""
    return replace(visit, token=visitors.token_of(visitors.admit(inbox=visit.inbox, token=visit.token)))


def pulse(visit: Visit, *, socket: str) -> Pulse:
    """One query per heartbeat, and the mark that the customer of this socket is still here."""
    newest = Conversation.objects.filter(pk=visit.conversation_id or 0).values("last_seq")[:1]
    row = Visitor.objects.filter(pk=visit.visitor_id, closed_at=None).values_list(Subquery(newest)).first()
    if row is not None and row[0] is not None:
        customer_presence.stay(conversation_id=visit.conversation_id or 0, socket=socket)
    return Pulse(open=row is not None, last_seq=row[0] if row else None)
