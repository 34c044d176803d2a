"""Training runs: ordering one with an estimate, watching it, ending it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts.roles import require
from chatbot.training import parts, progress
from chatbot.training.forms import RunForm
from chatbot.training.pages import REFUSALS, acted, by, note, show
from finetune.models import Dataset, TrainingRun
from finetune.starter import shipped

BUSY = (TrainingRun.State.QUEUED, TrainingRun.State.RUNNING)


@require_safe
@require("training.view")
def runs(request: HttpRequest) -> HttpResponse:
    listed = TrainingRun.objects.select_related("dataset", "adapter").order_by("-pk")[:100]
    busy = any(one.state in BUSY for one in listed)
    context = {"runs": listed, "busy": busy, "any_dataset": Dataset.objects.filter(tainted="").exists()}
    return show(request, "training/runs.html", context, part="training/_runs.html")


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def new(request: HttpRequest) -> HttpResponse:
    """The first button estimates, the second one starts."""
    base = shipped.default_base()
    usual = parts.usual_training(base)
    first = usual | {"base_model": base, "dataset": request.GET.get("dataset", "")[:20]}
    first["targets"] = "mlp" if "mlp" in usual["targets"] else ""
    form = RunForm(request.POST or None, initial=first)
    context: dict[str, Any] = {"form": form, "any_dataset": Dataset.objects.filter(tainted="").exists()}
    if request.method == "POST" and form.is_valid():
        if request.POST.get("do") == "start":
            if made := _order(request, form):
                return redirect("training:run", made.pk)
        else:
            context |= _estimate(form)
            return show(request, "training/new_run.html", context)
    return show(request, "training/new_run.html", context, status=400 if request.method == "POST" else 200)


def _estimate(form: RunForm) -> dict[str, Any]:
    said = form.cleaned_data
    try:
        config = parts.training_config(**form.config())
        return {"estimate": parts.estimate(dataset=said["dataset"], base_model=said["base_model"], config=config)}
    except REFUSALS as error:
        return {"refused": str(error)}


def _order(request: HttpRequest, form: RunForm) -> TrainingRun | None:
    said = form.cleaned_data

    def order() -> TrainingRun:
        config = parts.training_config(**form.config())
        return parts.order_run(dataset=said["dataset"], base_model=said["base_model"], config=config, by=by(request))

    made = acted(request, order, _("The training is ordered. It starts as soon as a worker is free."))
    if made:
        note(request, "run.order", f"run {made.pk}", dataset=made.dataset_id, method=made.method)
    return made


@require_safe
@require("training.view")
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    found = get_object_or_404(TrainingRun.objects.select_related("dataset", "adapter"), pk=run_id)
    rows = progress.steps(found)
    now = found.progress if isinstance(found.progress, dict) else {}
    done, whole = now.get("step"), now.get("steps")
    share = done / whole if isinstance(done, int) and isinstance(whole, int) and whole > 0 else None
    context = {
        "run": found,
        "busy": found.state in BUSY,
        "now": now,
        "share": share,
        "rows": rows[-20:][::-1],
        "chart": progress.chart(rows),
        "log": progress.log(found),
        "config": sorted(found.config.items()) if isinstance(found.config, dict) else [],
    }
    return show(request, "training/run.html", context, part="training/_run.html")


@require_POST
@require("training.change")
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    found = get_object_or_404(TrainingRun, pk=run_id)
    said = _("The training is asked to stop. What it has learnt so far is not used.")
    if acted(request, lambda: (parts.cancel_run(run=found, by=by(request)), True), said):
        note(request, "run.cancel", f"run {found.pk}")
    return redirect("training:run", found.pk)
