"""Writes the audit log. Every change of rights, settings or documents and every export calls `record`."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from chatbot.accounts.addresses import client_address
from chatbot.accounts.models import AuditEntry, User


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
