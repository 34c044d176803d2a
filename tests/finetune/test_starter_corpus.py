"""Manuals and catalogues as plain text for the starter model's course."""

import zipfile
from pathlib import Path

import polib
import pytest

from benchmarks import starter_corpus
from finetune.starter.found import passages_of


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Use :class:`~django.db.Model` and ``pip``.", "Use Model and pip."),
        ("See :ref:`the guide <guide>` or `here <http://x.test>`_.", "See the guide or here."),
        ("It is **very** *good*.", "It is very good."),
        ("Type this::\n\n    rm -rf /\n\nThen wait.", "Type this:\nThen wait."),
        (".. image:: a.png\n   :alt: A\n\nAfter.", "After."),
        (".. note::\n\n   Mind this.", "\nMind this."),
    ],
)
def test_a_manual_loses_its_markup_and_code(written: str, plain: str) -> None:
    assert starter_corpus.without_rst(written) == plain


def test_markdown_keeps_headings_and_words() -> None:
    written = "---\ntitle: A\n---\n# Head\n\n![x](y.png)[Link](http://x.test) `code` <b>bold</b>\n\n```\nrm\n```\nEnd."
    assert starter_corpus.without_markdown(written).split() == ["#", "Head", "Link", "code", "bold", "End."]


def test_strings_of_a_catalogue_come_once_without_tags_and_places(tmp_path: Path) -> None:
    file = polib.POFile()
    file.append(
        polib.POEntry(
            msgid="Your <b>order</b> %(order_number)s is on its way", msgstr="您的订单 %(order_number)s 已发货"
        )
    )
    file.append(polib.POEntry(msgid="Short", msgstr="短"))
    wheel = tmp_path / "shop-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as members:
        members.writestr("shop/locale/zh_Hans/LC_MESSAGES/django.po", str(file))
        members.writestr("shop/locale/fr/LC_MESSAGES/django.po", str(file))
    seen: set[str] = set()
    found = starter_corpus.entries(wheel, seen)
    assert found == [("Your order order number is on its way", "您的订单 order number 已发货")]
    assert starter_corpus.entries(wheel, seen) == []
    pages = list(starter_corpus.catalogue_pages("shop", found * 20))
    assert {name for name, _text in pages} == {"shop-en", "shop-zh"}
    assert pages == list(starter_corpus.catalogue_pages("shop", found * 20))


def test_help_keeps_headings_and_each_paragraph_once() -> None:
    said = "Click the icon and move the pointer to where the text box is wanted. " * 5
    html = f"""<html><body><header><p>LibreOffice Help, all of its pages in one place</p></header>
    <div id="DisplayArea"><h1><a name="x"></a>Adding  Text</h1><p>Short.</p><p>{said}</p><h2>Boxes</h2></div></body></html>"""
    seen: set[str] = set()
    assert starter_corpus.help_page(html, "en", seen) == f"# Adding Text\n\n{said.strip()}\n\n## Boxes"
    assert starter_corpus.help_page(html, "en", seen) == ""


def test_chinese_help_leaves_out_what_is_not_translated() -> None:
    said = "要隐藏工作表的列标和行号，请进入视图选项卡，取消选中行列头，然后点击确定。" * 4
    html = f"<div id='DisplayArea'><h1>视图</h1><p>An anchor is a point of reference.</p><p>{said}</p></div>"
    assert starter_corpus.help_page(html, "zh", set()) == f"# 视图\n\n{said}"


def test_common_words_are_written_often_and_no_lesson_is_made_of_them(tmp_path: Path) -> None:
    for level, _times in starter_corpus.WORDS:
        (tmp_path / f"english-words.{level}").write_text(f"shoe{level}\nit's\ncaf\xe9\n", encoding="latin-1")
        (tmp_path / f"american-words.{level}").write_text("color\n", encoding="latin-1")
    text = starter_corpus.common_words(tmp_path)
    assert text.split().count("shoe10") == 60 and text.split().count("color") == 72
    assert "it's" not in text and "caf" not in text
    assert passages_of(text * 10) == []
