"""Files that want to break the import: each bad line is named and left out, and the good ones are kept."""

import gzip
import json
import os
from pathlib import Path

import pytest
from django.core.management import call_command

from chatbot.conversations.history import fields, reading
from chatbot.conversations.history.importing import ERRORS_KEPT, Summary, import_file
from chatbot.conversations.models import Contact, Conversation, Message
from tests import factories

pytestmark = pytest.mark.django_db


def line(number: int, text: str = "hello") -> str:
    return json.dumps({"conversation_id": f"c{number}", "messages": [{"role": "customer", "text": text}]})


def imported(tmp_path: Path, data: bytes) -> Summary:
    file = tmp_path / "history.jsonl"
    file.write_bytes(data)
    return import_file(path=file, inbox=factories.inbox())


def lines(*each: str | bytes) -> bytes:
    return b"\n".join(one if isinstance(one, bytes) else one.encode() for one in each) + b"\n"


@pytest.mark.parametrize(
    "bad",
    [
        b"{broken",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'"just a text"',
        b"17",
        b"null",
        b"\xff\xfe\x00rubbish",
        b'{"conversation_id": "x", "messages": [{"role": "customer", "text": NaN}]}',
        b'{"conversation_id": ' + b"9" * 10_000 + b', "messages": [{"role": "customer", "text": "x"}]}',
    ],
    ids=["broken", "deep list", "deep object", "text", "number", "null", "not utf-8", "nan", "huge number"],
)
def test_a_bad_line_is_named_and_the_rest_is_kept(bad: bytes, tmp_path: Path) -> None:
    summary = imported(tmp_path, lines(line(1), bad, line(3)))
    assert summary.conversations == 2
    assert [error["line"] for error in summary.errors] == [2]
    assert "Traceback" not in str(summary.errors)


def test_a_bad_first_line_is_named_too(tmp_path: Path) -> None:
    summary = imported(tmp_path, lines("{broken", line(2)))
    assert (summary.conversations, [error["line"] for error in summary.errors]) == (1, [1])


def test_a_line_longer_than_the_limit_is_skipped_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINE_BYTES_MOST", 1000)
    summary = imported(tmp_path, lines(line(1), line(2, "x" * 5000), line(3)))
    assert summary.conversations == 2
    assert summary.errors[0]["line"] == 2
    assert "longer than" in summary.errors[0]["error"]


def test_a_long_file_ends_at_its_limit_with_a_word_about_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINES_MOST", 3)
    summary = imported(tmp_path, lines(*(line(n) for n in range(1, 9))))
    assert summary.conversations == 3
    assert "split it" in summary.errors[0]["error"]


def test_a_million_empty_lines_are_passed_over(tmp_path: Path) -> None:
    summary = imported(tmp_path, b"\n" * 500_000 + line(1).encode() + b"\n" * 500_000 + line(2).encode())
    assert (summary.conversations, summary.errors) == (2, [])


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    assert imported(tmp_path, b"").as_json() == Summary().as_json()


def test_a_damaged_gzip_keeps_what_came_before_the_damage(tmp_path: Path) -> None:
    packed = gzip.compress(lines(*(line(n, os.urandom(6000).hex()) for n in range(40))))
    summary = imported(tmp_path, packed[: len(packed) // 2])
    assert 5 < summary.conversations < 40
    assert "damaged gzip" in summary.errors[-1]["error"]


def test_what_only_looks_like_gzip_is_refused_with_a_sentence(tmp_path: Path) -> None:
    summary = imported(tmp_path, b"\x1f\x8b" + b"nonsense" * 20)
    assert summary.conversations == 0
    assert "damaged gzip" in summary.errors[0]["error"]


def test_control_characters_and_broken_surrogates_do_not_reach_the_database(tmp_path: Path) -> None:
    text = "a\x00b\x07c\ud800d"
    assert imported(tmp_path, lines(line(1, text))).conversations == 1
    assert Message.objects.get().text == "abc\ufffdd"


def test_markup_in_a_text_stays_what_it_is(tmp_path: Path) -> None:
    imported(tmp_path, lines(line(1, "<script>alert(1)</script>")))
    assert Message.objects.get().text == "<script>alert(1)</script>"


def test_a_huge_text_is_cut_and_the_timeline_says_so(tmp_path: Path) -> None:
    imported(tmp_path, lines(line(1, "y" * (fields.TEXT_MOST * 2))))
    assert len(Message.objects.get().text) == fields.TEXT_MOST
    assert Conversation.objects.get().activities.get(kind="imported").detail["cut"] == [1]


def test_too_many_messages_are_refused_as_a_whole(tmp_path: Path) -> None:
    many = [{"role": "customer", "text": str(n)} for n in range(fields.MESSAGES_MOST + 1)]
    summary = imported(tmp_path, json.dumps({"conversation_id": "1", "messages": many}).encode())
    assert "at most 2000" in summary.errors[0]["error"]
    assert not Conversation.objects.exists()


def test_only_the_first_errors_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    summary = imported(tmp_path, lines(line(1), *["nonsense"] * (ERRORS_KEPT + 50)))
    assert (len(summary.errors), summary.errors_left_out) == (ERRORS_KEPT, 50)


def test_the_same_id_twice_is_one_conversation(tmp_path: Path) -> None:
    summary = imported(tmp_path, lines(line(1), line(1)))
    assert (summary.conversations, summary.skipped, Conversation.objects.count()) == (1, 1, 1)


def test_no_import_becomes_a_customer_who_can_sign_in(tmp_path: Path) -> None:
    inbox = factories.inbox()
    real = factories.contact(inbox=inbox, external_id="user-1", email="ana@example.test", email_verified=True)
    record = json.loads(line(1)) | {"contact": {"id": "user-1", "email": "ana@example.test", "external_id": "user-1"}}
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(record))
    import_file(path=file, inbox=inbox)
    made = Contact.objects.exclude(pk=real.pk).get()
    assert (made.external_id, made.email_verified) == (None, False)
    assert not real.conversations.exists()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    from django.core.management.base import CommandError

    factories.inbox()
    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_conversations", str(tmp_path / "nothing.jsonl"))
