"""Addresses of the knowledge pages, below /knowledge/."""

from django.urls import path
from django.views.generic import RedirectView

from chatbot.knowledge.views import adding, bench, documents, handoffs, inboxes, sources, versions

app_name = "knowledge"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="knowledge:documents", query_string=True), name="home"),
    path("documents/", documents.documents, name="documents"),
    path("documents/<int:document_id>/", documents.document, name="document"),
    path("documents/<int:document_id>/delete/", documents.delete, name="delete_document"),
    path("documents/<int:document_id>/resync/", documents.resync, name="resync_document"),
    path("add/", adding.add, name="add"),
    path("add/files/", adding.upload, name="upload"),
    path("add/page/", adding.add_url, name="add_url"),
    path("add/sitemap/", adding.add_sitemap, name="add_sitemap"),
    path("sources/", sources.sources, name="sources"),
    path("sources/<int:source_id>/resync/", sources.resync, name="resync_source"),
    path("sources/<int:source_id>/delete/", sources.delete, name="delete_source"),
    path("test/", bench.bench, name="bench"),
    path("test/<str:token>/", bench.outcome, name="trial"),
    path("index/", versions.versions, name="versions"),
    path("index/rollback/", versions.roll_back, name="roll_back"),
    path("index/rebuild/", versions.rebuild, name="rebuild"),
    path("index/<int:version_id>/activate/", versions.activate, name="activate"),
    path("inboxes/", inboxes.inboxes, name="inboxes"),
    path("inboxes/new/", inboxes.create, name="new_inbox"),
    path("inboxes/<int:inbox_id>/", inboxes.inbox, name="inbox"),
    path("inboxes/<int:inbox_id>/handoff/", handoffs.handoff, name="handoff"),
    path("inboxes/<int:inbox_id>/secret/", inboxes.rotate_secret, name="rotate_secret"),
]
