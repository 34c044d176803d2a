"""Every address of the product is in a table of permissions, or open to everybody for a reason that stands here.

The tables are tested where they are; this test only sees to it that no address is in none of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from chatbot.urls import websocket_urlpatterns
from tests.desk import test_autonomy_pages, test_canned_pages, test_people_permissions
from tests.knowledge import test_permissions
from tests.training import test_erase_pages, test_promotion_pages
from tests.training import test_pages as training_pages

ROOT: Final = Path(__file__).resolve().parents[2]
TABLES: Final = (
    test_permissions.RULES,
    test_people_permissions.RULES,
    test_canned_pages.RULES,
    test_autonomy_pages.RULES,
    training_pages.RULES,
    test_erase_pages.RULES,
    test_promotion_pages.RULES,
)
TESTED_APART: Final = {
    "desk:home": "tests/desk/test_page.py",
    "desk:export": "tests/desk/test_export.py",
    "mailbox": "tests/mail/test_mailbox_pages.py",
    "mailbox_mail": "tests/mail/test_mailbox_pages.py",
    "mailbox_body": "tests/mail/test_mailbox_pages.py",
    "mailbox_answer": "tests/mail/test_mailbox_pages.py",
    "/ws/desk/": "tests/desk/test_desk_permissions.py",
}
"""Pages with one rule of their own, and where it is tested."""
EVERYBODY: Final = {
    "choose_password": "a signed link that an admin gave away, for one person and one time",
    "set_language": "the language of the pages, before and after signing in",
    "widget:loader": "runs on the company's site",
    "widget:launcher": "runs on the company's site; the inbox says which origins may embed it",
    "widget:frame": "the chat itself; the inbox says which origins may embed it",
    "/ws/widget/<str:key>/": "the chat itself; origin, limits and visitor tokens are its gate",
    "mail_stop": "the signed link at the end of an e-mail; a customer has no account",
}
for _page in ("help", "products", "stores", "zh"):
    EVERYBODY[f"{_page}/<path:rest>"] = "a page of the sample company's public web site"
EVERYBODY["home"] = "the front page of the sample company's public web site"
PREFIXES: Final = {
    "admin/": "Django's own pages; each asks for a staff account, and its login leads to ours",
}


def _addresses(resolver: URLResolver, prefix: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """(path, name) of every address below."""
    for one in resolver.url_patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _addresses(one, path, f"{space}{one.namespace}:" if one.namespace else space)
        elif isinstance(one, URLPattern):
            yield path, f"{space}{one.name}" if one.name else path


def _all() -> list[tuple[str, str]]:
    sockets = [(f"/{one.pattern}", f"/{one.pattern}") for one in websocket_urlpatterns]
    return [*_addresses(get_resolver()), *sockets]


def test_every_address_is_in_one_table() -> None:
    for path, name in _all():
        places = [name in table for table in (*TABLES, TESTED_APART, EVERYBODY)]
        places.append(path.startswith(tuple(PREFIXES)))
        assert places.count(True) == 1, (path, name)


def test_no_table_speaks_of_an_address_that_is_gone() -> None:
    there = {name for _path, name in _all()}
    for table in (*TABLES, TESTED_APART, EVERYBODY):
        assert set(table) <= there


@pytest.mark.django_db
@pytest.mark.parametrize("path", sorted(path for path, name in _all() if name in TESTED_APART and "ws/" not in path))
def test_what_is_tested_apart_leads_a_stranger_to_the_login(path: str, client: Client) -> None:
    for answer in (client.get(_filled(path)), client.post(_filled(path))):
        assert answer.status_code == 405 or answer["Location"].startswith("/login/?next="), path


@pytest.mark.parametrize("test", sorted(set(TESTED_APART.values())))
def test_the_test_that_is_named_is_there(test: str) -> None:
    assert (ROOT / test).is_file()


def _filled(path: str) -> str:
    return "/" + re.sub(r"<[^>]*>", "1", path)
