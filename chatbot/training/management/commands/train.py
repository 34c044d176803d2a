"""`manage.py train`: train an adapter here and now, or put the training into the queue, or only estimate it."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatbot.accounts import audit
from chatbot.training.management import training_options
from finetune import runs
from finetune.estimating import estimate
from finetune.models import Dataset, Example, TrainingRun
from finetune.training_config import TrainingRefused, from_options

ACTOR = "manage.py train"


class Command(BaseCommand):
    help = "Train an adapter on a frozen dataset. Waits for the end unless --queue or --estimate is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="", metavar="DIGEST", help="first letters are enough; default: newest")
        parser.add_argument("--base", default="", metavar="MODEL", help="folder or hub name; default: GENERATOR_MODEL")
        parser.add_argument("--method", default="sft", choices=["sft", "dpo"])
        training_options.add(parser, "accumulate", "strength")
        parser.add_argument("--packing", action="store_true", help="several examples in one row (for a GPU)")
        parser.add_argument("--quantized", action="store_true", help="QLoRA: the base in 4 bits (for a GPU)")
        parser.add_argument("--queue", action="store_true", help="let a worker train it")
        parser.add_argument("--estimate", action="store_true", help="say what it would take and stop")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            said = self._carry_out(options)
        except TrainingRefused as refused:
            raise CommandError(str(refused)) from refused
        if options["json"]:
            self.stdout.write(json.dumps(said, ensure_ascii=False))
            return
        for name, value in said.items():
            self.stdout.write(f"{name:16} {value}")

    def _carry_out(self, options: dict[str, Any]) -> dict[str, Any]:
        config = from_options(options)
        dataset = _dataset(options["dataset"], config.method)
        base = options["base"] or settings.GENERATOR_MODEL
        if options["estimate"]:
            return asdict(estimate(dataset=dataset, base_model=base, config=config))
        run = runs.order(dataset=dataset, base_model=base, config=config, by=ACTOR)
        audit.record(actor=ACTOR, action="training.run.order", target=f"run {run.pk}", detail={"dataset": dataset.pk})
        if options["queue"]:
            return runs.as_json(run)
        done = runs.carry_out(run.pk) or TrainingRun.objects.get(pk=run.pk)
        if done.state == TrainingRun.State.FAILED:
            raise CommandError(done.verdict)
        return runs.as_json(done)


def _dataset(digest: str, method: str) -> Dataset:
    """By the first letters of its digest, or the newest one that the method can learn from."""
    kind = Example.Kind.PREFERENCE if method == "dpo" else Example.Kind.SUPERVISED
    found = Dataset.objects.filter(digest__startswith=digest) if digest else Dataset.objects.filter(kind=kind)
    dataset = found.filter(tainted="").order_by("-pk").first()
    if dataset is None:
        raise CommandError("There is no dataset for this: freeze one with manage.py dataset freeze.")
    return dataset
