"""SIGKILL at any moment: nothing that was published is lost, and only what was under way is sent twice."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from hashlib import sha256

import pytest
from endpoints import Endpoint
from sending import SECRET, running, until

from perscom_sender import Sender

KILLS = 6
CONCURRENCY = 8

PROGRAM = """
import asyncio, sys
from perscom_sender import Sender

async def main():
    sender = Sender(sys.argv[1], allow=["127.0.0.1"])
    running = asyncio.create_task(sender.run())

    async def publish(lane):
        while True:
            number = await sender.publish("order.paid", {"lane": lane})
            print(number, flush=True)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(publish(lane) for lane in range(4)))

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_nothing_published_is_lost_and_only_what_was_under_way_is_repeated(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    monkeypatch.setattr("perscom_sender._worker.POLL", 0.05)

    async def main() -> None:
        sender = Sender(db, allow=["127.0.0.1"])
        async with Endpoint() as endpoint:
            sender.subscriptions.add(endpoint.url, SECRET, ["*"], concurrency=CONCURRENCY)
            acknowledged, started = set[int](), 0
            for _ in range(KILLS):
                child = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, db, stdout=asyncio.subprocess.PIPE)
                assert child.stdout is not None
                before = len(endpoint.requests)
                acknowledged.add(int(await child.stdout.readline()))
                await until(lambda before=before: len(endpoint.requests) > before)
                await asyncio.sleep(chance.random() * 0.3)
                child.kill()
                acknowledged |= {int(line) for line in (await child.stdout.read()).split(b"\n")[:-1]}
                await child.wait()
                under_way = sender.log.deliveries(state="sending", n=1000)
                assert len(under_way) <= CONCURRENCY
                started += len(under_way)
                # As if the leases of the killed had run out by now.
                sender._store.write(lambda connection: connection.execute("UPDATE task SET lease = 0 WHERE state = 1"))
                sender._store.write(lambda connection: connection.execute("UPDATE lane SET ready = 0"))
            async with running(sender):
                await until(lambda: not sender.log.deliveries(state="waiting") and not sender.log.deliveries(state="sending"))
            deliveries = sender.log.deliveries(n=100_000)
            assert {one.state for one in deliveries} == {"delivered"}
            assert acknowledged <= {one.event for one in deliveries}
            arrived = Counter(sha256(body).hexdigest() for _, body in endpoint.requests)
            assert set(arrived) == {one.event_id for one in deliveries}
            assert sum(count - 1 for count in arrived.values()) <= started
            for one in deliveries:  # what was sent twice was cut off, and the log says so
                if arrived[one.event_id] > 1:
                    assert "unclear" in [attempt.kind for attempt in sender.log.attempts(one.id)]
            assert len(deliveries) > 100
        sender.close()

    asyncio.run(main())
