"""Who may change people, teams and read the audit log: one table of these addresses, everything else refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry, Team, User
from tests import factories
from tests.knowledge.conftest import client_of

pytestmark = pytest.mark.django_db

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
TEAM: Final = EVERYONE - {"anonymous"}
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class Staff:
    mia: User
    team: Team


@dataclass(frozen=True)
class Rule:
    get: frozenset[str]
    post: frozenset[str] = NOBODY
    action: str = ""
    form: Callable[[], dict[str, Any]] = dict
    address: Callable[[Staff], list[Any]] = lambda _staff: []


def _person() -> dict[str, Any]:
    return {"username": "mia2", "first_name": "Mia", "role": "agent", "active": "on"}


RULES: Final[dict[str, Rule]] = {
    "desk:people": Rule(ADMIN),
    "desk:add_person": Rule(ADMIN, ADMIN, "person.create", _person),
    "desk:person": Rule(ADMIN, ADMIN, "person.change", _person, lambda staff: [staff.mia.pk]),
    "desk:password_link": Rule(NOBODY, ADMIN, "person.password_link", address=lambda staff: [staff.mia.pk]),
    "desk:add_team": Rule(ADMIN, ADMIN, "team.create", lambda: {"name": "Returns", "cap": 4}),
    "desk:team": Rule(ADMIN, ADMIN, "team.change", lambda: {"name": "Claims", "cap": 4}, lambda staff: [staff.team.pk]),
    "desk:delete_team": Rule(ADMIN, ADMIN, "team.delete", address=lambda staff: [staff.team.pk]),
    "desk:audit": Rule(ADMIN),
    "desk:profile": Rule(TEAM, TEAM, "profile.change", lambda: {"first_name": "Neo"}),
}
CHANGES: Final = sorted(name for name, rule in RULES.items() if rule.action)


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


@pytest.fixture
def staff() -> Staff:
    factories.user(role="admin", username="boss")
    return Staff(factories.user(role="agent", username="mia"), Team.objects.create(name="Front"))


def _ask(client: Client, name: str, method: str, staff: Staff) -> HttpResponse:
    rule = RULES[name]
    url = reverse(name, args=rule.address(staff))
    answer: Any = client.get(url) if method == "get" else client.post(url, rule.form())
    return answer  # type: ignore[no-any-return]


def _state() -> tuple[Any, ...]:
    return (
        sorted(User.objects.exclude(username__in=["agent1", "analyst1"]).values_list("username", "first_name")),
        sorted(Team.objects.values_list("name", "cap")),
        AuditEntry.objects.count(),
    )


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_roles_in_the_table_get_through(name: str, method: str, staff: Staff) -> None:
    allowed = getattr(RULES[name], method)
    clients = {role: client_of(role) for role in sorted(EVERYONE)}
    before = _state()
    for role in sorted(EVERYONE - allowed):
        answer = _ask(clients[role], name, method, staff)
        expected = 405 if not allowed else 302 if role == "anonymous" else 403
        assert answer.status_code == expected, role
        assert _state() == before, role
    for role in sorted(allowed):
        answer = _ask(clients[role], name, method, staff)
        assert answer.status_code in (200, 302), role
        assert not answer.get("Location", "").startswith("/login/?next="), role


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_leaves_a_line_in_the_audit_log(name: str, staff: Staff) -> None:
    client = Client()
    client.force_login(User.objects.get(username="boss"))
    _ask(client, name, "post", staff)
    line = AuditEntry.objects.get(action=RULES[name].action)
    assert (line.actor, line.address) == ("boss", "127.0.0.1")


@pytest.mark.parametrize("name", CHANGES)
def test_a_form_from_another_site_changes_nothing(name: str, staff: Staff) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="boss"))
    before = _state()
    assert _ask(client, name, "post", staff).status_code == 403
    assert _state() == before
