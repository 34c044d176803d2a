"""`manage.py fit_confidence DIR...`: fits the weights of `evidence.py` on sets of documents and questions.

Prints them with how well they tell right from wrong on each set when fitted on the others. Changes nothing: weights are
code, and a change of them is reviewed like one.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Fit the confidence of answers on folders with documents.jsonl and queries.jsonl."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folders", metavar="DIR", type=Path, nargs="+")
        parser.add_argument("--limit", type=int, default=150, help="questions of each folder")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: str, **options: Any) -> None:
        from chatbot.conversations.answers import fitting, measuring
        from retrieval.embedding import EmbedderUnavailable
        from retrieval.evaluation import BadDataset

        try:
            sets = {
                folder.name: measuring.confidence_rows(
                    folder,
                    vectors=Path(settings.DATA_DIR) / "evaluation-vectors.sqlite3",
                    limit=options["limit"],
                    progress=self._progress,
                )
                for folder in options["folders"]
            }
        except (BadDataset, EmbedderUnavailable) as error:
            raise CommandError(str(error)) from error
        try:
            fitted = fitting.fit(sets)
        except fitting.TooLittle as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(fitted, indent=None if options["json"] else 2))

    def _progress(self, step: str, done: int, total: int) -> None:
        self.stderr.write(f"\r{step}: {done} of {total}", ending="\n" if done >= total else "")
        sys.stderr.flush()
