"""Freeze approved examples into a dataset, list what is frozen, or look whether the files are still what was frozen."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatbot.accounts import audit
from finetune import datasets
from finetune.models import Dataset, Example


class Command(BaseCommand):
    help = "Freeze approved examples into a dataset, list datasets, or check their files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["freeze", "list", "check"])
        parser.add_argument("--name", default="dataset")
        parser.add_argument("--kind", choices=Example.Kind.values, default=Example.Kind.SUPERVISED)
        parser.add_argument("--held-out", type=float, default=0.2, help="share kept for the examination (0.05 to 0.5)")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            found = getattr(self, f"_{options['action']}")(options)
        except datasets.DatasetRefused as refused:
            raise CommandError(str(refused)) from refused
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            self._say(found)
        if broken := [one["problem"] for one in found["datasets"] if one["problem"]]:
            raise CommandError(" ".join(broken))

    def _say(self, found: dict[str, Any]) -> None:
        for one in found["datasets"]:
            counts = one["counts"]
            said = f"{one['digest'][:12]}  {one['name']}  {counts['train']} to train on, {counts['held_out']} held out"
            self.stdout.write(
                said + (f"  {one['problem'] or one['tainted']}" if one["problem"] or one["tainted"] else "")
            )

    def _freeze(self, options: dict[str, Any]) -> dict[str, Any]:
        made = datasets.freeze(
            name=options["name"], kind=options["kind"], by="manage.py dataset", held_out=options["held_out"]
        )
        audit.record(
            actor="manage.py dataset",
            action="training.freeze",
            target=f"dataset {made.digest[:12]}",
            detail=made.manifest["counts"],
        )
        return {"datasets": [_shown(made)]}

    def _list(self, _options: dict[str, Any]) -> dict[str, Any]:
        return {"datasets": [_shown(one) for one in Dataset.objects.order_by("-pk")]}

    def _check(self, _options: dict[str, Any]) -> dict[str, Any]:
        looked = [_shown(one, problem=_problem(one)) for one in Dataset.objects.order_by("-pk")]
        return {"datasets": looked, "sound": not any(one["problem"] for one in looked)}


def _problem(dataset: Dataset) -> str:
    try:
        datasets.check(dataset)
    except datasets.DatasetRefused as refused:
        return str(refused)
    return ""


def _shown(dataset: Dataset, *, problem: str = "") -> dict[str, Any]:
    about = {"digest": dataset.digest, "name": dataset.name, "kind": dataset.kind, "tainted": dataset.tainted}
    return {**about, "counts": dataset.manifest["counts"], "leaks": dataset.manifest["leak_report"], "problem": problem}
