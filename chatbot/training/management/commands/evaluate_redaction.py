"""`manage.py evaluate_redaction DIR`: how much personal data redaction finds in texts with marked spans."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.training import redaction_measuring


class Command(BaseCommand):
    help = (
        "Recall and precision per type on a folder of JSON Lines {text, spans: [{type, start, end}]}; half held back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--json", action="store_true", help="one object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            figures = redaction_measuring.both_halves(options["folder"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise CommandError(
                f"{options['folder']} cannot be measured: {error}. See docs/training-data.md."
            ) from error
        if not any(half["texts"] for half in figures.values()):
            raise CommandError(f"{options['folder']} holds no *.jsonl file with texts.")
        if options["json"]:
            self.stdout.write(json.dumps(figures))
            return
        for name, half in figures.items():
            self.stdout.write(f"{name}: {half['texts']} texts")
            for kind, row in half["types"].items():
                self.stdout.write(f"  {kind:8} recall {row['recall']} of {row['gold']}, precision {row['precision']}")
