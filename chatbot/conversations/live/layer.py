"""The production channel layer: Redis pub/sub that goes on without Redis and says when it is back.

Why not channels_redis' pub/sub layer: there a socket cannot open while Redis is away, because every consumer first
subscribes a channel of its own; and after an outage sockets are not told that they may have missed something. Here
channels live in the process, only groups are subscribed, adding to a group never fails, and every local channel gets a
`carrier.restored` message once a lost connection works again. What was published meanwhile is lost: the database is
the record. Consumers on this layer need a `carrier_restored` handler.

It sends to groups only; nothing in Parley addresses a single channel of another process.
"""

import asyncio
import json
import logging
import uuid
import weakref
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any, Final

from channels.layers import BaseChannelLayer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

logger = logging.getLogger(__name__)

CONFIRM_SECONDS: Final = 1.0
"""How long joining a group waits for Redis to confirm it; then the socket goes on and catches up later."""
CANCEL_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 5.0
MOST_PAUSE: Final = 2.0


class PubSubLayer(BaseChannelLayer):
    """One connection for listening and a small pool for publishing per event loop."""

    extensions = ("groups",)

    def __init__(self, *, url: str, prefix: str = "parley", capacity: int = 2000, **options: Any) -> None:
        super().__init__(capacity=capacity, **options)
        self._url = url
        self._prefix = prefix
        self._capacity = capacity
        self._carriers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Carrier] = weakref.WeakKeyDictionary()

    def _carrier(self) -> "_Carrier":
        loop = asyncio.get_running_loop()
        if loop not in self._carriers:
            self._carriers[loop] = _Carrier(self._url, capacity=self._capacity)
        return self._carriers[loop]

    def _topic(self, group: str) -> str:
        return f"{self._prefix}.group.{group}"

    async def new_channel(self, prefix: str = "specific") -> str:
        return self._carrier().open(f"{prefix}.{self._prefix}!{uuid.uuid4().hex}")

    async def receive(self, channel: str) -> Any:
        return await self._carrier().receive(channel)

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """To a channel of this process."""
        self._carrier().deliver([channel], message)

    async def group_add(self, group: str, channel: str) -> None:
        await self._carrier().join(self._topic(group), channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._carrier().leave(self._topic(group), channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Raises what the Redis client raises."""
        await self._carrier().publish(self._topic(group), message)

    async def close(self) -> None:
        await self._carrier().close()


class _Carrier:
    """Channels, memberships and connections of one event loop."""

    def __init__(self, url: str, *, capacity: int) -> None:
        self._capacity = capacity
        self._redis: Redis = Redis.from_url(
            url, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 0), max_connections=8
        )
        self._queues: dict[str, asyncio.Queue[Any]] = {}
        self._members: dict[str, set[str]] = {}
        self._subscribed: dict[str, asyncio.Event] = {}
        """Topics asked for on the present connection; the event is set once Redis confirmed."""
        self._pubsub: Any = None
        self._asking = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None

    # Channels.
    def open(self, channel: str) -> str:
        self._queues[channel] = asyncio.Queue(self._capacity)
        return channel

    async def receive(self, channel: str) -> Any:
        queue = self._queues.get(channel)
        if queue is None:
            queue = self._queues[self.open(channel)]
        try:
            return await queue.get()
        except asyncio.CancelledError:  # the consumer has ended
            self._queues.pop(channel, None)
            for topic in [topic for topic, members in self._members.items() if channel in members]:
                await self.leave(topic, channel)
            raise

    def deliver(self, channels: Iterable[str], message: Any) -> None:
        for channel in channels:
            if channel in self._queues:
                with suppress(asyncio.QueueFull):  # a socket that far behind notices the gap and reads the record
                    self._queues[channel].put_nowait(message)

    # Groups.
    async def join(self, topic: str, channel: str) -> None:
        self._members.setdefault(topic, set()).add(channel)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.get_running_loop().create_task(self._listen())
        await self._settle(topic)
        confirmed = self._subscribed.get(topic)
        with suppress(TimeoutError):
            if confirmed is None:
                # Not connected yet, or not any more: the listener subscribes to all that has members.
                confirmed = self._subscribed.setdefault(topic, asyncio.Event()) if self._pubsub is None else None
            if confirmed is not None:
                await asyncio.wait_for(confirmed.wait(), CONFIRM_SECONDS)

    async def leave(self, topic: str, channel: str) -> None:
        members = self._members.get(topic, set())
        members.discard(channel)
        if not members:
            self._members.pop(topic, None)
            await self._settle(topic)

    async def _settle(self, topic: str) -> None:
        """Make the subscription what the members want. Failures are the listener's to mend."""
        async with self._asking:
            wanted, pubsub = topic in self._members, self._pubsub
            if pubsub is None or wanted == (topic in self._subscribed):
                return
            try:
                if wanted:
                    self._subscribed[topic] = asyncio.Event()
                    await pubsub.subscribe(topic)
                else:
                    del self._subscribed[topic]
                    await pubsub.unsubscribe(topic)
            except Exception as error:  # noqa: BLE001 - a carrier fails in many ways, and none may reach a customer
                logger.debug("The subscription of %s waits for Redis: %s", topic, error)
                self._pubsub = None  # the client may have reconnected by itself: the listener must notice and say so

    async def publish(self, topic: str, message: Any) -> None:
        await self._redis.publish(topic, json.dumps(message, ensure_ascii=False))

    # Listening.
    async def _listen(self) -> None:
        pause, lost = 0.1, False
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    beacon = await self._subscribe_all(pubsub)
                    async for topic in self._confirmed(pubsub):
                        if topic == beacon:
                            pause = 0.1
                            self._is_back(lost=lost)
            except Exception as error:  # noqa: BLE001
                level = logging.DEBUG if lost else logging.WARNING
                logger.log(level, "Redis carries no events at the moment (%s); sockets read the record.", error)
            self._pubsub, lost = None, True
            self._subscribed.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_PAUSE)

    def _is_back(self, *, lost: bool) -> None:
        if lost:
            logger.warning("Redis is back; %d sockets look for what they missed.", len(self._queues))
            self.deliver(list(self._queues), {"type": "carrier.restored"})

    async def _subscribe_all(self, pubsub: Any) -> str:
        """Ask for every topic with members. Returns a last one of our own: Redis confirms it when all others are."""
        async with self._asking:
            topics = list(self._members)
            waiting = {topic: self._subscribed.get(topic) or asyncio.Event() for topic in topics}
            beacon = f"listening.{uuid.uuid4().hex}"
            await pubsub.subscribe(*topics, beacon)
            self._subscribed, self._pubsub = waiting, pubsub
            return beacon

    async def _confirmed(self, pubsub: Any) -> AsyncIterator[str]:
        """Deliver what comes in; yield the topics that Redis confirms. Raises when the connection is of no more use."""
        unanswered = False
        while self._pubsub is pubsub:
            message = await pubsub.get_message(timeout=LOOK_SECONDS)
            if message is None:
                if unanswered:
                    raise TimeoutError("it does not answer")
                await pubsub.ping()
                unanswered = True
                continue
            unanswered = False
            if message["type"] == "message":
                members = self._members.get(message["channel"].decode(), ())
                self.deliver(tuple(members), json.loads(message["data"]))
            elif message["type"] == "subscribe":
                topic = message["channel"].decode()
                if topic in self._subscribed:
                    self._subscribed[topic].set()
                yield topic
        raise ConnectionError("a subscription failed")

    async def close(self) -> None:
        listening, self._listening = self._listening, None
        while listening is not None and not listening.done():
            # Again: the client may take a cancel for the end of a wait of its own that is over in the same moment.
            listening.cancel()
            await asyncio.wait([listening], timeout=CANCEL_SECONDS)
        await self._redis.aclose()
