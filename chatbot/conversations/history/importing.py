"""Imports a whole file into an inbox: reads, parses, writes, counts. What is no use is reported and left out."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from django.db import DatabaseError

from chatbot.conversations.history import formats, reading
from chatbot.conversations.history.people import People
from chatbot.conversations.history.records import Unusable
from chatbot.conversations.history.writing import write
from chatbot.conversations.models import Inbox

logger = logging.getLogger(__name__)

ERRORS_KEPT: Final = 200
Progress = Callable[["Summary"], None]


@dataclass
class Summary:
    conversations: int = 0
    """New ones."""
    messages: int = 0
    """New ones, appended ones included."""
    contacts: int = 0
    skipped: int = 0
    """Conversations that were here already, complete."""
    appended: int = 0
    """Conversations that were here and had grown."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    errors_left_out: int = 0
    """Beyond the first 200."""

    def complain(self, line: int, text: str) -> None:
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append({"line": line, "error": text})
        else:
            self.errors_left_out += 1

    @property
    def read(self) -> int:
        return self.conversations + self.skipped + self.appended + len(self.errors) + self.errors_left_out

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def import_file(*, path: Path, inbox: Inbox, format_: str = formats.AUTO, progress: Progress | None = None) -> Summary:
    """A file that cannot be read to its end keeps what was read and says so among the errors."""
    summary, people = Summary(), People(inbox)
    last_line = 0
    try:
        for found in reading.read(path):
            last_line = found.line
            if isinstance(found, reading.Problem):
                summary.complain(found.line, found.text)
            else:
                _import_one(found, inbox, people, format_, summary)
            if progress is not None:
                progress(summary)
    except reading.Unreadable as error:
        summary.complain(last_line, str(error))
    return summary


def _import_one(found: reading.Found, inbox: Inbox, people: People, format_: str, summary: Summary) -> None:
    try:
        written = write(inbox=inbox, record=formats.parse(found.record, format_=format_), people=people)
    except Unusable as error:
        summary.complain(found.line, str(error))
        return
    except DatabaseError as error:
        summary.complain(found.line, f"the database refused it: {(str(error).splitlines() or [''])[0][:200]}")
        return
    except Exception as error:
        logger.debug("A record could not be imported.", exc_info=True)
        summary.complain(found.line, f"the record could not be understood ({type(error).__name__})")
        return
    summary.messages += written.messages
    summary.contacts += written.new_contact
    summary.conversations += written.created
    summary.skipped += written.conversation is None
    summary.appended += written.conversation is not None and not written.created
