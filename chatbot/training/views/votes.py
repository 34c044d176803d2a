"""The blind vote: two answers in an order drawn by a key of the server; which was which is not on the page."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chatbot.accounts.models import User
from chatbot.accounts.roles import require
from chatbot.training.models import Vote
from chatbot.training.pages import note, show
from chatbot.training.views.evaluations import answers
from finetune.models import Evaluation


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def vote(request: HttpRequest, evaluation_id: int) -> HttpResponse:
    found = get_object_or_404(Evaluation, pk=evaluation_id)
    voter = get_object_or_404(User, pk=request.user.pk)
    rows = {str(row.get("id", "")): row for row in answers(found) if row.get("candidate") != row.get("current")}
    if request.method == "POST":
        _keep(request, found, voter, rows)
        return redirect("training:vote", found.pk)
    said = set(Vote.objects.filter(evaluation=found, voter=voter).values_list("question", flat=True))
    key = next((key for key in rows if key and key not in said), None)
    pair = _pair(found, voter, rows[key]) if key else None
    context = {"evaluation": found, "row": rows.get(key or ""), "key": key, "pair": pair, "done": len(said & set(rows)),
               "whole": len(rows)}  # fmt: skip
    return show(request, "training/vote.html", context)


def _sides(evaluation: Evaluation, voter: User, key: str) -> tuple[str, str]:
    """Which of the two stands on the left; the same for one person and question, and not to be guessed."""
    drawn = salted_hmac("training.vote", f"{evaluation.pk}:{voter.pk}:{key}").digest()[0] % 2
    return ("candidate", "current") if drawn else ("current", "candidate")


def _pair(evaluation: Evaluation, voter: User, row: dict[str, Any]) -> list[str]:
    return [str(row.get(side, "")) for side in _sides(evaluation, voter, str(row["id"]))]


def _keep(request: HttpRequest, evaluation: Evaluation, voter: User, rows: dict[str, dict[str, Any]]) -> None:
    key, chosen = request.POST.get("question", ""), request.POST.get("choice", "")
    if key not in rows or chosen not in ("left", "right", "tie"):
        messages.error(request, _("This question is not one of the evaluation; nothing was counted."))
        return
    sides = _sides(evaluation, voter, key)
    choice = "tie" if chosen == "tie" else sides[chosen == "right"]
    _vote, made = Vote.objects.get_or_create(
        evaluation=evaluation, question=key, voter=voter, defaults={"choice": choice}
    )
    if made:
        note(request, "vote", f"evaluation {evaluation.pk}", question=key[:64])
