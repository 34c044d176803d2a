"""The production channel layer on a Redis that is killed, stopped and started again."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatbot.conversations.live import layer
from tests.faults.stack import Process, free_port, wait_for_port
from tests.services import require

pytestmark = pytest.mark.faults

RESTORED = {"type": "carrier.restored"}


class Redis(Process):
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        options = {"--port": str(self.port), "--bind": "127.0.0.1", "--save": "", "--appendonly": "no"}
        command = [word for option in options.items() for word in option]
        super().__init__(
            "redis", ["redis-server", *command, "--dir", str(folder)], environment={**os.environ}, log=folder / "log"
        )

    def start(self) -> None:
        super().start()
        wait_for_port(self.port)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        require("redis")
        pytest.skip("redis-server is not installed here, so no Redis can be killed")
    server = Redis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def carrier(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[layer.PubSubLayer]:
    monkeypatch.setattr(layer, "LOOK_SECONDS", 0.1)
    made = layer.PubSubLayer(url=f"redis://127.0.0.1:{redis.port}/0")
    yield made
    await made.close()


async def _joined(carrier: layer.PubSubLayer, group: str) -> str:
    channel = await carrier.new_channel()
    await carrier.group_add(group, channel)
    return channel


async def _heard(carrier: layer.PubSubLayer, channel: str) -> Any:
    return await asyncio.wait_for(carrier.receive(channel), 20)


async def _silent(carrier: layer.PubSubLayer, channel: str, seconds: float) -> bool:
    hearing = asyncio.ensure_future(carrier.receive(channel))
    done, _waiting = await asyncio.wait([hearing], timeout=seconds)
    hearing.cancel()
    return not done


async def test_an_event_reaches_the_members_of_its_group_and_nobody_else(carrier: layer.PubSubLayer) -> None:
    one, two, other = await _joined(carrier, "a"), await _joined(carrier, "a"), await _joined(carrier, "b")
    left = await _joined(carrier, "a")
    await carrier.group_discard("a", left)
    await carrier.group_send("a", {"type": "event", "text": "Größe 42, 尺码"})
    for channel in (one, two):
        assert await _heard(carrier, channel) == {"type": "event", "text": "Größe 42, 尺码"}
    assert await _silent(carrier, other, 0.2)
    assert await _silent(carrier, left, 0.2)


async def test_an_event_of_another_process_arrives(carrier: layer.PubSubLayer, redis: Redis) -> None:
    channel = await _joined(carrier, "a")
    elsewhere = layer.PubSubLayer(url=f"redis://127.0.0.1:{redis.port}/0")
    await elsewhere.group_send("a", {"type": "event"})
    await elsewhere.close()
    assert await _heard(carrier, channel) == {"type": "event"}


async def test_a_listener_that_misses_a_cancel_is_ended_by_the_next(carrier: layer.PubSubLayer) -> None:
    await _joined(carrier, "a")
    inner = carrier._carrier()
    assert inner._listening is not None
    inner._listening.cancel()
    missed = asyncio.Event()

    async def listen() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            missed.set()
        await asyncio.sleep(3600)

    inner._listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await asyncio.wait_for(carrier.close(), 20)
    assert missed.is_set()


async def test_a_quiet_connection_is_not_taken_for_a_lost_one(carrier: layer.PubSubLayer) -> None:
    channel = await _joined(carrier, "a")
    await asyncio.sleep(1)
    await carrier.group_send("a", {"type": "event"})
    assert await _heard(carrier, channel) == {"type": "event"}


async def test_members_are_told_when_a_killed_redis_is_back_and_hear_again(
    carrier: layer.PubSubLayer, redis: Redis
) -> None:
    channel = await _joined(carrier, "a")
    for _ in range(2):
        redis.kill()
        with pytest.raises(Exception, match=r"(?i)connect"):
            await carrier.group_send("a", {"type": "lost"})
        redis.start()
        assert await _heard(carrier, channel) == RESTORED
        await carrier.group_send("a", {"type": "event"})
        assert await _heard(carrier, channel) == {"type": "event"}


async def test_a_socket_opens_joins_and_leaves_while_redis_is_away(carrier: layer.PubSubLayer, redis: Redis) -> None:
    before = await _joined(carrier, "a")
    redis.kill()
    late, gone = await _joined(carrier, "b"), await _joined(carrier, "c")
    await carrier.group_discard("c", gone)
    redis.start()
    for channel in (before, late):
        assert await _heard(carrier, channel) == RESTORED
    for group, channel in (("a", before), ("b", late)):
        await carrier.group_send(group, {"type": "event", "group": group})
        assert await _heard(carrier, channel) == {"type": "event", "group": group}


async def test_a_redis_that_hangs_is_noticed(carrier: layer.PubSubLayer, redis: Redis) -> None:
    channel = await _joined(carrier, "a")
    os.kill(redis.pid, signal.SIGSTOP)
    await asyncio.sleep(1)
    os.kill(redis.pid, signal.SIGCONT)
    assert await _heard(carrier, channel) == RESTORED
    await carrier.group_send("a", {"type": "event"})
    assert await _heard(carrier, channel) == {"type": "event"}
