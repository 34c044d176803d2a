"""An e-mail address that somebody typed: accepted only in plain letters, and shown to customers only in part. Pure.

An address that looks like another one (other alphabets, invisible or turning characters, quoted names) is refused:
people of the team will read it and machines will send to it.
"""

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext as _

MOST_CHARS: Final = 254
_NAME_CHARS: Final = 64
_PLAIN: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_validate: Final = EmailValidator()


class BadAddress(ValueError):
    """`message` says to people what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def clean(text: str) -> str:
    """The address ready to keep, its domain in small letters. Raises BadAddress."""
    address = text.strip(" \t\r\n")
    if len(address) > MOST_CHARS:
        raise BadAddress(_("This e-mail address is too long. Please check it."))
    if not _PLAIN.fullmatch(address):
        raise BadAddress(_("This does not look like an e-mail address. Please write it like name@example.com."))
    name, _at, domain = address.rpartition("@")
    try:
        _validate(address)
    except ValidationError:
        raise BadAddress(
            _("This does not look like an e-mail address. Please write it like name@example.com.")
        ) from None
    if len(name) > _NAME_CHARS or "." not in domain:
        raise BadAddress(_("This does not look like an e-mail address. Please write it like name@example.com."))
    return f"{name}@{domain.lower()}"


def alone_in(text: str) -> str:
    """The address when a message is nothing but one (a full stop or brackets around it do not matter), or ""."""
    bare = text.strip().removeprefix("mailto:").strip("<>()[].,;:!'\" \t\r\n")
    try:
        return clean(bare) if len(bare) <= MOST_CHARS else ""
    except BadAddress:
        return ""


def masked(address: str) -> str:
    """Enough for its owner to know it by: a***@example.com."""
    name, _at, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}" if name and domain else ""
