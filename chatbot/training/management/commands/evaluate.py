"""`manage.py evaluate`: examine an adapter here and now and ask the gate, or put the evaluation into the queue."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatbot.accounts import audit
from chatbot.training import probes
from chatbot.training.exam_questions import ExamRefused
from finetune import evaluations
from finetune.evaluation_job import EvaluationRefused
from finetune.models import Adapter, Dataset, Evaluation

ACTOR = "manage.py evaluate"


class Command(BaseCommand):
    help = "Compare an adapter with what answers now and the base model. Ends with 1 when the gate blocks it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--adapter", default="", metavar="DIGEST", help="first letters are enough; default: newest")
        parser.add_argument("--dataset", default="", metavar="DIGEST", help="default: what it was trained on")
        parser.add_argument("--queue", action="store_true", help="let a worker do it")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        adapter = _adapter(options["adapter"])
        dataset = _dataset(options["dataset"], adapter)
        try:
            made = evaluations.order(adapter=adapter, dataset=dataset, by=ACTOR, probes=probes.write())
        except (EvaluationRefused, ExamRefused) as refused:
            raise CommandError(str(refused)) from refused
        detail = {"adapter": adapter.digest, "dataset": dataset.pk}
        audit.record(actor=ACTOR, action="training.evaluation.order", target=f"evaluation {made.pk}", detail=detail)
        if not options["queue"]:
            evaluations.carry_out(made.pk)
            made = evaluations.wait(made, seconds=4 * 3600)  # where a worker was quicker
            made.refresh_from_db()
        self._say(made, as_json=options["json"])
        if made.state == Evaluation.State.FAILED:
            raise CommandError(made.error)
        if made.verdict == Evaluation.Verdict.BLOCKED:
            sys.exit(1)

    def _say(self, made: Evaluation, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(evaluations.as_json(made), ensure_ascii=False))
            return
        self.stdout.write(f"evaluation {made.pk}: {made.verdict or made.state}")
        for check in made.reasons:
            self.stdout.write(f"{'     ok' if check['passed'] else 'blocked'}  {check['text']}")


def _adapter(digest: str) -> Adapter:
    found = Adapter.objects.filter(digest__startswith=digest, tainted="").order_by("-pk").first()
    if found is None:
        raise CommandError("There is no such adapter: train one with manage.py train.")
    return found


def _dataset(digest: str, adapter: Adapter) -> Dataset:
    wanted = digest or str(adapter.card.get("dataset") or "")
    found = Dataset.objects.filter(digest__startswith=wanted, tainted="").order_by("-pk").first()
    if found is None:
        raise CommandError("There is no such dataset: freeze one with manage.py dataset freeze.")
    return found
