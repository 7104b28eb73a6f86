"""A NATS with JetStream for tests: each has a server of its own, which may be killed, paused, filled and wiped.

Where there is no ``nats-server``, tests that leave the server alone use the one that ``PERSCOM_TEST_NATS`` names. Where none
answers either a test is skipped, but not in CI.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TypeVar

import nats
import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

__all__ = ["STREAM", "NatsServer", "OwnNatsServer", "any_nats", "own_nats"]

SHARED = os.environ.get("PERSCOM_TEST_NATS", "nats://127.0.0.1:4222")
PROGRAM = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/bin")
STREAM = "PERSCOM_INGEST"
_T = TypeVar("_T")


class NatsServer:
    """One that listens on a free port, or the shared one. ``url`` names no user."""

    def __init__(self, url: str) -> None:
        self.url = url

    def do(self, work: Callable[[Client], Awaitable[_T]], **credentials: object) -> _T:
        """What ``work`` returns, which gets a connection."""

        async def main() -> _T:
            client = await nats.connect(self.url, connect_timeout=5, **credentials)  # type: ignore[arg-type]
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(main())

    def waiting(self) -> int:
        """How many messages are in the stream."""

        async def count(client: Client) -> int:
            return (await client.jetstream().stream_info(STREAM)).state.messages

        return self.do(count)

    def forget(self) -> None:
        """Delete the stream."""

        async def delete(client: Client) -> None:
            with suppress(NotFoundError):
                await client.jetstream().delete_stream(STREAM)

        self.do(delete)


class OwnNatsServer(NatsServer):
    """With its store in ``folder``; ``config`` is added to its configuration."""

    def __init__(self, folder: Path, config: str = "", *, jetstream: bool = True) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        super().__init__(f"nats://127.0.0.1:{self.port}")
        self.store = folder / "jetstream"
        self._file = folder / f"nats-{self.port}.conf"
        self._always = f'listen: "127.0.0.1:{self.port}"\n'
        if jetstream:
            self._always += f'jetstream {{ store_dir: "{self.store}" }}\n'
        self.configure(config)
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, config: str) -> None:
        """What is to hold from the next start on."""
        self._file.write_text(f"{self._always}{config}\n")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it is not running"
        return self._process

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert PROGRAM is not None
        log = self._file.with_suffix(".log")
        self._process = subprocess.Popen([PROGRAM, "-c", str(self._file), "-l", str(log)])
        deadline = time.monotonic() + 10
        while not _answers(self.port):
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)

    def kill(self) -> None:
        """As ``kill -9`` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """As an operator does."""
        self.process.terminate()
        self.process.wait(10)
        self._process = None

    def restart(self, *, wiped: bool = False) -> None:
        """Kill and start it, perhaps with nothing left of its store."""
        self.kill()
        if wiped:
            shutil.rmtree(self.store)
        self.start()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def own_nats(folder: Path, config: str = "", *, jetstream: bool = True) -> Iterator[OwnNatsServer]:
    """A server of the test's own, ended with the block."""
    if PROGRAM is None:
        _missing("there is no nats-server on this machine, and this test kills, pauses or configures one")
    server = OwnNatsServer(folder, config, jetstream=jetstream)
    server.start()
    try:
        yield server
    finally:
        with suppress(AssertionError):
            server.go_on()
        server.kill()


@contextmanager
def any_nats(folder: Path) -> Iterator[NatsServer]:
    """A server without a stream: one of its own, or the shared one."""
    if PROGRAM is not None:
        with own_nats(folder) as own:
            yield own
        return
    shared = NatsServer(SHARED)
    try:
        shared.forget()
    except Exception as error:  # noqa: BLE001 - whatever it is, there is none for us
        _missing(f"no NATS with JetStream answers (PERSCOM_TEST_NATS names one): {error}")
    try:
        yield shared
    finally:
        shared.forget()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False


def _missing(reason: str) -> NoReturn:
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)
