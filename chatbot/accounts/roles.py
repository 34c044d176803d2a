"""The one table of permissions: role -> what it may do. Views ask `require`, templates ask `may`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from chatbot.accounts.models import User

Role = Literal["admin", "agent", "analyst"]
Permission = Literal["knowledge.view", "knowledge.change", "conversations.reply", "conversations.view", "inbox.change"]

PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    "admin": frozenset(
        ["knowledge.view", "knowledge.change", "conversations.reply", "conversations.view", "inbox.change"]
    ),
    "agent": frozenset(["knowledge.view", "conversations.reply", "conversations.view"]),
    "analyst": frozenset(["knowledge.view", "conversations.view"]),
}


def may(user: User | AnonymousUser, permission: Permission) -> bool:
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    groups = set(user.groups.values_list("name", flat=True))
    return any(permission in allowed for role, allowed in PERMISSIONS.items() if role in groups)


def _to_login(request: HttpRequest) -> HttpResponse:
    """A page leads to the login. A fragment tells htmx to leave the page it is part of, not to show a login in it."""
    if request.headers.get("HX-Request") != "true":
        return redirect_to_login(request.get_full_path())
    page = urlsplit(request.headers.get("HX-Current-URL", ""))
    address = redirect_to_login(page.path + (f"?{page.query}" if page.query else "")).url
    return HttpResponse(status=401, headers={"HX-Redirect": address})


def require(permission: Permission) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Decorate a view: log in first, then 403 without the permission."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_login(request)
            if not may(request.user, permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate
