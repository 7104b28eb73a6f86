"""The middlewares behind real servers, with and without: requests per second and CPU per request, on one core.

Needs wrk (Debian: ``apt-get install wrk``). The server runs on core 0, wrk on core 1, 64 connections, a signed body of 2 KiB.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.inprocess import PATH
from benchmarks.measure import golden

ROUNDS = 3
SECONDS = 3

APPS = """
import os
from benchmarks.inprocess import flask_app, starlette_app
framework, _, which = os.environ["KIND"].partition(":")
app = (starlette_app if framework == "starlette" else flask_app)(which)
"""
"""Written to a file of its own, which the servers import."""

UVICORN = ["-m", "uvicorn", "--no-access-log", "--log-level", "error", "--port"]
GUNICORN = ["-m", "gunicorn", "--workers", "1", "--threads", "8", "--log-level", "error", "--bind"]


def main() -> None:
    """Print one table for each server."""
    if shutil.which("wrk") is None:
        print("servers: skipped, wrk is not there (Debian: apt-get install wrk)")
        return
    _compare("Starlette behind uvicorn", UVICORN, ["starlette:bare", "starlette:ours", "starlette:base"])
    _compare("Flask behind gunicorn (8 threads)", GUNICORN, ["flask:bare", "flask:ours"])


def _compare(title: str, server: list[str], kinds: list[str]) -> None:
    results: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind in random.sample(kinds, len(kinds)):
            results[kind].append(_measure(server, kind))
    print(f"{title}: {ROUNDS} rounds of {SECONDS} s")
    rates = {kind: median(rate for rate, _ in rounds) for kind, rounds in results.items()}
    cpus = {kind: median(cpu for _, cpu in rounds) for kind, rounds in results.items()}
    base = kinds[0]
    for kind in kinds:
        print(
            f"  {kind:<20} {rates[kind]:8.0f} req/s {rates[kind] / rates[base]:6.2f} x"
            f"   {cpus[kind]:7.1f} us CPU/request {cpus[kind] / cpus[base]:6.2f} x"
        )


def _measure(server: list[str], kind: str) -> tuple[float, float]:
    """Requests per second, and microseconds of CPU per request, of one server under load."""
    headers, body = golden("rankrecord_created")
    with TemporaryDirectory() as folder:
        port = free_port()
        Path(folder, "apps.py").write_text(APPS)
        Path(folder, "post.lua").write_text(_lua(headers, body))
        where = f"127.0.0.1:{port}" if "--bind" in server else str(port)
        environment = {**os.environ, "KIND": kind, "PYTHONPATH": os.pathsep.join([folder, os.getcwd()])}
        command = ["taskset", "-c", "0", sys.executable, *server, where, "apps:app"]
        process = subprocess.Popen(command, env=environment)
        try:
            wait_until_up(port)
            load = ["taskset", "-c", "1", "wrk", "-t1", "-c64", "-s", f"{folder}/post.lua", f"http://127.0.0.1:{port}{PATH}"]
            subprocess.run([*load, "-d1s"], check=True, capture_output=True)
            before = cpu_seconds(process.pid)
            output = subprocess.run([*load, f"-d{SECONDS:.0f}s"], check=True, capture_output=True, text=True).stdout
            used = cpu_seconds(process.pid) - before
        finally:
            process.terminate()
            process.wait(10)
    if "Non-2xx" in output:
        raise RuntimeError(f"{kind}: requests failed\n{output}")
    done = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    return done / SECONDS, used / done * 1e6


def _lua(headers: dict[str, str], body: bytes) -> str:
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items() if name not in ("Host", "Content-Length")]
    return "\n".join(['wrk.method = "POST"', f"wrk.body = [==[{body.decode()}]==]", *lines])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_up(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not come up")


def cpu_seconds(pid: int) -> float:
    """CPU seconds used by a process and the children that still live."""
    pids = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    ticks = 0
    for each in pids:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
