"""Fix this: why an answer was wrong, what rests on it, and which of three ways mends it."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts.roles import require
from chatbot.conversations.models import Message, Suggestion
from chatbot.training import page_selectors, page_work, parts
from chatbot.training.forms import FixForm, RouteForm
from chatbot.training.models import Diagnosis
from chatbot.training.pages import acted, by, message_at, note, number, show
from chatbot.training.templatetags.training import code_words


@require_safe
@require("training.view")
def fixes(request: HttpRequest) -> HttpResponse:
    page = Paginator(page_selectors.fixes(), page_selectors.PAGE_SIZE).get_page(request.GET.get("page"))
    return show(request, "training/fixes.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def fix(request: HttpRequest) -> HttpResponse:
    """GET with ?message=, ?suggestion= or ?question= shows the form; POST asks a worker to find out why."""
    about = _about(request)
    form = FixForm(request.POST or None, initial={"question": about["question"]})
    if request.method == "POST" and form.is_valid():
        asked = {"message": _key(about["message"]), "suggestion": _key(about["suggestion"]), **form.cleaned_data}
        target = next((f"{name} {asked[name]}" for name in ("message", "suggestion") if asked[name]), "question")
        note(request, "fix", target)
        token = page_work.start("diagnose", asked=asked, user_id=request.user.pk or 0, by=by(request))
        return redirect("training:fix_work", token)
    context = {"form": form, **about}
    return show(request, "training/fix.html", context, status=400 if request.method == "POST" else 200)


def _key(row: Any) -> int | None:
    return row.pk if row else None


def _about(request: HttpRequest) -> dict[str, Any]:
    """What is to be fixed; 404 for a number that nothing has."""
    message: Message | None = None
    suggestion: Suggestion | None = None
    if key := request.GET.get("message"):
        message = get_object_or_404(Message, pk=number(key), role=Message.Role.BOT)
    elif key := request.GET.get("conversation"):
        message = message_at(key, request.GET.get("seq", ""))
    elif key := request.GET.get("suggestion"):
        suggestion = get_object_or_404(Suggestion.objects.select_related("trigger"), pk=number(key))
    question = request.GET.get("question", "").replace("\x00", "")[:2000]
    if suggestion:
        question = suggestion.trigger.text
    elif message:
        earlier = message.conversation.messages.filter(role=Message.Role.CUSTOMER, seq__lt=message.seq)
        newest = earlier.order_by("-seq").first()
        question = newest.text if newest else ""
    return {"message": message, "suggestion": suggestion, "question": question}


@require_safe
@require("training.change")
def waiting(request: HttpRequest, token: str) -> HttpResponse:
    work = page_work.read(token, "diagnose", user_id=request.user.pk or 0)
    if work is None:
        return redirect("training:fixes")
    if work["state"] == "done":
        answer = redirect("training:diagnosis", work["outcome"])
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=204, headers={"HX-Redirect": answer.url})
        return answer
    return show(request, "training/fix_work.html", {"work": work, "token": token}, part="training/_fix_work.html")


@require_safe
@require("training.view")
def diagnosis(request: HttpRequest, diagnosis_id: int) -> HttpResponse:
    found = get_object_or_404(page_selectors.fixes(), pk=diagnosis_id)
    route = found.chosen or found.route
    others = [(value, code_words(value)) for value in Diagnosis.Route.values if value != route]
    evidence = found.evidence if isinstance(found.evidence, dict) else {}
    context = {"one": found, "route": route, "others": others, "evidence": sorted(evidence.items())}
    return show(request, "training/diagnosis.html", context)


@require_POST
@require("training.change")
def overrule(request: HttpRequest, diagnosis_id: int) -> HttpResponse:
    found = get_object_or_404(Diagnosis, pk=diagnosis_id)
    form = RouteForm(request.POST)
    if form.is_valid():
        route = form.cleaned_data["route"]
        said = _("Your choice is kept.")
        acted(request, lambda: parts.overrule(diagnosis=found, route=route, by=by(request)), said)
    return redirect("training:diagnosis", found.pk)


@require_POST
@require("training.change")
def apply(request: HttpRequest, diagnosis_id: int) -> HttpResponse:
    found = get_object_or_404(Diagnosis, pk=diagnosis_id)
    acted(request, lambda: parts.apply(diagnosis=found, by=by(request)), _("The fix is applied."))
    return redirect("training:diagnosis", found.pk)
