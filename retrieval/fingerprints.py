"""Digests that decide what must be done again. Pure: the same content gives the same digest on every machine."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any


def content_hash(content: str | bytes) -> str:
    """64 hex digits of a document's Markdown or original bytes."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content).hexdigest()


def metadata_hash(*, title: str, url: str, lang: str, updated: str, collection: str) -> str:
    """Of what is shown or filtered by but not searched as text. `updated` is an ISO date or empty."""
    return digest([title, url, lang, updated, collection])


def passage_hash(*, title: str, heading_path: Sequence[str], context: str, text: str) -> str:
    """Of exactly what is embedded: equal hashes share one vector."""
    return content_hash(indexed_text(title=title, heading_path=heading_path, context=context, text=text))


def indexed_text(*, title: str, heading_path: Sequence[str], context: str, text: str) -> str:
    """What both arms read of a passage: title, headings, table header, text. A repeated title is said once."""
    seen: list[str] = []
    for line in (title, *heading_path):
        clean = " ".join(line.split())
        if clean and clean.casefold() not in (earlier.casefold() for earlier in seen):
            seen.append(clean)
    return "\n".join(part for part in ("\n".join(seen), context, text) if part)


def digest(value: Any) -> str:
    """64 hex digits of a JSON value, independent of key order."""
    data = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()


def digest_lines(lines: Iterable[str]) -> str:
    """64 hex digits of many lines without holding them joined in memory."""
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode("utf-8", "surrogatepass"))
        total.update(b"\n")
    return total.hexdigest()
