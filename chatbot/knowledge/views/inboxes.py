"""Inboxes: how each chat looks and behaves, where it may appear, and the snippet that embeds it."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts import audit
from chatbot.accounts.roles import require
from chatbot.conversations.models import Inbox, new_inbox_secret
from chatbot.knowledge.inbox_forms import AA_CONTRAST, InboxForm, contrast_with_white


@require_safe
@require("inbox.change")
def inboxes(request: HttpRequest) -> HttpResponse:
    return render(request, "knowledge/inboxes.html", {"inboxes": Inbox.objects.order_by("name", "pk")})


@require_http_methods(["GET", "HEAD", "POST"])
@require("inbox.change")
def create(request: HttpRequest) -> HttpResponse:
    return _edit(request, Inbox())


@require_http_methods(["GET", "HEAD", "POST"])
@require("inbox.change")
def inbox(request: HttpRequest, inbox_id: int) -> HttpResponse:
    return _edit(request, get_object_or_404(Inbox, pk=inbox_id))


def _edit(request: HttpRequest, edited: Inbox) -> HttpResponse:
    is_new = edited.pk is None
    form = InboxForm(request.POST or None, instance=edited)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        audit.record(
            actor=request.user, action="inbox.create" if is_new else "inbox.change", target=f"inbox {saved.pk}",
            detail={"name": saved.name, "changed": form.changed_data}, request=request,
        )  # fmt: skip
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        _advise_on_color(request, saved.color)
        return redirect("knowledge:inbox", saved.pk)
    status = 400 if request.method == "POST" else 200
    context = {"form": form, "inbox": None if is_new else edited, "snippet": "" if is_new else snippet(edited)}
    return render(request, "knowledge/inbox.html", context, status=status)


def _advise_on_color(request: HttpRequest, color: str) -> None:
    ratio = contrast_with_white(color)
    if ratio < AA_CONTRAST:
        messages.warning(
            request,
            _("White text on this colour has a contrast of %(ratio).1f to 1, and 4.5 is easy to read. The chat adapts "
              "text and shade by itself; a darker colour stays as you chose it.") % {"ratio": ratio},
        )  # fmt: skip


def snippet(edited: Inbox) -> str:
    """What goes into the company's pages."""
    address = f"{settings.PUBLIC_URL}{reverse('widget:loader')}"
    return f'<script async src="{address}" data-inbox="{edited.key}"></script>'


@require_http_methods(["GET", "HEAD", "POST"])
@require("inbox.change")
def rotate_secret(request: HttpRequest, inbox_id: int) -> HttpResponse:
    """GET asks, POST makes a new secret and shows it this once."""
    found = get_object_or_404(Inbox, pk=inbox_id)
    if request.method != "POST":
        return render(request, "confirm.html", {
            "title": _("Make a new secret?"),
            "name": found.name,
            "text": _("Identity tokens signed with the present secret stop working at once. Put the new one on your "
                      "server right away; it is shown only once."),
            "button": _("Make a new secret"),
            "back": reverse("knowledge:inbox", args=[found.pk]),
        })  # fmt: skip
    found.secret = new_inbox_secret()
    found.save(update_fields=["secret"])
    audit.record(actor=request.user, action="inbox.rotate_secret", target=f"inbox {found.pk}", request=request)
    response = render(request, "knowledge/secret.html", {"inbox": found, "secret": found.secret})
    response["Cache-Control"] = "no-store"
    return response
