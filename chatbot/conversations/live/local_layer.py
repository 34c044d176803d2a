"""The channel layer of one process: groups of queues, and nothing to clean.

Channels' own in-memory layer walks over every channel of the process for each event sent and received, and copies the
event once per socket: with 500 sockets that is most of the server's time. Here sending costs what its members cost.
Receivers get the same object and must not change it, as on the Redis layer. Everything happens on the loop that the
sockets run on (`publishing` sees to it); what a slow socket has no room for is left out: the database is the record.
"""

import asyncio
import uuid
from contextlib import suppress
from typing import Any

from channels.layers import BaseChannelLayer


class LocalLayer(BaseChannelLayer):
    extensions = ("groups",)

    def __init__(self, *, capacity: int = 10_000, **options: Any) -> None:
        super().__init__(capacity=capacity, **options)
        self.channels: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self.groups: dict[str, set[str]] = {}
        self._groups_of: dict[str, set[str]] = {}
        """Channel -> the groups it is in, so that one that has ended leaves them all."""

    async def new_channel(self, prefix: str = "specific") -> str:
        channel = f"{prefix}.local!{uuid.uuid4().hex}"
        self.channels[channel] = asyncio.Queue(self.capacity)
        return channel

    async def receive(self, channel: str) -> dict[str, Any]:
        queue = self.channels.setdefault(channel, asyncio.Queue(self.capacity))
        try:
            return await queue.get()
        except asyncio.CancelledError:  # the consumer has ended
            self._forget(channel)
            raise

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self._put(channel, message)

    async def group_add(self, group: str, channel: str) -> None:
        self.groups.setdefault(group, set()).add(channel)
        self._groups_of.setdefault(channel, set()).add(group)

    async def group_discard(self, group: str, channel: str) -> None:
        self._groups_of.get(channel, set()).discard(group)
        members = self.groups.get(group, set())
        members.discard(channel)
        if not members:
            self.groups.pop(group, None)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        for channel in tuple(self.groups.get(group, ())):
            self._put(channel, message)

    async def flush(self) -> None:
        for kept in (self.channels, self.groups, self._groups_of):
            kept.clear()

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        if (queue := self.channels.get(channel)) is not None:
            with suppress(asyncio.QueueFull):  # a socket that far behind notices the gap and reads the record
                queue.put_nowait(message)

    def _forget(self, channel: str) -> None:
        self.channels.pop(channel, None)
        for group in self._groups_of.pop(channel, set()):
            members = self.groups.get(group, set())
            members.discard(channel)
            if not members:
                self.groups.pop(group, None)
