"""Adapters and their way into service: where they come from, a share first, then all, or back."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.accounts.roles import require
from chatbot.training import live_table, page_selectors, parts
from chatbot.training.forms import CanaryForm, RollBackForm
from chatbot.training.pages import acted, by, note, show
from finetune import adapters as registry
from finetune import promotion as promoting
from finetune import trial_reports
from finetune.models import Adapter, Evaluation, Promotion


@require_safe
@require("training.view")
def adapters(request: HttpRequest) -> HttpResponse:
    context = {
        **_trial(),
        "adapters": page_selectors.adapters(),
        "active": registry.active(),
        "history": page_selectors.promotions()[:50],
        "in_service": promoting.in_service(),
        "back_form": RollBackForm(),
    }
    return show(request, "training/adapters.html", context, part="training/_canary.html")


def _trial() -> dict[str, Any]:
    """The canary with its newest figures, and what is wrong with it."""
    canary = promoting.canary()
    if canary is None:
        return {"canary": None}
    figures = canary.figures if isinstance(canary.figures, dict) else {}
    return {
        "canary": canary,
        "lines": live_table.lines(figures),
        "counted_until": figures.get("until", ""),
        "loading": trial_reports.known(canary.pk),
        "unheard": live_table.unheard(figures),
    }


@require_safe
@require("training.view")
def adapter(request: HttpRequest, adapter_id: int) -> HttpResponse:
    found = get_object_or_404(page_selectors.adapters(), pk=adapter_id)
    card = found.card if isinstance(found.card, dict) else {}
    context = {
        "adapter": found,
        "run": getattr(found, "run", None),
        "card": sorted(card.items()),
        "evaluations": found.evaluations.select_related("dataset").order_by("-pk"),
        "promotions": page_selectors.promotions().filter(adapter=found),
        "passed": _may_try(found),
        "form": CanaryForm(),
    }
    return show(request, "training/adapter.html", context)


def _may_try(adapter: Adapter) -> Evaluation | None:
    """The newest evaluation by which this adapter could start a trial now."""
    if adapter.tainted or adapter.active or promoting.canary() is not None:
        return None
    return adapter.evaluations.filter(state="done", verdict="passed", against=registry.active()).order_by("-pk").first()


@require_POST
@require("training.change")
def canary(request: HttpRequest, evaluation_id: int) -> HttpResponse:
    found = get_object_or_404(Evaluation, pk=evaluation_id)
    form = CanaryForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("The share is a whole number from 1 to 50."))
        return redirect("training:adapter", found.adapter_id)
    share = form.cleaned_data["share"] / 100
    said = _("The adapter answers %(share)d %% of the conversations now.") % {"share": form.cleaned_data["share"]}
    made = acted(request, lambda: parts.start_canary(evaluation=found, share=share, by=by(request)), said)
    if made is None:
        return redirect("training:adapter", found.adapter_id)
    note(request, "canary", f"promotion {made.pk}", evaluation=found.pk, share=share, adapter=_digest(made))
    return redirect("training:adapters")


@require_POST
@require("training.change")
def promote(request: HttpRequest, promotion_id: int) -> HttpResponse:
    found = get_object_or_404(Promotion, pk=promotion_id)
    said = _("The adapter answers all conversations now.")
    if made := acted(request, lambda: parts.promote(promotion=found, by=by(request)), said):
        note(request, "promote", f"promotion {made.pk}", adapter=_digest(made))
    return redirect("training:adapters")


@require_POST
@require("training.change")
def roll_back(request: HttpRequest, promotion_id: int) -> HttpResponse:
    found = get_object_or_404(Promotion, pk=promotion_id)
    form = RollBackForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say in a few words why you roll back; it stands in the history."))
        return redirect("training:adapters")
    reason = form.cleaned_data["reason"]
    said = _("Rolled back: what answered before answers again.")
    if made := acted(request, lambda: parts.roll_back(promotion=found, by=by(request), reason=reason), said):
        note(request, "roll_back", f"promotion {made.pk}", reason=reason, adapter=_digest(made))
    return redirect("training:adapters")


def _digest(promotion: Promotion) -> str:
    return promotion.adapter.digest if promotion.adapter else ""
