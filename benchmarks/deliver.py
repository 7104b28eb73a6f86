"""What ``benchmarks.sender`` starts, each in a process of its own: ``python -m benchmarks.deliver KIND PORT COUNT ENDPOINTS``.

It prints seconds and seconds of CPU, as JSON, of delivering COUNT events that were published before.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from benchmarks.measure import SECRET, golden
from perscom_receiver import Event
from perscom_sender import Sender, sign

IN_FLIGHT = 100


async def bare(port: int, count: int, endpoints: int) -> tuple[float, float]:
    """An aiohttp loop that signs and sends, and remembers nothing."""
    _, body = golden("rankrecord_created")
    left = count

    async def one(session: aiohttp.ClientSession) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            headers = {"Signature": sign(body, SECRET), "Content-Type": "application/json"}
            async with session.post(f"http://127.0.0.1:{port}/{left % endpoints}", data=body, headers=headers) as response:
                assert response.status == 200
                await response.read()

    async with aiohttp.ClientSession() as session:
        began, used = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one(session) for _ in range(IN_FLIGHT)))
        return time.perf_counter() - began, time.process_time() - used


async def ours(port: int, count: int, endpoints: int) -> tuple[float, float]:
    """The sender: each delivery's start, answer and state committed."""
    _, body = golden("rankrecord_created")
    event = Event.parse(body)
    with TemporaryDirectory() as folder:
        sender = Sender(Path(folder, "sender.db"), allow=["127.0.0.1"])
        for n in range(endpoints):
            sender.subscriptions.add(
                f"http://127.0.0.1:{port}/{n}", SECRET, [f"of.{n}"], concurrency=max(2, IN_FLIGHT // endpoints)
            )
        for first in range(0, count, 500):
            among = range(first, min(count, first + 500))
            await asyncio.gather(*(sender.publish(f"of.{n % endpoints}", event.data, event.changes) for n in among))
        stop = asyncio.Event()
        began, used = time.perf_counter(), time.process_time()
        running = asyncio.create_task(sender.run(stop))
        while await asyncio.to_thread(_left, sender):
            await asyncio.sleep(0.05)
        took = time.perf_counter() - began, time.process_time() - used
        stop.set()
        await running
        sender.close()
    return took


def _left(sender: Sender) -> bool:
    return bool(sender.log.deliveries(state="waiting", n=1) or sender.log.deliveries(state="sending", n=1))


KINDS: dict[str, Callable[[int, int, int], Awaitable[tuple[float, float]]]] = {"bare": bare, "ours": ours}


async def _main() -> None:
    kind, port, count, endpoints = sys.argv[1], *map(int, sys.argv[2:5])
    seconds, cpu = await KINDS[kind](port, count, endpoints)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "pid": os.getpid()}))


if __name__ == "__main__":
    asyncio.run(_main())
