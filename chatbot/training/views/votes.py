"""The blind vote: two answers side by side; which model wrote which is nowhere on the page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chatbot.accounts.models import User
from chatbot.accounts.roles import require
from chatbot.training import voting
from chatbot.training.pages import note, show
from chatbot.training.views.evaluations import answers
from finetune.models import Evaluation


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def vote(request: HttpRequest, evaluation_id: int) -> HttpResponse:
    """GET shows the next pair, POST keeps a choice."""
    found = get_object_or_404(Evaluation, pk=evaluation_id)
    voter = get_object_or_404(User, pk=request.user.pk)
    rows = voting.votable(answers(found)) if found.state == Evaluation.State.DONE else {}
    if request.method == "POST":
        key = request.POST.get("question", "")
        _cast(request, found, voter, rows, key)
        return redirect("training:vote", found.pk)
    pair = voting.next_pair(found, voter, rows)
    finished = len(voting.done(found, voter) & set(rows))
    context = {"evaluation": found, "pair": pair, "done": finished, "whole": len(rows)}
    return show(request, "training/vote.html", context)


def _cast(request: HttpRequest, evaluation: Evaluation, voter: User, rows: dict[str, voting.Row], key: str) -> None:
    try:
        made = voting.cast(
            evaluation=evaluation, voter=voter, rows=rows, key=key, chosen=request.POST.get("choice", "")
        )
    except voting.VoteRefused as refused:
        messages.error(request, str(refused))
        return
    if made:
        note(request, "vote", f"evaluation {evaluation.pk}", question=key[:64])
    else:
        messages.info(request, _("You have voted on this question before; your first vote counts."))
