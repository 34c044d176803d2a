"""`manage.py harvest`: resolved conversations become examples for review, where an inbox's rule says so."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.conversations.management.commands.import_conversations import find_inbox
from chatbot.training.harvesting import harvest
from chatbot.training.models import HarvestRule


class Command(BaseCommand):
    help = "Make examples of resolved conversations. Only inboxes whose rule is on; again is safe."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--inbox", default="", metavar="KEY")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        inbox = find_inbox(options["inbox"]) if options["inbox"] else None
        rules = HarvestRule.objects.filter(enabled=True)
        if not (rules.filter(inbox=inbox) if inbox else rules).exists():
            raise CommandError("No inbox may be harvested: turn its harvest rule on first (Training, Rules).")
        report = harvest(inbox=inbox, by="manage.py harvest")
        self.stdout.write(json.dumps(report.as_json()) if options["json"] else str(report))
