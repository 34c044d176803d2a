"""`manage.py evaluate_retrieval DIR`: recall, MRR and nDCG of both arms and their fusion on any set of documents.

Builds its own index in memory; documents and index of this installation are neither read nor changed.
"""

import json
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

COLUMNS = ("recall@1", "recall@5", "recall@10", "recall@1ktok", "mrr@10", "ndcg@10")


class Command(BaseCommand):
    help = "Measure retrieval on a folder with documents.jsonl and queries.jsonl (plain or gzip)."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        from retrieval.chunking import PASSAGE_TOKENS

        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--limit", type=int, default=0, help="take so many questions, evenly spread")
        parser.add_argument("--passage-tokens", type=int, default=PASSAGE_TOKENS, help="size of a passage")
        parser.add_argument("--no-cache", action="store_true", help="embed everything anew")

    def handle(self, *_args: str, **options: Any) -> None:
        from retrieval import evaluation
        from retrieval.embedding import EmbedderUnavailable, get_embedder
        from retrieval.vectors import VectorStore

        if options["passage_tokens"] < 32 or options["limit"] < 0:
            raise CommandError("--passage-tokens must be at least 32 and --limit must not be negative.")
        with tempfile.TemporaryDirectory() as scratch:
            kept = Path(scratch) if options["no_cache"] else Path(settings.DATA_DIR)
            try:
                report = evaluation.evaluate(
                    options["folder"],
                    get_embedder(settings.EMBEDDER_MODEL),
                    store=VectorStore(kept / "evaluation-vectors.sqlite3"),
                    limit=options["limit"],
                    passage_tokens=options["passage_tokens"],
                    progress=self._progress,
                )
            except (evaluation.BadDataset, EmbedderUnavailable) as error:
                raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            self.stdout.write(_table(report))

    def _progress(self, step: str, done: int, total: int) -> None:
        end = "\n" if done >= total else ""
        self.stderr.write(f"\r{step}: {done} of {total}", ending=end)
        sys.stderr.flush()


def _table(report: dict[str, Any]) -> str:
    lines = ["".join([f"{'':8}", *(f"{column:>14}" for column in COLUMNS)])]
    lines += [
        "".join([f"{arm:8}", *(f"{report[arm][column]:>14.3f}" for column in COLUMNS)])
        for arm in ("lexical", "dense", "fusion")
    ]
    total = report["latency_ms"]["total"]
    lines.append(
        f"{report['n']} questions, {report['passages']} passages of {report['chunk_tokens']} wordpieces on average, "
        f"{total['p50']} ms (median) and {total['p95']} ms (p95) a question"
    )
    return "\n".join(lines)
