"""The demo's mail catcher as pages: what was sent to customers, and a box to answer as the customer.

Exists only where e-mail is caught (`make demo`) and the sample company is loaded; elsewhere these pages do not exist.
Who may not see a conversation does not see its e-mails.
"""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from chatbot.accounts.models import User
from chatbot.accounts.roles import may, require
from chatbot.conversations import access
from chatbot.conversations.mail import catcher, caught_answers
from chatbot.conversations.mail.catcher import Caught
from chatbot.conversations.models import Inbox, OutboundEmail

SAMPLE_INBOX: Final = "pk_sample_company"
"""The key under which the demo loads its inbox; surfaces do not import each other."""


class AnswerForm(forms.Form):
    text = forms.CharField(
        label=_("Answer as the customer"),
        max_length=10_000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": _("Please write something first.")},
    )


@require_safe
@require("conversations.view")
def box(request: HttpRequest) -> HttpResponse:
    _exists()
    page = Paginator(_visible(request.user), 25).get_page(request.GET.get("page"))
    return _private(render(request, "desk/mailbox.html", {"page": page}))


@require_safe
@require("conversations.view")
def mail(request: HttpRequest, name: str) -> HttpResponse:
    return _private(_shown(request, _found(request, name), AnswerForm()))


@require_safe
@require("conversations.view")
@xframe_options_sameorigin
def body(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML part alone, for a frame that runs nothing, sends nothing and loads nothing."""
    response = HttpResponse(_found(request, name).html or "<!doctype html>")
    response["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"
    )
    response["Referrer-Policy"] = "no-referrer"
    return _private(response)


@require_POST
@require("conversations.reply")
def answer(request: HttpRequest, name: str) -> HttpResponse:
    """Through the code that takes real e-mails in."""
    found = _found(request, name)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _private(_shown(request, found, form, status=400))
    outcome = caught_answers.answer(found, text=form.cleaned_data["text"])
    if not outcome.accepted:
        form.add_error("text", outcome.reason)
        return _private(_shown(request, found, form, status=400))
    messages.success(request, _("The answer has arrived in the conversation."))
    return redirect("mailbox_mail", name=name)


# --- What is there ----------------------------------------------------------------------------------------
def _exists() -> None:
    loaded = settings.EMBEDDED and catcher.in_use() and Inbox.objects.filter(key=SAMPLE_INBOX).exists()
    if not loaded:
        raise Http404("E-mails are not caught here.")


def _visible(user: Any) -> list[Caught]:
    """Caught e-mails of conversations that the user may see, newest first."""
    rows = OutboundEmail.objects.filter(conversation__in=access.conversations(user).values("pk"))
    allowed = set(rows.values_list("email_id", flat=True))
    return [found for found in catcher.caught() if found.message_id in allowed]


def _found(request: HttpRequest, name: str) -> Caught:
    _exists()
    found = catcher.one(name)
    row = OutboundEmail.objects.filter(email_id=found.message_id).first() if found else None
    if found is None or row is None:
        raise Http404("No such e-mail.")
    user = request.user
    if not isinstance(user, User) or not access.conversations(user).filter(pk=row.conversation_id).exists():
        raise Http404("No such e-mail.")
    return found


def _shown(request: HttpRequest, found: Caught, form: AnswerForm, *, status: int = 200) -> HttpResponse:
    context = {"mail": found, "form": form, "may_answer": may(request.user, "conversations.reply")}
    return render(request, "desk/mailbox_mail.html", context, status=status)


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


urlpatterns = [
    path("", box, name="mailbox"),
    path("<str:name>/", mail, name="mailbox_mail"),
    path("<str:name>/body/", body, name="mailbox_body"),
    path("<str:name>/answer/", answer, name="mailbox_answer"),
]
