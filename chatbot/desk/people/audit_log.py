"""The audit log, newest first, to look through. Nothing here can be changed."""

from datetime import datetime, time
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from chatbot.accounts.models import AuditEntry
from chatbot.accounts.roles import require
from chatbot.desk.people.forms import AuditFilter

PAGE_SIZE = 50


@require_safe
@require("audit.view")
def audit_log(request: HttpRequest) -> HttpResponse:
    form = AuditFilter(request.GET)
    page = Paginator(_narrowed(form), PAGE_SIZE).get_page(request.GET.get("page"))
    query = urlencode({name: value for name, value in request.GET.items() if name in form.fields})
    actions = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
    return render(request, "desk/audit.html", {"form": form, "page": page, "query": query, "actions": actions})


def _narrowed(form: AuditFilter) -> QuerySet[AuditEntry]:
    form.is_valid()
    said = form.cleaned_data
    rows = AuditEntry.objects.all()
    if actor := str(said.get("actor") or "").replace("\x00", ""):
        rows = rows.filter(actor__icontains=actor)
    if action := str(said.get("action") or "").replace("\x00", ""):
        rows = rows.filter(action__startswith=action)
    if since := said.get("since"):
        rows = rows.filter(at__gte=timezone.make_aware(datetime.combine(since, time.min)))
    if until := said.get("until"):
        rows = rows.filter(at__lte=timezone.make_aware(datetime.combine(until, time.max)))
    return rows
