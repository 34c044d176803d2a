"""A shop whose customer has left: rows, and mail servers in this process, for the tests of e-mail."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from django.utils import timezone

from chatbot.conversations import activities, handling
from chatbot.conversations.mail import outgoing, sending
from chatbot.conversations.models import Conversation, Message, OutboundEmail
from tests import factories

DOMAIN = "answers.shop.test"
CUSTOMER = "kim@customer.test"


def turn_on(settings: Any) -> None:
    settings.EMAIL_ENABLED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.INBOUND_EMAIL_DOMAIN = DOMAIN
    settings.EMAIL_DELAY_SECONDS = 60
    settings.DEFAULT_FROM_EMAIL = "chat@shop.test"
    settings.PUBLIC_URL = "https://chat.shop.test"


def left(*, email: str = CUSTOMER, given: bool = True, verified: bool = False, **kwargs: Any) -> Conversation:
    """A customer asked, gave an address and left."""
    contact = factories.contact(email=email, email_verified=verified, inbox=kwargs.pop("inbox", None))
    conversation = factories.conversation(contact=contact, **kwargs)
    factories.posted(conversation, "Where is my order 1042?")
    conversation.refresh_from_db()
    if given:
        activities.record(conversation, "email_set", email=email)
    Conversation.objects.filter(pk=conversation.pk).update(customer_seen_seq=conversation.last_seq)
    conversation.refresh_from_db()
    return conversation


def answered(conversation: Conversation, text: str = "It is on its way.", **kwargs: Any) -> int:
    agent = kwargs.pop("agent", None) or factories.user(first_name="Ada")
    posted = handling.reply(
        conversation_id=conversation.pk, agent=agent, client_id=f"reply-{text}"[:60].replace(" ", "-"), text=text
    )
    return posted.message_out.seq


def later(seconds: int = 61) -> Any:
    return timezone.now() + timedelta(seconds=seconds)


def age(conversation: Conversation, seconds: int = 61) -> None:
    """As if everything had been written so long ago."""
    past = timedelta(seconds=seconds)
    for message in Message.objects.filter(conversation=conversation):
        Message.objects.filter(pk=message.pk).update(created_at=message.created_at - past)


def queued(conversation: Conversation) -> OutboundEmail:
    assert outgoing.queue(conversation_id=conversation.pk, now=later())
    return OutboundEmail.objects.filter(conversation=conversation).latest("pk")


def sent(conversation: Conversation) -> OutboundEmail:
    row = queued(conversation)
    sending.run(row.pk)
    row.refresh_from_db()
    assert row.state == OutboundEmail.State.SENT, row.error
    return row


class PostOffice:
    """A mail server that keeps what it is given; `replies` are its next answers to RCPT or DATA."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.at_rcpt: list[str] = []
        self.at_data: list[str] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it
        self, _server: Any, _session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.at_rcpt:
            return self.at_rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        if self.at_data:
            return self.at_data.pop(0)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 OK"


@contextmanager
def post_office(settings: Any) -> Iterator[PostOffice]:
    """Django's SMTP backend sends to it over a real socket."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    office = PostOffice()
    controller = Controller(office, hostname="127.0.0.1", port=port, ready_timeout=20)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 20
    try:
        yield office
    finally:
        controller.stop()


def mail_from_customer(
    to: str,
    text: str = "Thank you!",
    *,
    sender: str = f"Kim <{CUSTOMER}>",
    message_id: str = "<m1@customer.test>",
    **headers: str,
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, headers.pop("Subject", "Re: Your conversation")
    if message_id:
        message["Message-ID"] = message_id
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message
