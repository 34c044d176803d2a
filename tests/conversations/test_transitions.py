"""The state machine's promises, over every row of its table and random walks through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations.models import Conversation
from chatbot.conversations.transitions import TABLE, Effect, Event, Refused, State, decide

walks = st.lists(st.sampled_from(list(Event)), max_size=60)


def walk(events: list[Event]) -> list[tuple[State, Event, State, tuple[Effect, ...]]]:
    state, steps = State.BOT, []
    for event in events:
        try:
            transition = decide(state, event)
        except Refused:
            continue
        steps.append((state, event, transition.to, transition.effects))
        state = transition.to
    return steps


def test_the_table_and_the_model_name_the_same_states() -> None:
    assert {state.value for state in State} == set(Conversation.State.values)


@pytest.mark.parametrize("state", list(State))
def test_a_customer_may_always_write_and_always_ask_for_a_person(state: State) -> None:
    assert decide(state, Event.CUSTOMER_WROTE)
    assert decide(state, Event.PERSON_ASKED)


def test_an_event_without_a_row_is_refused() -> None:
    with pytest.raises(Refused, match="bot does not take agent_gave_back"):
        decide(State.BOT, Event.AGENT_GAVE_BACK)


@given(walks)
def test_the_bot_is_silent_from_handoff_until_the_conversation_is_given_back(events: list[Event]) -> None:
    silent = False
    for _before, event, after, effects in walk(events):
        if silent and event not in (Event.AGENT_GAVE_BACK, Event.CUSTOMER_WENT_BACK, Event.RESOLVED):
            assert Effect.QUEUE_REPLY not in effects
            assert after is not State.BOT
        silent = after in (State.WAITING, State.AGENT)


@given(walks)
def test_one_handoff_makes_one_notice(events: list[Event]) -> None:
    for before, _event, after, effects in walk(events):
        entered = after is State.WAITING and before is not State.WAITING
        assert effects.count(Effect.NOTICE_HANDOFF) == int(entered)


@given(walks)
def test_whoever_takes_over_from_the_bot_cancels_its_running_answers(events: list[Event]) -> None:
    for before, _event, after, effects in walk(events):
        if before is State.BOT and after is not State.BOT:
            assert Effect.CANCEL_REPLIES in effects


def test_every_row_leads_to_a_state_that_has_rows() -> None:
    sources = {state for state, _event in TABLE}
    assert {transition.to for transition in TABLE.values()} <= sources
