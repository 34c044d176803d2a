"""The review queue: what an example was asked, what it rests on and what would be learnt, side by side."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts.roles import require
from chatbot.training import page_selectors, parts
from chatbot.training.forms import LONG, FilterForm
from chatbot.training.pages import acted, by, show
from finetune.models import Example

MOST = 100
ACTIONS = ("approve", "reject", "merge")


@require_safe
@require("training.view")
def queue(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    narrowed = form.narrowed()
    page = page_selectors.queue(narrowed, request.GET.get("page"))
    known = page_selectors.counts()
    context = {
        "form": form,
        "page": page,
        "state": narrowed.get("state", "pending"),
        "tabs": [(state, known.get(state, 0)) for state in Example.State.values],
        "rest": urlencode({name: value for name, value in narrowed.items() if name != "state"}),
        "narrow": any(name != "state" for name in narrowed),
        "total": sum(known.values()),
    }
    return show(request, "training/review.html", context)


@require_safe
@require("training.view")
def example(request: HttpRequest, example_id: int) -> HttpResponse:
    found = get_object_or_404(Example.objects.select_related("provenance__conversation__inbox"), pk=example_id)
    return show(request, "training/example.html", {"one": found})


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def edit(request: HttpRequest, example_id: int) -> HttpResponse:
    found = get_object_or_404(Example, pk=example_id)
    text = request.POST.get("answer", "").strip()
    if request.method == "POST" and 0 < len(text) <= LONG and "\x00" not in text:
        said = _("The answer is changed. It still waits for approval.")
        acted(request, lambda: parts.review("edit", examples=[found], by=by(request), answer=text), said)
        return redirect(_back(request))
    wrong = request.method == "POST"
    context = {"one": found, "text": request.POST.get("answer", found.answer), "wrong": wrong, "most": LONG,
               "back": request.POST.get("back", request.GET.get("back", ""))}  # fmt: skip
    return show(request, "training/edit_example.html", context, status=400 if wrong else 200)


@require_POST
@require("training.change")
def decide(request: HttpRequest) -> HttpResponse:
    """Approve, reject or merge those that are ticked."""
    action = request.POST.get("action", "")
    keys = [key for key in request.POST.getlist("example") if key.isascii() and key.isdigit() and len(key) < 19]
    chosen = list(Example.objects.filter(pk__in=keys[:MOST]).order_by("-value", "pk"))
    if action not in ACTIONS or not chosen:
        messages.error(request, _("Choose at least one example and what to do with it."))
    elif action == "merge" and len(chosen) < 2:
        messages.error(request, _("Merging needs at least two examples: tick those that say the same."))
    else:
        _decide(request, action, chosen)
    return redirect(_back(request))


def _decide(request: HttpRequest, action: str, chosen: list[Example]) -> None:
    def said(changed: list[int]) -> str:
        count = len(changed)
        if not count:
            return _("Somebody else has changed or decided this example. Load it again.")
        return {
            "approve": ngettext("%(n)d example is approved.", "%(n)d examples are approved.", count),
            "reject": ngettext("%(n)d example is rejected.", "%(n)d examples are rejected.", count),
            "merge": ngettext("%(n)d example is merged.", "%(n)d examples are merged.", count),
        }[action] % {"n": count}

    acted(request, lambda: parts.review(action, examples=chosen, by=by(request)), said)


def _back(request: HttpRequest) -> str:
    back = request.POST.get("back", "")
    fine = back.startswith("/training/review/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return back if fine else "/training/review/"
