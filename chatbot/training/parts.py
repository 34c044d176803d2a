"""Every call that the pages make to the services of the learning side, in one place and imported when called.

The web process must not load what these modules may load, so nothing here is imported at the top.
"""

from importlib import import_module
from typing import Any

from chatbot.conversations.models import Contact, Inbox, Message, Suggestion
from chatbot.training.models import Erasure
from finetune.models import Adapter, Dataset, Evaluation, Example, Promotion, TrainingRun


def _part(name: str) -> Any:
    return import_module(name)


def harvest(*, inbox: Inbox | None, by: str) -> Any:
    return _part("chatbot.training.harvesting").harvest(inbox=inbox, by=by)


def review(action: str, *, examples: list[Example], by: str, **more: Any) -> Any:
    """approve, reject, merge for several; edit for one."""
    reviewing = _part("chatbot.training.reviewing")
    if action == "edit":
        return reviewing.edit(example=examples[0], by=by, **more)
    if action == "merge":  # into the most valuable one
        return [key for one in examples[1:] for key in reviewing.merge(example=one, into=examples[0], by=by)]
    return getattr(reviewing, action)(examples=examples, by=by, **more)


def diagnose(
    *,
    message: Message | None,
    suggestion: Suggestion | None,
    wanted: str,
    passage_id: int | None,
    by: str,
    question: str,
) -> Any:
    fixing = _part("chatbot.training.fixing")
    if message is None and suggestion is None:
        return fixing.diagnose(question=question, wanted=wanted, passage_id=passage_id, by=by)
    about: dict[str, Any] = {"message": message} if message is not None else {"suggestion": suggestion}
    return fixing.diagnose(wanted=wanted, passage_id=passage_id, by=by, **about)


def overrule(*, diagnosis: Any, route: str, by: str) -> Any:
    return _part("chatbot.training.fixing").overrule(diagnosis=diagnosis, route=route, by=by)


def apply(*, diagnosis: Any, by: str) -> Any:
    return _part("chatbot.training.fixing").apply(diagnosis=diagnosis, by=by)


def erase(*, contact: Contact, by: str, reason: str) -> Erasure:
    made: Erasure = _part("chatbot.training.erasure").erase(contact=contact, by=by, reason=reason)
    return made


def receipt(erasure: Erasure) -> dict[str, Any]:
    told: dict[str, Any] = _part("chatbot.training.erasure").receipt(erasure)
    return told


def freeze(*, name: str, kind: str, held_out: float, by: str) -> Dataset:
    made: Dataset = _part("finetune.datasets").freeze(name=name, kind=kind, by=by, held_out=held_out)
    return made


def training_config(**values: Any) -> Any:
    return _part("finetune.training_config").TrainingConfig(**values)


def usual_training(base_model: str) -> dict[str, Any]:
    """Values that a form begins with."""
    return dict(_part("finetune.estimating").usual(base_model).to_json())


def estimate(*, dataset: Dataset, base_model: str, config: Any) -> Any:
    """Refused where the training itself would be."""
    _part("finetune.runs").check_order(dataset, base_model, config)
    return _part("finetune.estimating").estimate(dataset=dataset, base_model=base_model, config=config)


def order_run(*, dataset: Dataset, base_model: str, config: Any, by: str) -> TrainingRun:
    run: TrainingRun = _part("finetune.runs").order(dataset=dataset, base_model=base_model, config=config, by=by)
    return run


def cancel_run(*, run: TrainingRun, by: str) -> Any:
    return _part("finetune.runs").cancel(run=run, by=by)


def start_canary(*, evaluation: Evaluation, share: float, by: str) -> Promotion:
    made: Promotion = _part("finetune.promotion").start_canary(evaluation=evaluation, share=share, by=by)
    return made


def promote(*, promotion: Promotion, by: str) -> Promotion:
    made: Promotion = _part("finetune.promotion").promote(promotion=promotion, by=by)
    return made


def roll_back(*, promotion: Promotion, by: str, reason: str) -> Promotion:
    made: Promotion = _part("finetune.promotion").roll_back(promotion=promotion, by=by, reason=reason)
    return made


def replay(*, message: Message | None, suggestion: Suggestion | None, **on: Any) -> Any:
    return _part("chatbot.training.replay").replay(message=message, suggestion=suggestion, **on)


def order_evaluation(*, adapter: Adapter, dataset: Dataset, by: str) -> Evaluation:
    """In a worker: the questions are written anew, from the documents and the exam as they are now."""
    probes = _part("chatbot.training.probes").write()
    made: Evaluation = _part("finetune.evaluations").order(adapter=adapter, dataset=dataset, by=by, probes=probes)
    return made


def answers(evaluation: Evaluation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _part("finetune.evaluations").answers(evaluation)
    return found
