"""Index versions: what the answers are searched in, going back, and building anew."""

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.accounts import audit
from chatbot.accounts.roles import require
from chatbot.knowledge.pages import show
from chatbot.knowledge.templatetags.knowledge import in_words
from retrieval import versions as index_versions
from retrieval.models import IndexVersion
from retrieval.tasks import rebuild as rebuild_task


@require_safe
@require("knowledge.view")
def versions(request: HttpRequest) -> HttpResponse:
    listed = index_versions.listing()
    context = {
        "versions": listed,
        "active": next((one for one in listed if one.active), None),
        "earlier": any(not one.active and one.activated_at and one.status == "ready" for one in listed),
        "busy": any(one.status == IndexVersion.Status.BUILDING for one in listed),
    }
    return show(request, page="knowledge/versions.html", part="knowledge/_versions.html", context=context)


@require_POST
@require("knowledge.change")
def activate(request: HttpRequest, version_id: int) -> HttpResponse:
    return _move(request, "index.activate", lambda: index_versions.activate(version_id))


@require_POST
@require("knowledge.change")
def roll_back(request: HttpRequest) -> HttpResponse:
    return _move(request, "index.roll_back", index_versions.roll_back)


def _move(request: HttpRequest, action: str, move: Callable[[], IndexVersion]) -> HttpResponse:
    try:
        version = move()
    except index_versions.NoSuchVersion as error:
        messages.error(request, in_words(str(error)))
        return redirect("knowledge:versions")
    audit.record(actor=request.user, action=action, target=f"index {version.digest[:12]}", request=request)
    messages.success(request, _("Answers now use version %(name)s.") % {"name": version.digest[:12]})
    return redirect("knowledge:versions")


@require_POST
@require("knowledge.change")
def rebuild(request: HttpRequest) -> HttpResponse:
    transaction.on_commit(lambda: rebuild_task.apply_async(retry=False))
    audit.record(actor=request.user, action="index.rebuild", request=request)
    messages.success(request, _("The index is being built anew. Answers use the present version until it is ready."))
    return redirect("knowledge:versions")
