"""What one evaluation asks, and which models it asks: from its row to the job of its process."""

from collections.abc import Sequence
from typing import Final

from django.conf import settings

from finetune import datasets, evaluation_job, probes, prompt, unanswered
from finetune.evaluation_job import Job, Side
from finetune.models import Evaluation
from finetune.probes import Probe
from finetune.promotion import same_model

HELD_OUT_MOST: Final = 60
"""Held-out conversations that are asked, always the same ones of a dataset; more say little more and take longer."""
UNANSWERABLE_LEAST: Final = 12
"""Questions that cannot be answered: where the exam has too few of them, the others are made of held-out ones."""
TEXTS_MOST: Final = 4000
NEW_TOKENS: Final = (64, 256)


def job(evaluation: Evaluation) -> Job:
    """Everything that the process needs. Raises DatasetRefused where the files are not what was frozen."""
    rows = sorted(datasets.rows(evaluation.dataset, "held_out"), key=lambda row: row.id)
    held_out = [probe(row) for row in rows]
    written = probes.from_json(evaluation.probes)
    trained = [probe(row) for row in datasets.rows(evaluation.dataset, "train")]
    customers, others = evaluation_job.texts_of(trained)
    asked = held_out[:HELD_OUT_MOST]
    base = Side(evaluation.adapter.base_model or settings.GENERATOR_MODEL)
    return Job(
        candidate=Side(base.base_model, evaluation.adapter.path),
        current=_current(evaluation, base),
        base=base,
        questions=(*asked, *withheld(rows, written), *written),
        customers=tuple(customers[:TEXTS_MOST]),
        others=tuple(others[: 4 * TEXTS_MOST]),
        device=settings.GENERATOR_DEVICE,
        dtype=settings.GENERATOR_DTYPE,
        context_tokens=settings.GENERATOR_CONTEXT_TOKENS,
        new_tokens=new_tokens(asked),
        seed=evaluation.pk,
    )


def probe(row: datasets.DatasetRow) -> Probe:
    """A held-out conversation: what a person answered is what is compared with."""
    return Probe(row.id[:64], "held_out", row.request, reference=row.answer, topic=row.topic)


def withheld(rows: Sequence[datasets.DatasetRow], written: Sequence[Probe]) -> list[Probe]:
    """Held-out questions once more, without the passages that answer them: the right answer is not to know."""
    wanted = UNANSWERABLE_LEAST - sum(one.kind == "exam" and one.abstain is True for one in written)
    if wanted <= 0:
        return []
    made = unanswered.rows(rows, 1.0)
    return [
        Probe(f"withheld-{place}", "withheld", row.request, abstain=True, topic=row.topic)
        for place, row in enumerate(made[:wanted], start=1)
    ]


def _current(evaluation: Evaluation, base: Side) -> Side:
    """What answers now: the active adapter on its base model, or that without an adapter."""
    against = evaluation.against
    model = (against.base_model if against else "") or settings.GENERATOR_MODEL or base.base_model
    if same_model(model, base.base_model):
        model = base.base_model
    return Side(model, against.path if against else "")


def new_tokens(asked: list[Probe]) -> int:
    """Room for nearly twice the longest answer of a person: enough to see that one is inflated."""
    least, most = NEW_TOKENS
    longest = max((prompt.estimate_tokens(one.reference) for one in asked), default=0)
    return max(8, min(int(settings.GENERATOR_MAX_NEW_TOKENS), max(least, round(1.7 * longest)), most))
