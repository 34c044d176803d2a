"""What the pages of erasing read: who is meant, how much would go, and how it stands with what was erased."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from chatbot.conversations.models import Contact, Conversation, Message
from chatbot.training import resting
from chatbot.training.erasure_plan import PLAN
from chatbot.training.models import Erasure
from finetune.models import Adapter, Dataset
from finetune.tainting import Lineage

MOST: Final = 50
"""Contacts that one search shows."""
NUMBER: Final = "number:"


def contacts(text: str) -> QuerySet[Contact]:
    """Whose name, address, key or number it is, or holds the text; nobody for an empty one."""
    if not text:
        return Contact.objects.none()
    found = Q(name__icontains=text) | Q(email__icontains=text)
    found |= Q(external_id__icontains=text) | Q(import_key__icontains=text)
    if text.isascii() and text.isdigit() and len(text) < 19:
        found |= Q(pk=int(text))
    seen = Contact.objects.filter(found).select_related("inbox")
    return seen.annotate(talks=Count("conversations", distinct=True)).order_by("name", "pk")[:MOST]


def named(text: str) -> QuerySet[Contact]:
    """Just whom the text names: by number, e-mail address or the company's own key; "number:12" is a number alone."""
    text, alone = text.removeprefix(NUMBER), text.startswith(NUMBER)
    found = Q(pk__in=[]) if alone or not text else Q(email__iexact=text) | Q(external_id=text)
    if text.isascii() and text.isdigit() and len(text) < 19:
        found |= Q(pk=int(text))
    return Contact.objects.filter(found).order_by("pk")


@dataclass(frozen=True)
class Extent:
    """What would go, and what rests on it."""

    conversations: int
    open: int
    """Of them not resolved: somebody may be writing at this moment."""
    messages: int
    lineage: Lineage
    serving: bool
    """The adapter that answers now rests on it."""
    also: tuple[Contact, ...]
    """Contacts that may be the same person: of the same address or key."""


def extent(contact: Contact) -> Extent:
    talks = Conversation.objects.filter(contact=contact)
    found = resting.lineage_of(contact)
    return Extent(
        conversations=talks.count(),
        open=talks.exclude(state=Conversation.State.RESOLVED).filter(last_seq__gt=0).count(),
        messages=Message.objects.filter(conversation__contact=contact).count(),
        lineage=found,
        serving=Adapter.objects.filter(active=True, digest__in=found.adapters).exists(),
        also=tuple(_also(contact)),
    )


def _also(contact: Contact) -> QuerySet[Contact]:
    same = Q(pk__in=[])
    if contact.email:
        same |= Q(email__iexact=contact.email)
    if contact.external_id:
        same |= Q(external_id=contact.external_id)
    return Contact.objects.filter(same).exclude(pk=contact.pk).select_related("inbox").order_by("pk")[:MOST]


@dataclass(frozen=True)
class Told:
    """A receipt as the page shows it: what was counted then, and how it stands now."""

    counts: tuple[tuple[str, Any], ...]
    """Table, or kind of count, and number."""
    datasets: tuple[tuple[str, Dataset | None], ...]
    adapters: tuple[tuple[str, Adapter | None], ...]
    serving: bool
    """One of the adapters still answers."""


def told(erasure: Erasure) -> Told:
    kept: dict[str, Any] = erasure.receipt if isinstance(erasure.receipt, dict) else {}
    datasets, adapters = _digests(kept, "datasets"), _digests(kept, "adapters")
    known = {one.digest: one for one in Dataset.objects.filter(digest__in=datasets)}
    served = {one.digest: one for one in Adapter.objects.filter(digest__in=adapters)}
    return Told(
        counts=tuple(_counts(kept)),
        datasets=tuple((digest, known.get(digest)) for digest in datasets),
        adapters=tuple((digest, served.get(digest)) for digest in adapters),
        serving=any(one.active for one in served.values()),
    )


def _counts(kept: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Tables in the order of the plan, which begins with who and what was said; then what was changed or found."""
    rows = kept["rows"] if isinstance(kept.get("rows"), dict) else {}
    places = {label: place for place, label in enumerate(PLAN)}
    yield from sorted(rows.items(), key=lambda row: places.get(row[0], len(places)))
    yield from ((name, kept[name]) for name in ("examples", "audit_lines", "emails") if kept.get(name))


def _digests(kept: dict[str, Any], name: str) -> list[str]:
    found = kept.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []
