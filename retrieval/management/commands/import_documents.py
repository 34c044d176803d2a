"""`manage.py import_documents FILE`: the rows of a JSON Lines file, through to the answers."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from retrieval import intake
from retrieval.intake_progress import StderrProgress
from retrieval.management.commands.ingest import ACTOR, summary


class Command(BaseCommand):
    help = "Take in documents from a JSON Lines file ({doc_id, title, text, lang, ...}), plain or gzip."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--collection", default="default", help="collection the documents belong to")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        from retrieval.intake_reports import carry_through

        try:
            source = intake.add_dataset(options["file"], collection=options["collection"], actor=ACTOR)
        except intake.Refusal as refusal:
            raise CommandError(str(refusal)) from None
        with StderrProgress(self.stderr) as progress:
            result = carry_through([source.pk], progress)
        self.stdout.write(json.dumps(result, ensure_ascii=False) if options["json"] else summary(result))
        if not result["ready"] and not result["waiting"]:
            raise CommandError("Nothing could be taken in; the reasons are above.")
