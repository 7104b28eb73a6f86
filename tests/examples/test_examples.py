"""Each example, started as its own first lines say, fed by examples/send.py, and watched from outside."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from perscom_receiver.testing import signed_request

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BIN = Path(sys.executable).parent
SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
FREE_PORT = {"uvicorn": ["--port", "0"], "gunicorn": ["--bind", "127.0.0.1:0"], "perscom-bridge": []}


class Program:
    """A process with its output in a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:], *FREE_PORT[command[0]]],
                cwd=EXAMPLES,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        """Wait until the output holds ``pattern``."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, output := self._log.read_text(encoding="utf-8"))):
            assert self.process.poll() is None, output
            assert time.monotonic() < deadline, output
            time.sleep(0.02)
        return found

    def times(self, text: str) -> int:
        return self._log.read_text(encoding="utf-8").count(text)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


class Stage:
    """The programs of one test; what is left of them is killed at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: list[Program] = []
        self.environment = {
            **os.environ,
            "PERSCOM_WEBHOOK_SECRET": SECRET,
            "INBOX": str(folder / "inbox.db"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, command: list[str]) -> Program:
        self._programs.append(Program(command, self.environment, self._folder / f"log-{len(self._programs)}"))
        return self._programs[-1]

    def serve(self, command: list[str]) -> tuple[Program, str]:
        """Start a server; it and its address."""
        server = self.start(command)
        return server, server.said(r"(?:running on|Listening at:) (http://127\.0\.0\.1:\d+)")[1]

    def send(self, address: str, name: str, secret: str = SECRET) -> tuple[int, int]:
        """Run examples/send.py; its exit status and the status of the answer that it printed."""
        done = subprocess.run(
            [sys.executable, "send.py", f"{address}/webhooks/perscom", name],
            cwd=EXAMPLES,
            env={**self.environment, "PERSCOM_WEBHOOK_SECRET": secret},
            capture_output=True,
            text=True,
            timeout=30,
        )
        printed = re.match(rf"{re.escape(name)}: (\d{{3}}) ", done.stdout)
        assert printed is not None, done.stdout + done.stderr
        return done.returncode, int(printed[1])

    def close(self) -> None:
        for program in self._programs:
            if program.process.poll() is None:
                program.process.kill()
                program.process.wait()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = Stage(tmp_path)
    yield opened
    opened.close()


def commands(example: str) -> list[list[str]]:
    """The commands in the first lines of an example, without the variable in front."""
    docstring = ast.get_docstring(ast.parse((EXAMPLES / example).read_text(encoding="utf-8")))
    assert docstring is not None
    lines = [[word for word in line.split() if "=" not in word] for line in docstring.splitlines()]
    return [line for line in lines if line and line[0] in FREE_PORT]


def refuses_strangers(address: str) -> None:
    """Unsigned and GET requests get their answers, with and without a slash at the end."""
    headers, body = signed_request("rankrecord.created", SECRET)
    for path in ("/webhooks/perscom", "/webhooks/perscom/"):
        assert answer(address, "POST", path, body, {}) == 401
        assert answer(address, "POST", path, body + b" ", headers) == 401
        assert answer(address, "GET", path, b"", headers) == 405


def answer(address: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_fastapi_receiver_runs_its_code_for_genuine_calls_alone(stage: Stage) -> None:
    (command,) = commands("fastapi_receiver.py")
    server, address = stage.serve(command)
    assert stage.send(address, "rankrecord.created") == (0, 200)
    server.said("got rankrecord.created")
    refuses_strangers(address)
    assert server.times("got ") == 1
    assert server.stop() == -signal.SIGTERM  # uvicorn hands the signal on when it has ended
    server.said("Application shutdown complete")


def test_the_starlette_receiver_stores_answers_and_handles_what_it_wants_once(stage: Stage) -> None:
    (command,) = commands("starlette_receiver.py")
    server, address = stage.serve(command)
    for name in ("rankrecord.created", "user.updated", "awardrecord.created"):
        assert stage.send(address, name) == (0, 202)
    server.said(r"handled rankrecord\.created")
    server.said(r"handled awardrecord\.created")
    refuses_strangers(address)
    headers, body = signed_request("combatrecord.created", SECRET)
    path = "/webhooks/perscom"
    assert [answer(address, "POST", spelled, body, headers) for spelled in (path, f"{path}/")] == [202, 200]
    server.said(r"handled combatrecord\.created")
    assert server.times("handled ") == 3
    assert server.stop() == -signal.SIGTERM  # uvicorn hands the signal on when it has ended
    server.said("Application shutdown complete")


def test_the_flask_receiver_stores_and_its_worker_in_another_process_handles(stage: Stage) -> None:
    serve, work = commands("flask_receiver.py")
    server, address = stage.serve(serve)
    assert stage.send(address, "rankrecord.created") == (0, 202)
    refuses_strangers(address)
    worker = stage.start(work)  # what came before it is not lost
    worker.said(r"handled rankrecord\.created")
    assert stage.send(address, "rankrecord.created") == (0, 202)
    worker.said(r"(?s)handled rankrecord\.created of.*handled rankrecord\.created of")
    assert worker.stop() == 0
    assert server.stop() == 0


def test_send_fails_clearly_without_a_receiver_that_takes_it_and_without_arguments(stage: Stage) -> None:
    (command,) = commands("fastapi_receiver.py")
    _, address = stage.serve(command)
    assert stage.send(address, "rankrecord.created", "another secret than ours") == (1, 401)
    done = subprocess.run([sys.executable, "send.py"], cwd=EXAMPLES, capture_output=True, text=True)
    assert done.returncode == 1
    assert "python send.py http" in done.stderr


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".toml")))
def test_an_example_fits_on_a_screen(example: str) -> None:
    assert len((EXAMPLES / example).read_text(encoding="utf-8").splitlines()) < 60
