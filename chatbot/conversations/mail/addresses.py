"""Keys and addresses of e-mail threads: where an answer goes, which conversation an address names, who stops what.

Keys are made of small letters and digits, because mail servers may change the case of an address on its way.
"""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from email.utils import formataddr
from typing import Final

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction

from chatbot.conversations.models import Conversation

_KEY: Final = re.compile(r"^reply\+([a-z2-7]{32})$")
_MESSAGE_ID: Final = re.compile(r"^<[^\s<>@]{1,200}@[^\s<>@]{1,200}>$")
_SALT: Final = "chatbot.conversations.mail.stop"


# --- Where answers go ---------------------------------------------------------------------------------
def reply_address(conversation: Conversation) -> str:
    """The address that leads back into the conversation, or "" where no e-mail is received."""
    if not settings.INBOUND_EMAIL_DOMAIN:
        return ""
    return f"reply+{_key(conversation)}@{settings.INBOUND_EMAIL_DOMAIN}"


def _key(conversation: Conversation) -> str:
    """The conversation's key, made when it is first needed: 160 random bits."""
    while not conversation.email_key:
        made = base64.b32encode(secrets.token_bytes(20)).decode().lower()
        try:
            with transaction.atomic():
                Conversation.objects.filter(pk=conversation.pk, email_key=None).update(email_key=made)
        except IntegrityError:  # pragma: no cover - two equal keys of 160 bits
            continue
        conversation.email_key = Conversation.objects.values_list("email_key", flat=True).get(pk=conversation.pk)
    return conversation.email_key


def conversation_of(recipient: str) -> int | None:
    """The conversation that an address names. Everything else at our domain does not exist."""
    name, _at, domain = recipient.strip().strip("<>").lower().rpartition("@")
    found = _KEY.match(name)
    if not settings.INBOUND_EMAIL_DOMAIN or domain != settings.INBOUND_EMAIL_DOMAIN or found is None:
        return None
    return Conversation.objects.filter(email_key=found[1]).values_list("pk", flat=True).first()


# --- Names in headers -----------------------------------------------------------------------------------
def new_message_id() -> str:
    domain = settings.INBOUND_EMAIL_DOMAIN or settings.DEFAULT_FROM_EMAIL.rpartition("@")[2] or "localhost"
    return f"<{secrets.token_hex(16)}@{domain}>"


def is_message_id(text: str) -> bool:
    """Fit to stand in a header of ours; whoever wrote it may be anybody."""
    return _MESSAGE_ID.match(text) is not None


def one_line(text: str, most: int = 120) -> str:
    """Text of others as part of a header: no line breaks, no control characters."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:most]


def sender(conversation: Conversation) -> str:
    inbox = conversation.inbox
    name = one_line(inbox.company or inbox.title or inbox.name, 80)
    return formataddr((name, inbox.email_from or settings.DEFAULT_FROM_EMAIL))


# --- Stopping -------------------------------------------------------------------------------------------
def digest(address: str) -> str:
    return hashlib.sha256(address.strip().lower().encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class Stop:
    """What a link to stop e-mails names."""

    conversation_id: int
    address: str
    """The digest."""


def stop_url(conversation: Conversation, to: str) -> str:
    """A link that stops e-mails to this address; it can do nothing else and needs no login."""
    token = signing.dumps([conversation.pk, digest(to)], salt=_SALT)
    return f"{settings.PUBLIC_URL}/mail/stop/{token}/"


def read_stop(token: str) -> Stop | None:
    try:
        conversation_id, address = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Stop(int(conversation_id), str(address))
