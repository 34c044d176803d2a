"""What is exported can be imported, and is then the same."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from chatbot.accounts.models import AuditEntry, Team
from chatbot.conversations import handling, services
from chatbot.conversations.drafts import suggestions
from chatbot.conversations.history import exporting
from chatbot.conversations.history.importing import import_file
from chatbot.conversations.models import Conversation, ConversationRating, Inbox, Suggestion
from tests import factories
from tests.conversations.history.exports import CHATWOOT, INTERCOM, PARLEY, ZENDESK

pytestmark = pytest.mark.django_db


def lived() -> Conversation:
    """A conversation that had everything: answer, thumb, handoff, draft, reply, note, tags, rating."""
    inbox = factories.inbox()
    mia = factories.user(username="mia")
    inbox.members.add(mia)
    team = Team.objects.create(name="Returns")
    contact = factories.contact(inbox=inbox, name="Ana", email="ana@example.test", context={"plan": "gold"})
    conversation = factories.conversation(inbox=inbox, contact=contact, language="en", topic="refunds", team=team)
    factories.posted(conversation)
    services.post_bot_reply(conversation=services.lock(conversation_id=conversation.pk), reply=factories.bot_reply())
    services.rate(conversation_id=conversation.pk, seq=2, value=-1, comment="no")
    services.ask_person(conversation_id=conversation.pk)
    draft = Suggestion.objects.get()
    now = timezone.now()
    draft.state, draft.text, draft.confidence, draft.ready_at = Suggestion.State.READY, "Five days.", 0.7, now
    draft.citations = [
        {"number": 1, "title": "Refunds", "heading": "", "url": "", "text": "x", "passage_id": 1, "document_id": 2}
    ]
    draft.save()
    handling.reply(
        conversation_id=conversation.pk, agent=mia, client_id="reply-0001", text="Five days!", suggestion_id=draft.pk
    )
    handling.note(conversation_id=conversation.pk, agent=mia, client_id="note-00001", text="Be kind")
    handling.set_tags(conversation_id=conversation.pk, agent=mia, names=["refund", "vip"])
    handling.set_priority(conversation_id=conversation.pk, agent=mia, priority=2)
    handling.resolve(conversation_id=conversation.pk, agent=mia)
    ConversationRating.objects.update_or_create(
        conversation=conversation,
        defaults={"asked_at": now, "value": 4, "comment": "fine", "rated_at": now, "agent": mia},
    )
    conversation.refresh_from_db()
    return conversation


def exported(inbox: Inbox) -> list[dict[str, Any]]:
    lines = exporting.json_lines(Conversation.objects.filter(inbox=inbox), with_contacts=True)
    return [json.loads(line) for line in lines]


def without_place(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what says where the record lies now: the inbox, and that messages were imported."""
    return [
        {
            **{name: value for name, value in record.items() if name != "inbox"},
            "messages": [
                {name: value for name, value in message.items() if name != "via"} for message in record["messages"]
            ],
        }
        for record in records
    ]


def moved(tmp_path: Path, records: list[dict[str, Any]]) -> Inbox:
    file = tmp_path / "moved.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in records))
    target = factories.inbox()
    for user in Conversation.objects.exclude(assignee=None).values_list("assignee", flat=True):
        target.members.add(user)
    summary = import_file(path=file, inbox=target)
    assert summary.errors == []
    return target


def test_a_conversation_that_had_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    conversation = lived()
    before = exported(conversation.inbox)
    assert before[0]["messages"][1]["thumb"] == -1
    assert before[0]["suggestions"][0]["outcome"] in ("light", "unchanged", "rewrite")
    after = exported(moved(tmp_path, before))
    assert without_place(after) == without_place(before)


@pytest.mark.parametrize(
    "record", [PARLEY, CHATWOOT, ZENDESK, INTERCOM], ids=["parley", "chatwoot", "zendesk", "intercom"]
)
def test_what_came_from_another_tool_can_go_on_to_the_next_server(record: Any, tmp_path: Path) -> None:
    first = moved(tmp_path, [record])
    once = exported(first)
    second = moved(tmp_path, once)
    assert without_place(exported(second)) == without_place(once)


def test_an_export_into_its_own_inbox_doubles_nothing(tmp_path: Path) -> None:
    conversation = lived()
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in exported(conversation.inbox)))
    summary = import_file(path=file, inbox=conversation.inbox)
    assert (summary.conversations, summary.skipped) == (0, 1)


def test_customers_are_pseudonyms_unless_their_names_are_asked_for() -> None:
    conversation = lived()
    (line,) = exporting.json_lines(Conversation.objects.all(), with_contacts=False)
    assert "ana@example.test" not in line
    assert '"Ana"' not in line
    assert json.loads(line)["contact"]["id"].startswith("pseudonym-")
    (again,) = exporting.json_lines(Conversation.objects.all(), with_contacts=False)
    assert again == line
    assert exporting.pseudonym(conversation.contact) != exporting.pseudonym(factories.contact())


def test_a_draft_that_is_still_being_made_is_not_exported() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    services.ask_person(conversation_id=conversation.pk)
    assert suggestions.OPEN
    assert "suggestions" not in exporting.record(conversation, with_contacts=False)


def test_the_command_writes_a_file_and_says_so_in_the_audit_log(tmp_path: Path) -> None:
    conversation = lived()
    out = tmp_path / "out.jsonl"
    call_command("export_conversations", inbox=conversation.inbox.key, state="resolved", out=out)
    assert json.loads(out.read_text())["conversation_id"] == str(conversation.public_id)
    entry = AuditEntry.objects.get(action="conversations.export")
    assert entry.detail["rows"] == 1
    assert entry.detail["state"] == "resolved"


def test_days_and_states_narrow_an_export() -> None:
    conversation = lived()
    today = timezone.localdate(conversation.created_at)
    everything = Conversation.objects.all()

    def found(**wanted: Any) -> int:
        return exporting.narrow(everything, exporting.Filter(**wanted)).count()

    assert found() == found(since=today, until=today) == found(state="resolved", inbox=conversation.inbox_id) == 1
    assert found(since=today + timedelta(days=1)) == found(until=date(2020, 1, 1)) == found(state="bot") == 0


def test_pages_hold_every_conversation_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    made = [factories.conversation().pk for _ in range(5)]
    pages = list(exporting.pages(Conversation.objects.all()))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [conversation.pk for page in pages for conversation in page] == made
