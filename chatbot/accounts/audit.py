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

AT_ONCE: Final = 200


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

    A target of `targets` is replaced as a whole; `words` wherever they stand as words of their own in target or detail.
    Who did what and when stays as it was, and so do the names of the detail's fields.
    """
    words = [word for word in words if word]
    within = replacer(words, pseudonym)
    whole = frozenset(targets)
    changed = 0
    for key in sorted(set(_about(whole, words))):
        row = AuditEntry.objects.get(pk=key)
        target = pseudonym if row.target in whole else within(row.target)[:200]
        detail = _replaced(row.detail, within)
        if (target, detail) != (row.target, row.detail):
            changed += AuditEntry.objects.filter(pk=key).update(target=target, detail=detail)
    return changed


def _about(targets: Collection[str], words: Collection[str]) -> Iterator[int]:
    keys = sorted(targets)
    for start in range(0, len(keys), AT_ONCE):
        yield from AuditEntry.objects.filter(target__in=keys[start : start + AT_ONCE]).values_list("pk", flat=True)
    written = AuditEntry.objects.annotate(written=Cast("detail", TextField()))
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
