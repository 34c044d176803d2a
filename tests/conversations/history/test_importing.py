"""What an import writes, that it does so once, and that it wakes nobody."""

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from chatbot.accounts.models import AuditEntry
from chatbot.conversations.history.importing import Summary, import_file
from chatbot.conversations.live import publishing
from chatbot.conversations.models import (
    Contact,
    Conversation,
    ConversationRating,
    Inbox,
    Message,
    Note,
    OutboundEmail,
    ReplyJob,
    Suggestion,
)
from tests import factories
from tests.conversations.history.exports import CHATWOOT, INTERCOM, PARLEY, ZENDESK

pytestmark = pytest.mark.django_db


@pytest.fixture
def inbox() -> Inbox:
    return factories.inbox()


def put(tmp_path: Path, inbox: Inbox, *records: Any) -> Summary:
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return import_file(path=file, inbox=inbox)


def test_messages_are_numbered_from_one_and_marked_as_imported(tmp_path: Path, inbox: Inbox) -> None:
    summary = put(tmp_path, inbox, PARLEY)
    assert (summary.conversations, summary.messages, summary.contacts) == (1, 3, 1)
    assert list(Message.objects.values_list("seq", "role", "via")) == [
        (1, "customer", "import"),
        (2, "bot", "import"),
        (3, "agent", "import"),
    ]
    conversation = Conversation.objects.get()
    assert (conversation.state, conversation.last_seq, conversation.preview) == ("resolved", 3, "The Dry is.")
    assert conversation.created_at.isoformat() == "2026-05-04T10:00:00+00:00"
    assert conversation.last_message_at == conversation.updated_at
    assert ConversationRating.objects.get().value == 5
    assert Note.objects.get().after_seq == 2


def test_importing_again_imports_nothing(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, inbox, PARLEY, CHATWOOT, ZENDESK, INTERCOM)
    before = (Conversation.objects.count(), Message.objects.count(), Contact.objects.count(), Note.objects.count())
    again = put(tmp_path, inbox, PARLEY, CHATWOOT, ZENDESK, INTERCOM)
    assert before[0] == 5
    assert (again.conversations, again.messages, again.contacts, again.skipped) == (0, 0, 0, 5)
    assert before == (
        Conversation.objects.count(), Message.objects.count(), Contact.objects.count(), Note.objects.count()
    )  # fmt: skip


def test_the_same_number_in_two_tools_is_two_conversations(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, inbox, CHATWOOT | {"id": 99}, INTERCOM)
    assert set(Conversation.objects.values_list("import_key", flat=True)) == {"chatwoot:99", "intercom:99"}


def test_messages_that_came_later_are_appended(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, inbox, {**CHATWOOT, "messages": CHATWOOT["messages"][:2]})
    summary = put(tmp_path, inbox, CHATWOOT)
    assert (summary.conversations, summary.appended, summary.messages) == (0, 1, 1)
    conversation = Conversation.objects.get()
    assert [message.seq for message in conversation.messages.all()] == [1, 2, 3]
    assert conversation.last_seq == 3


def test_the_same_words_said_twice_are_two_messages(tmp_path: Path, inbox: Inbox) -> None:
    twice = {"conversation_id": "1", "messages": [{"role": "customer", "text": "hello?"}] * 2}
    assert put(tmp_path, inbox, twice).messages == 2
    assert put(tmp_path, inbox, twice).messages == 0


def test_a_conversation_that_went_on_here_keeps_its_state(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, inbox, PARLEY)
    conversation = Conversation.objects.get()
    factories.posted(conversation, "One more question")
    conversation.refresh_from_db()
    state = conversation.state
    more = {**PARLEY, "messages": [*PARLEY["messages"], {"role": "customer", "text": "from the old tool"}]}
    assert put(tmp_path, inbox, more).appended == 1
    conversation.refresh_from_db()
    assert conversation.state == state != "resolved"
    assert conversation.last_seq == 5


def test_nothing_rings_nothing_is_queued_nothing_is_sent(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(publishing, "publish", lambda *args: told.append(args))
    monkeypatch.setattr(publishing, "publish_desk", lambda *args: told.append(args))
    factories.user(username="mia", email="mia@shop.test")
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        put(tmp_path, inbox, PARLEY, CHATWOOT, ZENDESK, INTERCOM)
    assert (told, callbacks) == ([], [])
    assert not ReplyJob.objects.exists()
    assert not Suggestion.objects.exists()
    assert not OutboundEmail.objects.exists()
    assert all(row.emailed_seq == row.last_seq for row in Conversation.objects.all())


def test_an_agent_is_found_by_e_mail_and_others_keep_their_name(tmp_path: Path, inbox: Inbox) -> None:
    mia = factories.user(username="mia", email="Mia@shop.test")
    inbox.members.add(mia)
    put(tmp_path, inbox, PARLEY, CHATWOOT)
    there = Conversation.objects.get(import_key="chatwoot:12")
    assert there.messages.get(role="agent").author == mia
    assert (there.assignee, there.state) == (mia, "agent")
    stranger = Conversation.objects.get(import_key="p-1")
    assert stranger.messages.get(role="agent").author is None
    assert stranger.activities.get().detail["authors"] == {"3": "Lena"}


def test_who_cannot_see_the_inbox_is_not_made_its_assignee(tmp_path: Path, inbox: Inbox) -> None:
    factories.user(username="mia", email="mia@shop.test")
    put(tmp_path, inbox, CHATWOOT)
    conversation = Conversation.objects.get()
    assert (conversation.assignee, conversation.state) == (None, "waiting")
    assert conversation.waiting_since is not None


def test_times_that_are_missing_are_guessed_in_order_and_marked(tmp_path: Path, inbox: Inbox) -> None:
    bare = {"conversation_id": "1", "messages": [{"role": "customer", "text": str(n)} for n in range(4)]}
    put(tmp_path, inbox, bare)
    times = list(Message.objects.values_list("created_at", flat=True))
    assert times == sorted(times)
    assert times[-1] <= timezone.now()
    assert Conversation.objects.get().activities.get().detail["dates"] == "estimated"


def test_a_time_in_the_future_is_not_believed(tmp_path: Path, inbox: Inbox) -> None:
    ahead = {"role": "customer", "text": "x", "created_at": "2999-01-01T00:00:00Z"}
    put(tmp_path, inbox, {"conversation_id": "1", "messages": [ahead]})
    assert Message.objects.get().created_at <= timezone.now()


def test_one_customer_with_two_conversations_is_one_contact(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, inbox, ZENDESK)
    assert Contact.objects.get().name == "Bo"
    assert Conversation.objects.count() == 2


def test_a_pretty_printed_file_and_a_packed_one_are_read_alike(tmp_path: Path, inbox: Inbox) -> None:
    pretty = tmp_path / "pretty.json"
    pretty.write_text("\n" + json.dumps([PARLEY, ZENDESK], indent=2))
    assert import_file(path=pretty, inbox=inbox).conversations == 3
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(CHATWOOT).encode()))
    assert import_file(path=packed, inbox=inbox).conversations == 1


def test_the_command_writes_json_alone_to_standard_output_and_a_line_in_the_audit_log(
    tmp_path: Path, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(PARLEY) + "\nnonsense\n")
    out = StringIO()
    call_command("import_conversations", str(file), "--json", stdout=out)
    summary = json.loads(out.getvalue())
    assert (summary["conversations"], summary["messages"], summary["errors"][0]["line"]) == (1, 3, 2)
    entry = AuditEntry.objects.get(action="conversations.import")
    assert (entry.target, entry.detail["messages"], entry.detail["file"]) == (inbox.name, 3, "a.jsonl")


@pytest.mark.parametrize(
    ("text", "language"), [("where is my parcel", "en"), ("物流一直没有更新", "zh"), ("12345", "en")]
)
def test_a_language_that_is_not_given_is_told_from_the_customers_words(
    text: str, language: str, tmp_path: Path, inbox: Inbox
) -> None:
    put(tmp_path, inbox, {"conversation_id": "1", "messages": [{"role": "customer", "text": text}]})
    assert Conversation.objects.get().language == language


def test_who_handled_what_is_over_is_kept_even_without_the_inbox(tmp_path: Path, inbox: Inbox) -> None:
    mia = factories.user(username="mia", email="mia@shop.test")
    put(tmp_path, inbox, ZENDESK | {"tickets": [ZENDESK["tickets"][0] | {"assignee_id": 30}]})
    assert Conversation.objects.get().assignee == mia
