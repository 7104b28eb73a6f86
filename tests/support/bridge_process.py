"""`perscom-bridge` as a process, for the tests that treat it like an operator would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from perscom_receiver.testing import signed_request

SECRET = "a secret of twenty-odd letters"
BRIDGE = [sys.executable, "-c", "from perscom_bridge.cli import main; main()"]
HEAD = """
[site]
name = "1st Ranger Group"
secret = "${PERSCOM_WEBHOOK_SECRET}"
[server]
listen = "127.0.0.1:0"
status = "127.0.0.1:0"
database = "bridge.db"
"""


class Bridge:
    """A running `perscom-bridge serve`, and all that it printed."""

    def __init__(self, config: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [*BRIDGE, "serve", "--config", str(config), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PERSCOM_WEBHOOK_SECRET": SECRET, "COLUMNS": "200"},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: self.said("Now press Test there") or self.process.poll() is not None)
        assert self.process.poll() is None, self.output
        self.public = int(re.search(r"URL http://127\.0\.0\.1:(\d+)/webhooks/perscom", self.output)[1])
        self.status = int(re.search(r"Status page +http://127\.0\.0\.1:(\d+)/", self.output)[1])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def said(self, text: str) -> bool:
        return text in self.output

    def post(self, headers: dict[str, str], body: bytes, path: str = "/webhooks/perscom", method: str = "POST") -> int:
        return request(self.public, method, path, body, headers)[0]

    def event(self, name: str = "rankrecord.created", **overrides: object) -> int:
        return self.post(*signed_request(name, SECRET, **overrides))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def close(self) -> None:
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


def request(port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def bridge(folder: Path, config: str = "bridge.toml", *options: str) -> Iterator[Bridge]:
    running = Bridge(folder / config, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        running.close()


def run(command: str, folder: Path, *more: str, config: str = "bridge.toml") -> subprocess.CompletedProcess[str]:
    words = (
        [command, more[0], "--config", str(folder / config), *more[1:]] if more else [command, "--config", str(folder / config)]
    )
    environment = {**os.environ, "PERSCOM_WEBHOOK_SECRET": SECRET, "COLUMNS": "200"}
    return subprocess.run([*BRIDGE, *words], capture_output=True, text=True, timeout=30, env=environment)
