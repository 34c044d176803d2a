"""Texts that a socket waits for from a worker. One person's other desks count their requests alike, so keys tell them.

Knows no text and no rights; an answer that never comes becomes a sentence after WAIT_SECONDS.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from django.utils.translation import gettext as _

from chatbot.conversations import desk_events
from chatbot.conversations.drafts.composing import WAIT_SECONDS
from chatbot.conversations.refusals import Refusal

MOST: Final = 3
"""At once, for one socket."""

Deliver = Callable[[desk_events.Composed | desk_events.ErrorOut], Awaitable[None]]


class Compositions:
    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._waiting: dict[str, tuple[int, asyncio.TimerHandle]] = {}
        self._late: set[asyncio.Task[None]] = set()

    def refuse_too_many(self) -> None:
        if len(self._waiting) >= MOST:
            raise Refusal("not_now", _("Wait for the text that is being changed."))

    def expect(self, key: str, ref: int) -> None:
        timer = asyncio.get_running_loop().call_later(WAIT_SECONDS, self._give_up, key)
        self._waiting[key] = (ref, timer)

    async def arrived(self, composition: desk_events.Composition) -> None:
        """A worker's answer to one of this person's desks, perhaps to this one."""
        if composition.key not in self._waiting:
            return
        ref, timer = self._waiting.pop(composition.key)
        timer.cancel()
        if composition.code:
            await self._deliver(desk_events.ErrorOut(code=composition.code, message=composition.message, ref=ref))
        else:
            await self._deliver(desk_events.Composed(ref=ref, text=composition.text))

    def close(self) -> None:
        for _ref, timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _give_up(self, key: str) -> None:
        message = _("Help with texts did not answer. Please try again.")
        late = desk_events.Composition(key=key, code="late", message=message)
        task = asyncio.get_running_loop().create_task(self.arrived(late))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
