"""E-mail for a demo: nothing leaves the machine. Caught e-mails are files under DATA_DIR/mail, the newest are kept.

Not for production: `use` is called by `manage.py demo` alone, and only where no mail server is configured.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage as DjangoEmail
from django.core.mail.backends.base import BaseEmailBackend

KEPT: Final = 500
DOMAIN: Final = "answers.parley.localhost"
_BACKEND: Final = f"{__name__}.Backend"
_NAME: Final = re.compile(r"^\d{8}-\d{12}-[0-9a-f]{16}$")


def use() -> None:
    """Catch e-mail from now on, unless a mail server is configured."""
    if settings.EMAIL_ENABLED:
        return
    settings.EMAIL_ENABLED = True
    settings.EMAIL_BACKEND = _BACKEND
    settings.INBOUND_EMAIL_DOMAIN = settings.INBOUND_EMAIL_DOMAIN or DOMAIN


def in_use() -> bool:
    backend: str = settings.EMAIL_BACKEND
    return backend == _BACKEND


class Backend(BaseEmailBackend):
    """One file for each e-mail; the same Message-ID again replaces its file."""

    def send_messages(self, email_messages: Sequence[DjangoEmail]) -> int:
        folder = Path(settings.MAIL_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        for email in email_messages:
            message = email.message()
            mark = _mark(str(message["Message-ID"]))
            for earlier in folder.glob(f"*-{mark}.eml"):
                earlier.unlink(missing_ok=True)
            temporary = folder / f".{mark}.part"
            temporary.write_bytes(message.as_bytes())
            temporary.replace(folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S%f}-{mark}.eml")
        for old in sorted(folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return len(email_messages)


def held(message_ids: Iterable[str]) -> list[Path]:
    """The files of these e-mails."""
    folder = Path(settings.MAIL_DIR)
    return [path for one in message_ids for path in folder.glob(f"*{_mark(one)}.*")]


def forget(message_ids: Iterable[str]) -> None:
    for path in held(message_ids):
        path.unlink(missing_ok=True)


def _mark(message_id: str) -> str:
    return hashlib.sha256(message_id.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Caught:
    name: str
    message_id: str
    to: str
    sender: str
    subject: str
    reply_to: str
    text: str
    html: str
    at: datetime

    @property
    def beginning(self) -> str:
        """What was said, after the greeting and the sentence that our e-mails begin with."""
        return " ".join(" ".join(self.text.split("\n\n")[2:]).split())[:160]


def caught() -> list[Caught]:
    """Newest first."""
    return [read for path in sorted(Path(settings.MAIL_DIR).glob("*.eml"), reverse=True) if (read := _read(path))]


def one(name: str) -> Caught | None:
    """By the name of its file; anything else than such a name is not looked at."""
    return _read(Path(settings.MAIL_DIR) / f"{name}.eml") if _NAME.match(name) else None


def _read(path: Path) -> Caught | None:
    try:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
    except OSError:
        return None
    assert isinstance(message, EmailMessage)  # noqa: S101 - what the policy makes
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    moment = datetime.strptime(path.name[:21], "%Y%m%d-%H%M%S%f").replace(tzinfo=UTC)
    return Caught(
        name=path.stem,
        message_id=str(message["Message-ID"] or ""),
        to=parseaddr(str(message["To"] or ""))[1],
        sender=str(message["From"] or ""),
        subject=str(message["Subject"] or ""),
        reply_to=parseaddr(str(message["Reply-To"] or ""))[1],
        text=plain.get_content() if plain else "",
        html=html.get_content() if html else "",
        at=moment,
    )
