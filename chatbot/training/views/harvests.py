"""Which conversations may become examples, inbox by inbox, and collecting them now."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts.roles import require
from chatbot.conversations.models import Inbox
from chatbot.training import page_work
from chatbot.training.forms import RuleForm
from chatbot.training.models import HarvestRule
from chatbot.training.pages import by, note, show


@require_safe
@require("training.view")
def harvest(request: HttpRequest) -> HttpResponse:
    inboxes = Inbox.objects.select_related("harvest_rule").order_by("name", "pk")
    rows: list[dict[str, Any]] = [{"inbox": one, "rule": getattr(one, "harvest_rule", None)} for one in inboxes]
    any_on = any(row["rule"] and row["rule"].enabled for row in rows)
    return show(request, "training/harvest.html", {"rows": rows, "any_on": any_on})


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def rule(request: HttpRequest, inbox_id: int) -> HttpResponse:
    from django.contrib import messages

    inbox = get_object_or_404(Inbox, pk=inbox_id)
    kept = HarvestRule.objects.filter(inbox=inbox).first() or HarvestRule(inbox=inbox)
    form = RuleForm(request.POST or None, instance=kept)
    if request.method == "POST" and form.is_valid():
        saved = form.save(commit=False)
        saved.changed_by = by(request)
        saved.save()
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        note(request, "harvest_rule", f"inbox {inbox.pk}", name=inbox.name, enabled=saved.enabled, changed=changed)
        messages.success(request, _("“%(name)s” is saved.") % {"name": inbox.name})
        return redirect("training:harvest")
    status = 400 if request.method == "POST" else 200
    return show(request, "training/rule.html", {"form": form, "inbox": inbox}, status=status)


@require_POST
@require("training.change")
def now(request: HttpRequest) -> HttpResponse:
    """A worker collects, because reading a year of conversations takes longer than a page may."""
    chosen = request.POST.get("inbox", "")
    inbox = get_object_or_404(Inbox, pk=int(chosen)) if _is_id(chosen) else None
    asked = {"inbox": inbox.pk if inbox else None}
    note(request, "harvest_now", f"inbox {inbox.pk}" if inbox else "all inboxes")
    token = page_work.start("harvest", asked=asked, user_id=request.user.pk or 0, by=by(request))
    return redirect("training:harvested", token)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


@require_safe
@require("training.change")
def outcome(request: HttpRequest, token: str) -> HttpResponse:
    work = page_work.read(token, "harvest", user_id=request.user.pk or 0)
    if work is None:
        return redirect("training:harvest")
    return show(request, "training/harvested.html", {"work": work, "token": token}, part="training/_harvested.html")
