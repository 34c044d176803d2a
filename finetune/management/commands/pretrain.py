"""`manage.py pretrain`: a small model of one's own, from nothing or from another, and how well it answers."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

LAYERS = 8
_VOCABULARIES = range(512, 100_001)
_READ = (".md", ".txt")
_MOST_BYTES = 50 * 1024 * 1024


class Command(BaseCommand):
    help = "Pre-train a small model on lessons about invented companies, and on your own texts. Goes on where it was."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("out", metavar="DIR", type=Path, help="where the finished model goes; must not exist")
        parser.add_argument("--tokens", type=float, default=10e6, help="tokens to see (default 10e6)")
        parser.add_argument("--base", default="", metavar="DIR", help="model to go on with")
        parser.add_argument("--documents", type=Path, metavar="DIR", help="Markdown and text files to read as well")
        parser.add_argument("--hidden", type=int, default=256)
        parser.add_argument("--layers", type=int, default=0, help="default 8; with --base as many as it has, or more")
        parser.add_argument(
            "--vocabulary",
            type=int,
            default=0,
            metavar="N",
            help="tokens that its tokenizer knows (default 6144); with --base as many as it has, or more",
        )
        parser.add_argument(
            "--new-tokenizer",
            action="store_true",
            help="with --base: a tokenizer made of lessons and documents instead of the base's",
        )
        parser.add_argument(
            "--length", type=int, default=768, help="tokens of a row; with --base it learns to read as many"
        )
        parser.add_argument("--batch", type=int, default=8)
        parser.add_argument(
            "--learning-rate",
            type=float,
            default=1.5e-3,
            help="lower for a short course, which else takes what it knew",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--tests", type=int, default=200, help="conversations to measure the model on")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: str, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists():
            raise CommandError(f"{out} exists already: choose another folder, or remove it first.")
        options["layers"] = options["layers"] or (1 if options["base"] else LAYERS)
        for name in ("hidden", "layers", "length", "batch"):
            if options[name] < 1:
                raise CommandError(f"--{name} must be at least 1.")
        if options["hidden"] % 64:
            raise CommandError("--hidden must be a multiple of 64.")
        if options["length"] < 256:
            raise CommandError("--length must be at least 256, or no conversation fits.")
        if not 0 < options["learning_rate"] <= 0.1:
            raise CommandError("--learning-rate must be above 0 and at most 0.1.")
        if options["vocabulary"] and options["vocabulary"] not in _VOCABULARIES:
            raise CommandError("--vocabulary must be between 512 and 100000.")
        if options["base"] and not Path(options["base"]).is_dir():
            raise CommandError(f"There is no folder {options['base']}.")
        if options["new_tokenizer"] and not options["base"]:
            raise CommandError("--new-tokenizer is for a model to go on with: name it with --base.")
        documents = self._documents(options["documents"])
        report = self._pretrain(out, documents, options)
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for name in ("parameters", "tokens", "perplexity"):
            self.stdout.write(f"{name:24} {report[name]}")
        for language, figures in report["unseen_companies"].items():
            for name, value in figures.items():
                self.stdout.write(f"{language} {name:21} {value}")

    def _pretrain(self, out: Path, documents: list[str], options: dict[str, Any]) -> dict[str, Any]:
        from finetune.pretraining import Pretraining, pretrain
        from finetune.starter import measuring
        from finetune.starter.growing import CannotGrow

        config = Pretraining(
            tokens=max(1, int(options["tokens"])),
            length=options["length"],
            batch=options["batch"],
            vocabulary=options["vocabulary"],
            new_tokenizer=options["new_tokenizer"],
            hidden=options["hidden"],
            layers=options["layers"],
            heads=options["hidden"] // 64,
            learning_rate=options["learning_rate"],
            seed=options["seed"],
        )
        work = settings.DATA_DIR / "pretraining" / out.name
        try:
            report = pretrain(
                out, config, work=work, base=options["base"], documents=documents, progress=self._progress
            )
        except CannotGrow as cannot:
            raise CommandError(str(cannot)) from cannot
        self.stderr.write("Measuring on companies it has never seen")
        tests = measuring.held_out(max(1, options["tests"]))
        report["unseen_companies"] = measuring.measure(measuring.greedy(out), tests)
        (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        return report

    def _documents(self, folder: Path | None) -> list[str]:
        if folder is None:
            return []
        if not folder.is_dir():
            raise CommandError(f"There is no folder {folder}.")
        files = sorted(path for path in folder.rglob("*") if path.suffix in _READ and path.is_file())
        if not files:
            raise CommandError(f"{folder} holds no .md or .txt files.")
        if sum(path.stat().st_size for path in files) > _MOST_BYTES:
            raise CommandError("These documents are larger than 50 MB together; choose the folder with the best ones.")
        return [path.read_text(encoding="utf-8", errors="replace") for path in files]

    def _progress(self, logs: dict[str, float]) -> None:
        self.stderr.write(f"step {int(logs['step'])} of {int(logs['steps'])}  loss {logs['loss']:.3f}")
        sys.stderr.flush()
