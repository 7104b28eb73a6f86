"""A stream in front of the apps of both frameworks, in real servers with several processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ingesting import away, eventually, rows
from nats_server import NatsServer, any_nats
from programs import Program, Stage, answer

from perscom_receiver import Event
from perscom_receiver.testing import signed_request

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
GUNICORN = ["gunicorn", "working_apps:create_app()", "--no-control-socket", "--workers", "2"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with any_nats(tmp_path) as server:
        yield server


@pytest.fixture
def stage(tmp_path: Path, server: NatsServer) -> Iterator[Stage]:
    opened = Stage(Path(__file__).parent / "apps", tmp_path, SECRET)
    opened.environment["INGEST"] = server.url
    yield opened
    opened.close()


def post(address: str, count: int) -> list[str]:
    """Send so many events, several at once, and one of them twice; their ids."""
    requests = [signed_request("user.updated", SECRET, id=number + 1) for number in range(count)]

    def send(request: tuple[dict[str, str], bytes]) -> int:
        return answer(address, "POST", "/webhooks/perscom", request[1], request[0])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, requests)) == {202}
    assert send(requests[0]) == 200
    return sorted(Event.parse(body).id for _, body in requests)


def handled(program: Program, count: int) -> list[str]:
    """The events that handlers were called with, once there are so many."""
    line = r"\d+ handled ([0-9a-f]{64})\n"
    program.said(line, count)
    return sorted(re.findall(line, program.output()))


@pytest.mark.parametrize(
    "command",
    [
        ["uvicorn", "working_apps:starlette_app", "--workers", "2"],
        [*GUNICORN, "--config", "working_apps.py"],
        [*GUNICORN, "--config", "working_apps.py", "--preload"],
    ],
    ids=["uvicorn", "gunicorn", "gunicorn --preload"],
)
def test_each_process_receives_and_works_also_while_the_store_is_away(
    stage: Stage, server: NatsServer, tmp_path: Path, command: list[str]
) -> None:
    program, address = stage.serve(command)
    sent = post(address, 20)
    assert handled(program, 20) == sent
    with away(tmp_path / "inbox.db"):
        sent = sorted(sent + post(address, 20))
    assert handled(program, 40) == sent
    eventually(lambda: server.waiting() == 0)
    program.stop()
    assert program.times("Traceback") == 0
    assert sorted(rows(tmp_path / "inbox.db")) == sent


def test_a_flask_app_that_only_receives_and_the_command_that_works(stage: Stage, server: NatsServer, tmp_path: Path) -> None:
    program, address = stage.serve([*GUNICORN, "--preload"])
    sent = post(address, 10)
    assert server.waiting() == 10
    command = stage.start(["flask", "--app", "working_apps", "perscom", "work"])
    assert handled(command, 10) == sent
    eventually(lambda: server.waiting() == 0)
    assert command.stop() == 0
    program.stop()
    assert program.times("Traceback") + command.times("Traceback") + command.times("Aborted") == 0
