"""People: a link instead of a password, the last admin stays, and who leaves leaves nothing lying about."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry, Team, User
from chatbot.accounts.roles import roles_of
from chatbot.conversations import access, handling
from chatbot.conversations.models import Conversation
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(factories.user(role="admin", username="boss"))
    return client


def form(**changes: Any) -> dict[str, Any]:
    return {"username": "mia", "first_name": "Mia", "role": "agent", "active": "on", **changes}


def link_in(page: str) -> str:
    return page.split("http://localhost:8000", 1)[1].split("<", 1)[0]


def test_a_new_colleague_chooses_a_password_by_the_link_and_the_link_works_once(boss: Client) -> None:
    inbox = factories.inbox()
    page = boss.post(reverse("desk:add_person"), form(inboxes=[inbox.pk]))
    assert page["Cache-Control"] == "no-store"
    link = link_in(page.content.decode())
    mia = User.objects.get(username="mia")
    assert not mia.has_usable_password()
    assert list(access.inboxes(mia)) == [inbox]

    own = Client()
    typed = own.get(link)["Location"]
    done = own.post(typed, {"new_password1": "a long and good one", "new_password2": "a long and good one"})
    assert done["Location"] == "/login/"
    assert own.login(username="mia", password="a long and good one")
    assert "used or is too old" in Client().get(link, follow=True).content.decode()
    assert AuditEntry.objects.get(action="person.password_chosen").actor == "mia"


def test_the_link_is_not_in_the_audit_log(boss: Client) -> None:
    link = link_in(boss.post(reverse("desk:add_person"), form()).content.decode())
    token = link.rstrip("/").rsplit("/", 1)[1]
    assert token not in str(list(AuditEntry.objects.values()))


def test_a_user_name_that_differs_in_case_only_is_taken(boss: Client) -> None:
    factories.user(username="mia")
    answer = boss.post(reverse("desk:add_person"), form(username="MIA"))
    assert answer.status_code == 400
    assert "choose another" in answer.content.decode()


@pytest.mark.parametrize("change", [{"role": "agent"}, {"active": ""}])
def test_the_last_admin_stays(boss: Client, change: dict[str, str]) -> None:
    me = User.objects.get(username="boss")
    answer = boss.post(reverse("desk:person", args=[me.pk]), form(username="boss", **{"role": "admin", **change}))
    assert answer.status_code == 400
    assert "only admin" in answer.content.decode()
    assert roles_of(User.objects.get(username="boss")) == {"admin"}


def test_one_of_two_admins_may_go(boss: Client) -> None:
    factories.user(role="admin", username="second")
    me = User.objects.get(username="boss")
    boss.post(reverse("desk:person", args=[me.pk]), form(username="boss", role="agent"))
    assert roles_of(User.objects.get(username="boss")) == {"agent"}


def test_who_is_closed_is_signed_out_and_their_conversations_wait_again(boss: Client) -> None:
    inbox = factories.inbox()
    mia = factories.user(username="mia")
    inbox.members.add(mia)
    conversation = factories.conversation(inbox=inbox)
    factories.posted(conversation)
    handling.take(conversation_id=conversation.pk, agent=mia)
    session = Client()
    session.force_login(mia)
    assert session.get(reverse("desk:profile")).status_code == 200

    boss.post(reverse("desk:person", args=[mia.pk]), form(active="", inboxes=[inbox.pk]))
    assert session.get(reverse("desk:profile")).status_code == 302
    conversation.refresh_from_db()
    assert (conversation.state, conversation.assignee) == (Conversation.State.WAITING, None)


def test_an_agent_who_loses_an_inbox_loses_its_conversations_and_keeps_the_others(boss: Client) -> None:
    kept, lost = factories.inbox(), factories.inbox()
    mia = factories.user(username="mia")
    mia.inboxes.set([kept, lost])
    held = {inbox.pk: factories.conversation(inbox=inbox) for inbox in (kept, lost)}
    for conversation in held.values():
        factories.posted(conversation)
        handling.take(conversation_id=conversation.pk, agent=mia)

    boss.post(reverse("desk:person", args=[mia.pk]), form(inboxes=[kept.pk]))
    states = {pk: Conversation.objects.get(pk=conversation.pk) for pk, conversation in held.items()}
    assert states[kept.pk].assignee == mia
    assert states[lost.pk].assignee is None
    assert not access.conversations(mia).filter(pk=held[lost.pk].pk).exists()


def test_a_team_takes_its_inboxes_from_another_team(boss: Client) -> None:
    inbox = factories.inbox()
    first = Team.objects.create(name="First")
    inbox.team = first
    inbox.save()
    boss.post(reverse("desk:add_team"), {"name": "Second", "cap": 3, "round_robin": "on", "inboxes": [inbox.pk]})
    inbox.refresh_from_db()
    assert inbox.team == Team.objects.get(name="Second")
    assert inbox.team.round_robin


@pytest.mark.parametrize("cap", ["0", "-1", "501", "many"])
def test_a_senseless_cap_is_refused(boss: Client, cap: str) -> None:
    assert boss.post(reverse("desk:add_team"), {"name": "Second", "cap": cap}).status_code == 400
    assert not Team.objects.exists()


def test_a_changed_password_keeps_this_session_and_ends_the_others() -> None:
    mia = factories.user(username="mia")
    here, elsewhere = Client(), Client()
    here.force_login(mia)
    elsewhere.force_login(mia)
    new = {"old_password": "secret-words", "new_password1": "quite new words", "new_password2": "quite new words"}
    assert here.post(reverse("desk:profile"), {"password": "1", **new}).status_code == 302
    assert here.get(reverse("desk:profile")).status_code == 200
    assert elsewhere.get(reverse("desk:profile")).status_code == 302


def test_a_stolen_session_is_no_place_to_guess_the_password() -> None:
    client = Client()
    client.force_login(factories.user(username="mia"))
    wrong = {"old_password": "x", "new_password1": "quite new words", "new_password2": "quite new words"}
    pages = [client.post(reverse("desk:profile"), {"password": "1", **wrong}).content.decode() for _ in range(12)]
    assert "Too many attempts" in pages[-1]
    right = {**wrong, "old_password": "secret-words"}
    assert client.post(reverse("desk:profile"), {"password": "1", **right}).status_code == 400


def test_names_cannot_run_script_on_the_pages(boss: Client) -> None:
    nasty = "<script>alert(1)</script>"
    boss.post(reverse("desk:add_person"), form(first_name=nasty, last_name=nasty))
    page = boss.get(reverse("desk:people")).content.decode()
    assert nasty not in page
    assert "&lt;script&gt;" in page


def test_the_audit_log_is_narrowed_by_person_action_and_day(boss: Client) -> None:
    boss.post(reverse("desk:add_team"), {"name": "Front", "cap": 3})
    boss.post(reverse("desk:add_person"), form())
    address = reverse("desk:audit")
    assert "team.create" in boss.get(address, {"action": "team"}).content.decode().split("<tbody>")[1]
    assert "person.create" not in boss.get(address, {"action": "team"}).content.decode().split("<tbody>")[1]
    assert "<tbody>" not in boss.get(address, {"actor": "somebody else"}).content.decode()
    assert "<tbody>" not in boss.get(address, {"until": "2001-01-01"}).content.decode()
    assert "<tbody>" in boss.get(address, {"since": "not a day", "actor": "\x00boss"}).content.decode()
