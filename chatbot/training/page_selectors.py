"""What the training pages read."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from chatbot.conversations.models import Contact
from chatbot.training.models import Diagnosis, HarvestRule
from finetune.models import Adapter, Dataset, Evaluation, Example, Promotion, TrainingRun

PAGE_SIZE: Final = 20


@dataclass(frozen=True)
class Loop:
    """The counts of the five steps."""

    rules_on: int
    pending: int
    approved: int
    usable: int
    rejected: int
    tainted: int
    datasets: int
    runs: int
    running: int
    failed: int
    evaluations: int
    passed: int
    blocked: int


def loop() -> Loop:
    states = dict(Example.objects.order_by().values_list("state").annotate(Count("pk")))
    runs = dict(TrainingRun.objects.order_by().values_list("state").annotate(Count("pk")))
    verdicts = dict(Evaluation.objects.order_by().values_list("verdict").annotate(Count("pk")))
    return Loop(
        rules_on=HarvestRule.objects.filter(enabled=True).count(),
        pending=states.get("pending", 0),
        approved=states.get("approved", 0),
        usable=Example.objects.filter(state="approved", stale=False).count(),
        rejected=states.get("rejected", 0),
        tainted=states.get("tainted", 0),
        datasets=Dataset.objects.filter(tainted="").count(),
        runs=sum(runs.values()),
        running=runs.get("queued", 0) + runs.get("running", 0),
        failed=runs.get("failed", 0),
        evaluations=sum(verdicts.values()),
        passed=verdicts.get("passed", 0),
        blocked=verdicts.get("blocked", 0),
    )


def next_step(now: Loop, *, canary: bool) -> str:
    """What a person does next: the code of a sentence."""
    if canary:
        return "canary"
    if now.passed and not Promotion.objects.exists():
        return "promote"
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
    if Adapter.objects.filter(evaluations=None, tainted="").exists():
        return "evaluate"
    return "harvest" if not now.approved else "rest"


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


def counts() -> dict[str, int]:
    return dict(Example.objects.order_by().values_list("state").annotate(Count("pk")))


def canary() -> Promotion | None:
    return Promotion.objects.filter(state="canary").select_related("adapter", "before", "evaluation").first()


def promotions() -> QuerySet[Promotion]:
    return Promotion.objects.select_related("adapter", "before", "evaluation").order_by("-started_at", "-pk")


def adapters() -> QuerySet[Adapter]:
    return Adapter.objects.select_related("run__dataset").prefetch_related("evaluations").order_by("-active", "-pk")


def fixes() -> QuerySet[Diagnosis]:
    return Diagnosis.objects.select_related("message", "example").order_by("-made_at", "-pk")


def contacts(text: str) -> QuerySet[Contact]:
    """Contacts whose name, address or id holds the text; nobody for an empty one."""
    if not text:
        return Contact.objects.none()
    found = Q(name__icontains=text) | Q(email__icontains=text) | Q(external_id__icontains=text)
    if text.isascii() and text.isdigit() and len(text) < 16:
        found |= Q(pk=int(text))
    seen = Contact.objects.filter(found).select_related("inbox")
    return seen.annotate(talks=Count("conversations", distinct=True)).order_by("name", "pk")[:50]
