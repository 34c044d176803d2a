"""What knowledge pages show: states in words, reasons in the reader's language, links to pages of a list."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext, pgettext

from retrieval.models import Document, IndexVersion, Source

register = template.Library()


@register.filter
def state(row: Document | Source | IndexVersion) -> dict[str, str]:
    """{"tone": css class, "label": words} of a row's status."""
    match row.status:
        case "pending":
            return {"tone": "busy", "label": pgettext("document status", "Waiting")}
        case "processing":
            return {"tone": "busy", "label": pgettext("document status", "Indexing")}
        case "syncing":
            return {"tone": "busy", "label": pgettext("source status", "Syncing")}
        case "building":
            return {"tone": "busy", "label": pgettext("index status", "Building")}
        case "ready" if isinstance(row, Document) and row.reason:
            return {"tone": "warn", "label": pgettext("document status", "In answers, not up to date")}
        case "ready" if isinstance(row, Document):
            return {"tone": "good", "label": pgettext("document status", "In answers")}
        case "ready" if isinstance(row, IndexVersion) and row.active:
            return {"tone": "good", "label": pgettext("index status", "Active")}
        case "ready":
            return {"tone": "calm", "label": pgettext("index status", "Kept")}
        case "failed":
            return {"tone": "bad", "label": pgettext("document status", "Failed")}
        case "idle" if getattr(row, "busy", 0):
            return {"tone": "busy", "label": pgettext("source status", "Reading")}
        case "idle" if getattr(row, "failed", 0):
            return {"tone": "warn", "label": pgettext("source status", "Incomplete")}
        case "idle":
            return {"tone": "good", "label": pgettext("source status", "Up to date")}
        case other:
            return {"tone": "calm", "label": other}


@register.filter
def in_words(reason: str) -> str:
    """A stored reason in the reader's language, where the catalogue has it."""
    translated: str = gettext(reason) if reason else ""
    return translated


@register.filter(name="bytes")
def in_bytes(size: int) -> str:
    """A size as people read it; nothing for zero."""
    return filesizeformat(size) if size else ""


@register.filter
def kind(source: Source) -> str:
    """What kind of source this is, in words, with its address where it has one."""
    words = {
        "upload": pgettext("kind of source", "Uploaded files"),
        "url": pgettext("kind of source", "Page"),
        "sitemap": pgettext("kind of source", "Sitemap"),
        "folder": pgettext("kind of source", "Folder on the server"),
        "dataset": pgettext("kind of source", "JSON Lines file"),
    }
    return words.get(source.kind, source.kind)


@register.filter
def is_link(url: str) -> bool:
    """True for addresses that may stand in a link."""
    return url.startswith(("https://", "http://")) or (url.startswith("/") and not url.startswith("//"))


@register.filter
def decision(name: str) -> str:
    """What the bot decided, in words."""
    words = {
        "answer": gettext("Answers"),
        "abstain": gettext("Does not know, and offers a person"),
        "clarify": gettext("Asks back"),
        "handoff": gettext("Hands over to a person"),
        "smalltalk": gettext("Small talk"),
        "canned": gettext("Prepared reply"),
    }
    return words.get(name, name)


@register.simple_tag(takes_context=True)
def only_query(context: dict[str, Any], *names: str) -> str:
    """The named parameters of the present address, for links that change another one."""
    present = context["request"].GET
    return urlencode({name: present[name] for name in names if present.get(name)})
