"""`manage.py evaluate_answers DIR`: how good answers are on any set of documents and questions with answers.

The path is the customers': understanding, search, abstention, engine, verification. The index is built in memory and
thrown away; documents and index of this installation are neither read nor changed.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Measure answers on a folder with documents.jsonl and queries.jsonl (plain or gzip)."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--limit", type=int, default=0, help="take so many questions, evenly spread")
        parser.add_argument(
            "--no-hidden", action="store_true", help="do not ask again with the documents of the answer hidden"
        )

    def handle(self, *_args: str, **options: Any) -> None:
        from chatbot.conversations.answers import measuring
        from retrieval.embedding import EmbedderUnavailable
        from retrieval.evaluation import BadDataset

        if options["limit"] < 0:
            raise CommandError("--limit must not be negative.")
        try:
            report = measuring.evaluate_answers(
                options["folder"],
                vectors=Path(settings.DATA_DIR) / "evaluation-vectors.sqlite3",
                limit=options["limit"],
                hidden=not options["no_hidden"],
                progress=self._progress,
            )
        except (BadDataset, EmbedderUnavailable) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        for name, value in report.items():
            self.stdout.write(f"{name:22} {value}")

    def _progress(self, step: str, done: int, total: int) -> None:
        self.stderr.write(f"\r{step}: {done} of {total}", ending="\n" if done >= total else "")
        sys.stderr.flush()
