"""Makes the e-mail for a queued row: what was said, its sources, where to answer, how to stop it.

The same row always gives the same e-mail. Text of people and of the bot is escaped; nothing of it reaches a header.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.http import http_date
from django.utils.translation import gettext as _

from chatbot.conversations import mail, services
from chatbot.conversations.mail import addresses
from chatbot.conversations.models import Citation, Conversation, InboundEmail, Message, OutboundEmail

LOOP: Final = "parley"
"""Our own mark in X-Loop: what carries it is not taken in."""
_REFERENCES: Final = 12
_COLOR: Final = re.compile(r"^#[0-9a-fA-F]{6}$")
_TEAM: Final = (Message.Role.AGENT, Message.Role.BOT)


@dataclass(frozen=True)
class Said:
    """One message as the e-mail shows it."""

    author: str
    text: str
    sources: tuple[tuple[str, str, int], ...]
    """(title, address or "", number)"""


def compose(row: OutboundEmail) -> EmailMultiAlternatives:
    conversation = row.conversation
    language = services.language_of(conversation)
    with translation.override(language):
        context = _context(row, language)
        email = EmailMultiAlternatives(
            subject=_subject(row),
            body=render_to_string("mail/unseen.txt", context),
            from_email=addresses.sender(conversation),
            to=[row.to],
            headers=_headers(row, context["stop_url"]),
        )
        email.attach_alternative(render_to_string("mail/unseen.html", context), "text/html")
    return email


def _context(row: OutboundEmail, language: str) -> dict[str, object]:
    conversation = row.conversation
    inbox, contact = conversation.inbox, conversation.contact
    return {
        "language": "zh-Hans" if language == "zh-hans" else language,
        "company": addresses.one_line(inbox.company or inbox.title or inbox.name),
        # Somebody else's address must not be a way to send words of one's own to them.
        "customer": addresses.one_line(contact.name, 60) if contact.email_verified else "",
        "said": _said(row),
        "chat_url": chat_url(conversation),
        "answerable": mail.answerable(),
        "stop_url": addresses.stop_url(conversation, row.to),
        "color": inbox.color if _COLOR.match(inbox.color) else "#14685c",
    }


def _said(row: OutboundEmail) -> list[Said]:
    messages = Message.objects.filter(
        conversation_id=row.conversation_id, seq__gte=row.first_seq, seq__lte=row.last_seq, role__in=_TEAM
    )
    return [
        Said(
            author=message.author.shown_name if message.author else "",
            text=message.text,
            sources=tuple((c.title, web_address(c), c.number) for c in message.citations.all()),
        )
        for message in messages.select_related("author").prefetch_related("citations").order_by("seq")
    ]


def web_address(citation: Citation) -> str:
    """The source's address for somebody who reads elsewhere; "" for what is no web address."""
    url = citation.url
    if url.startswith("/") and not url.startswith("//"):
        return f"{settings.PUBLIC_URL}{url}"
    return url if urlsplit(url).scheme in ("http", "https") else ""


def chat_url(conversation: Conversation) -> str:
    """The page where the customer had the chat, if it is one of the inbox's own; else the first of its sites."""
    origins = [str(origin).rstrip("/") for origin in conversation.inbox.allowed_origins]
    try:
        page = urlsplit(conversation.page_url)
    except ValueError:
        page = urlsplit("")
    if page.scheme in ("http", "https") and f"{page.scheme}://{page.netloc}" in origins:
        whole = conversation.contact.email_verified  # as for the name
        return conversation.page_url if whole else f"{page.scheme}://{page.netloc}{page.path}"
    return next((origin for origin in origins if urlsplit(origin).scheme in ("http", "https")), "")


def _subject(row: OutboundEmail) -> str:
    """Always the same words, so that mail programs keep the thread together."""
    inbox = row.conversation.inbox
    subject = _("Your conversation with %(company)s") % {
        "company": addresses.one_line(inbox.company or inbox.title or inbox.name, 80)
    }
    return f"Re: {subject}" if _thread(row) else subject


def _headers(row: OutboundEmail, stop_url: object) -> dict[str, str]:
    thread = _thread(row)
    domain = row.email_id.strip("<>").rpartition("@")[2]
    headers = {
        "Message-ID": row.email_id,
        "Date": http_date(row.created_at.timestamp()).replace("GMT", "+0000"),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Loop": LOOP,
        "List-Id": f"<conversations.{domain}>",
        "List-Unsubscribe": f"<{stop_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if answers := addresses.reply_address(row.conversation):
        headers["Reply-To"] = answers
    if thread:
        headers["In-Reply-To"] = thread[-1]
        headers["References"] = " ".join(thread)
    return headers


def _thread(row: OutboundEmail) -> list[str]:
    """Message ids of the conversation's e-mails before this one, both ways, oldest first; the first is always kept."""
    sent = OutboundEmail.objects.filter(
        conversation_id=row.conversation_id, state=OutboundEmail.State.SENT, pk__lt=row.pk
    ).values_list("created_at", "email_id")
    came = InboundEmail.objects.filter(
        message__conversation_id=row.conversation_id, accepted=True, received_at__lt=row.created_at
    ).values_list("received_at", "email_id")
    ids = [email_id.split(" ")[0] for _at, email_id in sorted([*sent, *came])]
    fit = [email_id for email_id in dict.fromkeys(ids) if addresses.is_message_id(email_id)]
    return fit if len(fit) <= _REFERENCES else [fit[0], *fit[1 - _REFERENCES :]]
