"""`manage.py ingest PATH|URL`: a file, a folder, a page or a sitemap, through to the answers."""

import json
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from retrieval import intake
from retrieval.intake_progress import StderrProgress

ACTOR = "command line"


class Command(BaseCommand):
    help = "Take in a file, a folder, a page or a sitemap and make it answerable."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", metavar="PATH|URL")
        parser.add_argument("--collection", default="default", help="collection the documents belong to")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        from retrieval.intake_reports import carry_through

        if not re.fullmatch(r"[-a-zA-Z0-9_]{1,60}", options["collection"]):
            raise CommandError("A collection's name has letters, digits, - and _ only.")
        try:
            source_ids = take(options["what"], options["collection"])
        except intake.Refusal as refusal:
            raise CommandError(str(refusal)) from None
        with StderrProgress(self.stderr) as progress:
            result = carry_through(source_ids, progress)
        self.stdout.write(json.dumps(result, ensure_ascii=False) if options["json"] else summary(result))
        if not result["ready"] and not result["waiting"]:
            raise CommandError("Nothing could be taken in; the reasons are above.")


def take(what: str, collection: str) -> list[int]:
    """Make the source(s) and return their ids. Raises intake.Refusal."""
    if re.match(r"https?://", what, re.IGNORECASE):
        add = intake.add_sitemap if re.search(r"sitemap[^/]*\.(?:xml|txt)(?:\.gz)?(?:\?|$)", what) else intake.add_url
        return [add(what, collection=collection, actor=ACTOR).pk]
    path = Path(what).expanduser()
    if path.is_dir():
        return [intake.add_folder(path, collection=collection, actor=ACTOR).pk]
    if not path.is_file():
        raise intake.Refusal(f"There is no file or folder {what}.")
    if path.name.lower().endswith(intake.DATASET_SUFFIXES):
        return [intake.add_dataset(path, collection=collection, actor=ACTOR).pk]
    size = path.stat().st_size
    if size > settings.UPLOAD_MAX_BYTES:
        document = intake.add_too_large(path.name, size, collection=collection, actor=ACTOR)
    else:
        upload = intake.Upload(path.name, path.read_bytes())
        document = intake.add_upload([upload], collection=collection, actor=ACTOR)[0]
    return [intake.source_of(document.document_id)]


def summary(result: dict[str, Any]) -> str:
    lines = [f"{source['name']}: {source['reason']}" for source in result["sources"] if source["reason"]]
    lines += [f"{row['key']}: {row['reason']}" for row in result["failed"]]
    lines.append(
        f"{result['ready']} of {result['documents']} documents are in the answers, {result['failures']} could not be "
        f"read, {result['waiting']} still wait."
    )
    return "\n".join(lines)
