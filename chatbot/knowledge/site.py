"""The sample company's own web site, with the widget on it. Answers 404 where the sample company is not loaded."""

from typing import Any

import nh3
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt

from chatbot.conversations import selectors
from chatbot.knowledge import sample_company
from retrieval.models import Document

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def as_html(markdown: str) -> str:
    """Markdown nobody vouches for, as HTML that can do nothing."""
    return nh3.clean(_MARKDOWN.render(markdown), link_rel="noopener noreferrer")


def _context(request: HttpRequest) -> dict[str, Any]:
    inbox = selectors.active_inbox(key=sample_company.INBOX_KEY)
    if inbox is None:
        raise Http404("The sample company is not loaded.")
    chinese = request.GET.get("lang", "").startswith("zh")
    return {"company": sample_company.company(), "inbox_key": inbox.key, "lang": "zh" if chinese else "en"}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "sample/home.html", _context(request))


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    context = _context(request)
    document = Document.objects.filter(
        url=request.path.rstrip("/"), status=Document.Status.READY, source__name="Sample company"
    ).first()
    if document is None:
        raise Http404("No such page.")
    context["document"] = {
        "title": document.title,
        "html": as_html(document.markdown),
        "lang": document.lang,
        "updated": document.updated,
    }
    context["lang"] = "zh" if document.lang.startswith("zh") else "en"
    return render(request, "sample/page.html", context)


urlpatterns = [
    path("", home, name="home"),
    path("help/<path:rest>", lambda request, rest: page(request)),
    path("products/<path:rest>", lambda request, rest: page(request)),
    path("stores/<path:rest>", lambda request, rest: page(request)),
    path("zh/<path:rest>", lambda request, rest: page(request)),
]
