"""The demo's mail catcher and the page that stops e-mails: who sees what, and what a hostile e-mail can do."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from chatbot.conversations.mail import addresses, catcher, outgoing
from chatbot.conversations.models import Conversation, EmailOptOut, Inbox, Message, Note
from tests import factories
from tests.mail import shop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo(settings: Any, tmp_path: Path) -> None:
    shop.turn_on(settings)
    settings.EMAIL_ENABLED = False
    settings.EMBEDDED = True
    settings.MAIL_DIR = tmp_path / "mail"
    catcher.use()


@pytest.fixture
def sample() -> Inbox:
    return factories.inbox(key="pk_sample_company")


def signed_in(role: str = "agent", *, member_of: Inbox | None = None) -> Client:
    user = factories.user(role=role)
    if member_of is not None:
        member_of.members.add(user)
    client = Client()
    client.force_login(user)
    return client


def caught(inbox: Inbox, text: str = "It is on its way.") -> tuple[Conversation, catcher.Caught]:
    conversation = shop.left(inbox=inbox)
    shop.answered(conversation, text)
    row = shop.sent(conversation)
    return conversation, next(mail for mail in catcher.caught() if mail.message_id == row.email_id)


def test_an_agent_reads_a_caught_mail_and_answers_as_the_customer(sample: Inbox) -> None:
    conversation, mail = caught(sample)
    client = signed_in(member_of=sample)
    assert mail.to in client.get("/demo/mail/").content.decode()
    assert "It is on its way." in client.get(f"/demo/mail/{mail.name}/").content.decode()
    response = client.post(f"/demo/mail/{mail.name}/answer/", {"text": "Great, thanks!"}, follow=True)
    assert "The answer has arrived" in response.content.decode()
    message = Message.objects.get(conversation=conversation, via="email")
    assert message.text == "Great, thanks!"


def test_the_html_part_is_framed_without_scripts_or_anything_from_elsewhere(sample: Inbox) -> None:
    _conversation, mail = caught(sample, "<script>alert(1)</script><img src=https://evil.test/x.png>")
    client = signed_in(member_of=sample)
    response = client.get(f"/demo/mail/{mail.name}/body/")
    assert response["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    body = response.content.decode()
    assert "<script" not in body
    assert "<img" not in body
    assert "&lt;script&gt;" in body


def test_mails_of_other_inboxes_do_not_exist(sample: Inbox) -> None:
    _conversation, mail = caught(factories.inbox())
    client = signed_in(member_of=sample)
    assert mail.to not in client.get("/demo/mail/").content.decode()
    for tail in ("", "body/"):
        assert client.get(f"/demo/mail/{mail.name}/{tail}").status_code == 404
    assert client.post(f"/demo/mail/{mail.name}/answer/", {"text": "Hi"}).status_code == 404


def test_an_analyst_looks_and_does_not_answer(sample: Inbox) -> None:
    _conversation, mail = caught(sample)
    client = signed_in("analyst")
    page = client.get(f"/demo/mail/{mail.name}/")
    assert page.status_code == 200
    assert "<textarea" not in page.content.decode()
    assert client.post(f"/demo/mail/{mail.name}/answer/", {"text": "Hi"}).status_code == 403


def test_strangers_are_sent_to_the_login(sample: Inbox) -> None:
    assert Client().get("/demo/mail/").status_code == 302


@pytest.mark.parametrize("name", ["..%2F..%2Fsecret_key", "20261124-101112000000-../../x", "x", "%00"])
def test_a_name_that_is_no_caught_mail_is_not_looked_for(sample: Inbox, name: str) -> None:
    assert signed_in("admin").get(f"/demo/mail/{name}/").status_code == 404


@pytest.mark.parametrize("missing", ["catcher", "company", "embedded"])
def test_outside_the_demo_the_pages_do_not_exist(settings: Any, missing: str) -> None:
    if missing != "company":
        factories.inbox(key="pk_sample_company")
    if missing == "catcher":
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMBEDDED = missing != "embedded"
    assert signed_in("admin").get("/demo/mail/").status_code == 404


def test_an_empty_answer_is_refused_with_a_sentence(sample: Inbox) -> None:
    _conversation, mail = caught(sample)
    response = signed_in(member_of=sample).post(f"/demo/mail/{mail.name}/answer/", {"text": "  "})
    assert response.status_code == 400
    assert "Please write something first." in response.content.decode()


def test_a_configured_mail_server_is_never_replaced_by_the_catcher(settings: Any) -> None:
    settings.EMAIL_ENABLED, settings.EMAIL_BACKEND = True, "django.core.mail.backends.smtp.EmailBackend"
    catcher.use()
    assert not catcher.in_use()


def test_the_same_mail_sent_twice_is_caught_once(sample: Inbox) -> None:
    conversation = shop.left(inbox=sample)
    shop.answered(conversation)
    row = shop.queued(conversation)
    from chatbot.conversations.mail import composing

    composing.compose(row).send()
    composing.compose(row).send()
    assert len(catcher.caught()) == 1


# --- Stopping --------------------------------------------------------------------------------------------
def stop_path(conversation: Conversation) -> str:
    return addresses.stop_url(conversation, shop.CUSTOMER).removeprefix("https://chat.shop.test")


def test_opening_the_link_stops_nothing_and_the_button_does(sample: Inbox) -> None:
    conversation = shop.left(inbox=sample)
    shop.answered(conversation)
    client = Client(enforce_csrf_checks=True)
    page = client.get(stop_path(conversation)).content.decode()
    assert shop.CUSTOMER not in page
    assert not EmailOptOut.objects.exists()
    assert client.post(stop_path(conversation), {"scope": "conversation"}).status_code == 200
    assert not outgoing.queue(conversation_id=conversation.pk, now=shop.later())
    assert "no more e-mails" in Note.objects.get(conversation=conversation).text


def test_one_click_of_a_mail_program_stops_this_conversation_only(sample: Inbox) -> None:
    first, second = shop.left(inbox=sample), shop.left(inbox=sample)
    for conversation in (first, second):
        shop.answered(conversation)
    Client(enforce_csrf_checks=True).post(stop_path(first), {"List-Unsubscribe": "One-Click"})
    assert not outgoing.queue(conversation_id=first.pk, now=shop.later())
    assert outgoing.queue(conversation_id=second.pk, now=shop.later())


def test_this_was_not_me_stops_every_conversation(sample: Inbox) -> None:
    first, second = shop.left(inbox=sample), shop.left(inbox=sample, email=shop.CUSTOMER.upper())
    shop.answered(second)
    for _ in range(2):
        Client().post(stop_path(first), {"scope": "everywhere"})
    assert not outgoing.queue(conversation_id=second.pk, now=shop.later())
    assert EmailOptOut.objects.count() == 1


def test_a_made_up_link_does_not_exist() -> None:
    assert Client().post("/mail/stop/abc:def:ghi/", {"scope": "everywhere"}).status_code == 404
    assert not EmailOptOut.objects.exists()
