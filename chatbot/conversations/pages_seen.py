"""The pages on which a customer had the chat: the newest few, for whoever answers. Follows no address and trusts none.

An address is kept only if it is plain http or https without a user name in it; anything else is dropped without a
word, because it is a hint and not something the customer said.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from chatbot.conversations.models import PageView

KEPT: Final = 30
URL_CHARS: Final = 2000
TITLE_CHARS: Final = 300


@dataclass(frozen=True)
class Page:
    """What may be kept and shown."""

    url: str
    title: str = ""


def clean(url: str, title: str = "") -> Page | None:
    """The page as it may be kept; None for what is no address of a web page. Pure."""
    url = url.strip()
    if len(url) > URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or "\\" in url:
        return None
    return Page(url, _one_line(title)[:TITLE_CHARS].strip())


def _one_line(title: str) -> str:
    """Without line breaks and without characters that nobody sees or that turn the direction of others."""
    shown = "".join(c for c in title[: 4 * TITLE_CHARS] if c.isprintable() or c.isspace())
    return " ".join(shown.split())


@transaction.atomic
def keep(*, contact_id: int, page: Page) -> None:
    """Note that the customer is on this page now. The same page in a row is one row."""
    newest = PageView.objects.filter(contact_id=contact_id).first()
    if newest is not None and newest.url == page.url:
        PageView.objects.filter(pk=newest.pk).update(title=page.title or newest.title, seen_at=timezone.now())
        return
    PageView.objects.create(contact_id=contact_id, url=page.url, title=page.title)
    forget_older(contact_id=contact_id)


def forget_older(*, contact_id: int) -> None:
    """Leave the newest of the customer's pages."""
    old = PageView.objects.filter(contact_id=contact_id).values_list("pk", flat=True)[KEPT:]
    PageView.objects.filter(pk__in=list(old)).delete()


def hand_over(*, from_contact_id: int, to_contact_id: int) -> None:
    """The visitor turned out to be this customer. The caller holds a transaction."""
    PageView.objects.filter(contact_id=from_contact_id).update(contact_id=to_contact_id)
    forget_older(contact_id=to_contact_id)
