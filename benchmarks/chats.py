"""Customers for benchmarks: sockets that keep the widget's protocol, ask, wait for the whole answer, and ask again."""

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from tests.faults.customers import INBOX

ANSWER_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Turn:
    """Seconds since the question was sent."""

    question: str
    acknowledged: float
    first_words: float
    whole: float


class Chat:
    """One open socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    @classmethod
    async def open(cls, port: int) -> "Chat":
        socket = await connect(
            f"ws://127.0.0.1:{port}/ws/widget/{INBOX}/",
            origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
            compression=None,
            open_timeout=60,
            ping_interval=None,
            proxy=None,
        )
        chat = cls(socket)
        await chat.send(type="hello", inbox=INBOX)
        await chat._until("welcome")
        return chat

    async def ask(self, question: str) -> Turn:
        began = time.perf_counter()
        acknowledged = first = 0.0
        client_id = uuid.uuid4().hex
        await self.send(type="message.send", client_id=client_id, text=question)
        while True:
            event = await self._next()
            passed = time.perf_counter() - began
            if event["type"] == "ack" and event["client_id"] == client_id:
                acknowledged = passed
            elif event["type"] == "stream.delta":
                first = first or passed
            elif event["type"] == "message" and event["role"] == "bot":
                if event["kind"] != "text":
                    raise RuntimeError(f"No answer: {event['text']}")
                return Turn(question, acknowledged, first or passed, passed)
            elif event["type"] == "error":
                raise RuntimeError(event["message"])

    async def say(self, text: str) -> None:
        """Until it is in the record; no answer is waited for."""
        await self.send(type="message.send", client_id=uuid.uuid4().hex, text=text)
        await self._until("ack")

    async def ping(self) -> None:
        """Raises when the socket is not held any more."""
        await self.send(type="ping", last_seq=0)
        await self._until("pong")

    async def close(self) -> None:
        await self.socket.close()

    async def send(self, **event: Any) -> None:
        await self.socket.send(json.dumps(event))

    async def _next(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), ANSWER_SECONDS))
        return event

    async def _until(self, kind: str) -> None:
        while (await self._next())["type"] != kind:
            pass


async def talk(
    ports: Sequence[int], questions: Sequence[str], *, chats: int, turns: int, over: float = 0.0
) -> list[Turn]:
    """`chats` sockets at once, `turns` questions each, one after the other; the first ones spread `over` seconds."""
    opened = [await Chat.open(ports[number % len(ports)]) for number in range(chats)]

    async def one(chat: Chat, number: int) -> list[Turn]:
        await asyncio.sleep(over * number / chats)
        return [await chat.ask(questions[(number + turn) % len(questions)]) for turn in range(turns)]

    done = await asyncio.gather(*(one(chat, number) for number, chat in enumerate(opened)))
    await asyncio.gather(*(chat.close() for chat in opened))
    return [turn for turns_of in done for turn in turns_of]
