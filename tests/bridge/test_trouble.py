"""A disk in trouble, seen from outside: a full one, a locked, a read-only and a destroyed file. Nothing is acknowledged that is
not stored, the state is told in words, and when the trouble is over the service goes on by itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from bridge_process import BRIDGE, SECRET, Bridge, bridge, request, run, wait_for
from stored import QUIET, stored

from perscom_receiver.testing import signed_request


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The folder of the database."""
    (tmp_path / "bridge.toml").write_text(QUIET.replace('"bridge.db"', '"disk/bridge.db"'))
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def mounted(how: str, disk: Path) -> list[str]:
    """The beginning of a command that sees ``disk`` as ``how`` says. Its process stays the same one."""
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", f'{how} && exec "$@"', str(disk)]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    return command


def post(running: Bridge, told: dict[str, int]) -> int:
    """Post one more event; ``told`` has the answer by its id."""
    headers, body = signed_request("rankrecord.created", SECRET)
    status = running.post(headers, body)
    told[hashlib.sha256(body).hexdigest()] = status
    return status


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def problems(running: Bridge) -> list[str]:
    """What the service says about its readiness, which must agree with the status that machines look at."""
    status, body = request(running.status, "GET", "/readyz")
    told = json.loads(body)
    assert (status, told["ready"]) in ((200, True), (503, False))
    assert bool(told["problems"]) == (status == 503)
    assert request(running.public, "GET", "/healthz")[0] == 200, "it lives, and a restart would not help"
    return list(told["problems"])


def test_a_full_disk_refuses_says_so_and_room_heals_it(tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge_process.BRIDGE", [*mounted('mount -t tmpfs -o size=800k none "$0"', disk), *BRIDGE])
    told: dict[str, int] = {}
    with bridge(tmp_path) as running:
        inside = Path(f"/proc/{running.process.pid}/root{disk}")
        assert post(running, told) == 202
        assert problems(running) == []
        fill(inside / "ballast")
        for _ in range(400):  # there may be room in files that are there
            post(running, told)
            if list(told.values())[-5:] == [503] * 5 and (found := problems(running)):
                break
        else:
            pytest.fail("a full disk takes everything, or nobody is told")
        assert set(told.values()) == {202, 503}
        assert "The database cannot" in found[0]
        (inside / "ballast").unlink()
        assert post(running, told) == 202
        wait_for(lambda: not problems(running))
        for file in ("bridge.db", "bridge.db-wal"):  # the mounted disk ends with the process
            shutil.copy(inside / file, tmp_path)
        assert running.stop() == 0
    assert {event for event, status in told.items() if status == 202} <= set(stored(tmp_path / "bridge.db"))
    assert "Traceback" not in running.output


@contextmanager
def somebody_writes(disk: Path) -> Iterator[None]:
    with closing(sqlite3.connect(disk / "bridge.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def another_process_has_its_turn(disk: Path) -> Iterator[None]:
    with (disk / "bridge.db.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("lock", [somebody_writes, another_process_has_its_turn])
def test_a_locked_database_refuses_in_time_and_what_was_refused_is_stored_once_when_it_comes_again(
    tmp_path: Path, disk: Path, lock: Any
) -> None:
    requests = [signed_request("rankrecord.created", SECRET) for _ in range(3)]
    with bridge(tmp_path) as running, ThreadPoolExecutor(4) as pool:
        with lock(disk):
            answers = [pool.submit(running.post, *each) for each in requests]
            assert "The database cannot" in problems(running)[0]
            assert [answer.result(3) for answer in answers] == [503] * 3, "within the 3 s of PERSCOM"
        assert {running.post(*each) for each in requests} <= {200, 202}
        assert problems(running) == []
        assert sorted(stored(disk / "bridge.db")) == sorted(hashlib.sha256(body).hexdigest() for _, body in requests)
        assert running.stop() == 0
    assert "Traceback" not in running.output


def test_a_read_only_disk_is_told_in_one_line(tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bridge(tmp_path) as running:
        assert running.event() == 202
        assert running.stop() == 0
    read_only = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
    monkeypatch.setattr("bridge_process.BRIDGE", [*mounted(read_only, disk), *BRIDGE])
    done = run("serve", tmp_path)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_file_that_is_no_database_is_told_in_one_line_and_left_alone(tmp_path: Path, disk: Path) -> None:
    (disk / "bridge.db").write_bytes(b"Dear diary, " * 1000)
    done = run("serve", tmp_path)
    assert done.returncode == 1
    assert "bridge.db is no database of ours" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert (disk / "bridge.db").read_bytes() == b"Dear diary, " * 1000


def test_a_file_destroyed_within_refuses_and_says_so(tmp_path: Path, disk: Path) -> None:
    with bridge(tmp_path) as running:
        for _ in range(30):
            assert running.event() == 202
        assert running.stop() == 0
    with closing(sqlite3.connect(disk / "bridge.db")) as connection:  # all but the list of tables and its version
        roots = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE rootpage > 0 AND name <> 'schema_version'"
        ).fetchall()
    with (disk / "bridge.db").open("r+b") as file:
        for (page,) in roots:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
    with bridge(tmp_path) as running:
        assert running.event() == 503
        assert "malformed" in problems(running)[0]
        assert request(running.status, "GET", "/")[0] == 503
        status, metrics = request(running.status, "GET", "/metrics")  # what this process knows is told all the same
        assert status == 200
        assert 'perscom_up{part="database"} 0.0' in metrics
        running.stop()
    assert "Traceback" not in running.output
