"""The visitor token: which browser this is, signed and dated. Refuses what is forged, damaged or too old.

It says nothing about a person and grants nothing by itself: `visitors.admit` holds it against the row.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing

_SALT: Final = "chatbot.widget.visitor"


@dataclass(frozen=True)
class VisitorToken:
    visitor: UUID
    generation: int


def sign(token: VisitorToken) -> str:
    return signing.dumps({"v": token.visitor.hex, "g": token.generation}, salt=_SALT)


def read(text: str | None) -> VisitorToken | None:
    """The token, or None for anything but one that we signed less than VISITOR_TOKEN_DAYS ago."""
    if not text:
        return None
    try:
        data = signing.loads(text, salt=_SALT, max_age=settings.VISITOR_TOKEN_DAYS * 86400)
        return VisitorToken(UUID(hex=data["v"]), int(data["g"]))
    except (signing.BadSignature, ValueError, KeyError, TypeError, UnicodeError):
        return None
