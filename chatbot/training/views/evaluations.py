"""Evaluations: the candidate beside what answers now and the base model, and what the gate says."""

from collections import Counter
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.roles import may, require
from chatbot.training import page_work, parts, voting
from chatbot.training.evaluation_words import SIDES
from chatbot.training.forms import EvaluateForm
from chatbot.training.pages import REFUSALS, by, note, show
from finetune import gate
from finetune.models import Adapter, Evaluation

BUSY: Final = (Evaluation.State.QUEUED, Evaluation.State.RUNNING)
PAGE_SIZE: Final = 10
LISTED: Final = 100


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.view")
def evaluations(request: HttpRequest) -> HttpResponse:
    """GET lists; POST has a worker write the questions and order one, which needs the right to change."""
    form = EvaluateForm(request.POST or None, initial={"adapter": request.GET.get("adapter", "")[:20]})
    if request.method == "POST":
        if not may(request.user, "training.change"):
            raise PermissionDenied
        if form.is_valid():
            return redirect("training:evaluation_work", _order(request, form))
    found = Evaluation.objects.select_related("adapter", "against", "dataset").defer("probes")
    listed = found.order_by("-pk")[:LISTED]
    context = {
        "form": form,
        "evaluations": listed,
        "busy": any(one.state in BUSY for one in listed),
        "any_adapter": Adapter.objects.filter(tainted="").exists(),
    }
    status = 400 if request.method == "POST" else 200
    return show(request, "training/evaluations.html", context, part="training/_evaluations.html", status=status)


def _order(request: HttpRequest, form: EvaluateForm) -> str:
    adapter, dataset = form.cleaned_data["adapter"], form.cleaned_data["dataset"]
    note(request, "evaluation.order", f"adapter {adapter.pk}", adapter=adapter.digest, dataset=dataset.pk)
    asked = {"adapter": adapter.pk, "dataset": dataset.pk}
    return page_work.start("evaluate", asked=asked, user_id=request.user.pk or 0, by=by(request))


@require_safe
@require("training.change")
def waiting(request: HttpRequest, token: str) -> HttpResponse:
    """Until the questions are written and the evaluation is ordered."""
    work = page_work.read(token, "evaluate", user_id=request.user.pk or 0)
    if work is None:
        return redirect("training:evaluations")
    if work["state"] == "done":
        answer = redirect("training:evaluation", work["outcome"])
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=204, headers={"HX-Redirect": answer.url})
        return answer
    context = {"work": work, "token": token}
    return show(request, "training/evaluation_work.html", context, part="training/_evaluation_work.html")


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
    asked = request.headers.get("HX-Request") == "true"
    context = {
        "evaluation": found,
        "busy": found.state in BUSY,
        "figures": _figures(found),
        "checks": _checks(found),
        **({} if asked else _answers(request, found)),
    }
    response = show(request, "training/evaluation.html", context, part="training/_evaluation.html")
    if asked and not context["busy"]:  # answers and the way to a trial stand beside the part that follows
        response["HX-Refresh"] = "true"
    return response


def _checks(evaluation: Evaluation) -> list[dict[str, Any]]:
    """What blocks stands first."""
    reasons = evaluation.reasons if isinstance(evaluation.reasons, list) else []
    return sorted((one for one in reasons if isinstance(one, dict)), key=lambda one: bool(one.get("passed")))


def _figures(evaluation: Evaluation) -> list[dict[str, Any]]:
    """In the order of the gate's names, with what the interval says."""
    figures = evaluation.figures if isinstance(evaluation.figures, dict) else {}
    known = [name for name in gate.NAMES if isinstance(figures.get(name), dict)]
    return [{"name": name, **figures[name], "verdict": _significant(name, figures[name])} for name in known]


def _significant(name: str, figure: dict[str, Any]) -> str:
    """Longer or slower is no loss by itself: the gate holds both against what is usual."""
    try:
        return "" if name in ("length", "latency") else gate.significant(name, figure)
    except (KeyError, TypeError):
        return ""


def _answers(request: HttpRequest, evaluation: Evaluation) -> dict[str, Any]:
    rows = answers(evaluation)
    counts = Counter(str(row.get("kind", "")) for row in rows)
    kind = request.GET.get("kind", "")
    kept = [_shown(row) for row in rows if kind not in counts or row.get("kind") == kind]
    return {
        "page": Paginator(kept, PAGE_SIZE).get_page(request.GET.get("page")),
        "kinds": list(counts.items()),
        "kind": kind if kind in counts else "",
        "whole": len(rows),
        "votes": voting.tally(evaluation),
        "votable": len(voting.votable(rows)),
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    measures = row.get("measures") or {}
    sides = [{"name": SIDES[side], "text": row.get(side, ""), **(measures.get(side) or {})} for side in SIDES]
    return {**row, "sides": sides}
