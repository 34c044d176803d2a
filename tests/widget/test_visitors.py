"""Visitor tokens: forged and old ones are refused, and a rotation never strands a browser."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.core import signing
from django.db import connections
from django.utils import timezone

from chatbot.conversations.models import Contact, Inbox
from chatbot.conversations.services import Refusal
from chatbot.widget import tokens, visitors
from chatbot.widget.identity import Claims
from chatbot.widget.models import IdentityUse, Visitor
from tests import factories


@pytest.fixture
def shop(db: None) -> Inbox:
    return factories.inbox()


def confirmed(shop: Inbox, *, hours: float = 2.0) -> tuple[Visitor, str]:
    """A visitor whose present token was shown and is due for rotation."""
    visitor = visitors.admit(inbox=shop, token=None)
    token = visitors.token_of(visitor)
    visitors.admit(inbox=shop, token=token)
    past = timezone.now() - timedelta(hours=hours)
    Visitor.objects.filter(pk=visitor.pk).update(rotated_at=past, confirmed_at=past)
    return visitor, token


def test_a_token_brings_its_visitor_back(shop: Inbox) -> None:
    visitor = visitors.admit(inbox=shop, token=None)
    assert visitors.admit(inbox=shop, token=visitors.token_of(visitor)).pk == visitor.pk


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a:b:c",
        "é" * 50,
        "\x00",
        signing.dumps({"v": uuid.uuid4().hex, "g": 1}, key="another key" * 8, salt="chatbot.widget.visitor"),
        signing.dumps({"v": uuid.uuid4().hex, "g": 1}, salt="another salt"),
        signing.dumps({"v": "no uuid", "g": 1}, salt="chatbot.widget.visitor"),
        signing.dumps(["a list"], salt="chatbot.widget.visitor"),
        signing.dumps({"v": uuid.uuid4().hex}, salt="chatbot.widget.visitor"),
    ],
    ids=["empty", "short", "colons", "accents", "zero", "other key", "other salt", "no uuid", "a list", "no number"],
)
def test_a_forged_or_damaged_token_gives_a_fresh_visitor(shop: Inbox, token: str) -> None:
    known = visitors.admit(inbox=shop, token=None)
    assert visitors.admit(inbox=shop, token=token).pk != known.pk


def test_a_token_of_another_inbox_gives_a_fresh_visitor(shop: Inbox) -> None:
    visitor = visitors.admit(inbox=shop, token=None)
    assert visitors.admit(inbox=factories.inbox(), token=visitors.token_of(visitor)).pk != visitor.pk


def test_an_expired_token_gives_a_fresh_visitor(shop: Inbox, settings) -> None:  # type: ignore[no-untyped-def]
    visitor = visitors.admit(inbox=shop, token=None)
    token = visitors.token_of(visitor)
    settings.VISITOR_TOKEN_DAYS = 0
    assert tokens.read(token) is None
    assert visitors.admit(inbox=shop, token=token).pk != visitor.pk


def test_a_token_that_is_due_is_rotated_and_the_new_one_is_accepted(shop: Inbox) -> None:
    visitor, old = confirmed(shop)
    after = visitors.admit(inbox=shop, token=old)
    assert (after.pk, after.generation) == (visitor.pk, 2)
    assert visitors.admit(inbox=shop, token=visitors.token_of(after)).pk == visitor.pk


def test_a_lost_rotation_reply_strands_nobody_however_late(shop: Inbox) -> None:
    visitor, old = confirmed(shop)
    for _ in range(5):  # the answer is lost every time
        visitors.admit(inbox=shop, token=old)
    Visitor.objects.filter(pk=visitor.pk).update(rotated_at=timezone.now() - timedelta(days=9))
    after = visitors.admit(inbox=shop, token=old)
    assert (after.pk, after.generation) == (visitor.pk, 2)


def test_the_old_token_dies_a_little_after_the_new_one_was_shown(shop: Inbox) -> None:
    visitor, old = confirmed(shop)
    new = visitors.token_of(visitors.admit(inbox=shop, token=old))
    visitors.admit(inbox=shop, token=new)
    assert visitors.admit(inbox=shop, token=old).pk == visitor.pk  # another tab
    Visitor.objects.filter(pk=visitor.pk).update(confirmed_at=timezone.now() - visitors.GRACE - timedelta(seconds=1))
    assert visitors.admit(inbox=shop, token=old).pk != visitor.pk
    assert visitors.admit(inbox=shop, token=new).pk == visitor.pk


def test_two_generations_back_is_dead_at_once(shop: Inbox) -> None:
    visitor, first = confirmed(shop)
    second = visitors.token_of(visitors.admit(inbox=shop, token=first))
    visitors.admit(inbox=shop, token=second)
    past = timezone.now() - timedelta(hours=2)
    Visitor.objects.filter(pk=visitor.pk).update(rotated_at=past, confirmed_at=past)
    assert visitors.admit(inbox=shop, token=second).generation == 3
    assert visitors.admit(inbox=shop, token=first).pk != visitor.pk


def test_a_token_of_a_later_generation_than_there_is_was_never_ours(shop: Inbox) -> None:
    visitor = visitors.admit(inbox=shop, token=None)
    ahead = tokens.sign(tokens.VisitorToken(visitor.public_id, 7))
    assert visitors.admit(inbox=shop, token=ahead).pk != visitor.pk


def test_logging_out_kills_every_generation(shop: Inbox) -> None:
    visitor, old = confirmed(shop)
    new = visitors.token_of(visitors.admit(inbox=shop, token=old))
    visitors.close(visitor_id=visitor.pk)
    for token in (old, new):
        assert visitors.admit(inbox=shop, token=token).pk != visitor.pk
    with pytest.raises(Refusal, match="signed out"):
        visitors.lock(visitor_id=visitor.pk)


@pytest.mark.django_db(transaction=True)
def test_many_tabs_that_rotate_at_once_all_stay_the_same_visitor() -> None:
    shop = factories.inbox()
    visitor, old = confirmed(shop)
    start, given, found = threading.Barrier(8), [], []

    def tab() -> None:
        try:
            start.wait()
            admitted = visitors.admit(inbox=shop, token=old)
            given.append(visitors.token_of(admitted))
            found.append((admitted.pk, admitted.generation))
        finally:
            connections.close_all()

    tabs = [threading.Thread(target=tab) for _ in range(8)]
    for thread in tabs:
        thread.start()
    for thread in tabs:
        thread.join()
    assert {pk for pk, _generation in found} == {visitor.pk}
    assert len(found) == 8
    assert Visitor.objects.get(pk=visitor.pk).generation == 2
    for token in given:  # whichever answer a tab kept, it comes back
        assert visitors.admit(inbox=shop, token=token).pk == visitor.pk


def test_what_can_never_be_used_again_is_removed(shop: Inbox) -> None:
    now = timezone.now()
    silent, old, kept = (visitors.admit(inbox=shop, token=None) for _ in range(3))
    for visitor in (old, kept):
        visitor.contact = factories.contact(inbox=shop)
        visitor.save()
    Visitor.objects.filter(pk=silent.pk).update(rotated_at=now - timedelta(days=2))
    Visitor.objects.filter(pk=old.pk).update(rotated_at=now - timedelta(days=40), created_at=now - timedelta(days=40))
    IdentityUse.objects.create(inbox=shop, jti="old", expires_at=now - timedelta(minutes=1))
    IdentityUse.objects.create(inbox=shop, jti="new", expires_at=now + timedelta(minutes=1))
    assert visitors.purge(older_than=timedelta(days=31)) == 3
    assert set(Visitor.objects.values_list("pk", flat=True)) == {kept.pk}
    assert IdentityUse.objects.get().jti == "new"


def test_who_signs_in_leaves_nothing_with_the_anonymous_contact(shop: Inbox) -> None:
    """Nobody would find it again when the person is to be erased."""
    visitor = visitors.admit(inbox=shop, token=None)
    anonymous = factories.contact(inbox=shop, email="ana@mail.example", context={"plan": "gold"})
    Visitor.objects.filter(pk=visitor.pk).update(contact=anonymous)
    claims = Claims(subject="u-4711", jti="once", expires_at=timezone.now() + timedelta(minutes=5))
    visitors.identify(visitor_id=visitor.pk, claims=claims)
    anonymous.refresh_from_db()
    assert (anonymous.email, anonymous.context) == ("", {})
    assert Contact.objects.get(external_id="u-4711").context == {"plan": "gold"}
