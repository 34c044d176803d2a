"""Pages of the canned replies: read by the whole team, changed by admins; and which of them would answer a question."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts import audit
from chatbot.accounts.models import User
from chatbot.accounts.roles import require
from chatbot.conversations.canned_replies import canned, canned_selectors, canned_services
from chatbot.conversations.models import CannedReply
from chatbot.desk import canned_trial
from chatbot.desk.canned_forms import CannedForm, TryForm


@require_safe
@require("conversations.view")
def replies(request: HttpRequest) -> HttpResponse:
    return render(request, "desk/canned.html", _listed(request, TryForm(user=request.user)))


def _listed(request: HttpRequest, form: TryForm) -> dict[str, Any]:
    sought = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    rows = canned_selectors.visible_to(request.user).prefetch_related("inboxes", "examples")
    language = get_language() or "en"
    shown = [
        {"reply": row, "text": canned.text_for(row.texts, language), "languages": sorted(row.texts)}
        for row in rows
        if _has(row, sought.casefold())
    ]
    return {"replies": shown, "sought": sought, "form": form}


def _has(reply: CannedReply, sought: str) -> bool:
    """Whether title, shortcut or any text holds the words. Not SQL: databases keep JSON in spellings of their own."""
    return any(sought in text.casefold() for text in (reply.title, reply.shortcut, *map(str, reply.texts.values())))


@require_http_methods(["GET", "HEAD", "POST"])
@require("canned.change")
def create(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@require("canned.change")
def change(request: HttpRequest, reply_id: int) -> HttpResponse:
    return _edit(request, get_object_or_404(CannedReply, pk=reply_id))


def _edit(request: HttpRequest, reply: CannedReply | None) -> HttpResponse:
    form = CannedForm(request.POST or None, reply=reply)
    if request.method == "POST" and form.is_valid():
        said = form.said()
        saved = canned_services.save(said=said, canned=reply, actor=_user(request))
        audit.record(
            actor=request.user, action="canned.change" if reply else "canned.create", target=f"canned reply {saved.pk}",
            detail={"shortcut": saved.shortcut, "changed": form.changed_data, "for_bot": saved.for_bot},
            request=request,
        )  # fmt: skip
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.title})
        for shared in canned_selectors.shared_examples([text for _code, text in said.examples], but=saved)[:3]:
            messages.warning(
                request,
                _("“%(question)s” is an example of “%(title)s” as well. The bot cannot tell the two apart by it.")
                % {"question": shared.text, "title": shared.title},
            )
        return redirect("desk:canned")
    context = {"form": form, "reply": reply, "variables": canned.VARIABLES}
    return render(request, "desk/canned_reply.html", context, status=400 if request.method == "POST" else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require("canned.change")
def delete(request: HttpRequest, reply_id: int) -> HttpResponse:
    """GET asks, POST deletes."""
    reply = get_object_or_404(CannedReply, pk=reply_id)
    if request.method != "POST":
        return render(request, "desk/canned_delete.html", {"reply": reply})
    audit.record(
        actor=request.user, action="canned.delete", target=f"canned reply {reply.pk}",
        detail={"shortcut": reply.shortcut, "title": reply.title}, request=request,
    )  # fmt: skip
    canned_services.delete(canned=reply)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": reply.title})
    return redirect("desk:canned")


@require_POST
@require("conversations.view")
def try_question(request: HttpRequest) -> HttpResponse:
    """Ask a worker which reply would answer, and lead to the page that waits for it."""
    form = TryForm(request.POST, user=request.user)
    if not form.is_valid():
        return render(request, "desk/canned.html", _listed(request, form), status=400)
    inbox = form.cleaned_data["inbox"]
    token = canned_trial.start(
        question=form.cleaned_data["question"], inbox_id=inbox.pk if inbox else None, user_id=_user_id(request)
    )
    return redirect(f"{reverse('desk:canned_trial', args=[token])}#trial")


@require_safe
@require("conversations.view")
def trial(request: HttpRequest, token: str) -> HttpResponse:
    """The list with the outcome of one question; for htmx only the outcome."""
    kept = canned_trial.read(token, user_id=_user_id(request))
    if kept is None:
        return redirect("desk:canned")
    context: dict[str, Any] = {"trial": kept, "token": token}
    part = request.headers.get("HX-Request") == "true"
    if not part:
        form = TryForm(user=request.user, initial={"question": kept["question"], "inbox": kept["inbox"]})
        context.update(_listed(request, form))
    response = render(request, "desk/_canned_trial.html" if part else "desk/canned.html", context)
    response["Cache-Control"] = "no-store"
    response["Vary"] = "HX-Request, Cookie"
    return response


def _user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _user_id(request: HttpRequest) -> int:
    return request.user.pk if isinstance(request.user, User) else 0
