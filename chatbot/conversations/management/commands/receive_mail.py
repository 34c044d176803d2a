"""`manage.py receive_mail`: customers' answers by SMTP or LMTP, or one e-mail on standard input.

With `--stdin` the exit status is what mail servers expect: 0 taken, 67 no such address, 65 refused, 75 try again later.
"""

import email.utils
import os
import signal
import sys
from email import message_from_bytes, policy
from types import FrameType
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.conversations import mail
from chatbot.conversations.mail.receiving import Result

_STATUS: Final = {Result.UNKNOWN: 67, Result.REFUSED: 65, Result.LATER: 75}
_NAMES_RECIPIENT: Final = ("x-original-to", "delivered-to", "envelope-to", "to", "cc")


class Command(BaseCommand):
    help = "Receive customers' answers: an SMTP or LMTP server for your mail server, or one e-mail with --stdin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.INBOUND_EMAIL_HOST)
        parser.add_argument("--port", type=int, default=settings.INBOUND_EMAIL_PORT or 8025)
        parser.add_argument("--lmtp", action="store_true", help="speak LMTP instead of SMTP")
        parser.add_argument("--stdin", action="store_true", help="take one e-mail from standard input and end")
        parser.add_argument("--recipient", default="", help="with --stdin: the envelope's recipient")
        parser.add_argument("--sender", default=None, help="with --stdin: the envelope's sender")

    def handle(self, *args: Any, **options: Any) -> None:
        if not mail.answerable():
            raise CommandError(
                "Set INBOUND_EMAIL_DOMAIN to the domain of the addresses that customers answer to (docs/email.md)."
            )
        if options["stdin"]:
            sys.exit(self._take(options["recipient"], options["sender"]))
        self._serve(options["host"], options["port"], options["lmtp"])

    def _serve(self, host: str, port: int, lmtp: bool) -> None:
        from chatbot.conversations.mail.receiver import Receiver

        receiver = Receiver(host=host, port=port, lmtp=lmtp)
        try:
            receiver.start()
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port} ({error.strerror}). Choose another --port.") from error

        def stop(_signum: int, _frame: FrameType | None) -> None:
            receiver.stop()

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        self.stderr.write(f"Receiving e-mail for {settings.INBOUND_EMAIL_DOMAIN} on {host}:{receiver.port}.")
        receiver.wait()

    def _take(self, recipient: str, sender: str | None) -> int:
        from chatbot.conversations.mail import receiving

        content = sys.stdin.buffer.read(settings.INBOUND_EMAIL_MAX_BYTES + 1)
        candidates = [recipient] if recipient else [os.environ.get("ORIGINAL_RECIPIENT", ""), *named_in(content)]
        known = [address for address in candidates if address and receiving.knows(address).result is not Result.UNKNOWN]
        if not known:
            self.stderr.write("No such address.")
            return _STATUS[Result.UNKNOWN]
        outcome = receiving.receive(content, recipient=known[0], mail_from=sender)
        if not outcome.accepted:
            self.stderr.write(outcome.reason)
        return _STATUS.get(outcome.result, 0)


def named_in(content: bytes) -> list[str]:
    """Addresses in the headers that may name the recipient; the receiver's own key decides whether they do."""
    head = content[:64_000].split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0]
    values = [
        value[:4000]
        for name, value in message_from_bytes(head + b"\n\n", policy=policy.compat32).items()
        if name.lower() in _NAMES_RECIPIENT
    ]
    return [address for _name, address in email.utils.getaddresses([str(value) for value in values])][:50]
