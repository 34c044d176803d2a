"""A pseudonym takes the place of a customer's names in the audit log, and of nothing else."""

from typing import Any
from uuid import uuid4

import pytest

from chatbot.accounts import audit
from chatbot.accounts.models import AuditEntry

pytestmark = pytest.mark.django_db
EMAIL = "ana@mail.example"


def _after(*, target: str = "x", detail: Any = None, words: list[str] | None = None) -> tuple[str, Any]:
    line = audit.record(actor="boss", action="x", target=target, detail=detail or {})
    audit.pseudonymise(targets=["message 12"], words=words or [EMAIL, "Ana Whitaker", "张伟"], pseudonym="P")
    line = AuditEntry.objects.get(pk=line.pk)
    return line.target, line.detail


@pytest.mark.parametrize(
    ("target", "after"),
    [("message 12", "P"), ("message 123", "message 123"), (f"to {EMAIL}.", "to P."), (f"x{EMAIL}", f"x{EMAIL}")],
)
def test_targets_are_replaced_whole_and_words_where_they_stand_alone(target: str, after: str) -> None:
    assert _after(target=target)[0] == after


@pytest.mark.parametrize(
    ("detail", "after"),
    [
        ({"a": [{"b": f"ask {EMAIL.upper()}"}]}, {"a": [{"b": "ask P"}]}),
        ({"a": "客户张伟"}, {"a": "客户P"}),
        ({"Ana Whitaker": 1}, {"Ana Whitaker": 1}),
        ({"a": 12, "b": None, "c": True}, {"a": 12, "b": None, "c": True}),
        ({"a": "Ana Whitakerson"}, {"a": "Ana Whitakerson"}),
    ],
)
def test_the_detail_is_searched_to_its_bottom(detail: Any, after: Any) -> None:
    assert _after(detail=detail)[1] == after


def test_a_uuid_is_found_wherever_it_stands_and_others_are_left() -> None:
    ours, other = str(uuid4()), str(uuid4())
    line = audit.record(actor="boss", action="x", target=f"of {ours.upper()}", detail={"a": [f"{ours}, {other}"]})
    audit.pseudonymise(targets=[ours], words=[], pseudonym="P")
    line = AuditEntry.objects.get(pk=line.pk)
    assert (line.target, line.detail) == ("of P", {"a": [f"P, {other}"]})


@pytest.mark.parametrize("word", ["%", "_", "\\", "(", "a|b", "[x]", "'; --"])
def test_a_word_is_taken_by_the_letter(word: str) -> None:
    other = audit.record(actor="boss", action="x", target="any line")
    assert _after(target=f"about {word} here", words=[word])[0] == "about P here"
    other.refresh_from_db()
    assert other.target == "any line"


def test_nothing_to_look_for_changes_nothing() -> None:
    audit.record(actor="boss", action="x", target="t")
    assert audit.pseudonymise(targets=[], words=["", ""], pseudonym="P") == 0


def test_who_and_when_and_what_stay() -> None:
    line = audit.record(actor=EMAIL, action=EMAIL, target=EMAIL)
    audit.pseudonymise(targets=[], words=[EMAIL], pseudonym="P")
    after = AuditEntry.objects.get(pk=line.pk)
    assert (after.actor, after.action, after.at, after.target) == (EMAIL, EMAIL, line.at, "P")
