"""Reads a file of conversations record by record: JSON lines or one JSON document, plain or gzip, whatever its size.

Nothing that stands in the file can end the reading but its limits: a line that is no use is yielded as a `Problem`
with its number. Only one JSON document (not lines) is held in memory as a whole, and is limited for that.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final

from chatbot.conversations.history.fields import Record, mapping, records

LINE_BYTES_MOST: Final = 8 * 1024 * 1024
DOCUMENT_BYTES_MOST: Final = 64 * 1024 * 1024
FILE_BYTES_MOST: Final = 8 * 1024 * 1024 * 1024
LINES_MOST: Final = 50_000_000
_GZIP: Final = b"\x1f\x8b"


class Unreadable(Exception):
    """The file as a whole cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Found:
    line: int
    record: Record


@dataclass(frozen=True)
class Problem:
    line: int
    text: str


def read(path: Path) -> Iterator[Found | Problem]:
    """Every conversation of the file, and what could not be read. Raises Unreadable."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream: BufferedIOBase = gzip.GzipFile(fileobj=raw) if packed else raw
            yield from _records(stream)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Unreadable(f"{path} is a damaged gzip file ({error}); what came before the damage was read.") from error
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}.") from error


def _records(stream: BufferedIOBase) -> Iterator[Found | Problem]:
    head = _first(stream)
    if head is None:
        return
    number, first = head
    if len(first) <= LINE_BYTES_MOST and (value := _value(first)) is not None:
        yield from _unwrapped(number, value)
        yield from _lines(stream, number)
    elif first.lstrip()[:1] in (b"[", b"{") and (rest := _document(stream, first)) is not None:
        yield from _unwrapped(number, rest)
    else:
        yield Problem(number, _complaint(first))
        _skip_rest_of_line(stream, first)
        yield from _lines(stream, number)


def _first(stream: BufferedIOBase) -> tuple[int, bytes] | None:
    """The first line that is not empty."""
    for number in range(1, LINES_MOST):
        line = stream.readline(LINE_BYTES_MOST + 1)
        if not line:
            return None
        if line.strip(b" \t\r\n\xef\xbb\xbf"):
            return number, line.removeprefix(b"\xef\xbb\xbf")
    raise Unreadable(f"The file has more than {LINES_MOST:,} empty lines.")


def _lines(stream: BufferedIOBase, before: int) -> Iterator[Found | Problem]:
    number, size = before, 0
    while line := stream.readline(LINE_BYTES_MOST + 1):
        number, size = number + 1, size + len(line)
        if number > LINES_MOST or size > FILE_BYTES_MOST:
            yield Problem(number, "the file is longer than is read at once; split it")
            return
        if len(line) > LINE_BYTES_MOST:
            yield Problem(number, _complaint(line))
            size += _skip_rest_of_line(stream, line)
        elif line.strip():
            value = _value(line)
            if value is None:
                yield Problem(number, _complaint(line))
            else:
                yield from _unwrapped(number, value)


def _skip_rest_of_line(stream: BufferedIOBase, line: bytes) -> int:
    skipped = 0
    while line and not line.endswith(b"\n") and skipped <= FILE_BYTES_MOST:
        line = stream.readline(1024 * 1024)
        skipped += len(line)
    return skipped


def _document(stream: BufferedIOBase, first: bytes) -> Any:
    """The whole rest as one JSON document, or None when it is none (the stream then stands where it stood)."""
    place = stream.tell()
    whole = first + stream.read(DOCUMENT_BYTES_MOST + 1 - len(first))
    value = _value(whole) if len(whole) <= DOCUMENT_BYTES_MOST else None
    if value is None:
        stream.seek(place)
    return value


def _value(data: bytes) -> Any:
    """The JSON value, or None for what is none: damaged, too deep, senseless numbers, not UTF-8."""
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> None:
    raise ValueError(name)


def _complaint(line: bytes) -> str:
    if len(line) > LINE_BYTES_MOST:
        return f"the line is longer than {LINE_BYTES_MOST // 1024 // 1024} MiB"
    return "this is not a JSON object"


def _unwrapped(number: int, value: Any) -> Iterator[Found | Problem]:
    """The conversations in what may be one, a list of some, or an answer of an API that holds some."""
    if isinstance(value, list):
        for one in value:
            yield from _unwrapped(number, one) if isinstance(one, dict) else [Problem(number, _complaint(b""))]
        return
    if not isinstance(value, dict):
        yield Problem(number, _complaint(b""))
        return
    yield from (Found(number, one) for one in _inside(value))


def _inside(value: dict[str, Any]) -> list[Record]:
    if "tickets" in value:  # Zendesk, with the people beside the tickets
        return [{**one, "users": value.get("users", [])} for one in records(value["tickets"])]
    if isinstance(value.get("ticket"), dict):
        beside: dict[str, Any] = {name: value[name] for name in ("comments", "users") if name in value}
        return [{**value["ticket"], **beside}]
    if isinstance(value.get("conversations"), list):  # Intercom
        return records(value["conversations"])
    payload = records(value.get("payload") or mapping(value.get("data")).get("payload"))
    if payload and "message_type" in payload[0]:  # Chatwoot, the messages of one conversation
        meta = mapping(value.get("meta"))
        conversation = {name: value[name] for name in value if name not in ("payload", "meta")}
        return [{"id": payload[0].get("conversation_id"), **conversation, "meta": meta, "messages": payload}]
    return payload or [value]
