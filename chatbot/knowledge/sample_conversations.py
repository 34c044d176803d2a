"""Loads the sample company's conversations: with their times relative to now, their sources and their drafts.

Once: when any of them is there, nothing is touched, so that what people did with them stays. It builds no index, loads
no model and wakes nobody; it may run before the index is built (citations then hold the sentence they are about).
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from chatbot.accounts.models import User
from chatbot.conversations.history import parley
from chatbot.conversations.history.people import People
from chatbot.conversations.history.writing import write
from chatbot.conversations.models import Conversation, Inbox
from chatbot.knowledge import sample_traces
from chatbot.knowledge.sample_company import SAMPLE
from retrieval.models import Document, Passage

FILE: Final = SAMPLE / "conversations.jsonl"
_ZONES: Final = {"en": ZoneInfo("America/Los_Angeles"), "zh": ZoneInfo("Asia/Shanghai")}
_TIMES: Final = {"at": "created_at", "ready": "ready_at", "shown": "shown_at", "inserted": "inserted_at"}
_FRIDAY: Final = 4

Progress = Callable[[str, int, int], None]
Row = dict[str, Any]


def rows() -> Iterator[Row]:
    with FILE.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def is_loaded(inbox: Inbox) -> bool:
    return Conversation.objects.filter(inbox=inbox, import_key__startswith="demo-").exists()


@transaction.atomic
def load(*, inbox: Inbox, progress: Progress) -> int:
    """All of them or none. Returns how many were written. The people they name must be there."""
    if is_loaded(inbox):
        return 0
    now, library, people = timezone.now(), Library(), People(inbox)
    users = {user.username: user for user in User.objects.filter(username__in=sample_traces.STAFF)}
    found = list(rows())
    traces = sample_traces.Traces(users)
    for number, row in enumerate(found, start=1):
        began = _began(row, now)
        written = write(inbox=inbox, record=parley.parse(_dated(row, began, now, library)), people=people)
        if written.conversation is not None:
            traces.add(written.conversation, row, began)
        progress("conversations", number, len(found))
    traces.write()
    return len(found)


def _began(row: Row, now: datetime) -> datetime:
    """Minutes ago, or some days ago at a time of day when the people who answered were there."""
    if "ago" in row:
        return now - timedelta(minutes=row["ago"])
    zone = _ZONES[row["lang"]]
    day = (now.astimezone(zone) - timedelta(days=row["day"])).date()
    if "assignee" in row and day.weekday() > _FRIDAY:
        day -= timedelta(days=day.weekday() - _FRIDAY)
    hour, minute = map(int, row["clock"].split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


def _dated(row: Row, began: datetime, now: datetime, library: "Library") -> Row:
    """The row as a record of Parley's own format."""

    def at(seconds: int) -> str:
        return (began + timedelta(seconds=seconds)).isoformat()

    record = {
        **row,
        "created_at": began.isoformat(),
        "messages": [_with_sources({**one, "created_at": at(one["at"])}, library) for one in row["messages"]],
        "notes": [{**one, "created_at": at(one["at"])} for one in row.get("notes", [])],
        "suggestions": [_dated_draft(one, at, library) for one in row.get("suggestions", [])],
    }
    if "snoozed_hours" in row:
        record["snoozed_until"] = (now + timedelta(hours=row["snoozed_hours"])).isoformat()
    if row["state"] == "waiting":
        record["waiting_since"] = at(row["waits_from"])
    if row["state"] == "resolved":
        record["resolved_at"] = at(row.get("resolved_after", row["messages"][-1]["at"]))
        record["rating"] = _dated_rating(row, at)
    return record


def _dated_rating(row: Row, at: Callable[[int], str]) -> Row:
    """Everybody was asked when the conversation was resolved; not everybody answered."""
    asked = row.get("resolved_after", row["messages"][-1]["at"])
    rating = {"asked_at": at(asked), "agent": row.get("assignee", "")}
    given = row.get("rating")
    return rating | {**given, "rated_at": at(asked + given["after"])} if given else rating


def _dated_draft(draft: Row, at: Callable[[int], str], library: "Library") -> Row:
    dated = {**draft, **{_TIMES[name]: at(draft[name]) for name in _TIMES if name in draft}}
    if "decided" in draft:
        dated["decided_at"] = at(draft["decided"])
    return _with_sources(dated, library)


def _with_sources(one: Row, library: "Library") -> Row:
    if "citations" not in one:
        return one
    return {**one, "citations": [library.citation(named) for named in one["citations"]]}


@dataclass(frozen=True)
class _Place:
    passage_id: int
    heading: str
    text: str


class Library:
    """Finds the passage that holds a sentence; where nothing is indexed yet, the sentence itself."""

    def __init__(self) -> None:
        self._documents = {row.key: row for row in Document.objects.exclude(status=Document.Status.DELETED)}
        self._passages: dict[int, list[_Place]] = {}
        for passage in Passage.objects.filter(retired=False).order_by("document_id", "ordinal"):
            place = _Place(passage.pk, " › ".join(passage.heading_path), passage.text)
            self._passages.setdefault(passage.document_id, []).append(place)

    def citation(self, named: Row) -> Row:
        document = self._documents.get(named["document"])
        if document is None:
            return {"number": named["number"], "title": named["document"], "text": named["quote"]}
        place = self._place(document.pk, named["quote"])
        return {
            "number": named["number"],
            "title": document.title,
            "url": document.url,
            "document_id": document.pk,
            "heading": place.heading if place else "",
            "passage_id": place.passage_id if place else 0,
            "text": place.text if place else named["quote"],
        }

    def _place(self, document_id: int, quote: str) -> _Place | None:
        wanted = squeezed(quote)
        return next((one for one in self._passages.get(document_id, []) if wanted in squeezed(one.text)), None)


@cache
def squeezed(text: str) -> str:
    return " ".join(text.split())
