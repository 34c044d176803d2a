"""`manage.py loop`: the whole circle from logged conversations to a promoted adapter, with a report."""

import json
import sys
from argparse import ArgumentParser
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatbot.conversations.refusals import Refusal
from chatbot.training import looping
from chatbot.training.management import training_options
from finetune.starter import shipped
from finetune.training_config import SMALL, from_options

STRENGTHS: Final = [1.0, 0.7]
"""The first is what the gate let through on the demo; the second keeps more of the base where it does not."""


class Command(BaseCommand):
    help = "Harvest, approve what carries no flag, freeze, train, evaluate, and promote what passes the gate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--base", default="", metavar="MODEL", help="default: GENERATOR_MODEL, or the starter model"
        )
        parser.add_argument("--name", default="Loop", help="name of the dataset")
        training_options.add(parser, usual=SMALL)
        parser.add_argument(
            "--strength",
            type=float,
            nargs="+",
            default=STRENGTHS,
            dest="strengths",
            help="how far towards what was learnt, 1: all the way; several are tried until the gate lets one through",
        )
        parser.add_argument("--share", type=float, default=0.2, help="of the conversations that go on trial")
        parser.add_argument("--no-promote", action="store_true", help="end with the gate's verdict")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def _tell(self, step: str) -> None:
        sys.stderr.write(f"{step}\n")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            config = from_options(options)
            base = options["base"] or shipped.default_base()
            if not settings.GENERATOR_MODEL:
                settings.GENERATOR_MODEL = base  # the trial serves what it trains, in this process alone
            wishes = looping.Wishes(
                base, config, tuple(options["strengths"]), options["name"], options["share"], not options["no_promote"]
            )
            report = looping.run(wishes, tell=self._tell)
        except (ValueError, RuntimeError, Refusal) as refused:
            raise CommandError(str(refused)) from refused
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        self.stdout.write(f"{'':14} {'before':>10} {'after':>10}   difference (95 %)")
        for name, after in report["after"].items():
            one = report["differences"][name]
            change = f"{one['difference']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f}, n={one['n']})"
            self.stdout.write(f"{name:14} {report['before'][name]:10.3f} {after:10.3f}   {change}")
        for sentence in report["gate"]["failed"]:
            self.stdout.write(f"- {sentence}")
        said = "promoted" if report["promoted"] else "not promoted"
        self.stdout.write(f"gate {report['gate']['verdict']}, {said}, {report['seconds']:.0f} s")
