"""Apps in real servers: who handles the events, also with several server processes, and prefixes of proxies."""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from programs import Program, Stage, answer

from perscom_receiver import Event
from perscom_receiver.testing import signed_request

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
PATH = "/webhooks/perscom"
GUNICORN = ["gunicorn", "working_apps:create_app()", "--no-control-socket"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = Stage(Path(__file__).parent / "apps", tmp_path, SECRET)
    yield opened
    opened.close()


def post(address: str, count: int = 1, path: str = PATH) -> set[str]:
    """Send so many events, several at once; their ids."""
    requests = [signed_request("user.updated", SECRET, id=number + 1) for number in range(count)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda request: answer(address, "POST", path, request[1], request[0]), requests)) == {202}
    return {Event.parse(body).id for _, body in requests}


def handled(program: Program, count: int) -> list[tuple[str, str]]:
    """The process and the event of each call of the handler, once there are so many."""
    line = r"(\d+) handled ([0-9a-f]{64})\n"
    program.said(line, count)
    return re.findall(line, program.output())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def workers(stage: Stage) -> int:
    """How many workers give signs of life."""
    with closing(sqlite3.connect(stage.environment["INBOX"])) as connection:
        return int(connection.execute("SELECT count(*) FROM worker").fetchone()[0])


@pytest.mark.parametrize(
    "command",
    [
        ["uvicorn", "working_apps:starlette_app", "--workers", "2"],
        [*GUNICORN, "--workers", "2", "--config", "working_apps.py"],
        [*GUNICORN, "--workers", "2", "--config", "working_apps.py", "--preload"],
    ],
    ids=["uvicorn", "gunicorn", "gunicorn --preload"],
)
def test_each_of_several_server_processes_may_work_and_each_event_is_handled_once(stage: Stage, command: list[str]) -> None:
    server, address = stage.serve(command)
    sent = post(address, 40)
    calls = handled(server, 40)
    assert sorted(event for _, event in calls) == sorted(sent)
    until(lambda: workers(stage) == 2)
    server.stop()
    assert server.times("Traceback") == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_flask_command_works_until_it_is_asked_to_stop(stage: Stage, how: signal.Signals) -> None:
    server, address = stage.serve([*GUNICORN, "--workers", "2", "--preload"])
    sent = post(address, 3)
    assert workers(stage) == 0
    command = stage.start(["flask", "--app", "working_apps", "perscom", "work"])
    command.said(rf"Working on {re.escape(stage.environment['INBOX'])}, 1 handlers")
    assert {event for _, event in handled(command, 3)} == sent
    assert command.stop(how) == 0
    assert command.times("Traceback") + command.times("Aborted") == 0
    server.stop()
    assert (server.times(" handled "), workers(stage)) == (0, 0)


def test_an_app_mounted_inside_another_has_no_worker_unless_the_outer_one_runs_it(stage: Stage) -> None:
    without, address = stage.serve(["uvicorn", "working_apps:mounted"])
    sent = post(address, 2, f"/unit{PATH}")
    without.stop()
    assert without.times(" handled ") == 0
    outer, address = stage.serve(["uvicorn", "working_apps:mounted_with_worker"])
    sent |= post(address, 2, f"/unit{PATH}")
    assert {event for _, event in handled(outer, len(sent))} == sent


@pytest.mark.parametrize(
    ("command", "prefix"),
    [
        (["uvicorn", "asgi_app:app", "--root-path", "/unit"], ""),  # the proxy takes the prefix off
        (["gunicorn", "wsgi_app:app", "--no-control-socket", "--env", "SCRIPT_NAME=/unit"], "/unit"),  # it leaves it there
    ],
    ids=["uvicorn --root-path", "gunicorn with SCRIPT_NAME"],
)
def test_the_prefix_of_a_proxy_changes_nothing(stage: Stage, command: list[str], prefix: str) -> None:
    stage.environment |= {"TEST_SECRETS": f'["{SECRET}"]', "TEST_MAX_BODY": "10000", "TEST_INBOX": stage.environment["INBOX"]}
    server, address = stage.serve(command)
    for path, status in (("/guarded", 200), ("/stored", 202)):
        headers, body = signed_request("user.updated", SECRET)
        assert answer(address, "POST", f"{prefix}{path}", body, headers) == status
        assert answer(address, "POST", f"{prefix}{path}", body, {}) == 401
    assert server.times("Traceback") == 0
