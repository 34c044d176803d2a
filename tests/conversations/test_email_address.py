"""Addresses that customers leave: plain ones are kept, tricks are refused, and nobody floods a stranger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations import email_address, services
from chatbot.conversations.models import Activity, Message, ReplyJob
from tests import factories

HOSTILE = [
    "",
    "nobody",
    "a@b",
    "a@@b.com",
    "a b@c.com",
    "a@b.com\nBcc: all@world.com",
    "a@b.com\r\n\r\nHello",
    "a@b.com,c@d.com",
    "A <a@b.com>",
    '"a\x01b"@c.com',
    '"quoted name"@c.com',
    "\u0430dmin@bank.com",
    "a@b\u0430nk.com",
    "a\u202e@moc.knab",
    "a\u200b@b.com",
    "\uff41@b.com",
    "a@b..com",
    ".a@b.com",
    "a@-b.com",
    "a@127.0.0.1",
    "a@[127.0.0.1]",
    "a@localhost",
    "x" * 65 + "@b.com",
    "a@" + "b" * 250 + ".com",
    "<script>alert(1)</script>@b.com",
    "a@b.com<img src=x>",
    "a@b.com\x00",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_or_broken_address_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(email_address.BadAddress) as refused:
        email_address.clean(address)
    assert len(refused.value.message) > 20
    assert "<script" not in refused.value.message


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" mia@Example.COM ", "mia@example.com"),
        ("m.o'neil+shop@mail.example.co.uk", "m.o'neil+shop@mail.example.co.uk"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
    ],
)
def test_a_plain_address_is_kept(typed: str, kept: str) -> None:
    assert email_address.clean(typed) == kept


@given(st.text(max_size=400))
def test_whatever_is_typed_is_kept_plain_or_refused(text: str) -> None:
    try:
        address = email_address.clean(text)
    except email_address.BadAddress:
        return
    assert address.isascii()
    assert len(address) <= 254
    assert not set(address) & set(' \r\n\t<>()",;:\\')


def test_a_message_that_is_only_an_address_is_told_from_one_that_holds_one() -> None:
    assert email_address.alone_in(" mia@example.com. ") == "mia@example.com"
    assert email_address.alone_in("<mia@example.com>") == "mia@example.com"
    assert email_address.alone_in("write to mia@example.com") == ""


def test_only_the_first_letter_is_shown() -> None:
    assert email_address.masked("mia@example.com") == "m***@example.com"
    assert email_address.masked("") == ""


# --- Keeping ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_address_is_kept_unverified_confirmed_once_and_on_record() -> None:
    conversation = factories.conversation(email_asked=True)
    for _ in range(2):
        services.set_email(conversation_id=conversation.pk, email="mia@example.com")
    conversation.refresh_from_db()
    assert (conversation.contact.email, conversation.contact.email_verified) == ("mia@example.com", False)
    assert not conversation.email_asked
    assert Activity.objects.get(kind="email_set").detail == {"email": "m***@example.com"}
    notice = Message.objects.get()
    assert (notice.role, notice.kind) == ("notice", "state")
    assert "m***@example.com" in notice.text
    assert "mia@" not in notice.text


@pytest.mark.django_db
@pytest.mark.parametrize("address", HOSTILE)
def test_a_refused_address_changes_nothing(address: str) -> None:
    conversation = factories.conversation(email_asked=True)
    with pytest.raises(services.Refusal):
        services.set_email(conversation_id=conversation.pk, email=address)
    conversation.refresh_from_db()
    assert (conversation.contact.email, conversation.email_asked, conversation.last_seq) == ("", True, 0)


@pytest.mark.django_db
def test_an_address_that_the_company_vouched_for_is_not_replaced() -> None:
    contact = factories.contact(email="real@example.com", email_verified=True)
    conversation = factories.conversation(contact=contact)
    with pytest.raises(services.Refusal, match=r"r\*\*\*@example.com"):
        services.set_email(conversation_id=conversation.pk, email="thief@example.com")
    contact.refresh_from_db()
    assert contact.email == "real@example.com"


@pytest.mark.django_db
def test_a_customer_cannot_try_one_address_after_the_other() -> None:
    contact = factories.contact()
    for number in range(services.EMAILS_PER_HOUR):
        other = factories.conversation(contact=contact)
        services.set_email(conversation_id=other.pk, email=f"a{number}@example.com")
    with pytest.raises(services.Refusal) as refused:
        services.set_email(conversation_id=factories.conversation(contact=contact).pk, email="more@example.com")
    assert refused.value.code == "rate_limited"


@pytest.mark.django_db
def test_an_address_as_the_next_message_is_taken_and_the_message_is_kept() -> None:
    conversation = factories.conversation(state="waiting", email_asked=True)
    factories.posted(conversation, "mia@example.com")
    conversation.refresh_from_db()
    assert conversation.contact.email == "mia@example.com"
    assert [m.role for m in Message.objects.order_by("seq")] == ["customer", "notice"]
    assert not ReplyJob.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "text"), [(False, "mia@example.com"), (True, "mail mia@example.com please")])
def test_an_address_that_was_not_asked_for_or_not_alone_is_only_a_message(asked: bool, text: str) -> None:
    conversation = factories.conversation(state="waiting", email_asked=asked)
    factories.posted(conversation, text)
    conversation.refresh_from_db()
    assert conversation.contact.email == ""
    assert conversation.last_seq == 1


@pytest.mark.django_db
def test_the_confirmation_speaks_the_customers_language() -> None:
    conversation = factories.conversation(language="zh-CN")
    services.set_email(conversation_id=conversation.pk, email="mia@example.com")
    assert "m***@example.com" in Message.objects.get().text
