"""Erasing a customer: finding them, what rests on them, confirming by typing, the receipt. Only for who may erase."""

import json
from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.roles import require
from chatbot.conversations import rates
from chatbot.conversations.models import Contact
from chatbot.training import erased_selectors, page_selectors, parts
from chatbot.training.erase_form import EraseForm
from chatbot.training.erasure import subject_of
from chatbot.training.models import Erasure
from chatbot.training.pages import acted, by, show

RATE: Final = rates.Rate(60, 3600)
"""So many customers one person may erase in an hour: a stolen session must not empty the house unnoticed."""


@require_safe
@require("contacts.erase")
def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    receipts = Paginator(Erasure.objects.order_by("-pk"), page_selectors.PAGE_SIZE).get_page(request.GET.get("page"))
    found = list(erased_selectors.contacts(text))
    context = {"q": text, "contacts": found, "most": erased_selectors.MOST, "page": receipts}
    return show(request, "training/erase.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require("contacts.erase")
def confirm(request: HttpRequest, contact_id: int) -> HttpResponse:
    """GET shows what would go; POST with the words does it. A contact that was erased leads to its receipt."""
    contact = Contact.objects.select_related("inbox").filter(pk=contact_id).first()
    if contact is None:
        return redirect("training:receipt", get_object_or_404(Erasure, subject=subject_of(contact_id)).pk)
    form = EraseForm(request.POST or None, words=_("erase %(number)s") % {"number": contact.pk})
    if request.method == "POST" and form.is_valid():
        made = _erase(request, contact, form.cleaned_data["reason"])
        if made is not None:
            return redirect("training:receipt", made.pk)
    context = {"contact": contact, "form": form, "found": erased_selectors.extent(contact)}
    return show(request, "training/erase_contact.html", context, status=400 if request.method == "POST" else 200)


def _erase(request: HttpRequest, contact: Contact, reason: str) -> Erasure | None:
    def work() -> Erasure:
        rates.take([rates.Limit(RATE, "erasures", str(request.user.pk))])
        return parts.erase(contact=contact, by=by(request), reason=reason)

    return acted(request, work, _("The customer is erased. This is the receipt."))


@require_safe
@require("contacts.erase")
def receipt(request: HttpRequest, erasure_id: int) -> HttpResponse:
    erasure = get_object_or_404(Erasure, pk=erasure_id)
    return show(request, "training/receipt.html", {"erasure": erasure, "told": erased_selectors.told(erasure)})


@require_safe
@require("contacts.erase")
def receipt_file(request: HttpRequest, erasure_id: int) -> HttpResponse:
    """To be filed with the request."""
    erasure = get_object_or_404(Erasure, pk=erasure_id)
    text = json.dumps(parts.receipt(erasure), ensure_ascii=False, indent=1)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="erasure-{erasure.pk}.json"'
    response["Cache-Control"] = "no-store"
    return response
