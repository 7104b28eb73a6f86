"""What a delivery costs: the sender, a bare aiohttp loop that remembers nothing, Celery and dramatiq with requests.

Who sends runs on core 0, the endpoint on core 1; bodies of 2 KiB, signed, up to 100 requests in flight. All is published before
the clock starts. The sender commits each start, answer and state. Celery and dramatiq need a Redis (REDIS_URL, by default
127.0.0.1:6379); with gcc the sender is measured with a disk that is slow to sync, too.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.durable import SYNC, SYNC_MS
from benchmarks.servers import cpu_seconds, free_port, wait_until_up

EVENTS = 20_000
PEERS_EVENTS = 2_000
ROUNDS = 3
WORKERS = {
    "celery": ["-m", "celery", "-A", "benchmarks.peers", "worker", "-P", "threads", "-c", "100", "-l", "error"],
    "dramatiq": ["-m", "dramatiq", "benchmarks.peers", "--processes", "1", "--threads", "100"],
}


def main() -> None:
    """Print one table."""
    print(f"Sender: {EVENTS} deliveries of 2 KiB, median of {ROUNDS} rounds (peers: {PEERS_EVENTS} deliveries)")
    with endpoint() as port, TemporaryDirectory() as folder:
        base = _show("aiohttp, nothing kept", *_deliver("bare", port, 1))
        _show("ours, one endpoint", *_deliver("ours", port, 1), base)
        _show("ours, 1000 endpoints", *_deliver("ours", port, 1000), base)
        gcc = shutil.which("gcc")
        if gcc is None:
            print("  slow disk: skipped, gcc is not there")
        else:
            subprocess.run([gcc, "-O2", "-shared", "-fPIC", "-o", f"{folder}/sync.so", SYNC, "-ldl"], check=True)
            slow = {"LD_PRELOAD": f"{folder}/sync.so", "SYNC_MS": str(SYNC_MS)}
            _show(f"ours, {SYNC_MS} ms more per sync", *_deliver("ours", port, 1, slow), base)
        redis = urlsplit(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9"))
        try:
            socket.create_connection((redis.hostname or "", redis.port or 6379), timeout=1).close()
        except OSError:
            print("  Celery and dramatiq: skipped, no Redis answers")
            return
        for name in WORKERS:
            _show(f"{name}, requests.post", *_peer(name, port, {}), base)
            _show(f"{name}, requests.Session", *_peer(name, port, {"SESSION": "1"}), base)


@contextmanager
def endpoint() -> Iterator[int]:
    """The port of an endpoint on core 1."""
    port = free_port()
    process = subprocess.Popen(["taskset", "-c", "1", sys.executable, "-m", "benchmarks.endpoint", str(port)])
    try:
        wait_until_up(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def seen(port: int) -> dict[str, object]:
    """What the endpoint has seen."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/seen") as answer:
        return dict(json.load(answer))


def _deliver(kind: str, port: int, endpoints: int, environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Deliveries in a second, and microseconds of CPU for each."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "benchmarks.deliver", kind, str(port), str(EVENTS), str(endpoints)]
    rates, costs = [], []
    for _ in range(ROUNDS):
        before = seen(port)["taken"]
        process = subprocess.run(command, env={**os.environ, **(environment or {})}, check=True, capture_output=True, text=True)
        told = json.loads(process.stdout)
        assert seen(port)["taken"] == before + EVENTS, "each of them arrived, once"  # type: ignore[operator]
        rates.append(EVENTS / told["seconds"])
        costs.append(told["cpu"] / EVENTS * 1e6)
    return median(rates), median(costs)


def _peer(name: str, port: int, environment: dict[str, str]) -> tuple[float, float]:
    from benchmarks import peers

    url = f"http://127.0.0.1:{port}/0"
    before = int(seen(port)["taken"])  # type: ignore[call-overload]
    for _ in range(PEERS_EVENTS):
        peers.celery_deliver.delay(url) if name == "celery" else peers.dramatiq_deliver.send(url)
    process = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, *WORKERS[name]],
        env={**os.environ, "PYTHONWARNINGS": "ignore", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while int(seen(port)["taken"]) < before + 100:  # type: ignore[call-overload]  # it has come up
            time.sleep(0.01)
        began, used, first = time.perf_counter(), cpu_seconds(process.pid), int(seen(port)["taken"])  # type: ignore[call-overload]
        while int(seen(port)["taken"]) < before + PEERS_EVENTS:  # type: ignore[call-overload]
            time.sleep(0.02)
        took, cpu = time.perf_counter() - began, cpu_seconds(process.pid) - used
    finally:
        process.terminate()
        process.wait(30)
    count = before + PEERS_EVENTS - first
    return count / took, cpu / count * 1e6


def _show(name: str, rate: float, cost: float, base: tuple[float, float] | None = None) -> tuple[float, float]:
    first, cheapest = base or (rate, cost)
    print(f"  {name:<28} {rate:8.0f}/s {rate / first:6.2f} x   {cost:8.1f} us CPU each {cost / cheapest:6.2f} x", flush=True)
    return rate, cost
