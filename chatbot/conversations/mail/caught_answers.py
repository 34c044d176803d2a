"""Answers a caught e-mail as its customer's mail program would, through the code that takes real e-mails in."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from chatbot.conversations.mail import addresses, receiving
from chatbot.conversations.mail.catcher import Caught


def answer(mail: Caught, *, text: str, now: datetime | None = None) -> receiving.Outcome:
    """`text` above, the e-mail quoted below, as most programs do."""
    return receiving.receive(
        written(mail, text=text, now=now or datetime.now(UTC)), recipient=mail.reply_to, mail_from=mail.to
    )


def written(mail: Caught, *, text: str, now: datetime) -> bytes:
    message = EmailMessage()
    message["From"] = mail.to
    message["To"] = mail.reply_to
    message["Subject"] = mail.subject if mail.subject.startswith("Re: ") else f"Re: {mail.subject}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain="customer.localhost")
    if addresses.is_message_id(mail.message_id):
        message["In-Reply-To"] = message["References"] = mail.message_id
    quoted = "\n".join(f"> {line}" for line in mail.text.splitlines())
    message.set_content(f"{text}\n\nOn {now:%a, %d %b %Y at %H:%M}, {mail.sender} wrote:\n\n{quoted}\n")
    return message.as_bytes()
