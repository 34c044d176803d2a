"""Publishes events to the sockets of a conversation from any thread, in order, without ever blocking the caller.

The database is the record and this is the doorbell: when a carrier is down or slow, events are dropped with a log
line and clients catch up from the record. One pump per event loop sends one event after the other, because
un-awaited or per-token `async_to_sync` sends arrive late, out of order or not at all.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from functools import partial
from typing import Any, Final

from channels.layers import get_channel_layer
from django.db import transaction

from chatbot.conversations import desk_events, events

logger = logging.getLogger(__name__)

_MAX_WAITING: Final = 20_000
_SEND_TIMEOUT_SECONDS: Final = 5.0


class _Pump:
    """Sends queued (group, message) pairs one by one on its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self._running = False
        self._dropped = 0

    @property
    def busy(self) -> bool:
        return bool(self._waiting) or self._running

    def put(self, group: str, message: dict[str, Any]) -> None:
        if len(self._waiting) >= _MAX_WAITING:
            self._dropped += 1
            if self._dropped % 1000 == 1:
                logger.warning("Publishing is behind: %d events dropped; clients will re-read.", self._dropped)
            return
        self._waiting.append((group, message))
        self.loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        if not self._running:
            self._running = True
            self._task = self.loop.create_task(self._run())

    async def _run(self) -> None:
        layer = get_channel_layer()
        assert layer is not None, "CHANNEL_LAYERS always has a default"  # noqa: S101
        try:
            while self._waiting:
                group, message = self._waiting.popleft()
                try:
                    # Not `wait_for`: its task gives the loop away for each event, and a busy one comes back late.
                    async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                        await layer.group_send(group, message)
                except Exception as error:  # noqa: BLE001 - a carrier's failure of any kind must not stop the pump
                    logger.warning("An event for %s was not delivered (%s); clients will re-read.", group, error)
        finally:
            self._running = False
            if self._waiting:
                self._start()


_lock = threading.Lock()
_pump: _Pump | None = None


def bind_running_loop() -> None:
    """Publish on the caller's running loop from now on. Every socket consumer calls this when it connects.

    The in-memory layer only wakes receivers on the server's own loop, so the server's loop is the one to use.
    """
    global _pump
    loop = asyncio.get_running_loop()
    with _lock:
        if _pump is None or _pump.loop is not loop:
            _pump = _Pump(loop)


def _current_pump() -> _Pump:
    global _pump
    with _lock:
        if _pump is None or _pump.loop.is_closed():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="publishing", daemon=True).start()
            _pump = _Pump(loop)
        return _pump


def drain(*, seconds: float = 5.0) -> bool:
    """Wait until what was queued is sent: for a command that ends afterwards. False when time was up."""
    until = time.monotonic() + seconds
    while (pump := _pump) is not None and pump.busy:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def publish(conversation_id: int, event: events.Event) -> None:
    """Queue one event for every socket of the conversation. Returns at once; never raises."""
    if not isinstance(event, events.BROADCAST):
        raise TypeError(f"{type(event).__name__} is not in the catalogue of broadcast events.")
    try:
        message = events.layer_message(conversation_id, event)
        _current_pump().put(events.group_name(conversation_id), message)
    except RuntimeError:  # the loop closed between look and put: the process is ending
        logger.debug("The publishing loop has ended; the event stays in the record.")


def publish_on_commit(conversation_id: int, event: events.Event) -> None:
    transaction.on_commit(partial(publish, conversation_id, event))


def publish_desk(group: str, event: events.Event) -> None:
    """Queue one event for a group of desks (`desk_events` names them). Returns at once; never raises."""
    try:
        _current_pump().put(group, desk_events.layer_message(event))
    except RuntimeError:  # as above
        logger.debug("The publishing loop has ended; the event stays in the record.")


def publish_desk_on_commit(group: str, event: events.Event) -> None:
    transaction.on_commit(partial(publish_desk, group, event))
