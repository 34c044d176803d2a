"""The desk's page over HTTP: who may open it, what it tells the scripts, where signing in leads."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from chatbot.conversations.drafts.suggestions import outcome_of
from chatbot.conversations.models import Suggestion
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


def signed_in(role: str, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(factories.user(role=role))
    return client


def config_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="config" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    config: dict[str, Any] = json.loads(found[1])
    return config


@pytest.mark.parametrize("role", ["agent", "admin", "analyst"])
def test_the_team_opens_the_desk_and_finds_it_first_in_the_menu(role: str) -> None:
    answer = signed_in(role).get("/desk/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert re.findall(r'<li><a href="([^"]+)"', page)[0] == "/desk/"
    assert answer["Cache-Control"] == "no-store"
    assert config_of(page)["socket"] == "ws://testserver/ws/desk/"


def test_strangers_sign_in_first_and_people_without_a_role_stay_out() -> None:
    assert Client().get("/desk/?conversation=x")["Location"] == "/login/?next=/desk/%3Fconversation%3Dx"
    assert signed_in("guest").get("/desk/").status_code == 403
    assert signed_in("agent").post("/desk/").status_code == 405


def test_the_policy_names_the_socket_and_lets_nothing_else_in() -> None:
    policy = signed_in("agent").get("/desk/")["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["connect-src"] == "'self' ws://testserver"
    assert directives["img-src"] == "'self'"
    assert directives["frame-src"] == "'none'"
    assert "unsafe" not in policy


def test_the_sentences_come_in_the_readers_language() -> None:
    english = config_of(signed_in("agent").get("/desk/").content.decode())
    chinese = config_of(signed_in("agent", **{"accept-language": "zh-hans"}).get("/desk/").content.decode())
    assert (english["language"], chinese["language"]) == ("en", "zh-hans")
    assert (english["texts"]["today"], chinese["texts"]["today"]) == ("Today", "今天")
    assert english["texts"].keys() == chinese["texts"].keys()


def test_a_name_in_the_address_is_not_written_into_the_page() -> None:
    page = signed_in("agent").get("/desk/", {"view": "</script><script>alert(1)</script>"}).content.decode()
    assert "alert(1)" not in page.replace("%3Cscript%3Ealert(1)%3C/script%3E", "").replace("&lt;script&gt;alert(1)", "")


def test_leaving_out_the_numbers_of_sources_is_no_edit() -> None:
    unchanged = (Suggestion.Outcome.UNCHANGED, 0.0)
    assert (
        outcome_of("Refunds take 5 days [1], worn shoes not [2, 3].", "Refunds take 5 days, worn shoes not.")
        == unchanged
    )
    assert outcome_of("Refunds take 5 days [1].", "Refunds take 6 days.")[0] == Suggestion.Outcome.LIGHT
    good_bye = outcome_of("Refunds take 5 days [1].", "Hi Ben, Refunds take 5 days. Hope that helps. Happy trails!")
    assert good_bye == (Suggestion.Outcome.LIGHT, 0.0), "courtesies are no rewriting"
    assert outcome_of("Happy to help!", "Have a nice day!")[0] == Suggestion.Outcome.REWRITE
