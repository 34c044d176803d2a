"""The page that says when people take over: what is typed is kept as the rules read it, or refused field by field."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.models import Inbox
from tests import factories
from tests.knowledge.conftest import client_of

pytestmark = pytest.mark.django_db


def saved(inbox: Inbox, **fields: Any) -> Any:
    form = {"time_zone": "Europe/Berlin", "handoff_after": 3, **fields}
    return client_of("admin").post(reverse("knowledge:handoff", args=[inbox.pk]), form)


def test_hours_words_and_switches_are_kept_as_the_rules_read_them() -> None:
    inbox = factories.inbox()
    answer = saved(
        inbox,
        mon="9:00-12:00, 13:00 – 17:30",
        fri="22:00至02:00",
        holidays="2026-12-25\n2027-01-01",
        handoff_words="lawyer\n  legal   action \n律师",
    )
    assert answer.status_code == 302
    inbox.refresh_from_db()
    assert inbox.hours == {"mon": [["09:00", "12:00"], ["13:00", "17:30"]], "fri": [["22:00", "02:00"]]}
    assert inbox.holidays == ["2026-12-25", "2027-01-01"]
    assert inbox.handoff_words == ["lawyer", "legal action", "律师"]
    assert (inbox.time_zone, inbox.handoff_after) == ("Europe/Berlin", 3)
    assert (inbox.handoff_on_mood, inbox.ask_rating) == (False, False)
    assert AuditEntry.objects.get(action="inbox.handoff").target == f"inbox {inbox.pk}"


def test_the_page_shows_what_is_kept() -> None:
    inbox = factories.inbox(hours={"tue": [["09:00", "17:00"]]}, handoff_words=["lawyer"], time_zone="Asia/Shanghai")
    page = client_of("admin").get(reverse("knowledge:handoff", args=[inbox.pk])).content.decode()
    assert 'value="09:00-17:00"' in page
    assert "lawyer" in page
    assert '<option value="Asia/Shanghai" selected>' in page


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mon": "nine to five"}, "is no time of day"),
        ({"mon": "09:00"}, "like 09:00 to 17:30"),
        ({"mon": "09:00-12:00, 11:00-13:00"}, "overlap"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"holidays": "Christmas"}, "is no date"),
        ({"handoff_after": 0}, "from 1 to 10"),
        ({"handoff_words": "!!!"}, "no letter or digit"),
        ({"mon": "<script>alert(1)</script>-10:00"}, "is no time of day"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence_and_nothing_is_kept(fields: dict[str, Any], says: str) -> None:
    inbox = factories.inbox()
    answer = saved(inbox, **fields)
    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert "<script>alert" not in answer.content.decode()
    inbox.refresh_from_db()
    assert (inbox.time_zone, inbox.hours, inbox.handoff_words) == ("UTC", {}, [])


def test_an_inbox_that_is_not_there_has_no_page(admin_client: Client) -> None:
    assert admin_client.get(reverse("knowledge:handoff", args=[9999])).status_code == 404
