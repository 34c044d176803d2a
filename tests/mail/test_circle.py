"""The whole circle over real SMTP: the customer leaves, is written to, answers, and the desk is told."""

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest

from chatbot.conversations import desk_events
from chatbot.conversations.live import publishing
from chatbot.conversations.mail import tasks
from chatbot.conversations.mail.receiver import Receiver
from chatbot.conversations.models import Activity, Conversation, Message, OutboundEmail
from tests.mail import shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    shop.turn_on(settings)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver(host="127.0.0.1", port=0)
    made.start()
    yield made
    made.stop()


def test_an_agent_writes_the_customer_answers_by_mail_and_the_desk_is_told(
    settings: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, Any]] = []
    monkeypatch.setattr(publishing, "publish_desk", lambda group, event: told.append((group, event)))
    conversation = shop.left()
    shop.answered(conversation, "It left our shop on Monday.")
    shop.age(conversation)
    with shop.post_office(settings) as office:
        tasks.find()
        row = OutboundEmail.objects.get()
        tasks.send(row.pk)
        mail = office.mails[0]
    row.refresh_from_db()
    assert row.state == OutboundEmail.State.SENT
    assert "It left our shop on Monday." in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]

    answer = shop.mail_from_customer(str(mail["Reply-To"]), "Wonderful!\n\nOn Mon, Shop <a@b.test> wrote:\n> It left")
    answer["In-Reply-To"] = str(mail["Message-ID"])
    told.clear()
    with smtplib.SMTP("127.0.0.1", receiver.port) as door:
        assert door.send_message(answer) == {}

    message = Message.objects.get(via=Message.Via.EMAIL)
    assert (message.text, message.role, message.conversation_id) == ("Wonderful!", "customer", conversation.pk)
    rows = [event for group, event in told if group == desk_events.inbox_group(conversation.inbox_id)]
    assert rows[-1].row.preview == "Wonderful!"
    conversation = Conversation.objects.select_related("contact").get()
    assert conversation.contact.email_verified
    assert conversation.emailed_seq == row.last_seq
    assert conversation.customer_seen_seq >= row.last_seq
    assert Activity.objects.filter(kind="emailed").get().detail["to"] == shop.CUSTOMER

    shop.answered(conversation, "You are welcome.")
    shop.age(conversation)
    with shop.post_office(settings) as office:
        tasks.find()
        tasks.send(OutboundEmail.objects.latest("pk").pk)
        second = office.mails[0]
    assert second["In-Reply-To"] == "<m1@customer.test>"
    assert str(second["References"]).split() == [row.email_id, "<m1@customer.test>"]
    text = second.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "You are welcome." in text
    assert "Monday" not in text
    assert str(second["Subject"]) == f"Re: {mail['Subject']}"
