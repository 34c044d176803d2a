"""The whole circle in one go: harvest, approve, freeze, train, evaluate, gate, trial, promote. For `manage.py loop`.

Each step is the very service that the pages call, and leaves what it leaves there. It approves only what carries no
flag and promotes only what passed the gate. What was done before is not done twice, so that a circle that was killed
is begun again with the same command.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from chatbot.accounts import audit
from chatbot.training import harvesting, reviewing
from finetune import datasets, runs
from finetune.models import Adapter, Dataset, Evaluation, Example, Promotion, TrainingRun
from finetune.training_config import TrainingConfig

BY: Final = "manage.py loop"
TURNS: Final = 24
"""Held-out questions that both sides of a trial answer before it is promoted."""
FIGURES: Final = ("loss", "perplexity", "rouge_l", "bleu", "support", "citation", "exam", "safety", "abstention")

Tell = Callable[[str], None]


class LoopRefused(RuntimeError):
    """A step could not be done; the message is a sentence."""


@dataclass(frozen=True)
class Wishes:
    """What the circle is run with. `share` of the conversations go on trial.

    `strengths` are tried in their order until the gate lets one through; all are of one training. Each is one more
    chance for luck, so they are few.
    """

    base_model: str
    config: TrainingConfig = field(default_factory=TrainingConfig)
    strengths: tuple[float, ...] = (1.0,)
    name: str = "Loop"
    share: float = 0.2
    promote: bool = True


def run(wishes: Wishes, *, tell: Tell = lambda _sentence: None) -> dict[str, Any]:
    """The circle's report, JSON-able. Raises LoopRefused and the refusals of the services."""
    if not wishes.base_model:
        raise LoopRefused("There is no model to train: set GENERATOR_MODEL, or name one with --base.")
    configs = [replace(wishes.config, strength=strength) for strength in wishes.strengths]
    if not configs:
        raise LoopRefused("There is no strength to try.")
    began = time.monotonic()
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.monotonic()
        tell(name)
        try:
            return work()
        finally:
            seconds[name] = round(seconds.get(name, 0.0) + time.monotonic() - start, 1)

    harvested = timed("harvest", lambda: harvesting.harvest(by=BY).as_json())
    approved = timed("approve", approve)
    dataset = timed("freeze", lambda: datasets.freeze(name=wishes.name, by=BY))
    tried: list[dict[str, Any]] = []
    for config in configs:
        training, adapter = timed("train", partial(train, dataset, wishes.base_model, config))
        evaluation = timed("evaluate", partial(evaluate, adapter, dataset))
        tried.append({"strength": config.strength, "adapter": adapter.digest, **verdict(evaluation)})
        if evaluation.verdict == Evaluation.Verdict.PASSED:
            break
    report: dict[str, Any] = {
        "harvest": harvested,
        "approved": approved,
        "dataset": {"digest": dataset.digest, **dataset.manifest["counts"], **dataset.manifest["leak_report"]},
        "training": {"run": training.pk, "adapter": adapter.digest, **adapter.card["figures"]},
        "tried": tried,
        "before": sides(evaluation, "current"),
        "after": sides(evaluation, "candidate"),
        "differences": differences(evaluation),
        "gate": {**verdict(evaluation), "checks": len(evaluation.reasons)},
        "canary": None,
        "promoted": False,
    }
    if evaluation.verdict == Evaluation.Verdict.PASSED and wishes.promote:
        report |= timed("promote", lambda: promote(evaluation, dataset, wishes.share))
    report["steps"] = seconds
    report["seconds"] = round(time.monotonic() - began, 1)
    audit.record(actor=BY, action="training.loop", target=f"adapter {adapter.digest[:12]}",
                 detail={"verdict": evaluation.verdict, "promoted": report["promoted"]})  # fmt: skip
    return report


def approve() -> int:
    """Approve what waits and carries no flag; what is flagged waits for a person. Returns how many."""
    waiting = Example.objects.filter(kind=Example.Kind.SUPERVISED, state=Example.State.PENDING, stale=False)
    plain = [one for one in waiting.order_by("pk") if not one.flags]
    return len(reviewing.approve(examples=plain, by=BY)) if plain else 0


def train(dataset: Dataset, base_model: str, config: TrainingConfig) -> tuple[TrainingRun, Adapter]:
    """Here, in this process's time. Raises LoopRefused with the run's verdict."""
    run = runs.order(dataset=dataset, base_model=base_model, config=config, by=BY)
    runs.carry_out(run.pk)
    run = _ended(run)
    if run.adapter is None:
        raise LoopRefused(run.verdict or "The training ended without an adapter.")
    return run, run.adapter


def _ended(run: TrainingRun) -> TrainingRun:
    """A worker may have been quicker: then it is waited for. What a killed command has left is ended first."""
    run.refresh_from_db()
    while run.state in (TrainingRun.State.QUEUED, TrainingRun.State.RUNNING):
        time.sleep(1)
        for other in {*runs.lost()} - {run.pk}:
            runs.carry_out(other)
        runs.carry_out(run.pk)
        run.refresh_from_db()
    return run


def evaluate(adapter: Adapter, dataset: Dataset) -> Evaluation:
    """Beside what answers now. Raises LoopRefused."""
    from chatbot.training import probes
    from finetune import evaluations

    found = Evaluation.objects.filter(adapter=adapter, dataset=dataset, state__in=["queued", "running"]).first()
    made = found or evaluations.order(adapter=adapter, dataset=dataset, by=BY, probes=probes.write())
    while made.state in (Evaluation.State.QUEUED, Evaluation.State.RUNNING):
        if not evaluations.carry_out(made.pk):
            time.sleep(1)
        made.refresh_from_db()
    if made.state != Evaluation.State.DONE:
        raise LoopRefused(made.error or "The evaluation failed.")
    return made


def verdict(evaluation: Evaluation) -> dict[str, Any]:
    failed = [one["text"] for one in evaluation.reasons if not one["passed"]]
    return {"verdict": evaluation.verdict, "failed": failed}


def sides(evaluation: Evaluation, side: str) -> dict[str, Any]:
    return {name: evaluation.figures[name][side] for name in FIGURES if name in evaluation.figures}


def differences(evaluation: Evaluation) -> dict[str, Any]:
    """Of candidate and current, with 95 % intervals."""
    shown = ("difference", "low", "high", "n")
    return {
        name: {key: evaluation.figures[name].get(key) for key in shown}
        for name in FIGURES
        if name in evaluation.figures
    }


def promote(evaluation: Evaluation, dataset: Dataset, share: float) -> dict[str, Any]:
    """On trial first: both sides answer held-out questions through the serving engine; then it answers all."""
    from finetune import promotion

    active = Promotion.objects.filter(adapter=evaluation.adapter, state=Promotion.State.ACTIVE).first()
    if active is not None:
        return {"canary": None, "promoted": True}
    trial = promotion.canary() or promotion.start_canary(evaluation=evaluation, share=share, by=BY)
    if trial.adapter_id != evaluation.adapter_id:
        raise LoopRefused("Another adapter is on trial: promote it or take it back first.")
    shown = rehearse(dataset, trial)
    if shown["failed"] or not shown["canary"]:
        said = "The trial's engine did not answer as it should."
        promotion.roll_back(promotion=trial, by=BY, reason=said)
        return {"canary": shown, "promoted": False, "problem": said}
    promotion.promote(promotion=trial, by=BY)
    return {"canary": shown, "promoted": True}


def rehearse(dataset: Dataset, trial: Promotion) -> dict[str, Any]:
    """Held-out questions as conversations on both sides: answers per side, failures, seconds per answer."""
    from finetune import rehearsal

    requests = [row.request for row in datasets.rows(dataset, "held_out")][:TURNS]
    return rehearsal.rehearse(requests, trial)
