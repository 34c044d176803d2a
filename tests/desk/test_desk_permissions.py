"""Who may ask the desk for what, on whose conversation: one table of every event, and everything else refused.

A new event must be put into the table. What is refused must have changed nothing in any table of the product, and what
is allowed and changes something must be seen to: otherwise this test could not tell the two apart.
"""

import typing
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest
from channels.db import database_sync_to_async
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from chatbot.accounts.models import Team, User
from chatbot.conversations import desk_requests as requests
from chatbot.conversations import handling, services
from chatbot.conversations.models import CannedReply, Conversation, Message, Suggestion
from chatbot.conversations.refusals import Refusal
from chatbot.desk import actions, consumers
from tests import factories
from tests.desk.socket_client import Desk

PEOPLE: Final = ("anonymous", "no role", "mia", "olga", "analyst", "admin")
"""mia is an agent of the first inbox, olga of the second."""
PLACES: Final = ("first", "second", "nowhere")
LOOKS: Final = "conversations.view"
WRITES: Final = "conversations.reply"
SEES: Final = {
    "mia": {"first"},
    "olga": {"second"},
    "analyst": {"first", "second"},
    "admin": {"first", "second"},
}
MAY: Final = {LOOKS: {"mia", "olga", "analyst", "admin"}, WRITES: {"mia", "olga", "admin"}}


@dataclass(frozen=True)
class Ground:
    people: dict[str, Any]
    conversations: dict[str, Conversation]

    def name(self, place: str) -> str:
        return str(self.conversations[place].public_id) if place in self.conversations else str(uuid.uuid4())

    def draft(self, place: str) -> int:
        found = Suggestion.objects.filter(conversation=self.conversations.get(place)).order_by("-pk").first()
        return found.pk if found else 1


Fields = Callable[[Ground, str], dict[str, Any]]


@dataclass(frozen=True)
class Rule:
    permission: str
    fields: Fields = lambda _ground, _place: {}
    of_conversation: bool = True
    changes: bool = False
    before: Callable[[int, User], None] = lambda _conversation_id, _agent: None
    """What must have happened for the event to make sense."""


def _taken(conversation_id: int, agent: User) -> None:
    handling.take(conversation_id=conversation_id, agent=agent)


def _resolved(conversation_id: int, agent: User) -> None:
    handling.resolve(conversation_id=conversation_id, agent=agent)


def _fixed(**fields: Any) -> Fields:
    return lambda _ground, _place: fields


def _of_draft(**fields: Any) -> Fields:
    return lambda ground, place: {"suggestion": ground.draft(place), **fields}


def _tomorrow(_ground: Ground, _place: str) -> dict[str, Any]:
    return {"until": (timezone.now() + timedelta(days=1)).isoformat()}


RULES: Final[dict[type[Any], Rule]] = {
    requests.ListGet: Rule(LOOKS, _fixed(view="all"), of_conversation=False),
    requests.SearchGet: Rule(LOOKS, _fixed(query="parcel"), of_conversation=False),
    requests.CountsGet: Rule(LOOKS, of_conversation=False),
    requests.MentionsSeen: Rule(LOOKS, of_conversation=False),
    requests.ContactGet: Rule(LOOKS),
    requests.Seen: Rule(LOOKS, _fixed(seq=1), changes=True),
    requests.CannedGet: Rule(WRITES),
    requests.Reply: Rule(WRITES, _fixed(client_id="matrix-0001", text="Hello", seen_seq=99), changes=True),
    requests.NoteAdd: Rule(WRITES, _fixed(client_id="matrix-0002", text="@mia look"), changes=True),
    requests.Take: Rule(WRITES, changes=True),
    requests.Assign: Rule(WRITES, lambda ground, _: {"agent": ground.people["admin"].pk}, changes=True),
    requests.TagsSet: Rule(WRITES, _fixed(tags=["urgent"]), changes=True),
    requests.PrioritySet: Rule(WRITES, _fixed(priority=2), changes=True),
    requests.Snooze: Rule(WRITES, _tomorrow, changes=True),
    requests.Resolve: Rule(WRITES, changes=True),
    requests.Reopen: Rule(WRITES, changes=True, before=_resolved),
    requests.GiveBack: Rule(WRITES, changes=True, before=_taken),
    requests.PresenceSet: Rule(WRITES, _fixed(availability="away"), of_conversation=False, changes=True),
    requests.SuggestionSeen: Rule(WRITES, _of_draft(inserted=True), changes=True),
    requests.SuggestionDismiss: Rule(WRITES, _of_draft(reason="wrong"), changes=True),
    requests.SuggestionMake: Rule(WRITES, _fixed(hint="shorter"), changes=True),
    requests.Compose: Rule(WRITES, _fixed(text="Helo", style="friendlier")),
}
OF_THE_SOCKET: Final = {requests.Hello, requests.Open, requests.Close, requests.Typing, requests.Ping}
"""Not carried out by `actions`; tested over sockets below."""


def test_every_event_of_the_catalogue_is_in_the_table() -> None:
    events = set(typing.get_args(typing.get_args(requests.DeskEvent)[0]))
    assert set(RULES) | OF_THE_SOCKET == events
    assert set(RULES) == set(actions.TABLE)


def test_every_event_that_names_a_conversation_is_tried_on_foreign_ones() -> None:
    named = {event for event in RULES if "conversation" in event.model_fields}
    assert named == {event for event, rule in RULES.items() if rule.of_conversation}


def _conversation(inbox: Any) -> Conversation:
    made = factories.conversation(inbox=inbox)
    factories.posted(made, "Where is my parcel?")
    services.ask_person(conversation_id=made.pk)
    Suggestion.objects.filter(conversation=made).update(state=Suggestion.State.READY, text="It is on its way.")
    made.refresh_from_db()
    return made


def _ground() -> Ground:
    inboxes = {"first": factories.inbox(), "second": factories.inbox()}
    mia, olga = factories.user(username="mia", first_name="Mia"), factories.user(username="olga")
    inboxes["first"].members.add(mia)
    inboxes["second"].members.add(olga)
    people = {
        "anonymous": AnonymousUser(),
        "no role": User.objects.create_user(username="nobody"),
        "mia": mia,
        "olga": olga,
        "analyst": factories.user(role="analyst"),
        "admin": factories.user(role="admin"),
    }
    return Ground(people, {place: _conversation(inbox) for place, inbox in inboxes.items()})


@pytest.fixture
def ground(db: None) -> Ground:
    return _ground()


def _everything() -> list[Any]:
    """Every row of the product, with every column."""
    models = [model for name in ("conversations", "accounts") for model in apps.get_app_config(name).get_models(True)]
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def _expected(person: str, place: str, rule: Rule) -> str:
    if person not in MAY[rule.permission]:
        return "forbidden"
    return "allowed" if not rule.of_conversation or place in SEES[person] else "not_found"


def _outcome(user: Any, event: Any) -> str:
    try:
        actions.carry_out(user, event)
    except Conversation.DoesNotExist:
        return "not_found"
    except Refusal as refusal:
        return refusal.code if refusal.code in ("forbidden", "not_found") else "allowed"
    return "allowed"


@pytest.mark.parametrize("kind", list(RULES), ids=lambda kind: kind.__name__)
def test_only_those_in_the_table_get_through_and_a_refusal_changes_nothing(kind: type[Any], ground: Ground) -> None:
    rule = RULES[kind]
    for place, conversation in ground.conversations.items():
        rule.before(conversation.pk, ground.people["mia" if place == "first" else "olga"])
    for place in PLACES if rule.of_conversation else PLACES[:1]:
        event, before = _event(kind, ground, place), _everything()
        for person in PEOPLE:
            savepoint = transaction.savepoint()
            outcome = _outcome(ground.people[person], event)
            after = _everything()
            transaction.savepoint_rollback(savepoint)
            assert outcome == _expected(person, place, rule), (person, place)
            assert (after != before) == (rule.changes and outcome == "allowed"), (person, place)


def _event(kind: type[Any], ground: Ground, place: str) -> Any:
    fields = {"type": typing.get_args(kind.model_fields["type"].annotation)[0], **RULES[kind].fields(ground, place)}
    fields |= {"ref": 1} if "ref" in kind.model_fields else {}
    fields |= {"conversation": ground.name(place)} if RULES[kind].of_conversation else {}
    return requests.DESK_EVENTS.validate_python(fields)


# --- What stands in an event beside the conversation --------------------------------------------------------
def _ask(user: User, kind: str, **fields: Any) -> Any:
    return actions.carry_out(user, requests.DESK_EVENTS.validate_python({"type": kind, **fields}))


def test_lists_search_and_counts_hold_what_one_may_see_and_nothing_else(ground: Ground) -> None:
    mia, second = ground.people["mia"], ground.conversations["second"]
    mine = {ground.conversations["first"].public_id}
    for fields in ({}, {"inbox": second.inbox_id}):
        for view in typing.get_args(requests.View):
            listed = _ask(mia, "list", ref=1, view=view, **fields)
            assert {row.conversation for row in listed.rows} <= (set() if fields else mine), view
    found = _ask(mia, "search", ref=1, query="parcel")
    assert {row.conversation for row in found.rows} == mine
    assert _ask(mia, "counts", ref=1).views["waiting"] == 1
    assert _ask(ground.people["admin"], "counts", ref=1).views["waiting"] == 2


def test_a_mention_in_an_inbox_one_has_left_is_not_counted(ground: Ground) -> None:
    mia, first = ground.people["mia"], ground.conversations["first"]
    handling.note(conversation_id=first.pk, agent=ground.people["admin"], client_id="note-0001", text="@mia look")
    assert _ask(mia, "counts", ref=1).unread_mentions == 1
    first.inbox.members.remove(mia)
    assert _ask(mia, "counts", ref=1).unread_mentions == 0
    assert _ask(mia, "list", ref=1, view="mentions").rows == ()


def test_a_draft_of_another_conversation_is_out_of_reach_through_ones_own(ground: Ground) -> None:
    mia, own, theirs = ground.people["mia"], ground.name("first"), ground.draft("second")
    before = Suggestion.objects.filter(pk=theirs).values().get()
    _ask(mia, "suggestion.seen", conversation=own, suggestion=theirs, inserted=True)
    with pytest.raises(Refusal):
        _ask(mia, "suggestion.dismiss", ref=1, conversation=own, suggestion=theirs, reason="wrong")
    _ask(
        mia, "reply", ref=1, conversation=own, client_id="reply-0001", text="On its way.", seen_seq=99, suggestion=theirs
    )  # fmt: skip
    assert Suggestion.objects.filter(pk=theirs).values().get() == before


@pytest.mark.parametrize(
    ("where", "active", "counted"),
    [("everywhere", True, True), ("first", True, True), ("second", True, False), ("first", False, False)],
)
def test_a_reply_counts_as_canned_only_where_the_canned_reply_may_be_used(
    where: str, active: bool, counted: bool, ground: Ground
) -> None:
    canned = CannedReply.objects.create(title="Hours", shortcut="hours", texts={"en": "From 9."}, active=active)
    if where != "everywhere":
        canned.inboxes.add(ground.conversations[where].inbox)
    fields = {"client_id": "reply-0001", "text": "From 9.", "seen_seq": 99, "canned": canned.pk}
    _ask(ground.people["mia"], "reply", ref=1, conversation=ground.name("first"), **fields)
    sent = Message.objects.get(role="agent")
    assert sent.text == "From 9."
    assert (sent.canned_reply_id == canned.pk) is counted


def test_nothing_is_given_to_who_cannot_see_it(ground: Ground) -> None:
    mia, own = ground.people["mia"], ground.name("first")
    closed = factories.user(role="admin", is_active=False)
    nobodies = [ground.people[name].pk for name in ("olga", "analyst", "no role")]
    for agent in (*nobodies, closed.pk, 10**9):
        with pytest.raises(Refusal) as refused:
            _ask(mia, "assign", ref=1, conversation=own, agent=agent)
        assert refused.value.code == "not_a_member"
    with pytest.raises(Refusal) as refused:
        _ask(mia, "assign", ref=1, conversation=own, team=10**9)
    assert refused.value.code == "not_a_member"
    assert Conversation.objects.get(public_id=own).assignee is None


def test_a_team_without_anybody_of_the_inbox_takes_no_rights_along(ground: Ground) -> None:
    team = Team.objects.create(name="Elsewhere")
    team.members.add(ground.people["olga"])
    _ask(ground.people["mia"], "assign", ref=1, conversation=ground.name("first"), team=team.pk)
    assert _ask(ground.people["olga"], "list", ref=1, view="team").rows == ()


# --- Over real sockets -----------------------------------------------------------------------------------------
async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.mark.django_db(transaction=True)
async def test_the_socket_answers_as_the_table_does() -> None:
    ground = await run(_ground)
    for person, place, kind, expected in (
        ("mia", "first", "take", "done"),
        ("mia", "second", "take", "not_found"),
        ("mia", "second", "open", "not_found"),
        ("olga", "first", "resolve", "not_found"),
        ("analyst", "first", "open", "opened"),
        ("analyst", "first", "resolve", "forbidden"),
        ("analyst", "nowhere", "open", "not_found"),
        ("admin", "second", "resolve", "done"),
    ):
        async with Desk(ground.people[person]) as desk:
            answer = await desk.ask(kind, conversation=ground.name(place))
            assert answer.get("code", answer["type"]) == expected, (person, place, kind)


@pytest.mark.django_db(transaction=True)
async def test_before_hello_nothing_is_carried_out() -> None:
    ground = await run(_ground)
    desk = Desk(ground.people["mia"], hello=False)
    async with desk:
        for kind, fields in (("take", {}), ("open", {}), ("reply", {"client_id": "x" * 9, "text": "a", "seen_seq": 9})):
            await desk.send(type=kind, ref=1, conversation=ground.name("first"), **fields)
            assert (await desk.until("error"))["code"] == "hello_first"
    assert not await run(Message.objects.filter(role="agent").exists)


@pytest.mark.django_db(transaction=True)
async def test_nobody_hears_an_analyst_or_a_stranger_type() -> None:
    ground = await run(_ground)
    async with Desk(ground.people["mia"]) as mia:
        await mia.ask("open", conversation=ground.name("first"))
        for person in ("analyst", "olga"):
            async with Desk(ground.people[person]) as other:
                await other.ask("open", conversation=ground.name("first"))
                await other.send(type="typing", conversation=ground.name("first"), on=True)
                await other.ask("counts")
        await mia.ask("counts")
        heard = [one for event in mia.waiting if event["type"] == "viewers" for one in event["viewers"]]
        assert not [one for one in heard if one["typing"]]
        assert ground.people["olga"].pk not in {one["person"]["id"] for one in heard}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asks", [True, False], ids=["at its next word", "without a word of its own"])
async def test_who_is_taken_off_an_inbox_hears_no_more_of_its_open_conversation(
    asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RENEW_SECONDS", 1e9 if asks else -1.0)
    ground = await run(_ground)
    mia, first = ground.people["mia"], ground.conversations["first"]
    async with Desk(mia) as desk:
        await desk.ask("open", conversation=ground.name("first"))
        await run(mia.inboxes.clear)
        if asks:
            assert (await desk.ask("take", conversation=ground.name("first")))["code"] == "not_found"
        await run(factories.posted, first, "My card number is secret")
        await run(handling.note, conversation_id=first.pk, agent=mia, client_id="note-0001", text="Not for mia")
        desk.waiting.append(await desk.ask("counts"))
        assert await desk.socket.receive_nothing(timeout=0.3)
        heard = [event["type"] for event in desk.waiting]
        assert "counts" in heard
        assert not {"row", "message", "suggestion", "note", "activity"} & set(heard)
