"""Adding documents: files, one page, or all pages of a sitemap."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from chatbot.accounts import audit
from chatbot.accounts.roles import require
from chatbot.knowledge import selectors
from chatbot.knowledge.forms import AddressForm, UploadForm
from retrieval import intake
from retrieval.models import Source

MAX_FILES = 100


@require_safe
@require("knowledge.change")
def add(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
@require("knowledge.change")
def upload(request: HttpRequest) -> HttpResponse:
    """Takes one or many files. The upload script sends one at a time and reads JSON; a plain form gets a page."""
    form = UploadForm(request.POST)
    files = request.FILES.getlist("files")
    if not form.is_valid():
        return _refused(request, upload=form, reason=_first_error(form))
    if not files:
        return _refused(request, upload=form, reason=_("Choose at least one file."))
    taken = [_take(request, file, form.cleaned_data["collection"]) for file in files[:MAX_FILES]]
    if _wants_json(request):
        return JsonResponse({"files": taken})
    count = sum(one["ok"] for one in taken)
    if count:
        text = ngettext("%(count)d file is on its way.", "%(count)d files are on their way.", count) % {"count": count}
        messages.success(request, text)
    for one in taken:
        if not one["ok"]:
            messages.error(request, f"{one['name']}: {one['message']}")
    return redirect("knowledge:documents")


def _take(request: HttpRequest, file: "UploadedFile[Any]", collection: str) -> dict[str, Any]:
    """One file: {name, ok, message}. A file over the limit is not read; it appears in the list with the reason."""
    actor, name, size = request.user.get_username(), intake.shown_name(file.name or ""), file.size or 0
    if size > settings.UPLOAD_MAX_BYTES:
        intake.add_too_large(name, size, collection=collection, actor=actor)
        ok, message = False, _("This file is larger than the upload limit.")
    else:
        upload = intake.Upload(name, file.read(), file.content_type or "")
        accepted = intake.add_upload([upload], collection=collection, actor=actor)
        ok, message = (
            True,
            _("Nothing changed in it.") if accepted and accepted[0].outcome == "unchanged" else _("On its way."),
        )
    audit.record(
        actor=request.user, action="document.upload", target=name, detail={"bytes": size, "collection": collection},
        request=request,
    )  # fmt: skip
    return {"name": name, "ok": ok, "message": message}


@require_POST
@require("knowledge.change")
def add_url(request: HttpRequest) -> HttpResponse:
    return _add_address(request, "url", intake.add_url)


@require_POST
@require("knowledge.change")
def add_sitemap(request: HttpRequest) -> HttpResponse:
    return _add_address(request, "sitemap", intake.add_sitemap)


def _add_address(request: HttpRequest, kind: str, take: Any) -> HttpResponse:
    form = AddressForm(request.POST, auto_id=f"{kind}_%s")
    if not form.is_valid():
        return _page(request, status=400, **{kind: form})
    source: Source = take(
        form.cleaned_data["url"], collection=form.cleaned_data["collection"], actor=request.user.get_username()
    )
    audit.record(
        actor=request.user, action=f"source.add_{kind}", target=f"source {source.pk}",
        detail={"location": source.location, "collection": source.collection}, request=request,
    )  # fmt: skip
    messages.success(request, _("%(address)s is being fetched.") % {"address": source.location})
    return redirect("knowledge:sources" if kind == "sitemap" else "knowledge:documents")


def _refused(request: HttpRequest, *, reason: str = "", **bound: forms.Form) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"error": reason}, status=400)
    if reason:
        messages.error(request, reason)
    return _page(request, status=400, **bound)


def _first_error(form: forms.Form) -> str:
    return next((str(error) for errors in form.errors.values() for error in errors), "")


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _page(request: HttpRequest, *, status: int = 200, **bound: forms.Form) -> HttpResponse:
    context = {
        "upload": bound.get("upload") or UploadForm(auto_id="upload_%s"),
        "url": bound.get("url") or AddressForm(auto_id="url_%s"),
        "sitemap": bound.get("sitemap") or AddressForm(auto_id="sitemap_%s"),
        "limit": settings.UPLOAD_MAX_BYTES,
        "max_files": MAX_FILES,
        "max_pages": settings.CRAWL_MAX_PAGES,
        "collections": selectors.collections(),
    }
    return render(request, "knowledge/add.html", context, status=status)
