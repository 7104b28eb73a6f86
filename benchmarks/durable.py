"""What a durable 202 costs: the same app behind uvicorn with an inbox and without, also on a disk that is slow to sync.

Needs wrk (Debian: ``apt-get install wrk``), and gcc for the slow disk. The server runs on core 0, wrk on core 1, with 64
connections and signed bodies of 2 KiB, each a new event. The database starts with a million digests. It is made in the folder
for temporary files (TMPDIR), which should be on a real disk.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import SECRET, golden
from benchmarks.servers import cpu_seconds, free_port, wait_until_up
from perscom_receiver import Event, Receiver, SQLiteInbox, _writer
from perscom_receiver.starlette import webhook_app

SECONDS = 60.0
DIGESTS = 1_000_000
SYNC = Path(__file__).resolve().parents[1] / "tests" / "support" / "sync.c"
SYNC_MS = 5

POST = """
local ffi = require("ffi")
ffi.cdef("const void *EVP_sha256(void);"
    .. "unsigned char *HMAC(const void *, const void *, int, const char *, size_t, unsigned char *, unsigned int *);")
local digest, length, digits, hex = ffi.new("unsigned char[32]"), ffi.new("unsigned int[1]"), {}, {}
for n = 0, 255 do hex[n] = string.format("%%02x", n) end
local secret, before, between, after = [==[%(secret)s]==], [==[%(before)s]==], [==[%(between)s]==], [==[%(after)s]==]
local headers, number = {["Content-Type"] = "application/json"}, 0
math.randomseed(os.time())

function request()
    number = (number + 1) %% 1000000
    local created = os.date("!%%Y-%%m-%%dT%%H:%%M:%%S.") .. string.format("%%06dZ", number)
    local body = before .. created .. between .. string.format("%%08x", math.random(0, 0x7fffffff)) .. after
    ffi.C.HMAC(ffi.C.EVP_sha256(), secret, #secret, body, #body, digest, length)
    for n = 0, 31 do digits[n + 1] = hex[digest[n]] end
    headers["Signature"] = table.concat(digits)
    return wrk.format("POST", "/webhooks/perscom", headers, body)
end
"""
"""A load of wrk: the golden event with a new ``created`` and a random ``request_id``, signed by the OpenSSL that wrk brings."""


class NoStore:
    """Takes everything and keeps nothing."""

    def add(self, event: Event) -> bool:
        """Another one."""
        return True

    async def aadd(self, event: Event) -> bool:
        """Another one."""
        return True


def app() -> object:
    """What uvicorn serves: with ``DATABASE`` an inbox there, in which at most ``BATCH`` events share a commit."""
    _writer.LARGEST_BATCH = int(os.environ.get("BATCH", _writer.LARGEST_BATCH))
    path = os.environ.get("DATABASE")
    return webhook_app(Receiver(SECRET, inbox=SQLiteInbox(path) if path else NoStore()))


@dataclass
class Measured:
    """One server under load."""

    rate: float
    cpu: float
    """Microseconds for each request."""
    p99: float
    """Milliseconds."""
    log: float = 0.0
    """The largest size of the write-ahead log, in MiB."""


def main() -> None:
    """Print two tables."""
    if shutil.which("wrk") is None:
        print("durable: skipped, wrk is not there (Debian: apt-get install wrk)")
        return
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database = {"DATABASE": str(_prepare(folder / "inbox.db"))}
        (folder / "post.lua").write_text(_lua())
        print(f"Durable 202 behind uvicorn: {SECONDS:.0f} s each, {DIGESTS:,} digests kept")
        base = _show("no store", _measure(folder, {}))
        _show("inbox", _measure(folder, database), base)
        _show("inbox, a commit each", _measure(folder, {**database, "BATCH": "1"}), base)
        print(f"The same with {SYNC_MS} ms added to each sync of the disk")
        gcc = shutil.which("gcc")
        if gcc is None:
            print("  skipped, gcc is not there")
            return
        subprocess.run([gcc, "-O2", "-shared", "-fPIC", "-o", folder / "sync.so", SYNC, "-ldl"], check=True)
        slow = {**database, "LD_PRELOAD": str(folder / "sync.so"), "SYNC_MS": str(SYNC_MS)}
        _show("inbox", _measure(folder, slow), base)
        _show("inbox, 4 processes", _measure(folder, slow, workers=4), base)
        _show("inbox, a commit each", _measure(folder, {**slow, "BATCH": "1"}), base)


def _prepare(path: Path) -> Path:
    """A database that remembers a million events of the last month, without their bodies."""
    inbox = SQLiteInbox(path)
    inbox.database.write(lambda connection: None)
    inbox.close()
    now, apart = time.time(), 30 * 86_400 / DIGESTS
    rows = ((int((now - n * apart) * 1e6), os.urandom(32), now - n * apart) for n in range(DIGESTS, 0, -1))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO event (site, created, digest, endpoint, name, received)"
            " VALUES ('default', ?, ?, '', 'rankrecord.created', ?)",
            rows,
        )
    return path


def _lua() -> str:
    _, body = golden("rankrecord_created")
    before, created, rest = re.split(r'(?<="created":")([^"]+)', body.decode(), maxsplit=1)
    between, request_id, after = re.split(r'(?<="request_id":")([0-9a-f]{8})', rest, maxsplit=1)
    assert len(created) == 27
    assert request_id
    return POST % {"secret": SECRET, "before": before, "between": between, "after": after}


def _measure(folder: Path, environment: dict[str, str], workers: int = 1) -> Measured:
    port = free_port()
    server = ["-m", "uvicorn", "--no-access-log", "--log-level", "error", "--factory", "benchmarks.durable:app"]
    command = ["taskset", "-c", "0", sys.executable, *server, "--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    log = _Log(folder / "inbox.db-wal")
    try:
        wait_until_up(port)
        load = ["taskset", "-c", "1", "wrk", "-t1", "-c64", "--latency", "-s", f"{folder}/post.lua", f"http://127.0.0.1:{port}"]
        subprocess.run([*load, "-d2s"], check=True, capture_output=True)
        before, newest = cpu_seconds(process.pid), _newest(folder)
        output = subprocess.run([*load, f"-d{SECONDS:.0f}s"], check=True, capture_output=True, text=True).stdout
        used = cpu_seconds(process.pid) - before
    finally:
        process.terminate()
        process.wait(20)
        log.stop()
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"Requests failed:\n{output}")
    done = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    assert "DATABASE" not in environment or _newest(folder) - newest >= done, "each of them was a new event"
    p99, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()  # type: ignore[union-attr]
    return Measured(done / SECONDS, used / done * 1e6, float(p99) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit], log.largest)


def _newest(folder: Path) -> int:
    """The row of the newest event."""
    with closing(sqlite3.connect(folder / "inbox.db")) as connection:
        return int(connection.execute("SELECT max(id) FROM event").fetchone()[0])


class _Log(threading.Thread):
    """Watches the size of a file, in MiB, until it is told to stop."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.largest = 0.0
        self._path = path
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        """Look ten times a second."""
        while not self._stopped.wait(0.1):
            if self._path.exists():
                self.largest = max(self.largest, self._path.stat().st_size / 2**20)

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self.join()


def _show(name: str, found: Measured, base: Measured | None = None) -> Measured:
    base = base or found
    print(
        f"  {name:<22} {found.rate:8.0f} req/s {found.rate / base.rate:6.2f} x"
        f"   {found.cpu:7.1f} us CPU/request {found.cpu / base.cpu:6.2f} x"
        f"   p99 {found.p99:7.1f} ms" + (f"   log at most {found.log:.0f} MiB" if found.log else ""),
        flush=True,
    )
    return found
