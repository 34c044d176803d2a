"""Loads the sample company: its documents, an inbox for its site, and a login per role. Safe to run again.

Only what changed since the last run is written, so that a second start is quick.
"""

import csv
import io
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from chatbot.accounts.models import User
from chatbot.accounts.roles import PERMISSIONS
from chatbot.conversations.canned_replies import canned_services
from chatbot.conversations.models import CannedReply, Inbox
from retrieval import fingerprints
from retrieval.models import Document, Source

SAMPLE: Final = Path(__file__).resolve().parent / "sample"
INBOX_KEY: Final = "pk_sample_company"
LOGINS: Final = "demo-logins.json"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Login:
    role: str
    username: str
    password: str


def company() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SAMPLE / "company.json").read_text(encoding="utf-8"))
    return loaded


def manifest() -> list[dict[str, str]]:
    loaded: list[dict[str, str]] = json.loads((SAMPLE / "manifest.json").read_text(encoding="utf-8"))
    return loaded


def load_documents(progress: Progress) -> int:
    """Bring the documents' rows in line with the files. Returns how many changed."""
    entries = manifest()
    source, _made = Source.objects.get_or_create(
        kind=Source.Kind.FOLDER, name="Sample company", defaults={"created_by": "demo"}
    )
    if source.location != str(SAMPLE):  # so that "Sync" finds it, also after Parley was moved
        source.location = str(SAMPLE)
        source.save(update_fields=["location"])
    known = {document.key: document for document in Document.objects.filter(source=source)}
    changed = 0
    for number, entry in enumerate(entries, start=1):
        changed += _load(source, known.pop(entry["path"], None), entry)
        progress("read", number, len(entries))
    gone = Document.objects.filter(pk__in=[document.pk for document in known.values()])
    return changed + gone.exclude(status=Document.Status.DELETED).update(status=Document.Status.DELETED)


def _load(source: Source, document: Document | None, entry: dict[str, str]) -> int:
    data = (SAMPLE / entry["path"]).read_bytes()
    digest = fingerprints.digest([data.hex(), entry["title"], entry["url"], entry["lang"]])
    if document is not None and document.status == Document.Status.READY and _is_same(document, entry, data, digest):
        return 0
    markdown = read_markdown(entry["path"], data)
    document = document or Document(source=source, key=entry["path"])
    document.title, document.url, document.lang = entry["title"], entry["url"], entry["lang"]
    document.updated = date.fromisoformat(entry["updated"])
    document.markdown, document.bytes = markdown, len(data)
    document.content_hash, document.metadata_hash = fingerprints.digest([markdown]), digest
    document.blob = ""  # bytes kept by a sync from the knowledge pages would be those of the earlier file
    document.status, document.reason = Document.Status.PROCESSING, ""
    document.save()
    return 1


def _is_same(document: Document, entry: dict[str, str], data: bytes, digest: str) -> bool:
    """Loaded here, or synced from the knowledge pages (which keep the original bytes), and not changed since."""
    if document.metadata_hash == digest:
        return True
    described = (document.title, document.url, document.lang) == (entry["title"], entry["url"], entry["lang"])
    return described and document.blob == fingerprints.content_hash(data)


def read_markdown(name: str, data: bytes) -> str:
    """The text of one of the sample's own files; these are ours, so no child process guards the parsers."""
    from retrieval.extraction.html import extract_html
    from retrieval.extraction.markdown import extract_markdown
    from retrieval.extraction.pdf import extract_pdf

    match Path(name).suffix:
        case ".html":
            return extract_html(data).markdown
        case ".pdf":
            return extract_pdf(data).markdown
        case ".docx":
            return _word(data)
        case ".csv":
            return _questions(data)
        case _:
            return extract_markdown(data).markdown


def _word(data: bytes) -> str:
    import docx

    blocks: list[str] = []
    for block in docx.Document(io.BytesIO(data)).iter_inner_content():
        if hasattr(block, "rows"):
            rows = [[cell.text.strip().replace("\n", " ") for cell in row.cells] for row in block.rows]
            lines = ["| " + " | ".join(row) + " |" for row in rows]
            blocks.append("\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]))
            continue
        style, text = block.style.name if block.style else "", block.text.strip()
        if not text:
            continue
        if style == "Title":
            text = f"# {text}"
        elif style.startswith("Heading"):
            text = f"{'#' * min(6, int(style.split()[-1]))} {text}"
        elif style.startswith("List"):
            text = f"- {text}"
        blocks.append(text)
    return "\n\n".join(blocks)


def _questions(data: bytes) -> str:
    rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    return "\n\n".join(f"## {row['question']}\n\n{row['answer']}" for row in rows)


def load_inbox(origins: list[str]) -> Inbox:
    """The sample site's inbox, open to the pages this demo serves."""
    about = company()
    inbox, _made = Inbox.objects.update_or_create(
        key=INBOX_KEY,
        defaults={
            "name": about["name"],
            "title": about["name"],
            "company": about["name"],
            "color": about["colors"]["primary"],
            "greeting": {"en": about["en"]["greeting"], "zh": about["zh"]["greeting"]},
            "suggested_questions": {
                "en": about["en"]["suggested_questions"],
                "zh": about["zh"]["suggested_questions"],
            },
            "allowed_origins": origins,
        },
    )
    return inbox


def load_canned_replies() -> int:
    """The sample's canned replies, where there are none yet: what was changed on the pages stays. Returns how many."""
    if CannedReply.objects.exists():
        return 0
    entries: list[dict[str, Any]] = json.loads((SAMPLE / "canned.json").read_text(encoding="utf-8"))
    for entry in entries:
        asked = entry.get("examples", {})
        canned_services.save(
            said=canned_services.CannedText(
                title=entry["title"],
                shortcut=entry["shortcut"],
                texts=entry["texts"],
                examples=tuple((language, text) for language, texts in asked.items() for text in texts),
                for_bot=entry.get("for_bot", False),
            )
        )
    return len(entries)


def load_logins() -> list[Login]:
    """One login per role, with passwords made at the first start and kept in the data folder."""
    file: Path = settings.DATA_DIR / LOGINS
    if not file.exists():
        made = {role: secrets.token_urlsafe(9) for role in ("admin", "agent", "analyst")}
        file.touch(mode=0o600)
        file.write_text(json.dumps(made), encoding="utf-8")
    logins = [Login(role, role, password) for role, password in json.loads(file.read_text()).items()]
    with transaction.atomic():
        for login in logins:
            group, _made = Group.objects.get_or_create(name=login.role)
            user, fresh = User.objects.get_or_create(username=login.username, defaults={"is_staff": False})
            if fresh:
                user.set_password(login.password)
                user.save()
            user.groups.add(group)
    return [login for login in logins if login.role in PERMISSIONS]
