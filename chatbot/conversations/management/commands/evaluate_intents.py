"""`manage.py evaluate_intents DIR`: how well canned replies are matched, on any labelled set of questions.

Canned replies of this installation are neither read nor changed.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Measure matching on a folder with intents.jsonl (plain or gzip)."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument("--shots", type=int, default=10, help="examples of each intent to learn from")
        parser.add_argument("--seed", type=int, help="draw the examples by chance; without it the first ones are taken")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: str, **options: Any) -> None:
        from chatbot.conversations.canned_replies import intent_measuring
        from retrieval.embedding import EmbedderUnavailable, get_embedder

        if options["shots"] < 1:
            raise CommandError("--shots must be at least 1.")
        try:
            report = intent_measuring.measure(
                options["folder"],
                get_embedder(settings.EMBEDDER_MODEL),
                shots=options["shots"],
                seed=options["seed"],
                progress=self._progress,
            )
        except (intent_measuring.BadIntents, EmbedderUnavailable) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        for name, value in report.items():
            self.stdout.write(f"{name:22} {'–' if value is None else value}")

    def _progress(self, step: str, done: int, total: int) -> None:
        self.stderr.write(f"\r{step}: {done} of {total}", ending="\n" if done >= total else "")
        sys.stderr.flush()
