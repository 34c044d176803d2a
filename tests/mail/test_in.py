"""What arrives by e-mail: kept once or refused honestly; machines, strangers and hostile bytes do no harm."""

import io
import smtplib
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from chatbot.conversations import services
from chatbot.conversations.mail import addresses, receiving
from chatbot.conversations.mail.receiver import Receiver
from chatbot.conversations.mail.receiving import Result
from chatbot.conversations.models import Conversation, InboundEmail, Message, Note, ReplyJob
from tests.mail import shop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    shop.turn_on(settings)


def key_of(conversation: Conversation) -> str:
    return addresses.reply_address(conversation)


def take(conversation: Conversation, mail: EmailMessage | bytes, mail_from: str = shop.CUSTOMER) -> receiving.Outcome:
    content = mail if isinstance(mail, bytes) else mail.as_bytes()
    return receiving.receive(content, recipient=key_of(conversation), mail_from=mail_from)


def taken_text(conversation: Conversation, mail: EmailMessage | bytes) -> str:
    assert take(conversation, mail).result is Result.KEPT
    return str(Message.objects.filter(conversation=conversation, via="email").latest("seq").text)


# --- Once -------------------------------------------------------------------------------------------------
def test_an_answer_becomes_the_customers_message_and_the_bot_owes_an_answer() -> None:
    conversation = shop.left()
    assert take(conversation, shop.mail_from_customer(key_of(conversation), "When will it come?")).result is Result.KEPT
    message = Message.objects.get(conversation=conversation, via="email")
    assert (message.role, message.text) == ("customer", "When will it come?")
    assert ReplyJob.objects.filter(trigger=message).exists()


def test_the_same_mail_again_is_kept_once() -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(key_of(conversation))
    assert [take(conversation, mail).result for _ in range(3)] == [Result.KEPT, Result.KNOWN, Result.KNOWN]
    assert Message.objects.filter(via="email").count() == 1


def test_a_mail_without_an_id_is_known_again_by_its_bytes() -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(key_of(conversation), message_id="")
    assert [take(conversation, mail).result for _ in range(2)] == [Result.KEPT, Result.KNOWN]


def test_one_mail_to_two_conversations_is_kept_in_both() -> None:
    for conversation in (shop.left(), shop.left()):
        assert take(conversation, shop.mail_from_customer(key_of(conversation))).result is Result.KEPT


def test_a_long_mail_becomes_several_messages_with_nothing_lost(settings: Any) -> None:
    settings.MESSAGE_MAX_CHARS = 100
    conversation = shop.left()
    words = " ".join(f"word{n}" for n in range(60))
    assert take(conversation, shop.mail_from_customer(key_of(conversation), words)).result is Result.KEPT
    texts = (
        Message.objects.filter(conversation=conversation, via="email").order_by("seq").values_list("text", flat=True)
    )
    assert len(texts) > 1
    assert " ".join(texts).split() == words.split()
    outcome = take(conversation, shop.mail_from_customer(key_of(conversation), words * 4, message_id="<m2@c.test>"))
    assert outcome.result is Result.REFUSED
    assert "too long" in outcome.reason


def test_trouble_with_the_database_asks_for_the_mail_again_and_keeps_nothing_half(monkeypatch: Any) -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(key_of(conversation))

    def broken(**_kwargs: Any) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(services, "mark_seen", broken)
        assert take(conversation, mail).result is Result.LATER
    assert not Message.objects.filter(via="email").exists()
    assert not InboundEmail.objects.exists()
    assert take(conversation, mail).result is Result.KEPT


# --- Who --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "address",
    ["reply+{key}@elsewhere.test", "reply+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@answers.shop.test", "info@answers.shop.test",
     "reply+@answers.shop.test", "", "reply+{key}x@answers.shop.test", "\x00"],
)  # fmt: skip
def test_other_addresses_do_not_exist(address: str) -> None:
    conversation = shop.left()
    key = key_of(conversation).partition("@")[0].removeprefix("reply+")
    recipient = address.format(key=key)
    assert receiving.knows(recipient).result is Result.UNKNOWN
    assert receiving.receive(b"x", recipient=recipient).result is Result.UNKNOWN


def test_an_address_in_capitals_is_the_same_address() -> None:
    conversation = shop.left()
    assert receiving.knows(f"<{key_of(conversation).upper()}>").result is Result.KEPT


def test_the_customers_own_address_is_verified_by_an_answer() -> None:
    conversation = shop.left()
    take(conversation, shop.mail_from_customer(key_of(conversation), sender=f"K <{shop.CUSTOMER.upper()}>"))
    conversation.contact.refresh_from_db()
    assert conversation.contact.email_verified
    assert not Note.objects.exists()


@pytest.mark.parametrize("sender", ["Kim <kim@evil.test>", '"kim@customer.test" <x@evil.test>', "undisclosed"])
def test_another_sender_is_kept_verifies_nothing_and_the_team_is_warned(sender: str) -> None:
    conversation = shop.left()
    assert take(conversation, shop.mail_from_customer(key_of(conversation), sender=sender)).result is Result.KEPT
    conversation.contact.refresh_from_db()
    assert not conversation.contact.email_verified
    assert "Tell nothing private" in Note.objects.get().text
    assert Note.objects.get().author is None


# --- Machines ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated (vacation)"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"X_Loop": "parley"},
        {"List_Id": "<news.x.test>"},
        {"Return_Path": "<>"},
        {"X_Failed_Recipients": "kim@customer.test"},
    ],
)
def test_automatic_mails_become_no_message(headers: dict[str, str]) -> None:
    conversation = shop.left()
    outcome = take(conversation, shop.mail_from_customer(key_of(conversation), "I am away", **headers))
    assert outcome.result is Result.IGNORED
    assert not Message.objects.filter(via="email").exists()
    row = InboundEmail.objects.get()
    assert not row.accepted
    assert row.reason


def test_a_person_who_says_that_the_mail_is_no_robots_is_heard() -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(key_of(conversation), Auto_Submitted="no", Precedence="normal")
    assert take(conversation, mail).result is Result.KEPT


def test_a_bounce_is_told_to_the_team_once_a_day() -> None:
    conversation = shop.left()
    for number in range(3):
        mail = shop.mail_from_customer(key_of(conversation), message_id=f"<b{number}@mx.test>")
        assert take(conversation, mail, mail_from="<>").result is Result.IGNORED
    assert "could not be delivered" in Note.objects.get().text


def test_our_own_mail_coming_back_is_a_loop() -> None:
    conversation = shop.left()
    shop.answered(conversation)
    row = shop.queued(conversation)
    mail = shop.mail_from_customer(key_of(conversation), message_id=row.email_id)
    assert take(conversation, mail).result is Result.IGNORED


# --- How much ---------------------------------------------------------------------------------------------
def test_a_conversation_takes_so_many_mails_an_hour_and_then_asks_for_patience(settings: Any) -> None:
    settings.INBOUND_EMAIL_PER_HOUR = 2
    first, other = shop.left(), shop.left()
    for number, result in enumerate([Result.KEPT, Result.KEPT, Result.LATER]):
        mail = shop.mail_from_customer(key_of(first), message_id=f"<n{number}@c.test>", sender=f"a{number}@c.test")
        assert take(first, mail).result is result
    sender = "a0@c.test"
    assert take(other, shop.mail_from_customer(key_of(other), sender=sender, message_id="<p@c.test>")).accepted
    assert (
        take(other, shop.mail_from_customer(key_of(other), sender=sender, message_id="<q@c.test>")).result
        is Result.LATER
    )
    InboundEmail.objects.update(received_at=timezone.now() - timedelta(hours=2))
    assert take(first, shop.mail_from_customer(key_of(first), message_id="<n2@c.test>")).result is Result.KEPT


def test_a_huge_mail_is_refused(settings: Any) -> None:
    settings.INBOUND_EMAIL_MAX_BYTES = 20_000
    conversation = shop.left()
    outcome = take(conversation, shop.mail_from_customer(key_of(conversation), "x\n" * 20_000))
    assert outcome.result is Result.REFUSED
    assert "larger than 20000 bytes" in outcome.reason


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\nx\r\n" * 300 + b"--a--",
        b"Subject: " + b"x" * 50_000 + b"\r\n\r\nHi",
        b"Content-Type: text/plain; " + b"a=b; " * 5_000 + b"\r\n\r\nHi",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1500)) + b"\r\nHi",
    ],
    ids=["many parts", "long subject", "long type", "deep"],
)  # fmt: skip
def test_what_no_mail_program_writes_is_refused(content: bytes) -> None:
    conversation = shop.left()
    outcome = take(conversation, content)
    assert outcome.result is Result.REFUSED, outcome
    assert not Message.objects.filter(via="email").exists()


# --- Contents ---------------------------------------------------------------------------------------------
def test_html_alone_is_read_as_text() -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(key_of(conversation))
    mail.set_content(
        "<style>p{color:red}</style><p>Hello&nbsp;<b>you</b></p><p>Two<br>lines<script>alert(1)</script></p>"
        '<div class="gmail_quote">On Mon, Shop &lt;a@b.test&gt; wrote:<blockquote>Old words</blockquote></div>',
        subtype="html",
    )
    assert taken_text(conversation, mail) == "Hello you\n\nTwo\nlines"


def test_attachments_are_dropped_and_the_team_is_told() -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(key_of(conversation), "See the photos")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="a.png")
    mail.add_attachment("more words", filename="../../etc/passwd.txt")
    assert taken_text(conversation, mail) == "See the photos"
    assert "2 attachments of the last e-mail were not kept" in Note.objects.get().text


def test_a_mail_with_nothing_but_an_attachment_is_still_heard() -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(key_of(conversation), "")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    assert taken_text(conversation, mail) == "(An e-mail without text.)"
    assert "1 attachment of" in Note.objects.get().text


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("gb2312", "请问什么时候发货？"),
        ("gb18030", "镕基𠮷"),
        ("iso-8859-1", "Größe 42 für Müller"),
        ("utf-8", "👟 ok"),
        ("shift_jis", "ありがとう"),
    ],
)
def test_bodies_in_other_encodings_are_read(charset: str, text: str) -> None:
    conversation = shop.left()
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = shop.CUSTOMER, "<e1@c.test>"
    mail.set_content(text.encode(charset), maintype="text", subtype="plain", params={"charset": charset})
    assert taken_text(conversation, mail) == text


@pytest.mark.parametrize("charset", ["utf-8", "no-such-charset", "ascii", "utf-7", "hex", "rot13", ""])
def test_wrong_encodings_lose_no_mail(charset: str) -> None:
    conversation = shop.left()
    head = f"From: {shop.CUSTOMER}\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode()
    assert "Hallo" in taken_text(conversation, head + b"Hallo \xe4\xff\x00 \xd6 Welt")


def test_a_chinese_subject_is_kept_readable() -> None:
    conversation = shop.left()
    take(conversation, shop.mail_from_customer(key_of(conversation), Subject="回复：您的会话"))
    assert InboundEmail.objects.get().subject == "回复：您的会话"


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: =?utf-8?b?!!!?= =?nope?q?x?=\r\n",
        b"Subject: a\r\n b\r\nFrom: \xff\xfe <\xff@\xfe>\r\n",
        b"From: a@b.test, c@d.test <e@f.test\r\nMessage-ID: <<>>\r\n",
        b"Message-ID: <a\x00b@c>\r\n",
        b"Content-Disposition: attachment; filename*0*=utf-8''%\r\n",
        b"Content-Type: ;;;\r\nContent-Transfer-Encoding: \xff\r\n",
        b"Content-Type: multipart/mixed\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"no colon here\r\n",
    ],
)
def test_broken_headers_end_in_an_honest_answer(head: bytes) -> None:
    conversation = shop.left()
    outcome = take(conversation, head + b"\r\nSome words\r\n")
    assert outcome.result in (Result.KEPT, Result.REFUSED)
    for row in InboundEmail.objects.all():
        assert "\n" not in row.subject + row.sender
        assert addresses.is_message_id(row.email_id.split(" ")[0])


# --- Doors ------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
class TestOverSmtp:
    @pytest.fixture
    def receiver(self) -> Iterator[Receiver]:
        made = Receiver(host="127.0.0.1", port=0)
        made.start()
        yield made
        made.stop()

    def test_an_unknown_recipient_is_refused_at_once(self, receiver: Receiver) -> None:
        with smtplib.SMTP("127.0.0.1", receiver.port) as door:
            door.ehlo()
            door.mail(shop.CUSTOMER)
            assert door.rcpt(f"reply+{'a' * 32}@{shop.DOMAIN}")[0] == 550

    def test_a_second_recipient_is_asked_to_come_alone(self, receiver: Receiver) -> None:
        first, second = shop.left(), shop.left()
        with smtplib.SMTP("127.0.0.1", receiver.port) as door:
            refused = door.sendmail(
                shop.CUSTOMER, [key_of(first), key_of(second)], shop.mail_from_customer("x").as_bytes()
            )
        assert refused[key_of(second)][0] == 452
        assert Message.objects.filter(via="email").get().conversation_id == first.pk

    def test_a_bounce_with_an_empty_sender_is_taken_and_ignored(self, receiver: Receiver) -> None:
        conversation = shop.left()
        with smtplib.SMTP("127.0.0.1", receiver.port) as door:
            door.sendmail("<>", [key_of(conversation)], shop.mail_from_customer("x").as_bytes())
        assert InboundEmail.objects.get().reason == "bounce"

    def test_a_huge_mail_is_refused_before_it_is_sent(self, receiver: Receiver, settings: Any) -> None:
        settings.INBOUND_EMAIL_MAX_BYTES = 20_000
        conversation = shop.left()
        with smtplib.SMTP("127.0.0.1", receiver.port) as door, pytest.raises(smtplib.SMTPException, match="552"):
            door.sendmail(shop.CUSTOMER, [key_of(conversation)], b"x\r\n" * 20_000)

    def test_data_without_an_end_of_line_does_not_fill_the_memory(self, receiver: Receiver, settings: Any) -> None:
        settings.INBOUND_EMAIL_MAX_BYTES = 20_000
        conversation = shop.left()
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as line:
            heard = line.makefile("rb")
            heard.readline()
            for command in ("HELO x", f"MAIL FROM:<{shop.CUSTOMER}>", f"RCPT TO:<{key_of(conversation)}>", "DATA"):
                line.sendall(f"{command}\r\n".encode())
                heard.readline()
            with pytest.raises(OSError, match=r".*"):
                for _ in range(1000):
                    line.sendall(b"x" * 100_000)
        assert not Message.objects.filter(via="email").exists()

    def test_trouble_with_the_database_is_451(self, receiver: Receiver, monkeypatch: Any) -> None:
        conversation = shop.left()
        monkeypatch.setattr(receiving, "_keep", lambda *_: (_ for _ in ()).throw(OperationalError("gone")))
        with smtplib.SMTP("127.0.0.1", receiver.port) as door, pytest.raises(smtplib.SMTPDataError) as refused:
            door.sendmail(shop.CUSTOMER, [key_of(conversation)], shop.mail_from_customer("x").as_bytes())
        assert refused.value.smtp_code == 451

    def test_lmtp_speaks_lmtp(self) -> None:
        conversation = shop.left()
        receiver = Receiver(host="127.0.0.1", port=0, lmtp=True)
        receiver.start()
        try:
            with smtplib.LMTP("127.0.0.1", receiver.port) as door:
                door.sendmail(shop.CUSTOMER, [key_of(conversation)], shop.mail_from_customer("x").as_bytes())
        finally:
            receiver.stop()
        assert Message.objects.filter(via="email").count() == 1


class _Input:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def piped(monkeypatch: Any, content: bytes, *arguments: str) -> int:
    monkeypatch.setattr(sys, "stdin", _Input(content))
    with pytest.raises(SystemExit) as ended:
        call_command("receive_mail", "--stdin", *arguments, stderr=io.StringIO())
    return int(ended.value.code or 0)


def test_a_pipe_takes_a_mail_for_the_recipient_it_names_or_its_headers_name(monkeypatch: Any) -> None:
    conversation = shop.left()
    mail = shop.mail_from_customer(f"Shop <{key_of(conversation)}>")
    assert piped(monkeypatch, mail.as_bytes()) == 0
    other = shop.mail_from_customer("x@y.test", message_id="<m9@c.test>")
    assert piped(monkeypatch, other.as_bytes(), "--recipient", key_of(conversation)) == 0
    assert Message.objects.filter(via="email").count() == 2


def test_a_pipe_ends_with_what_mail_servers_understand(monkeypatch: Any, settings: Any) -> None:
    conversation = shop.left()
    assert piped(monkeypatch, shop.mail_from_customer("x@y.test").as_bytes()) == 67
    settings.INBOUND_EMAIL_MAX_BYTES = 10_000
    big = shop.mail_from_customer(key_of(conversation), "x\n" * 9000).as_bytes()
    assert piped(monkeypatch, big) == 65
    monkeypatch.setattr(receiving, "_keep", lambda *_: (_ for _ in ()).throw(OperationalError("gone")))
    assert piped(monkeypatch, shop.mail_from_customer(key_of(conversation)).as_bytes()) == 75
