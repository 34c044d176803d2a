"""Sources: where documents come from, when they were last synced, and taking them out."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts import audit
from chatbot.accounts.roles import require
from chatbot.knowledge import selectors
from chatbot.knowledge.pages import show
from retrieval import intake
from retrieval.models import Source


@require_safe
@require("knowledge.view")
def sources(request: HttpRequest) -> HttpResponse:
    context = {"sources": selectors.sources(), "busy": selectors.is_busy()}
    return show(request, page="knowledge/sources.html", part="knowledge/_sources.html", context=context)


@require_POST
@require("knowledge.change")
def resync(request: HttpRequest, source_id: int) -> HttpResponse:
    source = _source(source_id)
    intake.resync(source, actor=request.user.get_username())
    _record(request, "source.resync", source)
    messages.success(request, _("“%(name)s” is being synced.") % {"name": source.name})
    return redirect("knowledge:sources")


@require_http_methods(["GET", "HEAD", "POST"])
@require("knowledge.change")
def delete(request: HttpRequest, source_id: int) -> HttpResponse:
    """GET asks, POST deletes the source with its documents."""
    source = _source(source_id)
    count = selectors.present_documents().filter(source=source).count()
    if request.method != "POST":
        text = ngettext(
            "Its %(count)d document leaves the answers at once. This cannot be undone.",
            "Its %(count)d documents leave the answers at once. This cannot be undone.",
            count,
        ) % {"count": count}
        return render(request, "confirm.html", {
            "title": _("Delete this source and its documents?"),
            "name": source.name,
            "text": text,
            "button": _("Delete"),
            "back": reverse("knowledge:sources"),
        })  # fmt: skip
    intake.delete_source(source, actor=request.user.get_username())
    _record(request, "source.delete", source, documents=count)
    messages.success(request, _("“%(name)s” is deleted and no longer used in answers.") % {"name": source.name})
    return redirect("knowledge:sources")


def _source(source_id: int) -> Source:
    return get_object_or_404(Source.objects.exclude(status=intake.DELETED), pk=source_id)


def _record(request: HttpRequest, action: str, source: Source, **detail: int) -> None:
    audit.record(
        actor=request.user,
        action=action,
        target=f"source {source.pk}",
        detail={"name": source.name, "kind": source.kind, **detail},
        request=request,
    )
