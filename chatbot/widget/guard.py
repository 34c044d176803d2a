"""A customer's socket before meaning: whose page opens it, which language it speaks, how errors look."""

from typing import Any

from chatbot.conversations import events
from chatbot.conversations.live.sockets import Close as Close
from chatbot.conversations.live.sockets import GuardedSocket, retry_after
from chatbot.conversations.live.sockets import run as run
from chatbot.conversations.live.sockets import run_heartbeat as run_heartbeat
from chatbot.conversations.refusals import Refusal
from chatbot.widget import doors, languages, limits


class CustomerSocket(GuardedSocket):
    """One customer's socket, at the address of one inbox."""

    catalogue = events.CLIENT_EVENTS

    async def may_open(self) -> bool:
        self.inbox_key: str = self.scope["url_route"]["kwargs"]["key"]
        allowed: bool = await run(doors.socket_may_open, headers=self.scope["headers"], inbox_key=self.inbox_key)
        return allowed

    def language_of_headers(self) -> str | None:
        return languages.of_headers(self.scope["headers"])

    def count_connection(self) -> None:
        limits.connection(address=self.address)

    def refused(self, refusal: Refusal, event: Any, *, fatal: bool) -> events.Event:
        return events.ErrorOut(
            code=refusal.code,
            message=refusal.message,
            retry_after=retry_after(refusal),
            client_id=event.client_id if isinstance(event, events.MessageSend) else None,
            fatal=fatal,
        )
