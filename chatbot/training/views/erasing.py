"""Erasing a contact: finding them, confirming by typing, and the receipt. Only for who may erase."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.roles import require
from chatbot.conversations.models import Contact
from chatbot.training import page_selectors, parts
from chatbot.training.forms import EraseForm
from chatbot.training.models import Erasure, Provenance
from chatbot.training.pages import acted, by, note, show


@require_safe
@require("contacts.erase")
def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    context = {"q": text, "contacts": page_selectors.contacts(text), "receipts": Erasure.objects.order_by("-pk")[:20]}
    return show(request, "training/erase.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require("contacts.erase")
def confirm(request: HttpRequest, contact_id: int) -> HttpResponse:
    contact = get_object_or_404(Contact.objects.select_related("inbox"), pk=contact_id)
    form = EraseForm(request.POST or None, words=_("erase %(number)s") % {"number": contact.pk})
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        made = acted(request, lambda: parts.erase(contact=contact, by=by(request), reason=reason),
                     _("The contact is erased. This is the receipt."))  # fmt: skip
        if made is not None:
            note(request, "contact.erase", f"contact {contact_id}", erasure=made.pk)
            return redirect("training:receipt", made.pk)
    from chatbot.conversations.models import Message

    context = {
        "contact": contact,
        "form": form,
        "conversations": contact.conversations.count(),
        "written": Message.objects.filter(conversation__contact=contact).count(),
        "examples": Provenance.objects.filter(contact=contact).count(),
    }
    return show(request, "training/erase_contact.html", context, status=400 if request.method == "POST" else 200)


@require_safe
@require("contacts.erase")
def receipt(request: HttpRequest, erasure_id: int) -> HttpResponse:
    found = get_object_or_404(Erasure, pk=erasure_id)
    rows = found.receipt.items() if isinstance(found.receipt, dict) else []
    return show(request, "training/receipt.html", {"erasure": found, "rows": sorted(rows)})
