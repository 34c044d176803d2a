"""Identity tokens: a company's server says who its signed-in customer is. Verifies; `visitors.identify` acts.

A token is a JWT signed with HS256 and the inbox's secret: `sub` (who), `aud` (the inbox key), `iat`, `exp` (at most
ten minutes after `iat`), `jti` (used once), and optionally `name` and `email`. Everything else is refused: another
algorithm (none and RS256 included), another inbox, a missing claim, a long-lived, early or late token.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from chatbot.conversations.services import Refusal

MAX_LIFE_SECONDS: Final = 600
LEEWAY_SECONDS: Final = 30
_SHORTEST_SECRET: Final = 32
_REQUIRED: Final = ["sub", "aud", "iat", "exp", "jti"]


@dataclass(frozen=True)
class Claims:
    subject: str
    jti: str
    expires_at: datetime
    name: str = ""
    email: str = ""


def verify(token: str, *, key: str, secret: str) -> Claims:
    """The claims of a genuine token for the inbox with this key and secret. Raises Refusal with an `identity_` code."""
    if len(secret) < _SHORTEST_SECRET:
        raise _invalid()
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=key,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED, "strict_aud": True},
        )
    except jwt.ExpiredSignatureError:
        raise Refusal("identity_expired", _("Your sign-in could not be confirmed in time. Please reload.")) from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise _invalid() from None
    return _checked(claims)


def _checked(claims: dict[str, Any]) -> Claims:
    subject, jti, issued, expires = (claims[name] for name in ("sub", "jti", "iat", "exp"))
    if not _is_number(issued) or not _is_number(expires) or not 0 < expires - issued <= MAX_LIFE_SECONDS:
        raise _invalid()
    if not _is_text(subject, 200) or not _is_text(jti, 120):
        raise _invalid()
    return Claims(
        subject=subject,
        jti=jti,
        expires_at=datetime.fromtimestamp(expires + LEEWAY_SECONDS, UTC),
        name=_short(claims.get("name"), 200),
        email=_email(claims.get("email")),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable() and len(value) <= longest


def _short(value: object, longest: int) -> str:
    return "".join(c for c in value if c.isprintable())[:longest] if isinstance(value, str) else ""


def _email(value: object) -> str:
    text = _short(value, 254)
    try:
        validate_email(text)
    except ValidationError:
        return ""
    return text


def _invalid() -> Refusal:
    return Refusal("identity_invalid", _("Your sign-in could not be confirmed. Please reload the page."))
