"""Rows of visitors: admitting a token, rotating it, tying a browser to an identity, logging out.

What it promises: a token of the present generation is always accepted; the one before is accepted until the browser
has shown the new one and a little longer, so that a lost reply or a second tab strands nobody; older ones never.
An anonymous history joins the first identity that claims it and no other: switching identities starts clean.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.conversations import pages_seen
from chatbot.conversations.models import Contact, Conversation, Inbox
from chatbot.conversations.services import Refusal
from chatbot.widget import tokens
from chatbot.widget.identity import Claims
from chatbot.widget.models import IdentityUse, Visitor

ROTATE_AFTER: Final = timedelta(hours=1)
GRACE: Final = timedelta(minutes=10)


class Standing(StrEnum):
    CURRENT = "current"
    PREVIOUS = "previous"
    DEAD = "dead"


@dataclass(frozen=True)
class Presented:
    """A token held against its visitor's row. All that the decision rests on."""

    shown: int
    """Generation of the token."""
    generation: int
    confirmed_at: datetime | None
    rotated_at: datetime
    closed: bool


def standing(case: Presented, *, now: datetime) -> Standing:
    """Whether the token is accepted. Pure."""
    if case.closed:
        return Standing.DEAD
    if case.shown == case.generation:
        return Standing.CURRENT
    if case.shown == case.generation - 1 and (case.confirmed_at is None or now - case.confirmed_at <= GRACE):
        return Standing.PREVIOUS
    return Standing.DEAD


def due_for_rotation(case: Presented, *, now: datetime) -> bool:
    """Only a generation that is known to have reached the browser is replaced. Pure."""
    return case.shown == case.generation and case.confirmed_at is not None and now - case.rotated_at >= ROTATE_AFTER


def token_of(visitor: Visitor) -> str:
    return tokens.sign(tokens.VisitorToken(visitor.public_id, visitor.generation))


def admit(*, inbox: Inbox, token: str | None) -> Visitor:
    """The visitor whose token this is, rotated when due; a fresh anonymous one for a token that is not accepted."""
    read = tokens.read(token)
    visitor = Visitor.objects.filter(public_id=read.visitor, inbox=inbox).first() if read else None
    if read is None or visitor is None:
        return Visitor.objects.create(inbox=inbox)
    now = timezone.now()
    case = Presented(
        read.generation, visitor.generation, visitor.confirmed_at, visitor.rotated_at, visitor.closed_at is not None
    )
    if standing(case, now=now) is Standing.DEAD:
        return Visitor.objects.create(inbox=inbox)
    same = Visitor.objects.filter(pk=visitor.pk, generation=read.generation)
    if case.shown == case.generation and case.confirmed_at is None:
        same.filter(confirmed_at=None).update(confirmed_at=now)
    elif due_for_rotation(case, now=now):
        same.update(generation=read.generation + 1, confirmed_at=None, rotated_at=now)
    visitor.refresh_from_db()
    return visitor


def is_open(*, visitor_id: int) -> bool:
    return Visitor.objects.filter(pk=visitor_id, closed_at=None).exists()


def close(*, visitor_id: int) -> None:
    """No token of this visitor is accepted from now on."""
    Visitor.objects.filter(pk=visitor_id, closed_at=None).update(closed_at=timezone.now())


def lock(*, visitor_id: int) -> Visitor:
    """The open visitor's row, locked until the end of the caller's transaction. Raises Refusal when it is closed."""
    visitor = (
        Visitor.objects.select_for_update(of=("self",))
        .select_related("contact", "inbox")
        .filter(pk=visitor_id, closed_at=None)
        .first()
    )
    if visitor is None:
        raise Refusal("signed_out", _("You have been signed out. Please open the chat again."))
    return visitor


def contact_of(visitor: Visitor) -> Contact:
    """The visitor's contact, made now when there is none. The caller holds the lock."""
    if visitor.contact is None:
        visitor.contact = Contact.objects.create(inbox=visitor.inbox)
        visitor.save(update_fields=["contact"])
    return visitor.contact


@transaction.atomic
def identify(*, visitor_id: int, claims: Claims) -> Visitor:
    """Tie the browser to the identity. Returns the visitor to go on with: another one after a switch of identity.

    Raises Refusal (`identity_replayed`) when the token was used before, unless by this visitor for this identity,
    whose first answer may have been lost.
    """
    visitor = lock(visitor_id=visitor_id)
    known = visitor.contact.external_id if visitor.contact else None
    if not _use(visitor, claims):
        if known == claims.subject:
            return visitor
        raise Refusal("identity_replayed", _("This sign-in was used before. Please reload the page."))
    person = _person(visitor.inbox, claims)
    if known is None:
        _claim(visitor, person)
        return visitor
    if known == claims.subject:
        return visitor
    close(visitor_id=visitor.pk)
    other = Visitor.objects.create(inbox=visitor.inbox, contact=person)
    IdentityUse.objects.filter(inbox=visitor.inbox, jti=claims.jti).update(visitor=other)
    return other


def _use(visitor: Visitor, claims: Claims) -> bool:
    """Note that the token was used. False when somebody else used it before."""
    try:
        with transaction.atomic():
            IdentityUse.objects.create(
                inbox=visitor.inbox, jti=claims.jti, visitor=visitor, expires_at=claims.expires_at
            )
    except IntegrityError:
        return False
    return True


def _person(inbox: Inbox, claims: Claims) -> Contact:
    """The customer whom the token names. An address in the token is one that the company vouches for."""
    person, _created = Contact.objects.get_or_create(inbox=inbox, external_id=claims.subject)
    said: dict[str, str | bool] = {"name": claims.name} if claims.name else {}
    if claims.email:
        said |= {"email": claims.email, "email_verified": True}
    if any(getattr(person, name) != value for name, value in said.items()):
        Contact.objects.filter(pk=person.pk).update(**said)
    return person


def _claim(visitor: Visitor, person: Contact) -> None:
    """Everything of the anonymous contact becomes the person's. Once: afterwards the visitor is nobody anonymous.

    But for an e-mail address that was typed: on a shared computer it may be another's, and would be sent what this
    person says later. The frame asks for one again where it is needed. The anonymous contact is left empty: nobody
    would find it again when the person is to be erased.
    """
    anonymous = visitor.contact
    if anonymous is not None:
        pages_seen.hand_over(from_contact_id=anonymous.pk, to_contact_id=person.pk)
        Conversation.objects.filter(contact=anonymous).update(contact=person)
        if anonymous.context:
            Contact.objects.filter(pk=person.pk).update(context={**person.context, **anonymous.context})
        Contact.objects.filter(pk=anonymous.pk).update(email="", email_verified=False, context={})
    visitor.contact = person
    visitor.save(update_fields=["contact"])


def purge(*, now: datetime | None = None, older_than: timedelta) -> int:
    """Remove used identity tokens that have expired and visitors whose token no longer can be valid.

    Visitors who never wrote go after a day. Returns how many rows were removed; conversations are never touched.
    """
    moment = now or timezone.now()
    uses, _kinds = IdentityUse.objects.filter(expires_at__lt=moment).delete()
    old = Visitor.objects.filter(rotated_at__lt=moment - older_than, created_at__lt=moment - older_than)
    silent = Visitor.objects.filter(contact=None, rotated_at__lt=moment - timedelta(days=1))
    return uses + old.delete()[0] + silent.delete()[0]
