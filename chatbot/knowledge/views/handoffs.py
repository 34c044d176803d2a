"""When people take over in an inbox: business hours, words, mood, rating."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chatbot.accounts import audit
from chatbot.accounts.roles import require
from chatbot.conversations.models import Inbox
from chatbot.knowledge.handoff_forms import HandoffForm


@require_http_methods(["GET", "HEAD", "POST"])
@require("inbox.change")
def handoff(request: HttpRequest, inbox_id: int) -> HttpResponse:
    edited = get_object_or_404(Inbox, pk=inbox_id)
    form = HandoffForm(request.POST or None, instance=edited)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        audit.record(
            actor=request.user,
            action="inbox.handoff",
            target=f"inbox {saved.pk}",
            detail={"name": saved.name, "changed": form.changed_data},
            request=request,
        )
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        return redirect("knowledge:handoff", saved.pk)
    status = 400 if request.method == "POST" else 200
    return render(request, "knowledge/handoff.html", {"form": form, "inbox": edited}, status=status)
