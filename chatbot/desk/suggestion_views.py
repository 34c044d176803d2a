"""The page that shows what became of the drafts. Numbers only: no text of a customer or a draft is on it."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chatbot.accounts.models import User
from chatbot.accounts.roles import require
from chatbot.conversations.drafts import suggestion_figures
from chatbot.desk.autonomy_forms import SuggestionFilter


@require_safe
@require("insights.view")
def suggestions(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - `require` has let a user in
    form = SuggestionFilter(request.GET if request.GET else {"days": 90}, user=request.user)
    form.is_valid()
    said = form.cleaned_data
    chosen, days = said.get("inbox"), said.get("days") or 90
    inboxes = form.seen.filter(pk=chosen.pk) if chosen else form.seen
    found = suggestion_figures.figures(inboxes=inboxes, since=timezone.now() - timedelta(days=days))
    tables: list[dict[str, Any]] = [
        {"title": _("Weeks"), "first": _("Week from"), "lines": found.weeks, "none": ""},
        {"title": _("Inboxes"), "first": _("Inbox"), "lines": found.inboxes, "none": ""},
        {"title": _("Topics"), "first": _("Topic"), "lines": found.topics, "none": _("no topic")},
        {"title": _("Adapters"), "first": _("Adapter"), "lines": found.adapters, "none": _("no adapter")},
    ]
    names = {
        "wrong": _("It is wrong"),
        "incomplete": _("Something is missing"),
        "tone": _("Not how we say it"),
        "not_needed": _("Not needed"),
        "other": _("Something else"),
        "": _("no reason given"),
    }
    reasons = [(names.get(reason, reason), count) for reason, count in found.reasons]
    context = {"form": form, "total": found.total, "tables": tables, "reasons": reasons}
    return render(request, "desk/suggestions.html", context)
