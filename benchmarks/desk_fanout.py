"""From the customer's message to the row on every desk, with a full team and hundreds of live conversations.

    python -m benchmarks.desk_fanout [--desks 50] [--conversations 500] [--per-second 10] [--seconds 40 | --minutes 30]
        [--together]

Each conversation has an agent, so the bot is silent, and its customer's widget is connected. Customers write in turn at
a fixed rate, whether the server keeps up or not; each message must come to every desk of its inbox as a `row` with the
message's own words. The product is the one-process default on SQLite; customers and desks run on the same cores. Desks
show no conversation: what is measured is the list. Heartbeats begin at a random moment as the browser's do;
`--together` lets all of them beat in the same instant, every 25 s.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
import uuid
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks import figures
from benchmarks.chats import Chat
from benchmarks.idle_sockets import allow_files
from tests.faults.stack import Stack, embedded

T = TypeVar("T")
AT_ONCE: Final = 20
PATIENCE_SECONDS: Final = 10.0
"""So long after the last message a row that has not come counts as lost."""
HEARTBEAT_SECONDS: Final = 25.0
TEAM: Final = """
import json
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from chatbot.accounts.models import User
from chatbot.conversations.models import Inbox
group, inbox, keys = Group.objects.get_or_create(name="agent")[0], Inbox.objects.get(), []
Inbox.objects.update(mode="off")
for number in range({desks}):
    user = User.objects.create_user(username=f"agent{{number}}")
    user.groups.add(group)
    inbox.members.add(user)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    keys.append(session.session_key)
print(json.dumps({{"cookie": settings.SESSION_COOKIE_NAME, "keys": keys}}))
"""
TAKE: Final = """
from chatbot.accounts.models import User
from chatbot.conversations import handling
from chatbot.conversations.models import Conversation, Inbox
agents = list(User.objects.filter(groups__name="agent").order_by("pk"))
for number, key in enumerate(Conversation.objects.values_list("pk", flat=True)):
    handling.take(conversation_id=key, agent=agents[number % len(agents)])
Inbox.objects.update(mode="auto")
"""


@dataclass
class Desk:
    """One agent's socket, and when it was told of which message."""

    socket: ClientConnection
    told: dict[str, float] = field(default_factory=dict)
    errors: int = 0

    @classmethod
    async def open(cls, port: int, cookie: str) -> "Desk":
        socket = await connect(
            f"ws://127.0.0.1:{port}/ws/desk/",
            origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
            additional_headers={"Cookie": cookie},
            compression=None,
            open_timeout=60,
            ping_interval=None,
            max_queue=None,
            proxy=None,
        )
        await socket.send(json.dumps({"type": "hello"}))
        while json.loads(await asyncio.wait_for(socket.recv(), 60))["type"] != "welcome":
            pass
        return cls(socket)

    async def listen(self) -> None:
        async for frame in self.socket:
            now = time.perf_counter()
            event = json.loads(frame)
            if event["type"] == "row":
                self.told.setdefault(event["row"]["preview"], now)
            elif event["type"] == "error":
                self.errors += 1

    async def beat(self, phase: float) -> None:
        await asyncio.sleep(phase * HEARTBEAT_SECONDS)
        while True:
            await self.socket.send('{"type": "ping", "last_seq": 0}')
            await asyncio.sleep(HEARTBEAT_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--desks", type=int, default=50)
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--per-second", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--minutes", type=float, default=0.0, help="for a soak, instead of --seconds")
    parser.add_argument("--together", action="store_true", help="all heartbeats at once")
    parser.add_argument("--out", type=Path, default=figures.RESULTS / "desk_fanout.json")
    arguments = parser.parse_args()
    allow_files(arguments.conversations + arguments.desks + 500)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, embedded(Path(folder)) as stack:
        figures.write(arguments.out, {**figures.machine(), **asyncio.run(_measure(stack, arguments))})


async def _measure(stack: Stack, arguments: argparse.Namespace) -> dict[str, Any]:
    port = stack.ports[0]
    process = psutil.Process(stack.processes[0].pid)
    team = json.loads(stack.manage("shell", "-c", TEAM.format(desks=arguments.desks)).splitlines()[-1])
    chats = await _customers(port, arguments.conversations)
    await asyncio.to_thread(stack.manage, "shell", "-c", TAKE)
    await _catch_up(chats)
    print(f"{len(chats)} conversations are there", flush=True)
    desks = [await Desk.open(port, f"{team['cookie']}={key}") for key in team["keys"]]
    phase = partial(_phase, together=arguments.together)
    tasks = [asyncio.create_task(work) for desk in desks for work in (desk.listen(), desk.beat(phase()))]
    tasks += [asyncio.create_task(_drain(chat, phase())) for chat in chats]
    seconds = arguments.minutes * 60 or arguments.seconds
    await _write(chats, per_second=arguments.per_second, count=int(3 * arguments.per_second), name="warm")
    await asyncio.sleep(2)
    memory, busy = process.memory_info().rss, sum(process.cpu_times()[:2])
    mine = sum(psutil.Process().cpu_times()[:2])
    began = time.perf_counter()
    count = int(seconds * arguments.per_second)
    sent = await _write(chats, per_second=arguments.per_second, count=count, name="message")
    took = time.perf_counter() - began
    busy = sum(process.cpu_times()[:2]) - busy
    mine = sum(psutil.Process().cpu_times()[:2]) - mine
    print("all is sent", flush=True)
    await _all_told(desks, sent)
    for task in tasks:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    if failed := [one for one in done if isinstance(one, Exception)]:
        raise failed[0]
    times = [1000 * (desk.told[text] - at) for desk in desks for text, at in sent.items() if text in desk.told]
    return {
        "desks": len(desks),
        "conversations": len(chats),
        "heartbeats": "together" if arguments.together else "apart",
        "messages": len(sent),
        "messages_per_second": round(len(sent) / took, 2),
        "seconds": round(took, 1),
        "expected": len(desks) * len(sent),
        "received": len(times),
        "lost": len(desks) * len(sent) - len(times),
        "errors": sum(desk.errors for desk in desks),
        "ms": {**figures.spread(times), "max": round(max(times, default=0.0), 1)},
        "process_cpu": round(busy / took, 2),
        "clients_cpu": round(mine / took, 2),
        "process_mib_before": round(memory / 2**20, 1),
        "process_mib_after": round(process.memory_info().rss / 2**20, 1),
    }


async def _customers(port: int, count: int) -> list[Chat]:
    """Each with a conversation that holds one message."""

    async def one(number: int) -> Chat:
        chat = await Chat.open(port)
        await chat.say(f"Hello, this is customer {number}")
        return chat

    return await _few_at_once(one(number) for number in range(count))


async def _few_at_once(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await task

    return await asyncio.gather(*map(one, work))


def _phase(*, together: bool) -> float:
    return 1.0 if together else random.random()


async def _catch_up(chats: list[Chat]) -> None:
    """What another process has written, the notice that an agent has it, no socket of this one was told."""
    await _few_at_once(chat.ping() for chat in chats)


async def _drain(chat: Chat, phase: float) -> None:
    """A customer's widget reads what comes and sends its heartbeat."""

    async def beat() -> None:
        await asyncio.sleep(phase * HEARTBEAT_SECONDS)
        while True:
            await chat.send(type="ping", last_seq=2**31 - 1)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    beating = asyncio.create_task(beat())
    try:
        async for _frame in chat.socket:
            pass
    except ConnectionClosed:
        pass
    finally:
        beating.cancel()


async def _write(chats: list[Chat], *, per_second: float, count: int, name: str) -> dict[str, float]:
    """Messages at a fixed rate, one customer after the other; text -> when it was sent."""
    sent: dict[str, float] = {}
    began = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        text = f"{name} {number}"
        sent[text] = time.perf_counter()
        await chats[number % len(chats)].send(type="message.send", client_id=uuid.uuid4().hex, text=text)
    return sent


async def _all_told(desks: list[Desk], sent: dict[str, float]) -> None:
    for _tenth in range(int(10 * PATIENCE_SECONDS)):
        if all(text in desk.told for desk in desks for text in sent):
            return
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    main()
