"""A socket before meaning: who may open it, limits, size, JSON, catalogue, silence. Abuse ends it, mistakes do not.

Subclasses get parsed events in `handle`; what they raise becomes one error event, never a stack trace and never the
end of the socket. See docs/events.md for the close codes.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from typing import Any, Final, ParamSpec, TypeVar

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import translation
from django.utils.translation import gettext as _
from pydantic import TypeAdapter, ValidationError

from chatbot.accounts.addresses import scope_address
from chatbot.conversations import events, rates
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation
from chatbot.conversations.refusals import Refusal

logger = logging.getLogger(__name__)

HELLO_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 90.0
FRAME_MAX_BYTES: Final = 64 * 1024
STRIKES: Final = 10

P = ParamSpec("P")
T = TypeVar("T")


class Close(IntEnum):
    """Why the server ended a socket. The client comes back after all but UNKNOWN_INBOX and ABUSE."""

    IDLE = 4000
    NO_HELLO = 4001
    SIGNED_OUT = 4003
    ABUSE = 4008
    TOO_LARGE = 4009
    TOO_MANY = 4029
    UNKNOWN_INBOX = 4404


_CLOSES: Final = {
    "too_large": Close.TOO_LARGE,
    "unknown_inbox": Close.UNKNOWN_INBOX,
    "signed_out": Close.SIGNED_OUT,
    "gone": Close.SIGNED_OUT,
    "too_many_connections": Close.TOO_MANY,
}


_heartbeats: Final = ThreadPoolExecutor(2, thread_name_prefix="heartbeat")
"""After a restart hundreds of browsers come back, and beat, within seconds: none of it may stand before a message."""


async def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that reads or writes rows, in a thread of its own."""
    return await _threaded(None, function, *args, **kwargs)


async def run_heartbeat(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `run`, for what can wait: in the few threads that heartbeats have for themselves."""
    return await _threaded(_heartbeats, function, *args, **kwargs)


async def _threaded(
    executor: ThreadPoolExecutor | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    call = database_sync_to_async(function, thread_sensitive=False, executor=executor)
    result: T = await call(*args, **kwargs)
    return result


class GuardedSocket(AsyncWebsocketConsumer):
    """One socket. `greeted` is set by the subclass once it has admitted a hello."""

    catalogue: TypeAdapter[Any]
    """What may be sent to it."""
    greeted = False
    closed = False
    strikes = 0
    language: str | None = None
    _timer: asyncio.TimerHandle | None = None

    async def handle(self, event: Any) -> None:
        raise NotImplementedError

    async def may_open(self) -> bool:
        """Whether the handshake is accepted; without a word to the other side where it is not."""
        raise NotImplementedError

    def language_of_headers(self) -> str | None:
        """For the sentences of errors; None is the default language."""
        return None

    def count_connection(self) -> None:
        """Count one more socket of this address. Raises OverLimit."""

    def refused(self, refusal: Refusal, event: Any, *, fatal: bool) -> events.Event:
        """The error event for what was refused."""
        raise NotImplementedError

    async def dispatch(self, message: Any) -> None:
        # The base class visits a thread for every frame of every stream to close old connections; `run` does that.
        handler = getattr(self, message["type"].replace(".", "_"))
        with translation.override(self.language):
            await handler(message)

    async def connect(self) -> None:
        publishing.bind_running_loop()
        self.address = scope_address(self.scope) or ""
        self.language = self.language_of_headers()
        self.flood = rates.Flood()
        self.heard = time.monotonic()
        if not await self.may_open():
            await self.close()
            return
        await self.accept()
        self._watch()
        try:
            await run(self.count_connection)
        except rates.OverLimit as over:
            await self.refuse(over.renamed("too_many_connections"))

    async def send(self, *args: Any, **kwargs: Any) -> None:
        """Send, unless the browser is gone already: its `disconnect` is on the way and tidies up."""
        try:
            await super().send(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - every server has its own name for a closed socket
            self.closed = True
            logger.debug("A socket closed before this reached it: %s", error)

    async def disconnect(self, code: int) -> None:
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None:
        if not self.closed:
            self.closed = True
            await super().close(code=code, reason=reason)

    def _watch(self) -> None:
        """Close a socket that never says hello, or has been silent for too long."""
        silent = time.monotonic() - self.heard
        limit, code = (IDLE_SECONDS, Close.IDLE) if self.greeted else (HELLO_SECONDS, Close.NO_HELLO)
        loop = asyncio.get_running_loop()
        if silent < limit:
            self._timer = loop.call_later(limit - silent, self._watch)
        else:
            self._closing = loop.create_task(self.close(code=code))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closed:
            return
        event: Any = None
        try:
            event = self._parse(text_data)
            if self.greeted:
                self.heard = time.monotonic()
            await self.handle(event)
        except (StopConsumer, asyncio.CancelledError):
            raise
        except Refusal as refusal:
            await self.refuse(refusal, event)
        except Conversation.DoesNotExist:
            await self.refuse(Refusal("gone", _("This conversation has been deleted.")))
        except Exception:
            logger.exception("An event of a socket could not be handled.")
            problem = _("Something went wrong on our side. It will be tried again.")
            await self.refuse(Refusal("internal", problem), event)

    def _parse(self, text: str | None) -> Any:
        """The event, or a Refusal that says what is wrong with it, which counts as a strike."""
        self.strikes += 1
        if text is None:
            raise Refusal("not_text", _("Binary messages are not understood here."))
        if len(text) > FRAME_MAX_BYTES or len(text.encode("utf-8", "replace")) > FRAME_MAX_BYTES:
            raise Refusal("too_large", _("This message is too large."))
        if not self.flood.allows():
            raise Refusal("too_fast", _("That was a lot at once. Please wait a moment."))
        try:
            event = self.catalogue.validate_python(json.loads(text))
        except ValidationError as error:
            raise Refusal("bad_event", _("This event is not understood: %s") % _complaint(error)) from None
        except (ValueError, RecursionError):
            raise Refusal("bad_json", _("This is not valid JSON.")) from None
        if not self.greeted and event.type != "hello":
            raise Refusal("hello_first", _("Say hello first."))
        self.strikes -= 1
        return event

    async def deliver(self, event: events.Event) -> None:
        if not self.closed:
            await self.send(text_data=event.model_dump_json())

    async def refuse(self, refusal: Refusal, event: Any = None) -> None:
        """Say why, and end the socket where the reason or too many strikes ask for it."""
        close = _CLOSES.get(refusal.code) or (Close.ABUSE if self.strikes > STRIKES else None)
        await self.deliver(self.refused(refusal, event, fatal=close in (Close.ABUSE, Close.UNKNOWN_INBOX)))
        if close is not None:
            await self.close(code=close)


def retry_after(refusal: Refusal) -> float | None:
    """Seconds to wait before another try, where waiting helps."""
    usual = {"too_fast": 1.0, "internal": 2.0}
    seconds: float | None = getattr(refusal, "retry_after", usual.get(refusal.code))
    return seconds


def _complaint(error: ValidationError) -> str:
    """The first complaint, without what was sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:80]
    return f"{where}: {first['msg'][:120]}" if where else first["msg"][:120]
