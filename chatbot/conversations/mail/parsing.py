"""An e-mail's bytes to what the product needs of it. Pure; every byte is hostile.

Raises Unreadable for what no honest mail program makes. Attachments are counted and never decoded.
"""

import hashlib
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Final

from chatbot.conversations.mail.addresses import is_message_id, one_line
from chatbot.conversations.mail.composing import LOOP
from chatbot.conversations.mail.plain_text import from_html
from chatbot.conversations.mail.quoting import new_text

PARTS_MOST: Final = 200
_HEADER_MOST: Final = 30_000
_PART_HEADER_MOST: Final = 4_000
_TEXT_BYTES: Final = 500_000
"""Bytes of text that are looked at; a customer's words fit many times."""
_CHINESE: Final = frozenset(["gb2312", "gbk", "gb_2312-80", "gb2312-80", "cp936", "x-gbk"])
_WANTED: Final = ("from", "subject", "message-id", "auto-submitted", "precedence", "x-loop", "list-id", "return-path")
_ROBOTS: Final = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-failed-recipients")


class Unreadable(ValueError):
    """Refused for good, with the reason for its sender."""


@dataclass(frozen=True)
class Parsed:
    message_id: str
    """The header, or one made from the content where it is missing or unfit."""
    sender: str
    """Address in From, small letters; "" where there is none. Anybody can write anything there."""
    subject: str
    text: str
    """What is new."""
    attachments: int
    automatic: str
    """Why this is no person's answer (a bounce, an absence note, a loop); "" for a person's."""
    bounce: bool = False


def parse(content: bytes, *, mail_from: str | None = None) -> Parsed:
    """`mail_from` is the envelope's sender where it is known; an empty one is how mail servers report failures."""
    message = _message(content)
    headers = _headers(message)
    text, attachments = _body(message)
    given = headers.get("message-id", "").strip()
    made = f"<{hashlib.sha256(content).hexdigest()[:40]}@no-message-id.invalid>"
    automatic = _automatic(message, headers, mail_from)
    return Parsed(
        message_id=given if is_message_id(given) and "\x00" not in given and len(given) <= 250 else made,
        sender=parseaddr(headers.get("from", ""))[1].strip().lower()[:320],
        subject=one_line(_decoded(headers.get("subject", "")), 300),
        text=new_text(text),
        attachments=attachments,
        automatic=automatic,
        bounce=automatic in ("bounce", "report"),
    )


def _message(content: bytes) -> EmailMessage:
    try:
        message = message_from_bytes(content, policy=policy.default)
        for number, part in enumerate(message.walk(), start=1):
            if number > PARTS_MOST:
                raise Unreadable("This e-mail has too many parts.")
            if _has_long_header(part, _HEADER_MOST if part is message else _PART_HEADER_MOST):
                raise Unreadable("A header of this e-mail is too long.")
    except RecursionError:
        raise Unreadable("The parts of this e-mail are nested too deeply.") from None
    assert isinstance(message, EmailMessage)  # noqa: S101 - what the policy makes
    return message


def _has_long_header(part: EmailMessage, most: int) -> bool:
    """Python's parsers of headers take much more than twice the time for twice the length."""
    return any(
        len(value) > (_PART_HEADER_MOST if name.lower().startswith("content-") else most)
        for name, value in part.raw_items()
    )


def _headers(message: EmailMessage) -> dict[str, str]:
    """The first of each wanted header, as it was sent: the library's own parsers fail on strange ones."""
    found: dict[str, str] = {}
    for name, value in message.raw_items():
        lower = name.lower()
        if lower in _WANTED or lower in _ROBOTS:
            plain = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            found.setdefault(lower, " ".join(plain[:_PART_HEADER_MOST].split()))
    return found


def _decoded(header: str) -> str:
    try:
        return str(make_header(decode_header(header)))
    except (LookupError, ValueError, UnicodeError):
        return header


# --- Who wrote: a person or a machine ---------------------------------------------------------------------
def _automatic(message: EmailMessage, headers: dict[str, str], mail_from: str | None) -> str:
    if headers.get("x-loop", "").lower() == LOOP:
        return "loop"
    if (mail_from is not None and mail_from.strip("<> ") == "") or headers.get("return-path", "x").strip() == "<>":
        return "bounce"
    if message.get_content_type() == "multipart/report" or "x-failed-recipients" in headers:
        return "report"
    if headers.get("auto-submitted", "no").split(";")[0].strip().lower() not in ("no", ""):
        return "auto-submitted"
    if headers.get("precedence", "").lower() in ("bulk", "junk", "list", "auto_reply"):
        return "precedence"
    if "list-id" in headers or any(name in headers for name in _ROBOTS):
        return "list or auto-reply"
    return ""


# --- The words --------------------------------------------------------------------------------------------
def _body(message: EmailMessage) -> tuple[str, int]:
    """The text (plain where there is one, otherwise from HTML) and the number of attachments."""
    plain: list[str] = []
    html: list[str] = []
    attachments = 0
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart() and kind != "message/rfc822":
            continue
        if _is_attachment(part, kind):
            attachments += 1
        elif kind == "text/html":
            html.append(_text(part))
        elif kind == "text/plain":
            plain.append(_text(part))
    words = "\n\n".join(text for text in plain if text.strip())
    if not words:
        words = from_html("\n".join(html)[:_TEXT_BYTES])
    return words, attachments


def _is_attachment(part: EmailMessage, kind: str) -> bool:
    try:
        named = part.get_filename() is not None or part.get_content_disposition() == "attachment"
    except (ValueError, LookupError, IndexError, AttributeError):  # the library's parser on a hostile header
        named = True
    return named or kind not in ("text/plain", "text/html")


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    data = payload[:_TEXT_BYTES] if isinstance(payload, bytes) else b""
    charset = _charset(part)
    for name in (charset, "utf-8", "gb18030"):
        try:
            return data.decode(name)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return data.decode("utf-8", "replace")


def _charset(part: EmailMessage) -> str:
    try:
        charset = (part.get_content_charset() or "utf-8").lower()
    except (ValueError, LookupError, AttributeError):
        charset = "utf-8"
    return "gb18030" if charset in _CHINESE else charset
