"""A small knowledge base: as rows (quick), or really indexed with a fake embedder. And people of every role."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chatbot.accounts.models import User
from chatbot.conversations.models import Inbox
from retrieval import fingerprints, sync, tasks, versions
from retrieval.models import Document, IndexVersion, Passage, Source
from tests import factories
from tests.fakes import HashEmbedder

RETURNS = "# Returns\n\nWorn shoes can be sent back within thirty days of delivery."
SHIPPING = "# Shipping\n\nParcels to Norway cost twelve euro and take five days."


@dataclass
class Shop:
    """Two versions of an index, of which the second is active."""

    returns: Document
    shipping: Document
    inbox: Inbox
    first: IndexVersion
    active: IndexVersion


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    """Each test client would list every static file anew, which takes longer than the test."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


@pytest.fixture(autouse=True)
def embedder(monkeypatch: pytest.MonkeyPatch) -> HashEmbedder:
    fake = HashEmbedder()
    monkeypatch.setattr(sync, "get_embedder", lambda _setting: fake)
    monkeypatch.setattr(tasks, "SETTLE_SECONDS", 0)
    return fake


def document(title: str, text: str, **fields: Any) -> Document:
    """As an upload or a fetched page leaves it after extraction."""
    source, _made = Source.objects.get_or_create(name="Uploads", kind=Source.Kind.UPLOAD)
    return Document.objects.create(
        **{
            "source": source,
            "key": f"{title}.md",
            "title": title,
            "markdown": text,
            "content_hash": fingerprints.content_hash(text),
            "status": Document.Status.PROCESSING,
            **fields,
        }
    )


def in_answers(title: str, text: str) -> Document:
    """Rows as the index leaves them, without an index."""
    made = document(title, text, status=Document.Status.READY, indexed_hash="0" * 64)
    Passage.objects.create(
        document=made, ordinal=0, text=text, start=0, end=len(text), tokens=12, heading_path=[title],
        text_hash=fingerprints.content_hash(text),
    )  # fmt: skip
    return made


def version(digest: str, *, active: bool) -> IndexVersion:
    made = IndexVersion.objects.create(
        digest=digest * 64, status="ready", active=active, passages=2, documents=2, activated_at=timezone.now()
    )
    versions.folder(made).mkdir(parents=True)
    return made


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop(
        in_answers("Returns", RETURNS),
        in_answers("Shipping", SHIPPING),
        factories.inbox(name="Fellwren"),
        version("a", active=False),
        version("b", active=True),
    )


def client_of(role: str, **kwargs: Any) -> Client:
    """A browser in which somebody of that role is signed in; `anonymous` is nobody."""
    client = Client(**kwargs)
    if role != "anonymous":
        client.force_login(User.objects.filter(groups__name=role).first() or factories.user(role=role))
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return client_of("admin")
