"""Whether a desk that is open may stay open: the session still holds, the account is open, and what it may see."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from chatbot.accounts.models import User
from chatbot.accounts.roles import may

_STORE: Final = import_module(settings.SESSION_ENGINE).SessionStore


@dataclass(frozen=True)
class Agent:
    """Who sits at a desk. `inboxes` are those whose rows the desk is told of."""

    user: User
    inboxes: frozenset[int]
    may_reply: bool


def agent(*, session_key: str | None) -> Agent | None:
    """The person of a session, read anew; None when it has ended, the account is closed, or it may see nothing."""
    from chatbot.conversations import desk_selectors

    data: dict[str, Any] = _STORE(session_key).load() if session_key else {}
    if not data.get(BACKEND_SESSION_KEY):
        return None
    user = User.objects.filter(pk=data.get(SESSION_KEY) or 0, is_active=True).first()
    if user is None or not constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    if not may(user, "conversations.view"):
        return None
    return Agent(user, frozenset(desk_selectors.inbox_ids(user)), may(user, "conversations.reply"))
