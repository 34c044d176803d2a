"""The agents' socket: who gets in, what each sees live, first send wins, who is looking, and who is there."""

from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.sessions.models import Session

from chatbot.accounts.models import User
from chatbot.conversations import handling, services
from chatbot.conversations.canned_replies import canned_services
from chatbot.conversations.canned_replies.canned_services import CannedText
from chatbot.conversations.models import Conversation, Inbox, Mention, Message, ReadMark, Suggestion
from tests import factories
from tests.desk.socket_client import Desk

pytestmark = pytest.mark.django_db(transaction=True)


async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.fixture
def inbox() -> Inbox:
    return factories.inbox()


@pytest.fixture
def mia(inbox: Inbox) -> User:
    user = factories.user(username="mia", first_name="Mia")
    inbox.members.add(user)
    return user


@pytest.fixture
def tom(inbox: Inbox) -> User:
    user = factories.user(username="tom", first_name="Tom")
    inbox.members.add(user)
    return user


@pytest.fixture
def waiting(inbox: Inbox) -> Conversation:
    conversation = factories.conversation(inbox=inbox)
    factories.posted(conversation, "Where is my parcel?")
    services.ask_person(conversation_id=conversation.pk)
    conversation.refresh_from_db()
    return conversation


# --- Canned replies
async def test_a_slash_brings_canned_replies_filled_in_and_the_sent_one_is_counted(
    mia: User, waiting: Conversation
) -> None:
    said = CannedText("Parcel", "parcel", {"en": "{{agent}} looks for your parcel."})
    reply = await run(lambda: canned_services.save(said=said))
    elsewhere = CannedText("Elsewhere", "parcel-2", {"en": "Not here."}, inboxes=(await run(factories.inbox),))
    foreign = await run(lambda: canned_services.save(said=elsewhere))
    async with Desk(mia) as desk:
        found = await desk.ask("canned", conversation=str(waiting.public_id), query="par")
        assert [(one["id"], one["shortcut"], one["text"]) for one in found["replies"]] == [
            (reply.pk, "parcel", "Mia looks for your parcel.")
        ]
        for one in (reply, foreign):
            await desk.reply(waiting.public_id, "Mia looks for your parcel.", canned=one.pk, force=True)
    await run(reply.refresh_from_db)
    await run(foreign.refresh_from_db)
    assert (reply.uses, foreign.uses) == (1, 0)


# --- Who gets in -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("origin", [None, "http://evil.test", "null", "http://localhost.evil.test"])
async def test_another_sites_page_cannot_open_a_desk_with_this_browsers_session(mia: User, origin: str | None) -> None:
    assert not await Desk(mia, origin=origin).connect()


async def test_without_a_session_there_is_no_desk() -> None:
    assert not await Desk(None).connect()


async def test_an_account_without_a_role_has_no_desk() -> None:
    nobody = await run(lambda: User.objects.create_user(username="nobody", password="secret-words"))
    assert not await Desk(nobody).connect()


async def test_the_welcome_names_inboxes_colleagues_and_rights(mia: User, tom: User, inbox: Inbox) -> None:
    await run(factories.inbox)  # somebody else's
    async with Desk(mia) as desk:
        assert [one["id"] for one in desk.welcome["inboxes"]] == [inbox.pk]
        assert desk.welcome["me"]["name"] == "Mia"
        assert desk.welcome["may_reply"]
        assert {one["username"] for one in desk.welcome["people"]} == {"mia", "tom"}


async def test_an_analyst_looks_and_cannot_write(waiting: Conversation) -> None:
    analyst = await run(factories.user, role="analyst")
    async with Desk(analyst) as desk:
        assert not desk.welcome["may_reply"]
        assert (await desk.ask("open", conversation=str(waiting.public_id)))["type"] == "opened"
        refused = await desk.reply(waiting.public_id, "Hello")
        assert refused["code"] == "forbidden"
    assert not await run(Message.objects.filter(role="agent").exists)


async def test_signing_out_ends_the_desk_at_its_next_word(mia: User) -> None:
    async with Desk(mia) as desk:
        await run(Session.objects.all().delete)
        await desk.send(type="ping", last_seq=0)
        assert (await desk.until("error"))["code"] == "signed_out"
        assert await desk.closed_with() == 4003


async def test_a_closed_account_ends_the_desk_and_does_nothing_more(mia: User, waiting: Conversation) -> None:
    async with Desk(mia) as desk:
        await run(User.objects.filter(pk=mia.pk).update, is_active=False)
        refused = await desk.reply(waiting.public_id, "Hello")
        assert refused["code"] == "signed_out"
    assert not await run(Message.objects.filter(role="agent").exists)


# --- Lists -----------------------------------------------------------------------------------------------
async def test_a_customers_message_reaches_every_desk_of_the_inbox_and_no_other(
    mia: User, tom: User, waiting: Conversation
) -> None:
    stranger = await run(factories.user, username="stranger")
    async with Desk(mia) as one, Desk(tom) as two, Desk(stranger) as other:
        await run(factories.posted, waiting, "Hello? Anybody?")
        for desk in (one, two):
            row = (await desk.until("row"))["row"]
            assert row["conversation"] == str(waiting.public_id)
            assert row["preview"] == "Hello? Anybody?"
            assert "read_seq" not in row
        while not await other.socket.receive_nothing(timeout=0.3):
            assert (await other.receive())["type"] == "presence"


async def test_waiting_is_in_the_order_in_which_it_should_be_answered(mia: User, inbox: Inbox) -> None:
    def three() -> list[str]:
        made = []
        for text in ("first", "second", "third"):
            conversation = factories.conversation(inbox=inbox)
            factories.posted(conversation, text)
            services.ask_person(conversation_id=conversation.pk)
            made.append(conversation)
        handling.set_priority(conversation_id=made[2].pk, agent=mia, priority=2)
        return [str(made[place].public_id) for place in (2, 0, 1)]

    expected = await run(three)
    async with Desk(mia) as desk:
        listed = await desk.ask("list", view="waiting")
        assert [row["conversation"] for row in listed["rows"]] == expected
        counts = await desk.ask("counts")
        assert counts["views"]["waiting"] == 3
        assert counts["views"]["mine"] == 0


async def test_what_is_not_mine_does_not_exist(mia: User) -> None:
    foreign = await run(factories.conversation)
    async with Desk(mia) as desk:
        for kind, fields in (("open", {}), ("take", {}), ("contact", {}), ("tags", {"tags": ["x"]})):
            answer = await desk.ask(kind, conversation=str(foreign.public_id), **fields)
            assert answer["code"] == "not_found", kind


# --- Answering ---------------------------------------------------------------------------------------------
async def test_a_reply_is_kept_once_and_takes_the_conversation(mia: User, waiting: Conversation) -> None:
    async with Desk(mia) as desk:
        opened = await desk.ask("open", conversation=str(waiting.public_id))
        seen = opened["row"]["last_seq"]
        first = await desk.reply(waiting.public_id, "I look it up.", seen_seq=seen, client_id="desk-once-1")
        again = await desk.reply(waiting.public_id, "I look it up.", seen_seq=seen, client_id="desk-once-1")
        assert (first["type"], again["type"], first["seq"]) == ("done", "done", again["seq"])
        shown = await desk.until("message", role="agent")
        assert (shown["text"], shown["author"], shown["conversation"]) == (
            "I look it up.", "Mia", str(waiting.public_id)
        )  # fmt: skip
    await run(waiting.refresh_from_db)
    assert (waiting.state, waiting.assignee_id) == ("agent", mia.pk)


async def test_the_second_author_is_told_and_nothing_of_the_text_is_sent(
    mia: User, tom: User, waiting: Conversation
) -> None:
    async with Desk(mia) as one, Desk(tom) as two:
        seen = (await one.ask("open", conversation=str(waiting.public_id)))["row"]["last_seq"]
        await two.ask("open", conversation=str(waiting.public_id))
        assert (await one.reply(waiting.public_id, "First!", seen_seq=seen))["type"] == "done"
        refused = await two.reply(waiting.public_id, "Second.", seen_seq=seen)
        assert refused["code"] == "collision"
        assert "Mia" in refused["message"]
        assert (await two.reply(waiting.public_id, "Second.", seen_seq=seen, force=True))["type"] == "done"
    texts = await run(lambda: list(Message.objects.filter(role="agent").values_list("text", flat=True)))
    assert texts == ["First!", "Second."]


async def test_a_desk_that_missed_messages_gets_them_in_order(mia: User, waiting: Conversation) -> None:
    async with Desk(mia) as desk:
        opened = await desk.ask("open", conversation=str(waiting.public_id))
        seen = opened["row"]["last_seq"]
        for number in range(3):
            await run(factories.posted, waiting, f"message {number}")
        numbers = [(await desk.until("message"))["seq"] for _ in range(3)]
        assert numbers == [seen + 1, seen + 2, seen + 3]
        again = await desk.ask("open", conversation=str(waiting.public_id), last_seq=seen)
        assert [message["seq"] for message in again["messages"]] == numbers


async def test_notes_reach_desks_and_never_the_customer(mia: User, tom: User, waiting: Conversation) -> None:
    async with Desk(mia) as one, Desk(tom) as two:
        for desk in (one, two):
            await desk.ask("open", conversation=str(waiting.public_id))
        made = await one.ask(
            "note", conversation=str(waiting.public_id), client_id="note-00001", text="@tom please look, order 77"
        )
        assert made["type"] == "done"
        assert (await two.until("mentioned"))["by"] == "Mia"
        note = await two.until("note")
        assert note["mentions"] == ["tom"]
    assert await run(Mention.objects.filter(user=tom, seen_at=None).count) == 1
    assert not await run(Message.objects.filter(text__contains="order 77").exists)


async def test_reading_is_kept_per_person(mia: User, tom: User, waiting: Conversation) -> None:
    async with Desk(mia) as desk:
        await desk.send(type="seen", conversation=str(waiting.public_id), seq=10_000)
        listed = await desk.ask("list", view="waiting")
        assert listed["rows"][0]["read_seq"] == waiting.last_seq
    async with Desk(tom) as desk:
        assert (await desk.ask("list", view="waiting"))["rows"][0]["read_seq"] == 0
    assert await run(ReadMark.objects.count) == 1


async def test_search_finds_messages_and_contacts_of_ones_own_inboxes_alone(mia: User, inbox: Inbox) -> None:
    def two() -> None:
        mine = factories.conversation(contact=factories.contact(inbox=inbox, name="李小明", email="ming@a.test"))
        factories.posted(mine, "我的包裹在哪里？100% 急")
        factories.posted(factories.conversation(), "包裹 of somebody else")

    await run(two)
    async with Desk(mia) as desk:
        found = await desk.ask("search", query="包裹")
        assert len(found["rows"]) == 1
        assert "包裹" in next(iter(found["excerpts"].values()))
        assert [one["name"] for one in (await desk.ask("search", query="小明"))["contacts"]] == ["李小明"]
        assert len((await desk.ask("search", query="100% 急"))["rows"]) == 1
        assert (await desk.ask("search", query="%_%"))["rows"] == []
        assert (await desk.ask("search", query="  "))["rows"] == []


# --- Who is looking, who is there ------------------------------------------------------------------------
async def test_two_desks_see_each_other_and_who_is_typing(mia: User, tom: User, waiting: Conversation) -> None:
    name = str(waiting.public_id)
    async with Desk(mia) as one, Desk(tom) as two:
        await one.ask("open", conversation=name)
        await two.ask("open", conversation=name)
        assert [v["person"]["name"] for v in (await one.until("viewers"))["viewers"]] == ["Tom"]
        assert [v["person"]["name"] for v in (await two.until("viewers"))["viewers"]] == ["Mia"]
        await two.send(type="typing", conversation=name, on=True)
        assert (await one.until("viewers"))["viewers"][0]["typing"]
        await two.send(type="close")
        assert (await one.until("viewers"))["viewers"] == []


async def test_presence_comes_with_a_desk_and_goes_with_the_last_one(mia: User, tom: User) -> None:
    async with Desk(tom) as watcher:
        first = Desk(mia)
        async with first:
            assert (await watcher.until("presence", person=_person(mia, True)))["person"]["online"]
            async with Desk(mia):
                await watcher.until("presence", person=_person(mia, True))
            await watcher.until("presence", person=_person(mia, False))
            assert (await watcher.until("presence"))["person"]["online"]  # the other desk speaks up
        assert not (await watcher.until("presence", person=_person(mia, False)))["person"]["online"]


def _person(user: User, online: bool) -> dict[str, Any]:
    return {"id": user.pk, "name": user.shown_name, "username": user.username, "online": online}


async def test_being_away_is_said_and_kept(mia: User, tom: User) -> None:
    async with Desk(tom) as watcher, Desk(mia) as desk:
        await desk.ask("presence", availability="away")
        assert (await watcher.until("presence", person=_person(mia, False)))["person"]["online"] is False
    async with Desk(mia) as desk:
        assert desk.welcome["availability"] == "away"


# --- Drafts ------------------------------------------------------------------------------------------------
async def test_a_draft_waits_is_used_and_its_fate_is_kept(mia: User, waiting: Conversation) -> None:
    def ready() -> Suggestion:
        draft = Suggestion.objects.get(conversation=waiting)
        draft.state, draft.text = Suggestion.State.READY, "It is on its way."
        draft.save()
        return draft

    draft = await run(ready)
    async with Desk(mia) as desk:
        opened = await desk.ask("open", conversation=str(waiting.public_id))
        assert opened["suggestion"]["text"] == "It is on its way."
        await desk.send(type="suggestion.seen", conversation=str(waiting.public_id), suggestion=draft.pk, inserted=True)
        sent = await desk.reply(
            waiting.public_id, "It is on its way!", seen_seq=opened["row"]["last_seq"], suggestion=draft.pk
        )
        assert sent["type"] == "done"
    await run(draft.refresh_from_db)
    assert draft.outcome == Suggestion.Outcome.LIGHT
    assert draft.shown_at
    assert draft.inserted_at
    assert draft.edit_distance is not None and 0 < draft.edit_distance < 0.1


async def test_a_draft_is_withdrawn_by_a_newer_message_on_every_desk(mia: User, waiting: Conversation) -> None:
    async with Desk(mia) as desk:
        await desk.ask("open", conversation=str(waiting.public_id))
        await run(factories.posted, waiting, "Never mind, another question.")
        assert (await desk.until("suggestion"))["state"] == "withdrawn"
        assert (await desk.until("suggestion"))["state"] == "queued"


async def test_a_dismissed_draft_keeps_its_reason_and_cannot_be_dismissed_twice(
    mia: User, waiting: Conversation
) -> None:
    def ready() -> Suggestion:
        draft = Suggestion.objects.get(conversation=waiting)
        draft.state = Suggestion.State.READY
        draft.save()
        return draft

    draft = await run(ready)
    fields = {"conversation": str(waiting.public_id), "suggestion": draft.pk, "reason": "wrong"}
    async with Desk(mia) as desk:
        assert (await desk.ask("suggestion.dismiss", **fields))["type"] == "done"
        assert (await desk.ask("suggestion.dismiss", **fields))["code"] == "not_now"
    await run(draft.refresh_from_db)
    assert (draft.outcome, draft.dismiss_reason, draft.agent_id) == ("dismissed", "wrong", mia.pk)


# --- Hostile input -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "reply"}, "bad_event"),
        ({"type": "unheard.of", "ref": 1}, "bad_event"),
        ({"type": "ping", "last_seq": 0, "more": 1}, "bad_event"),
        ({"type": "open", "ref": 1, "conversation": "1 OR 1=1"}, "bad_event"),
        ({"type": "list", "ref": 1, "view": "everything"}, "bad_event"),
        ({"type": "search", "ref": 1, "query": "x" * 201}, "bad_event"),
        ({"type": "hello"}, "hello_twice"),
    ],
)
async def test_what_is_not_in_the_catalogue_is_refused_with_a_reason(
    mia: User, event: dict[str, Any], code: str
) -> None:
    async with Desk(mia) as desk:
        await desk.send(**event)
        assert (await desk.until("error"))["code"] == code
        await desk.send(type="ping", last_seq=0)
        await desk.until("pong")


async def test_a_page_key_that_makes_no_sense_begins_anew(mia: User, waiting: Conversation) -> None:
    async with Desk(mia) as desk:
        for after in ("x", "1|2|3", "9|2026-01-01|1", "|".join("9" * 19 for _ in range(3)), "\x00"):
            answer = await desk.ask("list", view="waiting", after=after)
            assert answer["type"] in ("rows", "error"), after
