"""`manage.py export_conversations`: conversations as JSON lines, in the format that `import_conversations` reads."""

import sys
from datetime import date
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.accounts import audit
from chatbot.conversations.history import exporting
from chatbot.conversations.management.commands.import_conversations import find_inbox
from chatbot.conversations.models import Conversation


def _day(text: str) -> date:
    return date.fromisoformat(text)


class Command(BaseCommand):
    help = "Write conversations as JSON lines. Customers appear under pseudonyms unless --with-contacts is given."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--inbox", default="", metavar="KEY")
        parser.add_argument("--since", type=_day, metavar="YYYY-MM-DD")
        parser.add_argument("--until", type=_day, metavar="YYYY-MM-DD", help="this day included")
        parser.add_argument("--state", default="", choices=["", *Conversation.State.values])
        parser.add_argument("--with-contacts", action="store_true", help="names, e-mail addresses and contexts")
        parser.add_argument("--out", type=Path, help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        inbox = find_inbox(options["inbox"]) if options["inbox"] else None
        wanted = exporting.Filter(
            inbox=inbox.pk if inbox else None,
            since=options["since"],
            until=options["until"],
            state=options["state"],
        )
        conversations = exporting.narrow(Conversation.objects.all(), wanted)
        lines = exporting.json_lines(conversations, with_contacts=options["with_contacts"])
        if options["out"] is None:
            written = self._write(lines, self.stdout)
        else:
            try:
                with options["out"].open("w", encoding="utf-8") as file:
                    written = self._write(lines, file)
            except OSError as error:
                raise CommandError(f"{options['out']} cannot be written: {error.strerror or error}.") from error
        audit.record(
            actor="manage.py export_conversations",
            action="conversations.export",
            target="conversations",
            detail={**wanted.as_detail(), "rows": written, "contacts": options["with_contacts"], "format": "jsonl"},
        )
        sys.stderr.write(f"{written} conversations written\n")

    def _write(self, lines: Any, out: IO[str] | Any) -> int:
        written = 0
        for line in lines:
            out.write(line)
            written += 1
        return written
