"""Who else has a conversation open, and who is typing in it: told from desk to desk, kept by nobody.

Each desk says that it is there when it opens a conversation and with each heartbeat, and answers when a newcomer asks.
What a desk was told is forgotten after a while, so a desk that died leaves no ghost. Pure: time is given.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from chatbot.conversations import desk_events
from chatbot.conversations.desk_events import PersonOut, ViewerOut, Viewers

HERE_SECONDS: Final = 65.0
TYPING_SECONDS: Final = 7.0
TYPING_AGAIN_SECONDS: Final = 2.0
"""So often at most a desk says that somebody still types."""


def word(
    conversation_id: int, person: PersonOut, *, typing: bool, here: bool = True, ask: bool = False
) -> dict[str, Any]:
    """What one desk tells the others through the channel layer; handled in `desk_viewer`."""
    return {
        "type": "desk.viewer",
        "conversation": conversation_id,
        "person": person.model_dump(mode="json"),
        "typing": typing,
        "here": here,
        "ask": ask,
    }


@dataclass
class _Seen:
    person: PersonOut
    until: float
    typing_until: float


@dataclass
class Others:
    """The colleagues at the open conversation, as one desk knows them."""

    me: int
    _seen: dict[int, _Seen] = field(default_factory=dict)

    def heard(self, said: dict[str, Any], *, now: float) -> bool:
        """Take in what another desk said. True when what is to be shown has changed."""
        person = PersonOut.model_validate(said["person"])
        if person.id == self.me:
            return False
        before = self.shown(now=now)
        if said["here"]:
            self._seen[person.id] = _Seen(person, now + HERE_SECONDS, now + TYPING_SECONDS if said["typing"] else 0.0)
        else:
            self._seen.pop(person.id, None)
        return self.shown(now=now) != before

    def shown(self, *, now: float) -> tuple[ViewerOut, ...]:
        here = sorted((one for one in self._seen.values() if one.until > now), key=lambda one: one.person.name)
        return tuple(ViewerOut(person=one.person, typing=one.typing_until > now) for one in here)

    def event(self, conversation: UUID, *, now: float) -> Viewers:
        return desk_events.Viewers(conversation=conversation, viewers=self.shown(now=now))
