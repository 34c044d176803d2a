"""`manage.py import_conversations FILE`: history of this or another tool into an inbox; again is safe."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.accounts import audit
from chatbot.conversations.history import formats
from chatbot.conversations.history.importing import Summary, import_file
from chatbot.conversations.models import Inbox


class Command(BaseCommand):
    help = "Import conversations (JSON lines or JSON, plain or gzip). With --json only JSON goes to standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--inbox", default="", metavar="KEY", help="may be left out when there is only one inbox")
        parser.add_argument("--format", default=formats.AUTO, choices=[formats.AUTO, *formats.PARSERS])
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        inbox = find_inbox(options["inbox"])
        summary = import_file(path=path, inbox=inbox, format_=options["format"], progress=self._progress)
        audit.record(
            actor="manage.py import_conversations",
            action="conversations.import",
            target=inbox.name,
            detail={"file": path.name, **{k: v for k, v in summary.as_json().items() if k != "errors"}},
        )
        self._progress(summary, at_end=True)
        if options["json"]:
            self.stdout.write(json.dumps(summary.as_json(), ensure_ascii=False))
            return
        for error in summary.errors:
            self.stderr.write(f"line {error['line']}: {error['error']}")
        self.stdout.write(
            f"{summary.conversations} conversations, {summary.messages} messages, {summary.contacts} contacts; "
            f"{summary.appended} had grown, {summary.skipped} were here already, "
            f"{len(summary.errors) + summary.errors_left_out} could not be read"
        )

    def _progress(self, summary: Summary, *, at_end: bool = False) -> None:
        if at_end or summary.read % 500 == 0:
            sys.stderr.write(f"{summary.read} conversations read, {summary.messages} messages written\n")


def find_inbox(key: str) -> Inbox:
    """The inbox that was named, or the only one. Raises CommandError."""
    if key:
        inbox = Inbox.objects.filter(key=key).first()
        if inbox is None:
            raise CommandError(f"There is no inbox with the key {key}. The keys stand on the page of inboxes.")
        return inbox
    inboxes = list(Inbox.objects.all()[:2])
    if len(inboxes) != 1:
        raise CommandError("Say which inbox with --inbox KEY; the keys stand on the page of inboxes.")
    return inboxes[0]
