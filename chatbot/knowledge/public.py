"""What a customer sees behind a source: the document, with the cited passage marked. Read-only, for everyone.

Shows only documents that are in the answers of some active inbox; everything else does not exist here.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from chatbot.knowledge import rendering, selectors
from retrieval.models import Document, Passage


@require_safe
def passage(request: HttpRequest, document_id: int, passage_id: int) -> HttpResponse:
    """A passage that was replaced since leads to the document as it is now, with a note."""
    document = Document.objects.select_related("source").filter(pk=document_id).first()
    if document is None or not selectors.is_public(document):
        raise Http404
    cited = Passage.objects.filter(pk=passage_id, document=document).first()
    current = cited is not None and not cited.retired and document.markdown[cited.start : cited.end] != ""
    rendered = rendering.render(
        document.markdown,
        start=cited.start if cited and current else None,
        end=cited.end if cited and current else None,
    )
    context = {"document": document, "rendered": rendered, "cited": cited if current else None}
    response = render(request, "knowledge/public.html", context)
    response["X-Robots-Tag"] = "noindex"
    return response


urlpatterns = [path("<int:document_id>/<int:passage_id>/", passage, name="public_passage")]
