"""Each example, started as its own first lines say, fed by examples/send.py, and watched from outside."""

from __future__ import annotations

import ast
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import FREE_PORT, Stage, answer

from perscom_receiver.testing import signed_request

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = Stage(EXAMPLES, tmp_path, SECRET)
    yield opened
    opened.close()


def send(stage: Stage, address: str, name: str, secret: str = SECRET) -> tuple[int, int]:
    """Run examples/send.py; its exit status and the status of the answer that it printed."""
    done = subprocess.run(
        [sys.executable, "send.py", f"{address}/webhooks/perscom", name],
        cwd=EXAMPLES,
        env={**stage.environment, "PERSCOM_WEBHOOK_SECRET": secret},
        capture_output=True,
        text=True,
        timeout=30,
    )
    printed = re.match(rf"{re.escape(name)}: (\d{{3}}) ", done.stdout)
    assert printed is not None, done.stdout + done.stderr
    return done.returncode, int(printed[1])


def commands(example: str) -> list[list[str]]:
    """The commands in the first lines of an example, without the variable in front."""
    docstring = ast.get_docstring(ast.parse((EXAMPLES / example).read_text(encoding="utf-8")))
    assert docstring is not None
    shown = [shlex.split(line) for line in docstring.splitlines() if line.startswith("    ")]
    found = [[word for word in line if "=" not in word] for line in shown]
    assert {command[0] for command in found} <= set(FREE_PORT)
    return found


def refuses_strangers(address: str) -> None:
    """Unsigned and GET requests get their answers, with and without a slash at the end."""
    headers, body = signed_request("rankrecord.created", SECRET)
    for path in ("/webhooks/perscom", "/webhooks/perscom/"):
        assert answer(address, "POST", path, body, {}) == 401
        assert answer(address, "POST", path, body + b" ", headers) == 401
        assert answer(address, "GET", path, b"", headers) == 405


def test_the_fastapi_receiver_runs_its_code_for_genuine_calls_alone(stage: Stage) -> None:
    (command,) = commands("fastapi_receiver.py")
    server, address = stage.serve(command)
    assert send(stage, address, "rankrecord.created") == (0, 200)
    server.said("got rankrecord.created")
    refuses_strangers(address)
    assert server.times("got ") == 1
    assert server.stop() == -signal.SIGTERM  # uvicorn hands the signal on when it has ended
    server.said("Application shutdown complete")


def test_the_starlette_receiver_stores_answers_and_handles_what_it_wants_once(stage: Stage) -> None:
    (command,) = commands("starlette_receiver.py")
    server, address = stage.serve(command)
    for name in ("rankrecord.created", "user.updated", "awardrecord.created"):
        assert send(stage, address, name) == (0, 202)
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
    assert send(stage, address, "rankrecord.created") == (0, 202)
    refuses_strangers(address)
    worker = stage.start(work)  # what came before it is not lost
    worker.said(r"handled rankrecord\.created")
    assert send(stage, address, "rankrecord.created") == (0, 202)
    worker.said(r"flask_receiver handled rankrecord\.created", 2)  # the handler knows its app
    assert worker.stop() == 0
    assert server.stop() == 0


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_the_django_receiver_is_guarded_under_asgi_and_wsgi_and_a_process_of_its_own_handles(stage: Stage, server: str) -> None:
    *servers, work = commands("django_receiver.py")
    (command,) = [command for command in servers if command[0] == server]
    running, address = stage.serve(command)
    assert send(stage, address, "rankrecord.created") == (0, 202)
    refuses_strangers(address)
    headers, body = signed_request("user.updated", SECRET)
    path = "/webhooks/perscom"
    assert [answer(address, "POST", spelled, body, headers) for spelled in (path, f"{path}/")] == [202, 200]
    assert answer(address, "POST", "/elsewhere", body, headers) == 404
    worker = stage.start(work)
    worker.said(r"handled rankrecord\.created")
    assert worker.stop() == 0
    assert running.stop() == (0 if server == "gunicorn" else -signal.SIGTERM)
    assert running.times("Traceback") == 0


def test_send_fails_clearly_without_a_receiver_that_takes_it_and_without_arguments(stage: Stage) -> None:
    (command,) = commands("fastapi_receiver.py")
    _, address = stage.serve(command)
    assert send(stage, address, "rankrecord.created", "another secret than ours") == (1, 401)
    done = subprocess.run([sys.executable, "send.py"], cwd=EXAMPLES, capture_output=True, text=True)
    assert done.returncode == 1
    assert "python send.py http" in done.stderr


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".toml")))
def test_an_example_fits_on_a_screen(example: str) -> None:
    assert len((EXAMPLES / example).read_text(encoding="utf-8").splitlines()) < 60
