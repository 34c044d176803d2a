"""Customers who keep to the widget's protocol over sockets that may die at any time, and note all that went wrong.

Like the widget: one message in flight, kept until acknowledged, sent again after a reconnect; the last number in every
hello; what arrives twice is not shown twice, what skips a number is asked for again.
"""

import asyncio
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

INBOX: Final = "pk_faults"
SILENCE_SECONDS: Final = 3.0
"""After this long without an event the customer's client asks for the newest number, as the widget's does."""
SILENCES: Final = 3
"""After so many in a row while an answer is awaited it asks for all that it has missed."""


@dataclass
class Stream:
    job: int
    attempt: int
    text: str = ""
    whole: bool = True
    """False when a delta was missed: the final message then stands alone."""


@dataclass
class Customer:
    """Writes `texts` one after the other; `patience` is how often an answer is waited for before the next."""

    ports: Sequence[int]
    texts: list[str]
    dice: random.Random
    patience: float = 0.8
    cuts: float = 0.0
    """After what share of the events the connection breaks off without a word, as when a phone loses its network."""
    token: str | None = None
    conversation: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    """As shown: each number once, in order."""
    sent: list[str] = field(default_factory=list)
    acked: dict[str, int] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    """Answers that differ from what had been streamed of them."""
    counts: Counter[str] = field(default_factory=Counter)
    """cuts, reconnects, repeats (a message that came again), gaps (a number that was missing), streams (compared)."""
    _outbox: tuple[str, str] | None = None
    _stream: Stream | None = None
    _again_at: float = 0.0
    _settled: bool = False
    """A welcome said that no answer is owed, after everything was sent."""
    _waits: bool = False

    @property
    def last_seq(self) -> int:
        return len(self.messages)

    @property
    def done(self) -> bool:
        return not self.texts and self._outbox is None and self._settled

    async def run(self) -> None:
        wait = 0.05
        while not self.done:
            port = self.dice.choice(self.ports)
            try:
                async with connect(
                    f"ws://127.0.0.1:{port}/ws/widget/{INBOX}/",
                    origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
                    compression=None,
                    open_timeout=10,
                    close_timeout=1,
                    ping_interval=None,
                    proxy=None,
                ) as socket:
                    wait = 0.05
                    await self._talk(socket)
            except (OSError, WebSocketException, TimeoutError, asyncio.IncompleteReadError):
                self.counts["reconnects"] += 1
                await asyncio.sleep(wait * (0.5 + self.dice.random()))
                wait = min(wait * 2, 1.5)

    async def _talk(self, socket: ClientConnection) -> None:
        self._stream = None
        hello = {"inbox": INBOX, "token": self.token, "conversation": self.conversation, "last_seq": self.last_seq}
        await self._send(socket, type="hello", **hello)
        silences = 0
        while not self.done:
            try:
                event = json.loads(await asyncio.wait_for(socket.recv(), SILENCE_SECONDS))
                silences = silences if event["type"] == "pong" else 0
            except TimeoutError:
                silences += 1
                over = not self.texts and self._outbox is None
                sync = over or (self._waits and silences % SILENCES == 0)
                await self._send(socket, type="sync" if sync else "ping", last_seq=self.last_seq)
                event = None
            await self._take(socket, event or {"type": "silence"})
            if self.dice.random() < self.cuts:
                self.counts["cuts"] += 1
                socket.transport.abort()
                return
            if event is not None and self.conversation is None and event["type"] != "welcome":
                continue
            await self._write(socket, fresh=event is not None and event["type"] == "welcome")

    async def _write(self, socket: ClientConnection, *, fresh: bool) -> None:
        """Send what is not acknowledged again on a fresh socket, or else the next text when its time has come."""
        if self._outbox is None and self.texts and not self._waits:
            self._outbox = uuid.UUID(int=self.dice.getrandbits(128)).hex, self.texts.pop(0)
            self.sent.append(self._outbox[0])
            self._waits, self._settled = self.dice.random() < self.patience, False
            fresh = True
        elif self._again_at and time.monotonic() >= self._again_at:
            fresh = True
        if fresh and self._outbox is not None:
            self._again_at = 0.0
            client_id, text = self._outbox
            await self._send(socket, type="message.send", client_id=client_id, text=text)

    @staticmethod
    async def _send(socket: ClientConnection, **event: Any) -> None:
        await socket.send(json.dumps(event))

    async def _take(self, socket: ClientConnection, event: dict[str, Any]) -> None:
        match event["type"]:
            case "welcome":
                self._welcome(event)
            case "message":
                if event["seq"] > self.last_seq + 1:
                    self.counts["gaps"] += 1
                    await self._send(socket, type="sync", last_seq=self.last_seq)
                else:
                    self._show(event)
            case "ack":
                self.acked[event["client_id"]] = event["seq"]
                self.conversation = event["conversation"]
                self._arrived(event["client_id"])
            case "stream.delta":
                self._delta(event)
            case "token":
                self.token = event["token"]
            case "error":
                self.errors.append(event)
                if event["client_id"] and self._outbox is not None:
                    self._again_at = time.monotonic() + (event["retry_after"] or 1.0)

    def _welcome(self, event: dict[str, Any]) -> None:
        self.token, self.conversation = event["token"], event["conversation"]
        if event["reset"]:
            self.errors.append(event)
        for message in event["messages"]:
            self._show(message)
        stream = event["stream"]
        self._stream = Stream(stream["job"], stream["attempt"], stream["text"]) if stream else None
        self._settled = not event["busy"] and not self.texts and self._outbox is None
        self._waits = self._waits and event["busy"]

    def _show(self, message: dict[str, Any]) -> None:
        if message["seq"] <= self.last_seq:
            self.counts["repeats"] += 1
            return
        self.messages.append(message)
        if message["client_id"]:
            self._arrived(message["client_id"])
        if message["role"] == "bot":
            self._waits = False
            stream = self._stream
            if stream is not None and stream.job == message["job"]:
                self.counts["streams"] += stream.whole
                if stream.whole and not message["text"].startswith(stream.text):
                    self.torn.append(f"{stream.text!r} became {message['text']!r}")
                self._stream = None

    def _arrived(self, client_id: str) -> None:
        if self._outbox is not None and self._outbox[0] == client_id:
            self._outbox = None

    def _delta(self, event: dict[str, Any]) -> None:
        job, attempt = event["job"], event["attempt"]
        if self._stream is None or (self._stream.job, self._stream.attempt) < (job, attempt):
            self._stream = Stream(job, attempt)
        stream = self._stream
        if (stream.job, stream.attempt) != (job, attempt):
            return
        if event["offset"] > len(stream.text):
            stream.whole = False
        else:
            stream.text = stream.text[: event["offset"]] + event["text"]


async def acknowledged(customers: Sequence[Customer], count: int) -> None:
    """Until so many messages of all customers are acknowledged: a moment in the middle of the talk, on any machine."""
    while sum(len(customer.acked) for customer in customers) < count:
        await asyncio.sleep(0.05)
