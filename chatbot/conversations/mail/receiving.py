"""Takes one e-mail in: from bytes to the customer's message in the conversation that its address names.

What is answered with `KEPT` is in the database. The key in the address is the only proof of where an e-mail belongs:
its From line can be forged by anybody, so an unknown sender is kept and the team is warned. Machines are not answered
and their e-mails become no messages.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chatbot.conversations import services
from chatbot.conversations.mail import addresses, notes, parsing
from chatbot.conversations.mail.parsing import Parsed
from chatbot.conversations.models import Conversation, InboundEmail, Message, OutboundEmail

logger = logging.getLogger(__name__)

PARTS_MOST: Final = 5
"""A long e-mail becomes up to so many messages; a longer one is refused, never cut."""


class Result(StrEnum):
    KEPT = "kept"
    KNOWN = "known"
    IGNORED = "ignored"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True)
class Outcome:
    result: Result
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Nobody needs to send it again."""
        return self.result in (Result.KEPT, Result.KNOWN, Result.IGNORED)


def knows(recipient: str) -> Outcome:
    """Whether an e-mail to this address would be looked at. KEPT says yes."""
    try:
        found = addresses.conversation_of(recipient)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("A recipient could not be looked up: %s", error)
        return Outcome(Result.LATER, "The database does not answer.")
    return Outcome(Result.KEPT) if found is not None else Outcome(Result.UNKNOWN, "No such address.")


def receive(content: bytes, *, recipient: str, mail_from: str | None = None) -> Outcome:
    """Keep the e-mail, or say why not. Never raises: what cannot be done now may be sent again later."""
    try:
        return _receive(content, recipient, mail_from)
    except parsing.Unreadable as error:
        return Outcome(Result.REFUSED, str(error))
    except services.Refusal as refusal:
        return Outcome(Result.REFUSED, refusal.message)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("An e-mail could not be kept and should come again: %s", error)
        return Outcome(Result.LATER, "The database does not answer.")
    except Exception:
        logger.exception("An e-mail could not be read and may come again.")
        return Outcome(Result.LATER, "Something went wrong here.")


def _receive(content: bytes, recipient: str, mail_from: str | None) -> Outcome:
    if len(content) > settings.INBOUND_EMAIL_MAX_BYTES:
        return Outcome(Result.REFUSED, f"This e-mail is larger than {settings.INBOUND_EMAIL_MAX_BYTES} bytes.")
    conversation_id = addresses.conversation_of(recipient)
    if conversation_id is None:
        return Outcome(Result.UNKNOWN, "No such address.")
    parsed = parsing.parse(content, mail_from=mail_from)
    key = _row_key(parsed, conversation_id)
    if InboundEmail.objects.filter(email_id=key).exists():
        return Outcome(Result.KNOWN)
    if _is_over_limit(parsed, conversation_id):
        return Outcome(Result.LATER, "Too many e-mails in an hour. Please try again later.")
    try:
        return _keep(parsed, conversation_id, key)
    except IntegrityError:
        # The same e-mail came in twice at once, and the other one was first.
        return Outcome(Result.KNOWN) if InboundEmail.objects.filter(email_id=key).exists() else _again(key)


def _again(key: str) -> Outcome:
    logger.warning("The e-mail %s met another change and should come again.", key)
    return Outcome(Result.LATER, "Please try again.")


def _row_key(parsed: Parsed, conversation_id: int) -> str:
    return f"{parsed.message_id} {conversation_id}"


def _is_over_limit(parsed: Parsed, conversation_id: int) -> bool:
    limit: int = settings.INBOUND_EMAIL_PER_HOUR
    lately = InboundEmail.objects.filter(received_at__gt=timezone.now() - timedelta(hours=1))
    if lately.filter(email_id__endswith=f" {conversation_id}").count() >= limit:
        return True
    return bool(parsed.sender) and lately.filter(sender=parsed.sender).count() >= limit


# --- Keeping --------------------------------------------------------------------------------------------
@transaction.atomic
def _keep(parsed: Parsed, conversation_id: int, key: str) -> Outcome:
    conversation = services.lock(conversation_id=conversation_id)
    row = InboundEmail(email_id=key, sender=parsed.sender, subject=parsed.subject)
    if reason := _why_ignored(parsed):
        row.reason = reason
        row.save()
        if parsed.bounce:
            notes.came_back(conversation, once=f"bounce {timezone.now():%Y-%m-%d}")
        return Outcome(Result.IGNORED, reason)
    row.accepted = True
    row.message = _post(parsed, conversation)
    row.save()
    _check_sender(parsed, conversation, key)
    if parsed.attachments:
        notes.dropped(conversation, count=parsed.attachments, once=f"attachments {key}")
    services.mark_seen(conversation_id=conversation.pk, seq=conversation.emailed_seq)
    return Outcome(Result.KEPT)


def _why_ignored(parsed: Parsed) -> str:
    if parsed.automatic:
        return parsed.automatic
    if OutboundEmail.objects.filter(email_id=parsed.message_id).exists():
        return "loop"
    return ""


def _post(parsed: Parsed, conversation: Conversation) -> Message:
    """The e-mail's words as the customer's messages; the first of them."""
    name = hashlib.sha256(parsed.message_id.encode("utf-8", "replace")).hexdigest()[:40]
    parts = list(_parts(parsed.text or _without_words(parsed, conversation)))
    if len(parts) > PARTS_MOST:
        raise services.Refusal("message_too_long", "This e-mail is too long. Please write less and send it again.")
    for number, part in enumerate(parts):
        services.post_customer_message(
            conversation_id=conversation.pk,
            client_id=f"mail-{name}-{number}",
            text=part,
            via=Message.Via.EMAIL,
        )
    return Message.objects.get(conversation=conversation, client_id=f"mail-{name}-0")


def _without_words(parsed: Parsed, conversation: Conversation) -> str:
    with translation.override(services.language_of(conversation)):
        return _("(An e-mail without text.)")


def _parts(text: str) -> Iterator[str]:
    """Pieces that fit a message, cut at the end of a line or a word where there is one."""
    limit: int = settings.MESSAGE_MAX_CHARS
    while len(text) > limit:
        cut = max(text.rfind("\n", limit // 2, limit), text.rfind(" ", limit // 2, limit))
        cut = cut if cut > 0 else limit
        if text[:cut].strip():
            yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text


def _check_sender(parsed: Parsed, conversation: Conversation, key: str) -> None:
    """The customer's own address is verified by an answer from it. Another one is told to the team."""
    contact = conversation.contact
    if not contact.email or parsed.sender != contact.email.lower():
        notes.forged(conversation, sender=parsed.sender, once=f"sender {key}")
    elif not contact.email_verified:
        contact.email_verified = True
        contact.save(update_fields=["email_verified"])
