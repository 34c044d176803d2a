"""Every sentence a user may read is translated, and the compiled catalogue says what the source says.

Needs no gettext tools: Django turns templates into Python as `makemessages` does, and Babel reads Python.
"""

import io
import re
from pathlib import Path

import polib
from babel.messages.extract import extract_python
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "chatbot/locale/zh_Hans/LC_MESSAGES/django.po"
KEYWORDS = ["_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd.]|%[sd]|\{\w*\}")


def written() -> set[str]:
    """Every message id of templates and code."""
    sources = [(file, templatize(file.read_text(encoding="utf-8"))) for file in (ROOT / "templates").rglob("*.html")]
    sources += [(file, file.read_text(encoding="utf-8")) for file in (ROOT / "chatbot").rglob("*.py")]
    found: set[str] = set()
    for _file, code in sources:
        for _line, function, message, _comments in extract_python(
            io.BytesIO(code.encode()), KEYWORDS, [], {"encoding": "utf-8"}
        ):
            parts = [message] if isinstance(message, str) else list(message or [None])
            text = parts[1] if function and function.startswith("pgettext") else parts[0]
            if text:
                found.add(text)
    return found


def test_every_sentence_is_translated() -> None:
    translated = {entry.msgid for entry in polib.pofile(str(CATALOGUE)) if entry.translated() and not entry.obsolete}
    assert written() - translated == set()
    assert len(translated) > 300


def test_nothing_is_left_to_guess() -> None:
    assert polib.pofile(str(CATALOGUE)).fuzzy_entries() == []


def test_translations_keep_the_placeholders() -> None:
    for entry in polib.pofile(str(CATALOGUE)):
        for text in [entry.msgstr] if not entry.msgid_plural else entry.msgstr_plural.values():
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))


def test_the_compiled_catalogue_is_the_source() -> None:
    source = {(one.msgctxt, one.msgid): one.msgstr or one.msgstr_plural for one in polib.pofile(str(CATALOGUE))}
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    assert {(one.msgctxt, one.msgid): one.msgstr or one.msgstr_plural for one in compiled} == source
