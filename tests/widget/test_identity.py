"""Identity tokens: the genuine one is accepted once, every attack on it is refused."""

import base64
import json
import time
import uuid
from typing import Any

import jwt
import pytest

from chatbot.conversations.models import Contact, Conversation, Inbox
from chatbot.conversations.services import Refusal
from chatbot.widget import identity, visitors
from chatbot.widget.models import IdentityUse, Visitor
from tests import factories

KEY, SECRET = "pk_shop", "s" * 48


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"sub": "customer-1", "aud": KEY, "iat": now, "exp": now + 300, "jti": uuid.uuid4().hex, **changes}
    return {name: value for name, value in made.items() if value is not ...}


def token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm=algorithm)


def by_hand(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return ".".join([part(json.dumps(header).encode()), part(json.dumps(body).encode()), part(signature)])


def with_other_subject() -> str:
    head, _body, signature = token().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(sub="customer-2")).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def test_a_genuine_token_says_who_it_is() -> None:
    found = identity.verify(token(name="Ada\x00 Lovelace", email="ada@example.com"), key=KEY, secret=SECRET)
    assert (found.subject, found.name, found.email) == ("customer-1", "Ada Lovelace", "ada@example.com")


def test_a_damaged_mail_address_is_left_out() -> None:
    assert identity.verify(token(email="not an address", name=7), key=KEY, secret=SECRET).email == ""


NOW = time.time()
ATTACKS: dict[str, Any] = {
    "empty": lambda: "",
    "no token at all": lambda: "hello",
    "two parts": lambda: "a.b",
    "not base64": lambda: "!!.!!.!!",
    "forged with another secret": lambda: token("x" * 48),
    "signed with the inbox key": lambda: token(KEY.ljust(32, "0")),
    "algorithm none": lambda: by_hand({"alg": "none", "typ": "JWT"}, claims()),
    "algorithm None in capitals": lambda: by_hand({"alg": "NONE"}, claims()),
    "no algorithm": lambda: by_hand({"typ": "JWT"}, claims()),
    "HS512 with the right secret": lambda: token("s" * 64, "HS512"),
    "HS384 with the right secret": lambda: token(algorithm="HS384"),
    "RS256 header on an HMAC": lambda: by_hand({"alg": "RS256"}, claims(), b"x" * 256),
    "a key in the header": lambda: by_hand({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}, claims(), b"x" * 32),
    "a key address in the header": lambda: by_hand({"alg": "HS256", "jku": "https://evil.test"}, claims(), b"x" * 32),
    "subject swapped under the old signature": with_other_subject,
    "expired": lambda: token(iat=int(NOW) - 900, exp=int(NOW) - 600),
    "lives for a day": lambda: token(exp=int(NOW) + 86400),
    "lives for ever": lambda: token(exp=10**18),
    "issued in the future": lambda: token(iat=int(NOW) + 3600, exp=int(NOW) + 3900),
    "expires before it was issued": lambda: token(iat=int(NOW) + 20, exp=int(NOW)),
    "another inbox": lambda: token(aud="pk_other"),
    "several audiences": lambda: token(aud=[KEY, "pk_other"]),
    "not valid yet": lambda: token(nbf=int(NOW) + 3600),
    "no subject": lambda: token(sub=...),
    "no expiry": lambda: token(exp=...),
    "no time of issue": lambda: token(iat=...),
    "no audience": lambda: token(aud=...),
    "no id": lambda: token(jti=...),
    "blank subject": lambda: token(sub="  "),
    "a subject of line breaks": lambda: token(sub="customer-1\n"),
    "overlong subject": lambda: token(sub="x" * 201),
    "overlong id": lambda: token(jti="x" * 121),
    "expiry is text": lambda: by_hand({"alg": "HS256"}, claims(exp="soon"), b"x" * 32),
    "expiry is infinite": lambda: jwt.api_jws.encode(
        json.dumps(claims()).replace(str(claims()["exp"]), "Infinity").encode(), SECRET, algorithm="HS256"
    ),
    "the body is a list": lambda: jwt.api_jws.encode(b"[1]", SECRET, algorithm="HS256"),
    "the body is deep": lambda: jwt.api_jws.encode(b"[" * 100_000, SECRET, algorithm="HS256"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_is_refused(attack: str) -> None:
    with pytest.raises(Refusal) as refused:
        identity.verify(ATTACKS[attack](), key=KEY, secret=SECRET)
    assert refused.value.code in ("identity_invalid", "identity_expired")


@pytest.mark.parametrize("secret", ["", "short"])
def test_an_inbox_without_a_real_secret_accepts_nobody(secret: str) -> None:
    if secret:
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            made = token(secret)
    else:
        made = by_hand({"alg": "HS256"}, claims())
    with pytest.raises(Refusal):
        identity.verify(made, key=KEY, secret=secret)


# --- What an accepted identity does --------------------------------------------------------------------
@pytest.fixture
def shop(db: None) -> Inbox:
    return factories.inbox(key=KEY, secret=SECRET)


def said(subject: str = "customer-1", jti: str = "") -> identity.Claims:
    return identity.verify(token(sub=subject, jti=jti or uuid.uuid4().hex), key=KEY, secret=SECRET)


def anonymous_with_history(shop: Inbox) -> tuple[Visitor, Conversation]:
    visitor = visitors.admit(inbox=shop, token=None)
    visitor.contact = factories.contact(inbox=shop)
    visitor.save()
    conversation = factories.conversation(contact=visitor.contact)
    factories.posted(conversation, "my secret question")
    return visitor, conversation


def readable(visitor: Visitor) -> set[int]:
    return (
        set(Conversation.objects.filter(contact=visitor.contact).values_list("pk", flat=True))
        if visitor.contact
        else set()
    )


def test_an_anonymous_history_joins_the_first_identity_that_claims_it(shop: Inbox) -> None:
    visitor, conversation = anonymous_with_history(shop)
    after = visitors.identify(visitor_id=visitor.pk, claims=said("ada"))
    assert after.pk == visitor.pk
    assert readable(after) == {conversation.pk}
    assert after.contact is not None
    assert after.contact.external_id == "ada"


def test_it_joins_a_history_that_the_identity_has_already(shop: Inbox) -> None:
    old = factories.conversation(contact=factories.contact(inbox=shop, external_id="ada"))
    visitor, conversation = anonymous_with_history(shop)
    assert readable(visitors.identify(visitor_id=visitor.pk, claims=said("ada"))) == {old.pk, conversation.pk}


def test_a_switch_of_identity_starts_clean_and_kills_the_old_token(shop: Inbox) -> None:
    visitor, _conversation = anonymous_with_history(shop)
    ada = visitors.identify(visitor_id=visitor.pk, claims=said("ada"))
    token_of_ada = visitors.token_of(ada)
    bob = visitors.identify(visitor_id=ada.pk, claims=said("bob"))
    assert bob.pk != ada.pk
    assert readable(bob) == set()
    assert visitors.admit(inbox=shop, token=token_of_ada).pk not in (ada.pk, bob.pk)


def test_an_anonymous_history_never_reaches_a_second_identity(shop: Inbox) -> None:
    visitor, conversation = anonymous_with_history(shop)
    for subject in ("ada", "bob", "eve", "ada"):
        visitor = visitors.identify(visitor_id=visitor.pk, claims=said(subject))
        assert (conversation.pk in readable(visitor)) == (subject == "ada")


def test_a_used_token_is_refused_to_anybody_else(shop: Inbox) -> None:
    first, thief = (visitors.admit(inbox=shop, token=None) for _ in range(2))
    claims = said("ada", jti="once")
    visitors.identify(visitor_id=first.pk, claims=claims)
    with pytest.raises(Refusal) as refused:
        visitors.identify(visitor_id=thief.pk, claims=claims)
    assert refused.value.code == "identity_replayed"
    thief.refresh_from_db()
    assert thief.contact is None


def test_the_same_browser_may_show_it_again_because_the_first_answer_may_be_lost(shop: Inbox) -> None:
    visitor = visitors.admit(inbox=shop, token=None)
    claims = said("ada", jti="again")
    for _ in range(3):
        assert visitors.identify(visitor_id=visitor.pk, claims=claims).pk == visitor.pk


def test_after_logging_out_the_used_token_opens_nothing(shop: Inbox) -> None:
    visitor = visitors.admit(inbox=shop, token=None)
    claims = said("ada", jti="out")
    visitors.identify(visitor_id=visitor.pk, claims=claims)
    visitors.close(visitor_id=visitor.pk)
    with pytest.raises(Refusal) as refused:
        visitors.identify(visitor_id=visitor.pk, claims=claims)
    assert refused.value.code == "signed_out"
    with pytest.raises(Refusal) as replayed:
        visitors.identify(visitor_id=visitors.admit(inbox=shop, token=None).pk, claims=claims)
    assert replayed.value.code == "identity_replayed"


def test_the_same_id_in_another_inbox_is_another_token(shop: Inbox) -> None:
    other = factories.inbox(key="pk_other")
    for inbox in (shop, other):
        visitor = visitors.admit(inbox=inbox, token=None)
        visitors.identify(visitor_id=visitor.pk, claims=said("ada", jti="same"))
    assert IdentityUse.objects.count() == 2
    assert Contact.objects.filter(external_id="ada").count() == 2


def test_name_and_address_of_the_token_are_kept(shop: Inbox) -> None:
    visitor = visitors.admit(inbox=shop, token=None)
    claims = identity.verify(token(name="Ada", email="ada@example.com"), key=KEY, secret=SECRET)
    visitors.identify(visitor_id=visitor.pk, claims=claims)
    kept = Contact.objects.get(external_id="customer-1")
    assert (kept.name, kept.email) == ("Ada", "ada@example.com")
