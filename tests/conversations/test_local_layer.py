"""The layer of one process: groups reach their members, ended sockets leave, a slow one loses only its own."""

import asyncio

import pytest

from chatbot.conversations.live.local_layer import LocalLayer

EVENT = {"type": "desk.event", "text": "{}"}


async def test_every_member_of_a_group_and_nobody_else_is_told() -> None:
    layer = LocalLayer()
    one, other, stranger = [await layer.new_channel() for _ in range(3)]
    await layer.group_add("desk", one)
    await layer.group_add("desk", other)
    await layer.group_send("desk", EVENT)
    assert [await layer.receive(one), await layer.receive(other)] == [EVENT, EVENT]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(layer.receive(stranger), 0.05)


async def test_who_has_left_is_told_nothing() -> None:
    layer = LocalLayer()
    channel = await layer.new_channel()
    await layer.group_add("desk", channel)
    await layer.group_discard("desk", channel)
    await layer.group_send("desk", EVENT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(layer.receive(channel), 0.05)


async def test_a_socket_that_ended_leaves_nothing_behind() -> None:
    layer = LocalLayer()
    channel = await layer.new_channel()
    await layer.group_add("desk", channel)
    listening = asyncio.create_task(layer.receive(channel))
    await asyncio.sleep(0)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert (layer.channels, layer.groups, layer._groups_of) == ({}, {}, {})


async def test_a_full_queue_loses_its_own_events_only() -> None:
    layer = LocalLayer(capacity=1)
    slow, quick = [await layer.new_channel() for _ in range(2)]
    for channel in (slow, quick):
        await layer.group_add("desk", channel)
    await layer.group_send("desk", {"type": "a"})
    assert await layer.receive(quick) == {"type": "a"}
    await layer.group_send("desk", {"type": "b"})
    assert [await layer.receive(slow), await layer.receive(quick)] == [{"type": "a"}, {"type": "b"}]
