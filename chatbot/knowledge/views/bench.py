"""The test bench: a question, both arms of the search, their fusion, and the answer."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.models import User
from chatbot.accounts.roles import require
from chatbot.knowledge import selectors, trial
from chatbot.knowledge.forms import BenchForm
from chatbot.knowledge.pages import show


@require_http_methods(["GET", "HEAD", "POST"])
@require("knowledge.view")
def bench(request: HttpRequest) -> HttpResponse:
    """GET shows the form, POST asks and leads to the page that waits for the outcome."""
    form = BenchForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        context = {"form": form, "counts": selectors.counts()}
        return render(request, "knowledge/bench.html", context, status=400 if request.method == "POST" else 200)
    asked = form.cleaned_data
    token = trial.start(
        question=asked["question"].strip(),
        history=asked["history"],
        inbox_id=asked["inbox"].pk if asked["inbox"] else None,
        user_id=_user_id(request),
    )
    return redirect("knowledge:trial", token)


@require_safe
@require("knowledge.view")
def outcome(request: HttpRequest, token: str) -> HttpResponse:
    """The page of one test; for htmx only its changing part."""
    kept = trial.read(token, user_id=_user_id(request))
    if kept is None:
        return redirect("knowledge:bench")
    history = "\n".join(f"{role}: {text}" for role, text in kept["history"])
    form = BenchForm(initial={"question": kept["question"], "history": history, "inbox": kept["inbox"]})
    context = {"form": form, "trial": kept, "token": token, "counts": selectors.counts()}
    return show(request, page="knowledge/bench.html", part="knowledge/_trial.html", context=context)


def _user_id(request: HttpRequest) -> int:
    return request.user.pk if isinstance(request.user, User) else 0
