"""The one notice at a handoff promises only what is so: who is there, when somebody will be, where it is written to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from chatbot.accounts.models import Team
from chatbot.conversations import services
from chatbot.conversations.handoffs import handing_over
from chatbot.conversations.models import Conversation, Message
from tests import factories

pytestmark = pytest.mark.django_db

CLOSED = {"hours": {"mon": [["09:00", "17:00"]]}, "time_zone": "Europe/Berlin"}
TUESDAY = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _email_can_be_sent(settings: Any) -> None:
    settings.EMAIL_ENABLED = True


@pytest.fixture
def tuesday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: TUESDAY)


def notice_of(conversation: Conversation) -> Message:
    services.ask_person(conversation_id=conversation.pk)
    conversation.refresh_from_db()
    return Message.objects.get(conversation=conversation, role="notice")


def test_somebody_is_there_so_a_person_is_promised_and_no_address_asked_for() -> None:
    conversation = factories.conversation()
    factories.agent_there(conversation.inbox)
    assert notice_of(conversation).kind == "handoff"
    assert not conversation.email_asked


def test_nobody_is_there_so_an_address_is_asked_for() -> None:
    conversation = factories.conversation()
    away = factories.agent_there(conversation.inbox, availability="away")
    gone = factories.agent_there(conversation.inbox)
    gone.last_seen_at = timezone.now() - timedelta(minutes=10)
    gone.save()
    factories.agent_there(factories.inbox())
    notice = notice_of(conversation)
    assert away.pk
    assert notice.kind == "away"
    assert "leave your e-mail address" in notice.text
    assert "back" not in notice.text, "nobody knows when"
    assert conversation.email_asked


def test_an_analyst_who_is_there_answers_nobody() -> None:
    conversation = factories.conversation()
    factories.agent_there(conversation.inbox, role="analyst")
    assert notice_of(conversation).kind == "away"


def test_of_a_teams_queue_only_the_team_counts() -> None:
    team = Team.objects.create(name="Billing")
    conversation = factories.conversation(inbox=factories.inbox(team=team))
    factories.agent_there(conversation.inbox)
    assert notice_of(conversation).kind == "away"
    other = factories.conversation(inbox=conversation.inbox)
    team.members.add(factories.agent_there(conversation.inbox))
    assert notice_of(other).kind == "handoff"
    assert other.team == team


@pytest.mark.usefixtures("tuesday")
def test_out_of_hours_the_next_opening_is_named_even_where_somebody_is_there() -> None:
    conversation = factories.conversation(inbox=factories.inbox(**CLOSED))
    factories.agent_there(conversation.inbox)
    notice = notice_of(conversation)
    assert notice.kind == "away"
    assert "back on Monday at 09:00 (Europe/Berlin)" in notice.text


@pytest.mark.usefixtures("tuesday")
def test_a_customer_whose_zone_is_known_reads_it_in_that_zone() -> None:
    contact = factories.contact(inbox=factories.inbox(**CLOSED), context={"time_zone": "Asia/Shanghai"})
    conversation = factories.conversation(contact=contact)
    assert "back on Monday at 16:00." in notice_of(conversation).text


@pytest.mark.usefixtures("tuesday")
@pytest.mark.parametrize("zone", ["../etc/passwd", "Mars", 7, None])
def test_a_zone_that_is_none_is_not_believed(zone: object) -> None:
    contact = factories.contact(inbox=factories.inbox(**CLOSED), context={"time_zone": zone})
    assert "(Europe/Berlin)" in notice_of(factories.conversation(contact=contact)).text


def test_a_known_address_is_shown_in_part_and_not_asked_for() -> None:
    contact = factories.contact(email="mia@example.com", email_verified=True)
    conversation = factories.conversation(contact=contact)
    notice = notice_of(conversation)
    assert "We will write to m***@example.com." in notice.text
    assert notice.kind == "away"
    assert not conversation.email_asked


def test_going_back_to_the_bot_forgets_that_an_address_was_asked_for() -> None:
    conversation = factories.conversation()
    notice_of(conversation)
    services.cancel_person(conversation_id=conversation.pk)
    conversation.refresh_from_db()
    assert not conversation.email_asked


@pytest.mark.parametrize(
    ("days", "expected"),
    [(0, "today at 15:30"), (1, "tomorrow at 15:30"), (6, "on Monday at 15:30"), (7, "on December 1 at 15:30")],
)
def test_a_moment_in_words(days: int, expected: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    moment = datetime(2026, 11, 24, 15, 30, tzinfo=zone) + timedelta(days=days)
    with translation.override("en"):
        assert handing_over.in_words(moment, TUESDAY) == expected


def test_without_e_mail_nobody_is_asked_for_an_address(settings: Any) -> None:
    settings.EMAIL_ENABLED = False
    conversation = factories.conversation()
    notice = notice_of(conversation)
    assert "will find the answer here" in notice.text
    assert not conversation.email_asked


def test_an_address_that_somebody_typed_elsewhere_is_not_promised_to_be_written_to() -> None:
    """Only what was given in this very conversation, or vouched for, is ever written to."""
    conversation = factories.conversation(contact=factories.contact(email="typed@example.com"))
    notice = notice_of(conversation)
    assert "leave your e-mail address" in notice.text
    assert conversation.email_asked
    services.set_email(conversation_id=conversation.pk, email="typed@example.com")
    assert conversation.activities.filter(kind="email_set").count() == 1
    services.set_email(conversation_id=conversation.pk, email="typed@example.com")
    assert conversation.activities.filter(kind="email_set").count() == 1
