"""Texts of canned replies: which languages they speak, which variables they know, and filling those in.

Pure. A value is data: it is put in once and never read for variables again. What is missing is left out together with
the space or comma that led to it, so that "Hello {{customer}}," becomes "Hello,".
"""

import re
from collections.abc import Mapping
from typing import Final

VARIABLES: Final = ("customer", "agent", "company", "conversation", "inbox")
VALUE_MAX_CHARS: Final = 120

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_BRACES: Final = re.compile(r"\{\{|\}\}")
_GAP_BEFORE: Final = re.compile(r"[^\S\n]*$")
_COMMA_BEFORE: Final = re.compile(r"[^\S\n]*[,，、][^\S\n]*$")
_ENDS: Final = re.compile(r"[^\S\n]*(?:[.!?,;:。！？，；：]|\n|$)")
_LEADS: Final = re.compile(r"[^\S\n]*[,，、:：][^\S\n]*")
_NEUTRAL: Final[dict[str, dict[str, str]]] = {
    "en": {"agent": "our team", "company": "our company"},
    "zh": {"agent": "客服团队", "company": "我们"},
    "zh-hant": {"agent": "客服團隊", "company": "我們"},
}


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced by `values`. What has no value, or no name we know, is left out."""
    made: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(text):
        made.append(text[at : found.start()])
        at = found.end()
        value = _clean(values.get(found[1].lower(), ""))
        if value:
            made.append(value)
        else:
            at = _leave_out(made, text, at)
    made.append(text[at:])
    return "".join(made).strip()


def _leave_out(made: list[str], text: str, at: int) -> int:
    """Drop the space or comma around a missing value from what is written; returns where the text goes on."""
    written = "".join(made)
    if not written.strip() or written.endswith("\n"):
        leads = _LEADS.match(text, at)
        return leads.end() if leads else at
    ends = _ENDS.match(text, at)
    shorter = _COMMA_BEFORE.sub("", written) if ends else written
    if shorter == written and (ends or text[at : at + 1].isspace()):
        shorter = _GAP_BEFORE.sub("", written)
    made[:] = [shorter]
    return at


def _clean(value: str) -> str:
    """One line without control characters, cut to a sensible length."""
    return " ".join("".join(c if c.isprintable() else " " for c in value[: 4 * VALUE_MAX_CHARS]).split())[
        :VALUE_MAX_CHARS
    ]


def neutral(language: str) -> dict[str, str]:
    """Polite words for what may be unknown; a customer without a name is simply not named."""
    code = code_of(language)
    return _NEUTRAL.get(code) or _NEUTRAL.get(code.split("-")[0]) or {}


def unknown_variables(text: str) -> list[str]:
    """Names in double braces that mean nothing here, in order; broken braces count as one."""
    names = dict.fromkeys(found[1] for found in _VARIABLE.finditer(text) if found[1].lower() not in VARIABLES)
    broken = _BRACES.search(_VARIABLE.sub("", text))
    return [*names, *([broken[0]] if broken else [])]


def code_of(language: str) -> str:
    """`zh-hans`, `zh-CN` -> zh; `zh-TW` -> zh-hant; `de-AT` -> de."""
    code = language.strip().lower().replace("_", "-")
    if code in {"zh-hant", "zh-tw", "zh-hk", "zh-mo"}:
        return "zh-hant"
    return code.split("-")[0]


def own_text(texts: Mapping[str, str], language: str) -> str:
    """The text in exactly that language; Traditional and Simplified Chinese are read for each other. Empty: none."""
    said = {code_of(code): text for code, text in texts.items() if isinstance(text, str) and text.strip()}
    code = code_of(language)
    other = {"zh": "zh-hant", "zh-hant": "zh"}.get(code, "")
    return said.get(code) or said.get(other) or ""


def text_for(texts: Mapping[str, str], language: str) -> str:
    """The text in that language, else in English, else in whatever there is."""
    said = [text for text in texts.values() if isinstance(text, str) and text.strip()]
    return own_text(texts, language) or own_text(texts, "en") or (said[0] if said else "")
