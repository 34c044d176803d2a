"""The round: whose turn it is, never over the cap, and nothing is left with an agent who has gone."""

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chatbot.accounts.models import Team, User
from chatbot.conversations import desk_events, handling, services
from chatbot.conversations.handoffs import routing
from chatbot.conversations.handoffs.routing import Candidate, choose
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Activity, Conversation, Inbox, Message
from tests import factories

pytestmark = pytest.mark.django_db

NOW = timezone.now()


# --- Choosing -------------------------------------------------------------------------------------------------------
def test_whose_turn_is_longest_ago_is_next_and_who_never_had_one_before_all() -> None:
    old, new, never = (
        Candidate(1, 0, NOW - timedelta(hours=2)),
        Candidate(2, 0, NOW - timedelta(hours=1)),
        Candidate(3, 5, None),
    )
    assert choose([new, old, never], cap=8) == never
    assert choose([new, old], cap=8) == old
    assert choose([new, old], cap=8, but={1}) == new
    assert choose([], cap=8) is None


candidates = st.lists(
    st.builds(
        Candidate,
        agent_id=st.integers(1, 9),
        open=st.integers(0, 5),
        last_routed_at=st.none() | st.integers(0, 1000).map(lambda n: NOW - timedelta(minutes=n)),
    )
)


@given(candidates, st.integers(0, 5), st.sets(st.integers(1, 9)))
def test_nobody_at_the_cap_or_excluded_is_ever_chosen(them: list[Candidate], cap: int, but: set[int]) -> None:
    chosen = choose(them, cap=cap, but=but)
    free = [one for one in them if one.open < cap and one.agent_id not in but]
    assert (chosen is None) == (not free)
    if chosen is not None:
        assert chosen in free


# --- The round --------------------------------------------------------------------------------------------------------
def shop(*, cap: int = 2, agents: int = 2) -> tuple[Inbox, Team, list[User]]:
    team = Team.objects.create(name=f"Team {Team.objects.count()}", round_robin=True, cap=cap)
    inbox = factories.inbox(team=team)
    them = [factories.agent_there(inbox) for _ in range(agents)]
    team.members.set(them)
    return inbox, team, them


def handed_over(inbox: Inbox, **kwargs: Any) -> Conversation:
    conversation = factories.conversation(inbox=inbox, **kwargs)
    services.ask_person(conversation_id=conversation.pk)
    conversation.refresh_from_db()
    return conversation


def assignees(*conversations: Conversation) -> list[User | None]:
    for conversation in conversations:
        conversation.refresh_from_db()
    return [conversation.assignee for conversation in conversations]


def test_conversations_go_round_up_to_the_cap_and_then_wait() -> None:
    inbox, team, (mia, tom) = shop()
    given_out = [handed_over(inbox) for _ in range(5)]
    assert routing.route_team(team.pk) == 4
    assert assignees(*given_out) == [mia, tom, mia, tom, None]
    assert {c.state for c in given_out} == {"waiting"}, "until the agent takes it or writes"
    detail = Activity.objects.filter(kind="assigned").first()
    assert detail is not None
    assert detail.detail == {"to": mia.shown_name, "team": team.name, "rule": "round_robin"}


def test_a_handoff_is_routed_after_its_commit_and_the_agent_is_told(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        publishing, "publish_desk", lambda _group, event: told.append(getattr(event, "kind", event.type))
    )
    inbox, _team, (mia, _tom) = shop()
    with django_capture_on_commit_callbacks(execute=True):
        conversation = handed_over(inbox)
    assert assignees(conversation) == [mia]
    assert told.count("assigned") == 2, "the activity and the alert"


def test_a_handoff_that_nobody_was_given_alerts_those_who_may_take_it_and_nobody_else(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        publishing,
        "publish_desk",
        lambda group, event: told.append(group) if isinstance(event, desk_events.Alert) else None,
    )
    conversation = factories.conversation()
    here, _away = (factories.agent_there(conversation.inbox, availability=said) for said in ("online", "away"))
    factories.agent_there(factories.inbox())
    with django_capture_on_commit_callbacks(execute=True):
        services.ask_person(conversation_id=conversation.pk)
    assert told == [desk_events.person_group(here.pk)]


def test_only_agents_who_are_there_and_may_see_the_inbox_are_given_anything() -> None:
    inbox, team, (mia, tom) = shop()
    User.objects.filter(pk=mia.pk).update(availability="away")
    inbox.members.remove(tom)
    conversation = handed_over(inbox)
    assert routing.route_team(team.pk) == 0
    assert assignees(conversation) == [None]
    inbox.members.add(tom)
    routing.route_team(team.pk)
    assert assignees(conversation) == [tom]


def test_what_one_agent_may_not_see_does_not_hold_up_what_comes_after() -> None:
    inbox, team, (mia, _tom) = shop(agents=2, cap=9)
    foreign = factories.inbox(team=team)
    stuck, fine = handed_over(foreign), handed_over(inbox)
    routing.route_team(team.pk)
    assert assignees(stuck, fine) == [None, mia]


def test_a_team_without_a_round_keeps_its_queue() -> None:
    inbox, team, _agents = shop()
    Team.objects.update(round_robin=False)
    conversation = handed_over(inbox)
    assert routing.route_team(team.pk) == 0
    assert assignees(conversation) == [None]


def test_the_urgent_is_given_out_before_the_older() -> None:
    inbox, team, (mia,) = shop(agents=1, cap=1)
    old, urgent = handed_over(inbox), handed_over(inbox, priority=2)
    routing.route_team(team.pk)
    assert assignees(old, urgent) == [None, mia]


@pytest.mark.parametrize("ends", ["resolve", "give_back", "reassign"])
def test_who_finishes_or_gives_back_gets_the_next(ends: str, django_capture_on_commit_callbacks: Any) -> None:
    inbox, team, (mia,) = shop(agents=1, cap=1)
    first, second = handed_over(inbox), handed_over(inbox)
    routing.route_team(team.pk)
    handling.take(conversation_id=first.pk, agent=mia)
    boss = factories.user(role="admin")
    with django_capture_on_commit_callbacks(execute=True):
        match ends:
            case "resolve":
                handling.resolve(conversation_id=first.pk, agent=mia)
            case "give_back":
                handling.give_back(conversation_id=first.pk, agent=mia)
            case _:
                handling.assign(conversation_id=first.pk, by=boss, agent=boss, team=None)
    assert assignees(second) == [mia]


def test_who_comes_online_gets_what_waits() -> None:
    inbox, team, (mia,) = shop(agents=1)
    User.objects.update(last_seen_at=None)
    conversation = handed_over(inbox)
    routing.route_team(team.pk)
    assert assignees(conversation) == [None]
    User.objects.update(last_seen_at=timezone.now())
    routing.agent_is_free(mia.pk)
    assert assignees(conversation) == [mia]


def test_snoozed_conversations_do_not_count_against_the_cap() -> None:
    inbox, team, (mia,) = shop(agents=1, cap=1)
    later = timezone.now() + timedelta(hours=2)
    factories.conversation(inbox=inbox, state="agent", assignee=mia, snoozed_until=later)
    conversation = handed_over(inbox)
    routing.route_team(team.pk)
    assert assignees(conversation) == [mia]


@pytest.mark.django_db(transaction=True)
def test_many_handoffs_at_once_never_put_an_agent_over_the_cap() -> None:
    inbox, _team, (mia, tom) = shop(cap=3)
    other = Team.objects.create(name="Second team of Mia", round_robin=True, cap=3)
    other.members.add(mia)
    elsewhere = factories.inbox(team=other)
    elsewhere.members.add(mia)
    asked = [factories.conversation(inbox=inbox if number % 2 else elsewhere) for number in range(10)]
    barrier, failures = threading.Barrier(len(asked)), []

    def ask(conversation_id: int) -> None:
        barrier.wait()
        try:
            services.ask_person(conversation_id=conversation_id)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(conversation.pk,)) for conversation in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    routing.sweep()
    open_of = {agent: Conversation.objects.filter(assignee=agent).count() for agent in (mia, tom)}
    assert open_of == {mia: 3, tom: 3}
    assert Activity.objects.filter(kind="assigned").count() == 6, "nothing was given out twice"


@pytest.mark.django_db(transaction=True)
def test_two_rounds_that_share_an_agent_do_not_fill_one_place_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is stopped after it has counted until the other has too, which the lock must not let happen."""
    inbox, team, (mia,) = shop(agents=1, cap=1)
    other = Team.objects.create(name="Second team of Mia", round_robin=True, cap=1)
    other.members.add(mia)
    elsewhere = factories.inbox(team=other)
    elsewhere.members.add(mia)
    User.objects.update(last_seen_at=None)
    handed_over(inbox)
    handed_over(elsewhere)
    User.objects.update(last_seen_at=timezone.now())
    both, counted = threading.Barrier(2), routing._had_it

    def meet(conversation: Conversation) -> set[int]:
        with suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.5)
        return counted(conversation)

    monkeypatch.setattr(routing, "_had_it", meet)

    def route(team_id: int) -> None:
        routing.route_team(team_id)
        connection.close()

    threads = [threading.Thread(target=route, args=(one.pk,)) for one in (team, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Conversation.objects.filter(assignee=mia).count() == 1


# --- Taking back --------------------------------------------------------------------------------------------------------
def gone(agent: User, minutes: int = 6) -> None:
    User.objects.filter(pk=agent.pk).update(last_seen_at=timezone.now() - timedelta(minutes=minutes))


def unanswered(conversation: Conversation, minutes: int = 6) -> None:
    before = timezone.now() - timedelta(minutes=minutes)
    Conversation.objects.filter(pk=conversation.pk).update(unanswered_since=before)
    Activity.objects.filter(conversation=conversation).update(created_at=before)


def test_what_an_agent_who_left_did_not_answer_goes_to_the_next_and_never_back() -> None:
    inbox, team, (mia, tom) = shop()
    conversation = handed_over(inbox)
    routing.route_team(team.pk)
    assert assignees(conversation) == [mia]
    unanswered(conversation)
    gone(mia)
    assert routing.sweep() == 1
    assert assignees(conversation) == [tom]
    taken = Activity.objects.get(kind="unassigned")
    assert (taken.detail["rule"], taken.detail["agent"]) == ("went_away", mia.shown_name)
    assert Message.objects.filter(role="notice").count() == 1, "the customer waits as before"
    User.objects.filter(pk=mia.pk).update(last_seen_at=timezone.now())
    handling.assign(conversation_id=conversation.pk, by=tom, agent=None, team=team)
    gone(tom)
    routing.sweep()
    assert assignees(conversation) == [None], "Mia had it before"


def test_a_conversation_that_was_taken_comes_back_to_the_queue_with_one_notice() -> None:
    inbox, _team, (mia, tom) = shop()
    conversation = handed_over(inbox)
    handling.take(conversation_id=conversation.pk, agent=mia)
    factories.posted(conversation, "Are you there?")
    unanswered(conversation)
    gone(mia)
    routing.sweep()
    assert assignees(conversation) == [tom]
    assert (conversation.state, conversation.handoff_reason) == ("waiting", "agent_away")
    assert Message.objects.filter(role="notice", kind="handoff").count() == 2


@pytest.mark.parametrize("case", ["still_there", "answered", "just_left", "just_given", "nobody_else"])
def test_it_stays_where_it_is(case: str) -> None:
    inbox, team, (mia, tom) = shop()
    conversation = handed_over(inbox)
    routing.route_team(team.pk)
    unanswered(conversation)
    gone(mia)
    match case:
        case "still_there":
            gone(mia, minutes=0)
        case "answered":
            Conversation.objects.update(unanswered_since=None)
        case "just_left":
            gone(mia, minutes=2)
        case "just_given":
            Activity.objects.filter(kind="assigned").update(created_at=timezone.now())
        case "nobody_else":
            gone(tom)
    assert routing.take_back_unanswered() == 0
    assert assignees(conversation) == [mia]


def test_an_agent_who_chose_to_be_away_loses_what_waits_too() -> None:
    inbox, team, (mia, tom) = shop()
    conversation = handed_over(inbox)
    routing.route_team(team.pk)
    unanswered(conversation)
    User.objects.filter(pk=mia.pk).update(availability="away")
    routing.sweep()
    assert assignees(conversation) == [tom]
