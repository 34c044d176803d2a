"""The conversation's state machine: a pure table (state, event) -> next state and effects.

Decides, never acts: `services.py` carries the effects out. The promises it keeps: after a handoff the bot is
silent until an agent gives the conversation back, and one handoff makes one notice.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    BOT = "bot"
    WAITING = "waiting"
    AGENT = "agent"
    RESOLVED = "resolved"


class Event(StrEnum):
    CUSTOMER_WROTE = "customer_wrote"
    PERSON_ASKED = "person_asked"
    BOT_GAVE_UP = "bot_gave_up"
    BOT_WITHHELD = "bot_withheld"
    """Its answer goes to an agent as a draft, which is there already."""
    CUSTOMER_WENT_BACK = "customer_went_back"
    AGENT_TOOK = "agent_took"
    AGENT_WROTE = "agent_wrote"
    AGENT_GAVE_BACK = "agent_gave_back"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    RESOLVED = "resolved"


class Effect(StrEnum):
    QUEUE_REPLY = "queue_reply"
    """The bot owes an answer to this message."""
    CANCEL_REPLIES = "cancel_replies"
    """Answers under way are dropped: the bot has fallen silent."""
    QUEUE_SUGGESTION = "queue_suggestion"
    """A draft is made for the person who handles this."""
    NOTICE_HANDOFF = "notice_handoff"
    NOTICE_BOT_AGAIN = "notice_bot_again"
    NOTICE_AGENT_JOINED = "notice_agent_joined"
    NOTICE_RESOLVED = "notice_resolved"


@dataclass(frozen=True)
class Transition:
    to: State
    effects: tuple[Effect, ...] = ()


class Refused(Exception):
    """This event means nothing in this state."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"A conversation that is {state} does not take {event}.")


_S, _E, _F, _T = State, Event, Effect, Transition

TABLE: Final[dict[tuple[State, Event], Transition]] = {
    (_S.BOT, _E.CUSTOMER_WROTE): _T(_S.BOT, (_F.QUEUE_REPLY,)),
    (_S.BOT, _E.PERSON_ASKED): _T(_S.WAITING, (_F.CANCEL_REPLIES, _F.NOTICE_HANDOFF, _F.QUEUE_SUGGESTION)),
    (_S.BOT, _E.BOT_GAVE_UP): _T(_S.WAITING, (_F.CANCEL_REPLIES, _F.NOTICE_HANDOFF, _F.QUEUE_SUGGESTION)),
    (_S.BOT, _E.BOT_WITHHELD): _T(_S.WAITING, (_F.CANCEL_REPLIES, _F.NOTICE_HANDOFF)),
    (_S.BOT, _E.ASSIGNED): _T(_S.WAITING, (_F.CANCEL_REPLIES, _F.NOTICE_HANDOFF, _F.QUEUE_SUGGESTION)),
    (_S.BOT, _E.AGENT_TOOK): _T(_S.AGENT, (_F.CANCEL_REPLIES, _F.NOTICE_AGENT_JOINED, _F.QUEUE_SUGGESTION)),
    (_S.BOT, _E.AGENT_WROTE): _T(_S.AGENT, (_F.CANCEL_REPLIES, _F.NOTICE_AGENT_JOINED)),
    (_S.BOT, _E.RESOLVED): _T(_S.RESOLVED, (_F.CANCEL_REPLIES, _F.NOTICE_RESOLVED)),
    (_S.WAITING, _E.CUSTOMER_WROTE): _T(_S.WAITING, (_F.QUEUE_SUGGESTION,)),
    (_S.WAITING, _E.PERSON_ASKED): _T(_S.WAITING),
    (_S.WAITING, _E.BOT_GAVE_UP): _T(_S.WAITING),
    (_S.WAITING, _E.ASSIGNED): _T(_S.WAITING),
    (_S.WAITING, _E.UNASSIGNED): _T(_S.WAITING),
    (_S.WAITING, _E.CUSTOMER_WENT_BACK): _T(_S.BOT, (_F.NOTICE_BOT_AGAIN,)),
    (_S.WAITING, _E.AGENT_TOOK): _T(_S.AGENT, (_F.NOTICE_AGENT_JOINED,)),
    (_S.WAITING, _E.AGENT_WROTE): _T(_S.AGENT, (_F.NOTICE_AGENT_JOINED,)),
    (_S.WAITING, _E.AGENT_GAVE_BACK): _T(_S.BOT, (_F.NOTICE_BOT_AGAIN,)),
    (_S.WAITING, _E.RESOLVED): _T(_S.RESOLVED, (_F.NOTICE_RESOLVED,)),
    (_S.AGENT, _E.CUSTOMER_WROTE): _T(_S.AGENT, (_F.QUEUE_SUGGESTION,)),
    (_S.AGENT, _E.PERSON_ASKED): _T(_S.AGENT),
    (_S.AGENT, _E.AGENT_TOOK): _T(_S.AGENT),
    (_S.AGENT, _E.AGENT_WROTE): _T(_S.AGENT),
    (_S.AGENT, _E.ASSIGNED): _T(_S.AGENT),
    (_S.AGENT, _E.UNASSIGNED): _T(_S.WAITING, (_F.NOTICE_HANDOFF,)),
    (_S.AGENT, _E.AGENT_GAVE_BACK): _T(_S.BOT, (_F.NOTICE_BOT_AGAIN,)),
    (_S.AGENT, _E.RESOLVED): _T(_S.RESOLVED, (_F.NOTICE_RESOLVED,)),
    (_S.RESOLVED, _E.CUSTOMER_WROTE): _T(_S.BOT, (_F.QUEUE_REPLY,)),
    (_S.RESOLVED, _E.PERSON_ASKED): _T(_S.WAITING, (_F.NOTICE_HANDOFF, _F.QUEUE_SUGGESTION)),
    (_S.RESOLVED, _E.AGENT_TOOK): _T(_S.AGENT, (_F.NOTICE_AGENT_JOINED,)),
    (_S.RESOLVED, _E.AGENT_WROTE): _T(_S.AGENT, (_F.NOTICE_AGENT_JOINED,)),
    (_S.RESOLVED, _E.RESOLVED): _T(_S.RESOLVED),
}


def decide(state: State, event: Event) -> Transition:
    """The transition for an event. Raises Refused where the table has none."""
    try:
        return TABLE[state, event]
    except KeyError:
        raise Refused(state, event) from None
