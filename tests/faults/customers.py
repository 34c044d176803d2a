"""Customers who keep to the widget's protocol: an outbox with client ids, resume by last seq, and much patience."""

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

INBOX = "pk_faults"


@dataclass
class Customer:
    """Sends `texts` one after the other, waiting for an answer or not, over sockets that may die at any time."""

    ports: list[int]
    texts: list[str]
    dice: random.Random
    token: str | None = None
    conversation: str | None = None
    last_seq: int = 0
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    outbox: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    acked: dict[str, int] = field(default_factory=dict)
    twice: list[int] = field(default_factory=list)
    out_of_order: list[int] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    reconnects: int = 0
    busy: bool = False

    async def run(self, finished: Callable[[], bool] = lambda: False) -> None:
        wait = 0.05
        while not self._done() and not finished():
            port = self.dice.choice(self.ports)
            try:
                async with connect(
                    f"ws://127.0.0.1:{port}/ws/widget/{INBOX}/",
                    origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
                    open_timeout=10,
                    close_timeout=1,
                    proxy=None,
                ) as socket:
                    await self._talk(socket)
                    wait = 0.05
            except (OSError, WebSocketException, TimeoutError, asyncio.IncompleteReadError):
                self.reconnects += 1
                await asyncio.sleep(wait * (0.5 + self.dice.random()))
                wait = min(wait * 2, 1.5)

    def _done(self) -> bool:
        return not self.texts and not self.outbox and not self._owed()

    def _owed(self) -> bool:
        """Whether a customer message stands after the last answer, or the server says it still owes one."""
        if self.busy:
            return True
        answered = [seq for seq, message in self.messages.items() if message["role"] == "bot"]
        mine = [seq for seq, message in self.messages.items() if message["role"] == "customer"]
        return bool(mine) and max(mine) > max(answered, default=0)

    async def _talk(self, socket: ClientConnection) -> None:
        await self._send(
            socket,
            {
                "type": "hello",
                "inbox": INBOX,
                "token": self.token,
                "conversation": self.conversation,
                "last_seq": self.last_seq,
            },
        )
        welcomed = False
        while not (welcomed and self._done()):
            try:
                event = json.loads(await asyncio.wait_for(socket.recv(), 1.0))
            except TimeoutError:
                await self._send(socket, {"type": "ping", "last_seq": self.last_seq})
                continue
            self._take(event)
            if event["type"] == "welcome":
                welcomed = True
                for client_id, text in list(self.outbox.items()):
                    await self._send(socket, {"type": "message.send", "client_id": client_id, "text": text})
            if welcomed and self.texts and not self.outbox and (not self._owed() or self.dice.random() < 0.2):
                await self._next(socket)

    async def _next(self, socket: ClientConnection) -> None:
        client_id, text = uuid.UUID(int=self.dice.getrandbits(128)).hex, self.texts.pop(0)
        self.outbox[client_id] = text
        self.sent.append(client_id)
        await self._send(socket, {"type": "message.send", "client_id": client_id, "text": text})

    @staticmethod
    async def _send(socket: ClientConnection, event: dict[str, Any]) -> None:
        await socket.send(json.dumps(event))

    def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "welcome":
                self.token, self.conversation = event["token"], event["conversation"]
                self.busy = event["busy"]
                for message in event["messages"]:
                    self._message(message)
            case "message":
                self._message(event)
                if event["role"] == "bot":
                    self.busy = False
            case "ack":
                self.acked[event["client_id"]] = event["seq"]
                self.conversation = event["conversation"]
                self.outbox.pop(event["client_id"], None)
            case "token":
                self.token = event["token"]
            case "error":
                self.errors.append(event)

    def _message(self, message: dict[str, Any]) -> None:
        seq = message["seq"]
        if seq in self.messages:
            self.twice.append(seq)
            return
        if seq != self.last_seq + 1:
            self.out_of_order.append(seq)
        self.messages[seq] = message
        self.last_seq = max(self.last_seq, seq)
        if message["client_id"]:
            self.outbox.pop(message["client_id"], None)
