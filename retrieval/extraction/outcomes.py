"""What extraction gives: Markdown with what the document says about itself, or a reason. Plain JSON in between.

Reasons are whole English sentences, marked for translation here and translated where they are shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

MAX_MARKDOWN: Final = 10_000_000
"""Characters of Markdown one document may have (a long novel has one million)."""
MAX_TITLE: Final = 500


def gettext_noop(message: str) -> str:
    """Marks a message for the catalogue; this package does not import Django."""
    return message


EMPTY: Final = gettext_noop("This file is empty.")
NO_TEXT: Final = gettext_noop("There is no text in this document.")
SCANNED: Final = gettext_noop(
    "This PDF holds pictures of pages but no text. Run text recognition (OCR) on it and upload it again."
)
ENCRYPTED: Final = gettext_noop("This file is protected by a password. Remove the password and upload it again.")
DAMAGED: Final = gettext_noop(
    "This file is damaged and cannot be read. Open it, save it again and upload the new file."
)
TOO_LARGE: Final = gettext_noop("This file is larger than the upload limit. Split it, or ask for a higher limit.")
TOO_LONG: Final = gettext_noop("This document has too much text for one document. Split it into several files.")
TOO_MANY_PAGES: Final = gettext_noop("This PDF has more than 3000 pages. Split it into several files.")
TOO_DEEP: Final = gettext_noop("This document is nested too deeply to be read safely. Simplify it and try again.")
BOMB: Final = gettext_noop("This file unpacks to far more data than it should and was not opened.")
ENTITIES: Final = gettext_noop("This file defines XML entities, which office programs never do; it was not opened.")
MACROS: Final = gettext_noop("This file contains macros. Save it without macros (.docx or .xlsx) and upload it again.")
TOO_SLOW: Final = gettext_noop("Reading this file took too long and was stopped. Split or simplify it and try again.")
TOO_HUNGRY: Final = gettext_noop("Reading this file needed too much memory and was stopped. Split it and try again.")
CRASHED: Final = gettext_noop("The program that reads this file format failed on it. Save it in another format.")
OLD_OFFICE: Final = gettext_noop(
    "This is an old Office file (.doc, .xls or .ppt). Save it as .docx, .xlsx or PDF and upload it again."
)
UNKNOWN: Final = gettext_noop(
    "This type of file is not supported. Use Markdown, HTML, text, PDF, DOCX, XLSX, CSV or JSON Lines."
)
BINARY: Final = gettext_noop("The name says text, but the content is not text. Upload the original file.")
WRONG_TYPE: Final = gettext_noop(
    "The content is not what the file name says. Give the file its right name and upload it."
)
BAD_ROWS: Final = gettext_noop("No line of this file is a document with an id and a text.")


@dataclass(frozen=True)
class Extracted:
    """`markdown` has no NUL and Unix line ends. `lang` is what the document declares, empty when it does not."""

    markdown: str
    title: str = ""
    lang: str = ""
    updated: date | None = None
    media_type: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """Why there is no text: a sentence that says what to do."""

    reason: str
    media_type: str = ""


Outcome = Extracted | Unreadable


class Refused(Exception):
    """Raised inside the parsers with the reason as message; becomes an Unreadable."""


def to_json(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Unreadable):
        return {"reason": outcome.reason, "media_type": outcome.media_type}
    return {
        "markdown": outcome.markdown,
        "title": outcome.title,
        "lang": outcome.lang,
        "updated": outcome.updated.isoformat() if outcome.updated else None,
        "media_type": outcome.media_type,
        "details": dict(outcome.details),
    }


def from_json(data: Mapping[str, Any]) -> Outcome:
    """Read what a child process wrote. Raises ValueError, KeyError or TypeError for anything else."""
    if "reason" in data:
        return Unreadable(str(data["reason"])[:500], str(data["media_type"])[:120])
    updated = data["updated"]
    return Extracted(
        markdown=str(data["markdown"]),
        title=str(data["title"])[:MAX_TITLE],
        lang=str(data["lang"])[:16],
        updated=date.fromisoformat(updated) if updated else None,
        media_type=str(data["media_type"])[:120],
        details={
            str(key)[:60]: value if isinstance(value, int) else str(value)[:500]
            for key, value in data["details"].items()
        },
    )
