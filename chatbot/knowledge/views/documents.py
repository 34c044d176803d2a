"""The list of documents and the page of one document."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts import audit
from chatbot.accounts.roles import require
from chatbot.knowledge import rendering, selectors
from chatbot.knowledge.forms import FilterForm
from chatbot.knowledge.pages import show
from retrieval import intake
from retrieval.models import Document

PASSAGES_PER_PAGE = 50


@require_safe
@require("knowledge.view")
def documents(request: HttpRequest) -> HttpResponse:
    """The whole page, or for htmx the part that changes while documents are on their way."""
    form = FilterForm(request.GET)
    narrowed = form.filter()
    page = Paginator(selectors.documents(narrowed), selectors.PAGE_SIZE).get_page(request.GET.get("page"))
    counts = selectors.counts()
    context = {
        "form": form,
        "filter": narrowed,
        "page": page,
        "counts": counts,
        "busy": selectors.is_busy(),
        "sources": selectors.sources() if counts["all"] else [],
        "query": urlencode(
            {name: value for name, value in request.GET.items() if name in ("q", "status", "source", "page")}
        ),
    }
    return show(request, page="knowledge/documents.html", part="knowledge/_documents.html", context=context)


@require_safe
@require("knowledge.view")
def document(request: HttpRequest, document_id: int) -> HttpResponse:
    """What was read from one document, its passages, and where it came from."""
    found = _document(document_id)
    passages = Paginator(selectors.passages(found), PASSAGES_PER_PAGE).get_page(request.GET.get("page"))
    chosen = next((one for one in passages if str(one.pk) == request.GET.get("passage")), None)
    rendered = rendering.render(
        found.markdown, start=chosen.start if chosen else None, end=chosen.end if chosen else None
    )
    context = {
        "document": found,
        "rendered": rendered,
        "passages": passages,
        "chosen": chosen,
        "busy": found.status in selectors.BUSY,
        "about": _about(found),
        "public": selectors.is_public(found),
    }
    return render(request, "knowledge/document.html", context)


def _about(found: Document) -> list[tuple[str, Any]]:
    """Label and value of what is known about the original."""
    details = found.details if isinstance(found.details, dict) else {}
    about = details.get("about", {}) if isinstance(details.get("about"), dict) else {}
    rows = [
        (_("File name or address"), details.get("name") or found.key),
        (_("Type"), found.media_type),
        (_("Language"), found.lang),
        (_("Says it was last changed"), found.updated),
        (_("Author"), about.get("author")),
        (_("Description"), about.get("description")),
        (_("Pages"), about.get("pages")),
        (_("Sheets"), about.get("sheets")),
        (_("Rows"), about.get("rows")),
        (_("Fetched"), details.get("fetched")),
        (_("Server says last changed"), details.get("last_modified")),
        (_("Added by"), details.get("by") or found.source.created_by),
        (_("Original (SHA-256)"), found.blob),
    ]
    return [(label, value) for label, value in rows if value]


@require_http_methods(["GET", "HEAD", "POST"])
@require("knowledge.change")
def delete(request: HttpRequest, document_id: int) -> HttpResponse:
    """GET asks, POST deletes."""
    found = _document(document_id)
    if request.method != "POST":
        return render(request, "confirm.html", {
            "title": _("Delete this document?"),
            "name": found.title or found.key,
            "text": _("It leaves the answers at once. This cannot be undone."),
            "button": _("Delete"),
            "back": reverse("knowledge:document", args=[found.pk]),
        })  # fmt: skip
    intake.delete_document(found, actor=request.user.get_username())
    _record(request, "document.delete", found)
    messages.success(
        request, _("“%(name)s” is deleted and no longer used in answers.") % {"name": found.title or found.key}
    )
    return redirect("knowledge:documents")


@require_POST
@require("knowledge.change")
def resync(request: HttpRequest, document_id: int) -> HttpResponse:
    found = _document(document_id)
    intake.resync_document(found, actor=request.user.get_username())
    _record(request, "document.resync", found)
    messages.success(request, _("“%(name)s” is being read again.") % {"name": found.title or found.key})
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith("/"):
        return redirect(back)
    return redirect("knowledge:document", found.pk)


def _document(document_id: int) -> Document:
    return get_object_or_404(selectors.present_documents().select_related("source"), pk=document_id)


def _record(request: HttpRequest, action: str, found: Document) -> None:
    audit.record(
        actor=request.user,
        action=action,
        target=f"document {found.pk}",
        detail={"title": found.title, "key": found.key, "source": found.source_id},
        request=request,
    )
