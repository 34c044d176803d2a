"""The doorbell: events that wait together go together, and one that fails or hangs stops none of the others."""

import asyncio
from typing import Any

import pytest

from chatbot.conversations.live import publishing
from chatbot.conversations.live.local_layer import LocalLayer


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> LocalLayer:
    layer = LocalLayer()
    monkeypatch.setattr(publishing, "get_channel_layer", lambda: layer)
    return layer


async def _listener(layer: LocalLayer) -> str:
    channel = await layer.new_channel()
    await layer.group_add("desk", channel)
    return channel


async def test_events_that_wait_together_go_in_one_turn_of_the_loop(layer: LocalLayer) -> None:
    channel = await _listener(layer)
    pump = publishing._Pump(asyncio.get_running_loop())
    for number in range(20):
        pump.put("desk", {"type": "row", "number": number})
    for _turn in range(3):  # the call from a thread, the pump's task, its first step
        await asyncio.sleep(0)
    assert [layer.channels[channel].get_nowait()["number"] for _number in range(20)] == list(range(20))


async def test_an_event_that_hangs_or_fails_is_dropped_and_the_next_one_goes(
    layer: LocalLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_SEND_TIMEOUT_SECONDS", 0.05)
    channel = await _listener(layer)
    send = layer.group_send

    async def unsteady(group: str, message: dict[str, Any]) -> None:
        if message["type"] == "hangs":
            await asyncio.sleep(3600)
        if message["type"] == "fails":
            raise ConnectionError("the carrier is away")
        await send(group, message)

    monkeypatch.setattr(layer, "group_send", unsteady)
    pump = publishing._Pump(asyncio.get_running_loop())
    for kind in ("hangs", "fails", "goes"):
        pump.put("desk", {"type": kind})
    assert await asyncio.wait_for(layer.receive(channel), 10) == {"type": "goes"}
