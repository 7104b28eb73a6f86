"""Programs as users start them: servers and workers in processes of their own, watched by what they print."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

__all__ = ["FREE_PORT", "Program", "Stage", "answer"]

BIN = Path(sys.executable).parent
FREE_PORT = {"uvicorn": ["--port", "0"], "gunicorn": ["--bind", "127.0.0.1:0"], "flask": [], "perscom-bridge": []}
"""The commands that can be started, and what makes them listen where nobody else does."""


class Program:
    """A process with its output in a file."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:], *FREE_PORT[command[0]]],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until the output holds ``pattern`` so many times; the last of them."""
        deadline = time.monotonic() + 20
        while len(found := list(re.finditer(pattern, output := self.output()))) < times:
            assert self.process.poll() is None, output
            assert time.monotonic() < deadline, output
            time.sleep(0.02)
        return found[-1]

    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def times(self, text: str) -> int:
        return self.output().count(text)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(15)

    def kill(self) -> None:
        """End it, and the processes that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Stage:
    """The programs of one test, run in ``folder``; what is left of them is killed at its end."""

    def __init__(self, folder: Path, logs: Path, secret: str) -> None:
        self._folder = folder
        self._logs = logs
        self._programs: list[Program] = []
        self.environment = {
            **os.environ,
            "PERSCOM_WEBHOOK_SECRET": secret,
            "INBOX": str(logs / "inbox.db"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, command: list[str]) -> Program:
        log = self._logs / f"log-{len(self._programs)}"
        self._programs.append(Program(command, self._folder, self.environment, log))
        return self._programs[-1]

    def serve(self, command: list[str]) -> tuple[Program, str]:
        """Start a server; it and its address, once it answers there."""
        server = self.start(command)
        address = server.said(r"(?:running on|Listening at:) (http://127\.0\.0\.1:\d+)")[1]
        if command[0] == "uvicorn":  # which tells the address before it listens, if it has several processes
            server.said("Application startup complete")
        return server, address

    def close(self) -> None:
        for program in self._programs:
            if program.process.poll() is None:
                program.kill()


def answer(address: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    """The status that a server gives to one request."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
