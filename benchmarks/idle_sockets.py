"""How many idle chat sockets one process holds, and what each costs in memory.

    python -m benchmarks.idle_sockets [--sockets 2000]

Each socket has said hello as a newcomer does and then stays silent but for its heartbeat. Memory is the growth of the
web process's resident set; at the end every socket must still answer a heartbeat.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks import figures
from benchmarks.chats import Chat
from tests.faults.stack import QUESTIONS, Stack, embedded

WARM: Final = 50
AT_ONCE: Final = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=figures.RESULTS / "idle_sockets.json")
    arguments = parser.parse_args()
    allow_files(arguments.sockets + 500)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, embedded(Path(folder)) as stack:
        figures.write(arguments.out, {**figures.machine(), **asyncio.run(_measure(stack, arguments.sockets))})


def allow_files(count: int) -> None:
    """Open files, for this process and the ones it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count if hard < 0 else min(count, hard), hard))


async def _measure(stack: Stack, count: int) -> dict[str, Any]:
    port, process = stack.ports[0], psutil.Process(stack.processes[0].pid)
    await (await Chat.open(port)).ask(QUESTIONS[0])  # everything is loaded
    for chat in await _open(port, WARM):
        await chat.close()
    await asyncio.sleep(2)
    before, began = process.memory_info().rss, time.perf_counter()
    chats = await _open(port, count)
    seconds = time.perf_counter() - began
    await asyncio.sleep(2)
    after = process.memory_info().rss
    held = await _alive(chats)
    began = time.perf_counter()
    await chats[0].ping()
    return {
        "sockets": count,
        "held": held,
        "kib_per_socket": round((after - before) / count / 1024, 1),
        "process_mib_before": round(before / 2**20, 1),
        "process_mib_after": round(after / 2**20, 1),
        "opened_per_second": round(count / seconds, 1),
        "heartbeat_ms": round(1000 * (time.perf_counter() - began), 1),
    }


async def _open(port: int, count: int) -> list[Chat]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> Chat:
        async with gate:
            return await Chat.open(port)

    return await asyncio.gather(*(one() for _ in range(count)))


async def _alive(chats: list[Chat]) -> int:
    held = 0
    for begin in range(0, len(chats), AT_ONCE):
        answers = await asyncio.gather(
            *(chat.ping() for chat in chats[begin : begin + AT_ONCE]), return_exceptions=True
        )
        held += sum(answer is None for answer in answers)
    return held


if __name__ == "__main__":
    main()
