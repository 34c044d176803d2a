"""Who is written to, when, and with what: nobody who did not ask for it, nothing twice, nothing in a header."""

import smtplib
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core import mail as outbox
from django.utils import timezone

from chatbot.conversations import mail, services
from chatbot.conversations.live import customer_presence
from chatbot.conversations.mail import composing, outgoing, sending, tasks
from chatbot.conversations.models import (
    Activity,
    Citation,
    Conversation,
    InboundEmail,
    Message,
    Note,
    OutboundEmail,
)
from tests import factories
from tests.mail import shop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    shop.turn_on(settings)


def is_queued(conversation: Conversation, **kwargs: Any) -> bool:
    return outgoing.queue(conversation_id=conversation.pk, now=kwargs.pop("now", None) or shop.later())


# --- Whether ----------------------------------------------------------------------------------------------
def test_a_customer_who_left_is_written_to_after_the_delay_and_not_before() -> None:
    conversation = shop.left()
    shop.answered(conversation)
    assert not is_queued(conversation, now=shop.later(50))
    assert is_queued(conversation)
    assert not is_queued(conversation)


def test_what_the_customer_has_seen_is_not_sent() -> None:
    conversation = shop.left()
    seq = shop.answered(conversation)
    services.mark_seen(conversation_id=conversation.pk, seq=seq)
    assert not is_queued(conversation)


def test_a_customer_who_has_the_chat_open_is_not_written_to() -> None:
    conversation = shop.left()
    shop.answered(conversation)
    customer_presence.arrive(conversation_id=conversation.pk, socket="socket-1")
    assert not is_queued(conversation)
    customer_presence.leave(conversation_id=conversation.pk, socket="socket-1")
    assert is_queued(conversation)


@pytest.mark.parametrize(
    ("email", "given", "verified", "written"),
    [
        (shop.CUSTOMER, True, False, True),
        (shop.CUSTOMER, False, True, True),
        (shop.CUSTOMER, False, False, False),
        ("", True, True, False),
    ],
)
def test_only_an_address_that_was_given_here_or_vouched_for_is_written_to(
    email: str, given: bool, verified: bool, written: bool
) -> None:
    conversation = shop.left(email=email, given=given, verified=verified)
    shop.answered(conversation)
    assert is_queued(conversation) is written
    assert outgoing.find(now=shop.later()) == 0


def bot_says(conversation: Conversation, text: str = "Refunds take 5 days [1].") -> None:
    job = conversation.jobs.latest("pk")
    reply = factories.bot_reply(text)
    from django.db import transaction

    with transaction.atomic():
        locked = services.lock(conversation_id=conversation.pk)
        services.post_bot_reply(conversation=locked, reply=reply)
    job.state = "done"
    job.save()


def test_the_bot_alone_writes_no_mail_until_an_address_was_given() -> None:
    verified = shop.left(given=False, verified=True)
    bot_says(verified)
    assert not is_queued(verified)
    given = shop.left(given=True)
    bot_says(given)
    assert is_queued(given)


def test_several_messages_in_one_go_are_one_mail_and_a_long_talk_does_not_wait_for_ever() -> None:
    conversation, agent = shop.left(), factories.user()
    shop.answered(conversation, "First part", agent=agent)
    Message.objects.filter(conversation=conversation).update(created_at=timezone.now() - timedelta(seconds=90))
    shop.answered(conversation, "Second part", agent=agent)
    assert not is_queued(conversation, now=timezone.now() + timedelta(seconds=10))
    assert is_queued(conversation, now=timezone.now() + timedelta(seconds=211))
    row = OutboundEmail.objects.get()
    assert row.last_seq - row.first_seq == 1


def test_while_one_is_on_its_way_no_second_is_queued_and_afterwards_only_the_rest() -> None:
    conversation = shop.left()
    shop.answered(conversation, "First part")
    first = shop.queued(conversation)
    shop.answered(conversation, "Second part")
    assert not is_queued(conversation)
    sending.run(first.pk)
    shop.sent(conversation)
    assert "First part" not in outbox.outbox[1].body
    assert "Second part" in outbox.outbox[1].body


def test_without_a_mail_server_nothing_is_queued_and_the_product_says_so(settings: Any) -> None:
    settings.EMAIL_ENABLED = False
    conversation = shop.left()
    shop.answered(conversation)
    shop.age(conversation)
    assert not mail.available()
    assert outgoing.find() == 0
    assert not OutboundEmail.objects.exists()


def test_the_clock_finds_and_rings(settings: Any, django_capture_on_commit_callbacks: Any) -> None:
    conversation = shop.left()
    shop.answered(conversation)
    shop.age(conversation)
    rung: list[int] = []
    tasks_send, tasks.send = (
        tasks.send,
        type("Bell", (), {"apply_async": lambda self, args, **_: rung.append(args[0])})(),
    )
    try:
        with django_capture_on_commit_callbacks(execute=True):
            tasks.find()
    finally:
        tasks.send = tasks_send
    assert set(rung) == {OutboundEmail.objects.get().pk}


def test_old_conversations_are_left_alone_when_mail_is_turned_on() -> None:
    conversation = shop.left()
    shop.answered(conversation)
    Conversation.objects.update(last_message_at=timezone.now() - timedelta(days=4))
    assert outgoing.find(now=shop.later()) == 0


# --- How many ---------------------------------------------------------------------------------------------
def test_an_unverified_address_gets_a_few_mails_a_day_over_all_conversations(settings: Any) -> None:
    settings.EMAIL_PER_UNVERIFIED_ADDRESS = 2
    conversations = [shop.left(email=email) for email in ("v@x.test", "V@x.test", "v@x.test", "other@x.test")]
    for conversation in conversations:
        shop.answered(conversation)
    assert [is_queued(conversation) for conversation in conversations] == [True, True, False, True]
    OutboundEmail.objects.filter(to__iexact="v@x.test").update(created_at=timezone.now() - timedelta(days=1, hours=1))
    assert is_queued(conversations[2])


def test_a_verified_address_has_no_such_limit(settings: Any) -> None:
    settings.EMAIL_PER_UNVERIFIED_ADDRESS = 1
    for _ in range(2):
        conversation = shop.left(verified=True)
        shop.answered(conversation)
        assert is_queued(conversation)


def test_mails_that_were_queued_side_by_side_stay_under_the_limit_too(settings: Any) -> None:
    conversations = [shop.left(), shop.left()]
    for conversation in conversations:
        shop.answered(conversation)
    rows = [shop.queued(conversation) for conversation in conversations]
    settings.EMAIL_PER_UNVERIFIED_ADDRESS = 1
    for row in rows:
        sending.run(row.pk)
    assert len(outbox.outbox) == 1
    assert list(OutboundEmail.objects.values_list("pk", "state")) == [(rows[0].pk, "sent")]


# --- What -------------------------------------------------------------------------------------------------
def test_the_mail_holds_text_sources_and_ways_back() -> None:
    inbox = factories.inbox(company="Fell & Wren", allowed_origins=["https://shop.test"])
    conversation = shop.left(inbox=inbox, page_url="https://shop.test/boots?size=42")
    seq = shop.answered(conversation, "Use <b>soap</b> & water [1].")
    Citation.objects.create(
        message=Message.objects.get(conversation=conversation, seq=seq),
        number=1, passage_id=1, document_id=1, title="Care <guide>", url="/help/care", text="x",
    )  # fmt: skip
    shop.sent(conversation)
    email = outbox.outbox[0]
    html = email.alternatives[0].content
    assert "Use <b>soap</b> & water [1]." in email.body
    assert "Use &lt;b&gt;soap&lt;/b&gt; &amp; water [1]." in html
    assert "[1] Care <guide> - https://chat.shop.test/help/care" in email.body
    assert '<a href="https://chat.shop.test/help/care"' in html
    assert "https://shop.test/boots\n" in email.body
    assert "Ada" in email.body
    assert email.from_email == "Fell & Wren <chat@shop.test>"
    assert email.subject == "Your conversation with Fell & Wren"


def test_a_page_that_is_not_the_inboxes_own_is_not_linked() -> None:
    inbox = factories.inbox(allowed_origins=["https://shop.test"])
    conversation = shop.left(inbox=inbox, page_url="https://evil.test/login")
    shop.answered(conversation)
    shop.sent(conversation)
    assert "evil.test" not in outbox.outbox[0].body + outbox.outbox[0].alternatives[0].content
    assert "https://shop.test" in outbox.outbox[0].body


def test_a_source_that_is_no_web_address_is_no_link() -> None:
    conversation = shop.left()
    bot_says(conversation)
    Citation.objects.update(url="javascript:alert(1)")
    shop.sent(conversation)
    assert "javascript" not in outbox.outbox[0].body + outbox.outbox[0].alternatives[0].content


def test_a_chinese_conversation_gets_a_chinese_mail_that_survives_the_wire(settings: Any) -> None:
    inbox = factories.inbox(company="风行鞋店")
    conversation = shop.left(inbox=inbox, language="zh-CN")
    shop.answered(conversation, "您的订单已发货。")
    with shop.post_office(settings) as office:
        shop.sent(conversation)
    received = office.mails[0]
    assert "风行鞋店" in str(received["Subject"])
    assert "风行鞋店" in str(received["From"])
    assert "您的订单已发货。" in received.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert 'lang="zh-Hans"' in received.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_names_with_line_breaks_write_no_headers(settings: Any) -> None:
    evil = "Shop\r\nBcc: victim@x.test\r\n\r\nBody"
    inbox = factories.inbox(company=evil, email_from="help@shop.test")
    conversation = shop.left(inbox=inbox)
    conversation.contact.name = evil
    conversation.contact.save()
    shop.answered(conversation, "Hello\r\nBcc: victim@x.test\n.\nQUIT")
    with shop.post_office(settings) as office:
        shop.sent(conversation)
    received = office.mails[0]
    assert received["Bcc"] is None
    assert str(received["To"]) == shop.CUSTOMER
    assert "help@shop.test" in str(received["From"])
    assert "\r\n.\r\nQUIT" in received.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_words_of_the_customer_do_not_reach_an_address_that_nobody_vouched_for() -> None:
    inbox = factories.inbox(allowed_origins=["https://shop.test"])
    said = []
    for verified in (False, True):
        conversation = shop.left(inbox=inbox, verified=verified, page_url="https://shop.test/x?say=win-a-prize")
        conversation.contact.name = "You won! evil.test"
        conversation.contact.save()
        shop.answered(conversation)
        shop.sent(conversation)
        email = outbox.outbox[-1]
        said.append([word in email.body + email.alternatives[0].content for word in ("evil.test", "win-a-prize")])
        assert "1042" not in email.body  # the customer's own message
    assert said == [[False, False], [True, True]]


def test_a_hostile_message_id_of_an_answer_reaches_no_header() -> None:
    conversation = shop.left()
    message = Message.objects.get(conversation=conversation, seq=1)
    InboundEmail.objects.create(email_id="<a\r\nBcc:v@x.test> 1", accepted=True, message=message)
    shop.answered(conversation)
    shop.sent(conversation)
    assert "Bcc" not in str(outbox.outbox[0].message())


def test_the_headers_keep_robots_quiet_and_lead_back() -> None:
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.sent(conversation)
    conversation.refresh_from_db()
    wire = message_from_bytes(outbox.outbox[0].message().as_bytes(), policy=policy.default)
    assert wire["Message-ID"] == row.email_id
    assert wire["Reply-To"] == f"reply+{conversation.email_key}@{shop.DOMAIN}"
    assert len(str(conversation.email_key)) == 32
    assert wire["Auto-Submitted"] == "auto-generated"
    assert wire["X-Loop"] == "parley"
    assert str(wire["List-Unsubscribe"]).strip().startswith("<https://chat.shop.test/mail/stop/")
    assert wire["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_without_a_domain_for_answers_the_mail_promises_no_answer_by_mail(settings: Any) -> None:
    settings.INBOUND_EMAIL_DOMAIN = ""
    conversation = shop.left()
    shop.answered(conversation)
    shop.sent(conversation)
    assert "answer this e-mail" not in outbox.outbox[0].body
    assert outbox.outbox[0].message()["Reply-To"] is None


# --- Trying ------------------------------------------------------------------------------------------------
def test_a_busy_server_is_tried_again_later_with_the_same_mail(settings: Any) -> None:
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.queued(conversation)
    with shop.post_office(settings) as office:
        office.at_rcpt, office.at_data = ["450 4.2.1 Busy"], ["451 4.3.0 Full"]
        for attempt in (1, 2):
            sending.run(row.pk)
            row.refresh_from_db()
            assert (row.state, row.attempt) == ("queued", attempt)
            assert row.available_at > timezone.now() + timedelta(seconds=50)
            sending.run(row.pk)  # not due yet: nothing happens
            OutboundEmail.objects.update(available_at=timezone.now())
        sending.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempt, row.error) == ("sent", 3, "")
    assert [str(received["Message-ID"]) for received in office.mails] == [row.email_id]


def test_a_refused_address_fails_with_the_reason_and_the_team_is_told(settings: Any) -> None:
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.queued(conversation)
    with shop.post_office(settings) as office:
        office.at_rcpt = ["550 5.1.1 No such user here"]
        sending.run(row.pk)
    row.refresh_from_db()
    conversation.refresh_from_db()
    assert row.state == "failed"
    assert "No such user here" in row.error
    assert "No such user here" in Note.objects.get(conversation=conversation).text
    assert conversation.emailed_seq == 0
    assert not is_queued(conversation)


def test_a_server_that_is_away_is_tried_for_hours_and_then_given_up(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.queued(conversation)
    waited = timedelta()
    for _ in range(11):
        assert row.state == "queued"
        sending.run(row.pk)
        row.refresh_from_db()
        waited += max(row.available_at - timezone.now(), timedelta())
        OutboundEmail.objects.update(available_at=timezone.now())
    assert row.state == "failed"
    assert waited > timedelta(hours=12)


def test_killed_between_the_servers_yes_and_the_mark_the_same_mail_goes_once_more(settings: Any) -> None:
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.queued(conversation)
    with shop.post_office(settings) as office:
        held = sending.claim(email_id=row.pk)
        assert held is not None
        composing.compose(held).send()
        sending.run(row.pk)  # the lease is not over: nobody else takes it
        assert len(office.mails) == 1
        OutboundEmail.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sending.run(row.pk)
    assert len({str(received["Message-ID"]) for received in office.mails}) == 1
    first, second = (received.get_body(("plain",)).get_content() for received in office.mails)  # type: ignore[union-attr]
    assert first == second
    assert not sending.mark_sent(held)
    assert Activity.objects.filter(kind="emailed").count() == 1


def test_two_workers_claim_one_row_once() -> None:
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.queued(conversation)
    assert sending.claim(email_id=row.pk) is not None
    assert sending.claim(email_id=row.pk) is None


def test_a_customer_who_comes_back_before_it_is_sent_gets_no_mail() -> None:
    conversation = shop.left()
    seq = shop.answered(conversation)
    row = shop.queued(conversation)
    services.mark_seen(conversation_id=conversation.pk, seq=seq)
    sending.run(row.pk)
    assert outbox.outbox == []
    assert not OutboundEmail.objects.exists()


def test_an_address_that_changed_meanwhile_gets_nothing_and_the_new_one_does() -> None:
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.queued(conversation)
    conversation.contact.email = "new@customer.test"
    conversation.contact.save()
    sending.run(row.pk)
    assert outbox.outbox == []
    assert shop.sent(conversation).to == "new@customer.test"


@pytest.mark.parametrize(
    ("error", "for_good"),
    [
        (smtplib.SMTPRecipientsRefused({"a": (550, b"no")}), True),
        (smtplib.SMTPRecipientsRefused({"a": (452, b"later")}), False),
        (smtplib.SMTPDataError(554, b"spam"), True),
        (smtplib.SMTPAuthenticationError(535, b"wrong password"), False),
        (smtplib.SMTPServerDisconnected("gone"), False),
        (TimeoutError("slow"), False),
        (ValueError("bad header"), True),
    ],
)
def test_what_is_tried_again(error: Exception, for_good: bool) -> None:
    assert sending.judge(error).for_good is for_good


def test_an_email_of_a_customer_who_is_erased_while_it_is_sent_leaves_no_file(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_DIR = tmp_path
    settings.EMAIL_BACKEND = "chatbot.conversations.mail.catcher.Backend"
    conversation = shop.left()
    shop.answered(conversation)
    assert is_queued(conversation)
    before = sending._deliver

    def erased(row: OutboundEmail) -> Any:
        failure = before(row)
        assert list(tmp_path.iterdir())
        conversation.contact.delete()
        return failure

    monkeypatch.setattr(sending, "_deliver", erased)
    sending.run(OutboundEmail.objects.get().pk)
    assert list(tmp_path.iterdir()) == []
