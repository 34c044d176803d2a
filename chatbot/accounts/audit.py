"""Writes the audit log. Every change of rights, settings or documents and every export calls `record`."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest

from chatbot.accounts.addresses import client_address
from chatbot.accounts.models import AuditEntry, User

AT_ONCE: Final = 10_000
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)


def record(
    *,
    actor: User | AnonymousUser | str,
    action: str,
    target: str = "",
    detail: dict[str, Any] | None = None,
    request: HttpRequest | None = None,
) -> AuditEntry:
    return AuditEntry.objects.create(
        actor=actor if isinstance(actor, str) else actor.get_username(),
        action=action,
        target=target[:200],
        detail=detail or {},
        address=client_address(request.META) if request else None,
    )


def pseudonymise(*, targets: Collection[str], words: Collection[str], pseudonym: str) -> int:
    """Put the pseudonym where lines speak of an erased customer. Returns how many lines were changed.

    A target of `targets` is replaced as a whole, and one that is a UUID wherever it stands; `words` wherever they stand
    as words of their own in target or detail. Who did what and when stays, and so do the names of the detail's fields.
    """
    words = [word for word in words if word]
    whole = frozenset(targets)
    named = replacer(words, pseudonym)

    def within(text: str) -> str:
        return named(_UUID.sub(lambda found: pseudonym if found[0].lower() in whole else found[0], text))

    changed = 0
    for key in sorted(set(_about(whole, words))):
        row = AuditEntry.objects.get(pk=key)
        target = pseudonym if row.target in whole else within(row.target)[:200]
        detail = _replaced(row.detail, within)
        if (target, detail) != (row.target, row.detail):
            changed += AuditEntry.objects.filter(pk=key).update(target=target, detail=detail)
    return changed


def _about(targets: Collection[str], words: Collection[str]) -> Iterator[int]:
    """The log is read once for all targets, which may be thousands, and searched once for each word."""
    written, last = AuditEntry.objects.annotate(written=Cast("detail", TextField())), 0
    fields = ("pk", "target", "written")
    while rows := list(written.filter(pk__gt=last).order_by("pk").values_list(*fields)[:AT_ONCE]):
        for key, target, detail in rows:
            if target in targets or any(one.lower() in targets for one in _UUID.findall(f"{target} {detail}")):
                yield key
        last = rows[-1][0]
    for word in words:
        escaped = json.dumps(word)[1:-1]  # as SQLite keeps what is not ASCII
        holds = Q(target__icontains=word) | Q(written__icontains=word) | Q(written__icontains=escaped)
        yield from written.filter(holds).values_list("pk", flat=True)


def replacer(words: Collection[str], pseudonym: str) -> Callable[[str], str]:
    """Puts the pseudonym for each of the words, where it is no part of another word. Pure."""
    longest_first = sorted((re.escape(word) for word in words if word), key=len, reverse=True)
    if not longest_first:
        return lambda text: text
    pattern = re.compile("|".join(rf"(?<![a-zA-Z0-9]){word}(?![a-zA-Z0-9])" for word in longest_first), re.IGNORECASE)
    return lambda text: pattern.sub(pseudonym, text)


def _replaced(value: Any, within: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return within(value)
    if isinstance(value, list):
        return [_replaced(one, within) for one in value]
    if isinstance(value, dict):
        return {name: _replaced(one, within) for name, one in value.items()}
    return value
