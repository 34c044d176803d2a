"""What the training pages read."""

from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet

from chatbot.training.models import Diagnosis, HarvestRule
from chatbot.training.reviewing import interleaved
from finetune.models import Adapter, Dataset, Evaluation, Example, Promotion, TrainingRun

PAGE_SIZE: Final = 20


@dataclass(frozen=True)
class Loop:
    """The counts of the steps."""

    rules_on: int
    pending: int
    approved: int
    rejected: int
    tainted: int
    usable: int
    datasets: int
    runs: int
    running: int
    failed: int
    evaluations: int
    passed: int
    blocked: int
    unexamined: int
    """Adapters that no evaluation has looked at."""
    ready: int
    """Adapters that passed the gate against what answers now and were never tried."""
    fixes: int


def loop() -> Loop:
    states = counts()
    runs = dict(TrainingRun.objects.order_by().values_list("state").annotate(Count("pk")))
    verdicts = dict(Evaluation.objects.order_by().values_list("verdict").annotate(Count("pk")))
    return Loop(
        rules_on=HarvestRule.objects.filter(enabled=True).count(),
        pending=states.get("pending", 0),
        approved=states.get("approved", 0),
        rejected=states.get("rejected", 0),
        tainted=states.get("tainted", 0),
        usable=Example.objects.filter(state="approved", stale=False).count(),
        datasets=Dataset.objects.filter(tainted="").count(),
        runs=sum(runs.values()),
        running=runs.get("queued", 0) + runs.get("running", 0),
        failed=runs.get("failed", 0),
        evaluations=sum(verdicts.values()),
        passed=verdicts.get("passed", 0),
        blocked=verdicts.get("blocked", 0),
        unexamined=Adapter.objects.filter(evaluations=None, tainted="").count(),
        ready=_ready(),
        fixes=Diagnosis.objects.filter(done_at=None).count(),
    )


def _ready() -> int:
    against = Adapter.objects.filter(active=True).first()
    passed = Evaluation.objects.filter(state="done", verdict="passed", against=against)
    untried = Adapter.objects.filter(evaluations__in=passed, tainted="", active=False, promotions=None)
    return untried.distinct().count()


def next_step(now: Loop, *, canary: bool = False) -> str:
    """What a person does next: the code of a sentence."""
    if canary:
        return "canary"
    if now.running:
        return "wait"
    if now.pending:
        return "review"
    if not now.rules_on and not now.approved:
        return "harvest"
    if now.usable and not now.datasets:
        return "freeze"
    if now.datasets and not now.runs:
        return "train"
    if now.unexamined:
        return "evaluate"
    if now.ready:
        return "try"
    return "fixes" if now.fixes else "rest"


def examples(narrowed: dict[str, Any]) -> QuerySet[Example]:
    """The review queue: most valuable first; what is decided, newest first. Reads what FilterForm let through."""
    found = Example.objects.select_related("provenance__conversation__inbox", "provenance__agent", "merged_into")
    state = narrowed.get("state") or "pending"
    if state != "all":
        found = found.filter(state=state)
    for name in ("kind", "language", "origin"):
        if narrowed.get(name):
            found = found.filter(**{name: narrowed[name]})
    if narrowed.get("flagged"):
        found = found.exclude(flags=[])
    if narrowed.get("stale"):
        found = found.filter(stale=True)
    if narrowed.get("q"):
        found = found.filter(Q(answer__icontains=narrowed["q"]) | Q(topic__icontains=narrowed["q"]))
    return found.order_by("-value", "pk") if state == "pending" else found.order_by("-reviewed_at", "-pk")


def queue(narrowed: dict[str, Any], number: str | None) -> Page[Example]:
    """One page of the review queue; of what waits, every fifth is drawn by chance, whatever it is worth."""
    found = examples(narrowed)
    if (narrowed.get("state") or "pending") != "pending":
        return Paginator(found, PAGE_SIZE).get_page(number)
    light = list(found.select_related(None).only("pk", "digest", "by_chance"))
    mixed = interleaved([row for row in light if not row.by_chance], [row for row in light if row.by_chance])
    page = Paginator(mixed, PAGE_SIZE).get_page(number)
    whole = found.in_bulk([row.pk for row in page.object_list])
    page.object_list = [whole[row.pk] for row in page.object_list if row.pk in whole]
    return page


def counts() -> dict[str, int]:
    return dict(Example.objects.order_by().values_list("state").annotate(Count("pk")))


def fixes() -> QuerySet[Diagnosis]:
    return Diagnosis.objects.select_related("message", "example").order_by("-made_at", "-pk")


def promotions() -> QuerySet[Promotion]:
    return Promotion.objects.select_related("adapter", "before", "evaluation").order_by("-started_at", "-pk")


def adapters() -> QuerySet[Adapter]:
    return Adapter.objects.select_related("run__dataset").prefetch_related("evaluations").order_by("-active", "-pk")
