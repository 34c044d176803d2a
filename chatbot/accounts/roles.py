"""The one table of permissions: role -> what it may do. Views ask `require`, templates ask `may`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from chatbot.accounts.models import User

Role = Literal["admin", "agent", "analyst"]
Permission = Literal[
    "knowledge.view",
    "knowledge.change",
    "conversations.view",
    "conversations.reply",
    "conversations.export",
    "canned.change",
    "insights.view",
    "training.view",
    "training.change",
    "contacts.erase",
    "inbox.change",
    "people.change",
    "audit.view",
]

PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    "admin": frozenset(get_args(Permission)),
    "agent": frozenset(["knowledge.view", "conversations.reply", "conversations.view"]),
    "analyst": frozenset(
        ["knowledge.view", "conversations.view", "conversations.export", "insights.view", "training.view"]
    ),
}
"""`conversations.*` reaches what `conversations.access` says: agents their inboxes, admins and analysts all."""

EVERY_INBOX: Final[frozenset[Role]] = frozenset(["admin", "analyst"])


def roles_of(user: User | AnonymousUser) -> frozenset[Role]:
    """The roles of an active user; one query. A superuser is an admin."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    names = set(user.groups.values_list("name", flat=True)) | ({"admin"} if user.is_superuser else set())
    return frozenset(role for role in get_args(Role) if role in names)


def sees_every_inbox(user: User | AnonymousUser) -> bool:
    return bool(roles_of(user) & EVERY_INBOX)


def may(user: User | AnonymousUser, permission: Permission) -> bool:
    return any(permission in PERMISSIONS[role] for role in roles_of(user))


def _to_login(request: HttpRequest) -> HttpResponse:
    """A page leads to the login. A fragment tells htmx to leave the page it is part of, not to show a login in it."""
    if request.headers.get("HX-Request") != "true":
        return redirect_to_login(request.get_full_path())
    page = urlsplit(request.headers.get("HX-Current-URL", ""))
    address = redirect_to_login(page.path + (f"?{page.query}" if page.query else "")).url
    return HttpResponse(status=401, headers={"HX-Redirect": address})


def require(permission: Permission) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Decorate a view: log in first, then 403 without the permission."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_login(request)
            if not may(request.user, permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate
