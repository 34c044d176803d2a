"""Evaluations: the candidate beside what answers now and the base model, and what the gate says."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.roles import may, require
from chatbot.training import parts
from chatbot.training.forms import CanaryForm, EvaluateForm
from chatbot.training.pages import REFUSALS, acted, by, note, show
from finetune.models import Adapter, Evaluation

BUSY = (Evaluation.State.QUEUED, Evaluation.State.RUNNING)


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.view")
def evaluations(request: HttpRequest) -> HttpResponse:
    """GET lists; POST orders one, which needs the right to change."""
    form = EvaluateForm(request.POST or None, initial={"adapter": request.GET.get("adapter", "")[:20]})
    if request.method == "POST":
        if not may(request.user, "training.change"):
            raise PermissionDenied
        if form.is_valid() and (made := _order(request, form)):
            return redirect("training:evaluation", made.pk)
    listed = Evaluation.objects.select_related("adapter", "against", "dataset").order_by("-pk")[:100]
    context = {"form": form, "evaluations": listed, "any_adapter": Adapter.objects.filter(tainted="").exists()}
    return show(request, "training/evaluations.html", context, status=400 if request.method == "POST" else 200)


def _order(request: HttpRequest, form: EvaluateForm) -> Evaluation | None:
    said = form.cleaned_data
    made = acted(
        request,
        lambda: parts.order_evaluation(adapter=said["adapter"], dataset=said["dataset"], by=by(request)),
        _("The evaluation is ordered. It starts as soon as a worker is free."),
    )
    if made:
        note(request, "evaluation.order", f"evaluation {made.pk}", adapter=said["adapter"].digest)
    return made


def answers(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The answers side by side; none where the folder is gone."""
    try:
        return parts.answers(evaluation) if evaluation.folder else []
    except (OSError, *REFUSALS):
        return []


@require_safe
@require("training.view")
def evaluation(request: HttpRequest, evaluation_id: int) -> HttpResponse:
    found = get_object_or_404(Evaluation.objects.select_related("adapter", "against", "dataset"), pk=evaluation_id)
    figures = found.figures if isinstance(found.figures, dict) else {}
    context = {
        "evaluation": found,
        "busy": found.state in BUSY,
        "figures": [(name, row) for name, row in figures.items() if isinstance(row, dict)],
        "page": Paginator(answers(found), 10).get_page(request.GET.get("page")),
        "votes": _votes(found),
        "form": CanaryForm(),
    }
    return show(request, "training/evaluation.html", context, part="training/_evaluation.html")


def _votes(evaluation: Evaluation) -> dict[str, int]:
    from django.db.models import Count

    from chatbot.training.models import Vote

    found = Vote.objects.filter(evaluation=evaluation).order_by()
    return dict(found.values_list("choice").annotate(Count("pk")))
