"""Who may do what: one table of every address, and everything else refused. A new address must be put into it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Inbox
from chatbot.knowledge import trial
from retrieval.models import Document, IndexVersion, Source
from tests import factories
from tests.knowledge.conftest import Shop, client_of

pytestmark = pytest.mark.django_db

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
TEAM: Final = EVERYONE - {"anonymous"}
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()
Form = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """`get` and `post`: roles that may; NOBODY where the method is not offered. `action`: what the audit log says."""

    get: frozenset[str]
    post: frozenset[str] = NOBODY
    action: str = ""
    form: Callable[[], Form] = dict
    address: Callable[[Shop], list[Any]] = lambda _shop: []


def _inbox_form() -> Form:
    return {
        "name": "Shop",
        "mode": "auto",
        "position": "right",
        "color": "#14685c",
        "allowed_origins": "https://a.test",
    }


def _of(name: str) -> Callable[[Shop], list[Any]]:
    def address(shop: Shop) -> list[Any]:
        return {
            "document": [shop.returns.pk],
            "source": [shop.returns.source_id],
            "version": [shop.first.pk],
            "inbox": [shop.inbox.pk],
            "passage": [shop.returns.pk, shop.returns.passages.get().pk],
            "token": ["a-token-nobody-has"],
        }[name]

    return address


RULES: Final[dict[str, Rule]] = {
    "knowledge:home": Rule(EVERYONE, EVERYONE),  # leads to the list, which asks
    "knowledge:documents": Rule(TEAM),
    "knowledge:document": Rule(TEAM, address=_of("document")),
    "knowledge:delete_document": Rule(ADMIN, ADMIN, "document.delete", address=_of("document")),
    "knowledge:resync_document": Rule(NOBODY, ADMIN, "document.resync", address=_of("document")),
    "knowledge:add": Rule(ADMIN),
    "knowledge:upload": Rule(
        NOBODY, ADMIN, "document.upload", lambda: {"files": [SimpleUploadedFile("a.md", b"# A\n\nText.")]}
    ),
    "knowledge:add_url": Rule(NOBODY, ADMIN, "source.add_url", lambda: {"url": "https://shop.test/help"}),
    "knowledge:add_sitemap": Rule(NOBODY, ADMIN, "source.add_sitemap", lambda: {"url": "https://shop.test/map.xml"}),
    "knowledge:sources": Rule(TEAM),
    "knowledge:resync_source": Rule(NOBODY, ADMIN, "source.resync", address=_of("source")),
    "knowledge:delete_source": Rule(ADMIN, ADMIN, "source.delete", address=_of("source")),
    "knowledge:bench": Rule(TEAM, TEAM, form=lambda: {"question": "Worn shoes?"}),
    "knowledge:trial": Rule(TEAM, address=_of("token")),
    "knowledge:versions": Rule(TEAM),
    "knowledge:roll_back": Rule(NOBODY, ADMIN, "index.roll_back"),
    "knowledge:rebuild": Rule(NOBODY, ADMIN, "index.rebuild"),
    "knowledge:activate": Rule(NOBODY, ADMIN, "index.activate", address=_of("version")),
    "knowledge:inboxes": Rule(ADMIN),
    "knowledge:new_inbox": Rule(ADMIN, ADMIN, "inbox.create", _inbox_form),
    "knowledge:inbox": Rule(ADMIN, ADMIN, "inbox.change", _inbox_form, _of("inbox")),
    "knowledge:handoff": Rule(
        ADMIN, ADMIN, "inbox.handoff", lambda: {"time_zone": "UTC", "handoff_after": 2}, _of("inbox")
    ),
    "knowledge:rotate_secret": Rule(ADMIN, ADMIN, "inbox.rotate_secret", address=_of("inbox")),
    "public_passage": Rule(EVERYONE, address=_of("passage")),
    "login": Rule(EVERYONE, EVERYONE, form=lambda: {"username": "nobody", "password": "nothing"}),
    "logout": Rule(NOBODY, EVERYONE),
}
CHANGES: Final = {name: rule for name, rule in RULES.items() if rule.action}


def _addresses(resolver: URLResolver, prefix: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """(path, name) of every address below."""
    for one in resolver.url_patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            yield from _addresses(one, path, inner)
        elif isinstance(one, URLPattern):
            yield path, f"{space}{one.name}" if one.name else ""


def test_every_address_of_the_knowledge_pages_and_the_login_is_in_the_table() -> None:
    mine = {
        (path, name)
        for path, name in _addresses(get_resolver())
        if path.startswith(("knowledge/", "p/", "login", "logout", "accounts"))
    }
    assert {name for _path, name in mine} == set(RULES)
    assert len(mine) == len(RULES)


def _ask(client: Client, name: str, method: str, shop: Shop, **headers: Any) -> HttpResponse:
    rule = RULES[name]
    url = reverse(name, args=rule.address(shop))
    answer: Any = client.get(url) if method == "get" else client.post(url, rule.form(), **headers)
    return answer  # type: ignore[no-any-return]


def _state() -> tuple[Any, ...]:
    """Everything a forbidden request could have changed."""
    return (
        sorted(Document.objects.values_list("pk", "status", "blob")),
        sorted(Source.objects.values_list("pk", "status")),
        sorted(IndexVersion.objects.values_list("pk", "active")),
        sorted(Inbox.objects.values_list("pk", "secret", "name")),
        AuditEntry.objects.exclude(action__startswith="login").count(),
    )


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_roles_in_the_table_get_through(name: str, method: str, shop: Shop) -> None:
    allowed = getattr(RULES[name], method)
    before = _state()
    for role in sorted(EVERYONE - allowed):
        answer = _ask(client_of(role), name, method, shop)
        _assert_refused(answer, role, offered=bool(allowed))
        assert _state() == before, role
    for role in sorted(allowed):
        answer = _ask(client_of(role), name, method, shop)
        assert answer.status_code in (200, 302), role
        assert not answer.get("Location", "").startswith("/login/?next="), role


def _assert_refused(answer: HttpResponse, role: str, *, offered: bool) -> None:
    if not offered:
        assert answer.status_code == 405, role
    elif role == "anonymous":
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/?next=")
    else:
        assert answer.status_code == 403, role
        assert "Your account may not do this" in answer.content.decode()


@pytest.mark.parametrize("name", sorted(set(RULES) - {"knowledge:home"}))
def test_other_methods_do_nothing(name: str, shop: Shop) -> None:
    before = _state()
    url = reverse(name, args=RULES[name].address(shop))
    client = client_of("admin")
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(url).status_code in (200, 405), method
        assert _state() == before, method


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_every_change_leaves_a_line_in_the_audit_log(name: str, shop: Shop) -> None:
    boss = factories.user(role="admin", username="boss")
    client = Client()
    client.force_login(boss)
    _ask(client, name, "post", shop)
    line = AuditEntry.objects.get(action=CHANGES[name].action)
    assert (line.actor, line.address) == ("boss", "127.0.0.1")


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_form_from_another_site_changes_nothing(name: str, shop: Shop) -> None:
    before = _state()
    answer = _ask(client_of("admin", enforce_csrf_checks=True), name, "post", shop)
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert _state() == before


def test_a_secret_is_not_in_the_audit_log(shop: Shop) -> None:
    _ask(client_of("admin"), "knowledge:rotate_secret", "post", shop)
    shop.inbox.refresh_from_db()
    assert shop.inbox.secret not in str(AuditEntry.objects.get(action="inbox.rotate_secret").__dict__)


def test_a_test_of_the_bench_is_seen_by_who_asked_only(shop: Shop) -> None:
    asker, other = client_of("agent"), client_of("analyst")
    token = trial.start(question="Worn shoes?", history=[], inbox_id=None, user_id=int(asker.session["_auth_user_id"]))
    assert asker.get(reverse("knowledge:trial", args=[token])).status_code == 200
    assert other.get(reverse("knowledge:trial", args=[token]))["Location"] == reverse("knowledge:bench")


@pytest.mark.parametrize(
    ("hidden", "change"),
    [
        ("a deleted document", {"status": "deleted"}),
        ("a document that was never in the answers", {"status": "pending", "indexed_hash": ""}),
        ("a document that failed", {"status": "failed"}),
    ],
)
def test_the_public_page_shows_documents_in_answers_only(hidden: str, change: dict[str, str], shop: Shop) -> None:
    url = reverse("public_passage", args=[shop.returns.pk, shop.returns.passages.get().pk])
    assert Client().get(url).status_code == 200, hidden
    Document.objects.filter(pk=shop.returns.pk).update(**change)
    assert Client().get(url).status_code == 404, hidden


def test_the_public_page_does_not_show_a_collection_no_active_inbox_answers_from(shop: Shop) -> None:
    url = reverse("public_passage", args=[shop.returns.pk, shop.returns.passages.get().pk])
    Inbox.objects.update(collections=["another"])
    assert Client().get(url).status_code == 404
    Inbox.objects.update(collections=["default"])
    assert Client().get(url).status_code == 200
    Inbox.objects.update(active=False)
    assert Client().get(url).status_code == 404


def test_a_passage_of_another_document_is_not_marked_on_this_one(shop: Shop) -> None:
    url = reverse("public_passage", args=[shop.returns.pk, shop.shipping.passages.get().pk])
    page = Client().get(url).content.decode()
    assert "Norway" not in page
    assert 'class="cited"' not in page
