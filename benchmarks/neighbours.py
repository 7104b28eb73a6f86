"""What healthy endpoints feel of sick ones: how long events are on their way, with and without neighbours that hang or fail.

80 healthy endpoints, 10 that never answer and 10 that answer 500, with the same number of events each. The sender runs on core
0, the endpoints on core 1. The way is from ``created`` in the event to its arrival.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.measure import SECRET, golden
from benchmarks.sender import endpoint, seen
from perscom_receiver import Event
from perscom_sender import Sender

SECONDS = 20.0
ROUNDS = 3
RATE = 4
"""Events in a second for each endpoint."""
HEALTHY = [f"timed/{n}" for n in range(80)]
SICK = [f"{kind}/{n}" for kind in ("hang", "fail") for n in range(10)]


def main() -> None:
    """Print one table."""
    found: dict[str, list[tuple[float, float, float]]] = {"alone": [], "beside sick ones": []}
    for _ in range(ROUNDS):
        for name, paths in (("alone", HEALTHY), ("beside sick ones", [*HEALTHY, *SICK])):
            found[name].append(_measure(paths))
    print(f"{len(HEALTHY)} healthy endpoints, {len(SICK)} sick ones, {RATE} events/s each, {ROUNDS} rounds of {SECONDS:.0f} s")
    base: list[float] = []
    for name, rounds in found.items():
        p50, p99, most = (median(column) for column in zip(*rounds, strict=True))
        base = base or [p50, p99]
        print(
            f"  {name:<18} p50 {p50:7.1f} ms {p50 / base[0]:5.2f} x   p99 {p99:7.1f} ms {p99 / base[1]:5.2f} x"
            f"   longest {most:7.1f} ms"
        )


def _measure(paths: Iterable[str]) -> tuple[float, float, float]:
    """p50, p99 and the longest, in milliseconds."""
    with endpoint() as port:
        command = ["taskset", "-c", "0", sys.executable, "-m", "benchmarks.neighbours", str(port), str(SECONDS), *paths]
        count = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        ways = sorted(seen(port)["ways"])  # type: ignore[call-overload]
    assert len(ways) == count, "each event for a healthy endpoint arrived, once"
    return ways[len(ways) // 2], ways[len(ways) * 99 // 100], ways[-1]


async def _load(port: int, seconds: float, paths: list[str]) -> int:
    """Publish at an even pace while the same process delivers. How many events there were for healthy endpoints."""
    _, body = golden("rankrecord_created")
    event, loop, healthy = Event.parse(body), asyncio.get_running_loop(), 0
    with TemporaryDirectory() as folder:
        sender = Sender(Path(folder, "sender.db"), allow=["127.0.0.1"])
        for path in paths:
            sender.subscriptions.add(f"http://127.0.0.1:{port}/{path}", SECRET, [path])
        stop = asyncio.Event()
        running = asyncio.create_task(sender.run(stop, grace=0.5))
        await asyncio.sleep(1)
        began = loop.time()
        for n in range(int(seconds * RATE)):
            for place, path in enumerate(paths):
                due = began + (n + place / len(paths)) / RATE
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                await sender.publish(path, event.data, event.changes)
                healthy += path in HEALTHY
        while any(sender.log.deliveries(subscription=n + 1, state="waiting") for n in range(len(HEALTHY))):
            await asyncio.sleep(0.1)
        stop.set()
        await running
        sender.close()
    return healthy


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_load(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))))
