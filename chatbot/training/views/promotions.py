"""Adapters and their way into service: where they come from, a share first, then all, or back."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.accounts.roles import require
from chatbot.training import page_selectors, parts
from chatbot.training.forms import CanaryForm, RollBackForm
from chatbot.training.pages import REFUSALS, acted, by, note, show
from finetune import adapters as registry
from finetune.models import Evaluation, Promotion


@require_safe
@require("training.view")
def adapters(request: HttpRequest) -> HttpResponse:
    canary = page_selectors.canary()
    history = page_selectors.promotions()[:50]
    context = {
        "adapters": page_selectors.adapters(),
        "active": registry.active(),
        "canary": canary,
        "sides": _live(canary),
        "history": history,
        "in_service": next((one for one in history if one.state == Promotion.State.ACTIVE), None),
        "back_form": RollBackForm(),
    }
    return show(request, "training/adapters.html", context, part="training/_canary.html")


def _live(canary: Promotion | None) -> list[tuple[str, Any, Any]]:
    """(figure, canary, stable); what was kept when the live count cannot be had."""
    if canary is None:
        return []
    try:
        found = parts.live_figures(canary)
    except (ImportError, *REFUSALS):
        found = canary.figures
    if not isinstance(found, dict):
        from dataclasses import asdict

        found = asdict(found)
    left, right = found.get("canary"), found.get("stable")
    if not isinstance(left, dict) or not isinstance(right, dict):
        return []
    return [(name, left.get(name), right.get(name)) for name in {**left, **right}]


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
    }
    return show(request, "training/adapter.html", context)


@require_POST
@require("training.change")
def canary(request: HttpRequest, evaluation_id: int) -> HttpResponse:
    found = get_object_or_404(Evaluation, pk=evaluation_id)
    form = CanaryForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("The share is a whole number from 1 to 50."))
        return redirect("training:evaluation", found.pk)
    share = form.cleaned_data["share"] / 100
    said = _("The adapter answers %(share)d %% of the conversations now.") % {"share": form.cleaned_data["share"]}
    made = acted(request, lambda: parts.start_canary(evaluation=found, share=share, by=by(request)), said)
    if made is None:
        return redirect("training:evaluation", found.pk)
    note(request, "canary", f"promotion {made.pk}", evaluation=found.pk, share=share)
    return redirect("training:adapters")


@require_POST
@require("training.change")
def promote(request: HttpRequest, promotion_id: int) -> HttpResponse:
    found = get_object_or_404(Promotion, pk=promotion_id)
    said = _("The adapter answers all conversations now.")
    if acted(request, lambda: (parts.promote(promotion=found, by=by(request)), True), said):
        note(request, "promote", f"promotion {found.pk}", adapter=found.adapter.digest if found.adapter else "")
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
    if acted(request, lambda: (parts.roll_back(promotion=found, by=by(request), reason=reason), True), said):
        note(request, "roll_back", f"promotion {found.pk}", reason=reason)
    return redirect("training:adapters")
