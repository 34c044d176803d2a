"""Signing in: guesses are counted, strangers lock nobody out, and `next` leads nowhere else."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from chatbot.accounts import throttle
from chatbot.accounts.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db
RIGHT = "secret-words"


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


@pytest.fixture(autouse=True)
def _early_in_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """A period that ends between two attempts would begin a new count."""
    monkeypatch.setattr(throttle.time, "time", lambda: 1_000_000 * throttle.PERIOD_SECONDS + 60)


def sign_in(name: str, password: str, *, address: str = "203.0.113.9", to: str = "") -> Any:
    return Client(REMOTE_ADDR=address).post("/login/", {"username": name, "password": password, "next": to})


def test_the_right_password_signs_in_and_is_written_down() -> None:
    factories.user(username="mia")
    answer = sign_in("mia", RIGHT)
    assert (answer.status_code, answer["Location"]) == (302, "/desk/")
    line = AuditEntry.objects.get()
    assert (line.actor, line.action, line.address) == ("mia", "login", "203.0.113.9")


def test_a_wrong_password_says_so_in_one_sentence_whether_the_user_exists_or_not() -> None:
    factories.user(username="mia")
    pages = [sign_in(name, "wrong").content.decode() for name in ("mia", "nobody")]
    assert all("User name and password do not match." in page for page in pages)


def test_after_too_many_attempts_even_the_right_password_waits() -> None:
    factories.user(username="mia")
    for _attempt in range(throttle.PER_NAME):
        assert sign_in("mia", "wrong").status_code == 200
    answer = sign_in("mia", RIGHT)
    assert answer.status_code == 429
    assert answer["Retry-After"] == str(throttle.PERIOD_SECONDS - 60)
    assert "Try again in 14 minutes." in answer.content.decode()


def test_the_audit_log_has_each_failure_and_one_line_for_the_lock() -> None:
    factories.user(username="mia")
    for _attempt in range(throttle.PER_NAME + 5):
        sign_in("mia", "wrong")
    actions = list(AuditEntry.objects.values_list("actor", "action"))
    assert actions.count(("mia", "login.failed")) == throttle.PER_NAME
    assert actions.count(("mia", "login.throttled")) == 1
    assert len(actions) == throttle.PER_NAME + 1


def test_a_password_typed_as_the_user_name_is_not_written_down() -> None:
    sign_in("my-dear-password", "")
    assert "my-dear-password" not in str(list(AuditEntry.objects.values()))
    assert AuditEntry.objects.get().actor == "unknown"


def test_attempts_from_elsewhere_do_not_lock_the_owner_out() -> None:
    factories.user(username="mia")
    for _attempt in range(throttle.PER_NAME + 1):
        sign_in("mia", "wrong", address="198.51.100.7")
    assert sign_in("mia", RIGHT, address="203.0.113.9").status_code == 302


def test_one_address_cannot_try_one_password_on_many_names() -> None:
    answers = [sign_in(f"user{number}", "Summer2026").status_code for number in range(throttle.PER_ADDRESS + 1)]
    assert answers == [200] * throttle.PER_ADDRESS + [429]


def test_a_user_name_counts_as_one_however_it_is_written() -> None:
    for number in range(throttle.PER_NAME):
        sign_in("mia " if number % 2 else "MIA", "wrong")
    assert sign_in("mia", "wrong").status_code == 429


def test_an_ipv6_customer_has_one_count_for_all_his_addresses() -> None:
    for number in range(throttle.PER_NAME):
        sign_in("mia", "wrong", address=f"2001:db8:1:2::{number:x}")
    assert sign_in("mia", "wrong", address="2001:db8:1:2:ffff::1").status_code == 429
    assert sign_in("mia", "wrong", address="2001:db8:1:3::1").status_code == 200


def test_signing_in_forgets_the_slips_before_it() -> None:
    factories.user(username="mia")
    for _round in range(3):
        for _attempt in range(throttle.PER_NAME - 1):
            assert sign_in("mia", "wrong").status_code == 200
        assert sign_in("mia", RIGHT).status_code == 302


def test_the_next_period_begins_at_zero() -> None:
    now = 1_000_000.0 * throttle.PERIOD_SECONDS
    for _attempt in range(throttle.PER_NAME):
        assert throttle.take("203.0.113.9", "mia", now=now) == 0
    wait = throttle.take("203.0.113.9", "mia", now=now + 5)
    assert wait == throttle.PERIOD_SECONDS - 5
    assert throttle.take("203.0.113.9", "mia", now=now + 5 + wait) == 0


def test_without_a_cache_people_can_still_sign_in(settings: Any) -> None:
    factories.user(username="mia")
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert sign_in("mia", RIGHT).status_code == 302
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.mark.parametrize(
    "to", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "\thttps:evil"]
)
def test_next_does_not_lead_to_another_site(to: str) -> None:
    factories.user(username="mia")
    assert sign_in("mia", RIGHT, to=to)["Location"] == "/desk/"
    assert sign_in("mia", RIGHT, to="/knowledge/index/")["Location"] == "/knowledge/index/"


def test_the_admin_site_has_no_second_door() -> None:
    answer = Client().get("/admin/login/?next=/admin/", follow=True)
    assert answer.redirect_chain == [("/login/?next=/admin/", 302)]
    assert Client().post("/admin/login/", {"username": "mia", "password": RIGHT}).status_code == 302
    assert not AuditEntry.objects.exists()


def test_an_inactive_account_cannot_sign_in() -> None:
    factories.user(username="mia", is_active=False)
    assert sign_in("mia", RIGHT).status_code == 200


def test_signing_out_needs_a_post_and_ends_at_the_login() -> None:
    client = Client()
    client.force_login(factories.user())
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/knowledge/documents/").status_code == 302


def test_a_fragment_of_a_signed_out_page_leads_the_whole_page_to_the_login() -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/knowledge/documents/?q=a"}
    answer = Client().get("/knowledge/documents/", headers=headers)
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/login/?next=/knowledge/documents/%3Fq%3Da"


def test_an_audit_line_can_be_neither_changed_nor_deleted() -> None:
    sign_in("mia", "wrong")
    line = AuditEntry.objects.get()
    line.actor = "somebody else"
    with pytest.raises(TypeError):
        line.save()
    with pytest.raises(TypeError):
        line.delete()
