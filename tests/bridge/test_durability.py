"""A power cut: by an interposed sync, every 202 comes after its event has reached the disk; without syncs, that would show."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from bridge_process import BRIDGE, SECRET, bridge
from stored import QUIET, stored

from perscom_receiver.testing import signed_request

SOURCE = Path(__file__).resolve().parents[1] / "support" / "sync.c"
CARELESS = """
import sqlite3

class Careless(sqlite3.Connection):
    def execute(self, sql, *parameters):
        return super().execute(sql.replace("synchronous = FULL", "synchronous = OFF"), *parameters)

connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **settings: connect(*arguments, factory=Careless, **settings)
"""


@pytest.fixture(scope="session")
def interposed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that is loaded before all others."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        missing = "gcc on Linux is needed to see when the disk is synced"
        pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
    library = tmp_path_factory.mktemp("sync") / "sync.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interposed: Path) -> Path:
    """What of the files in ``tmp_path`` a power cut would leave, on a disk that is slow enough for an early answer to show."""
    (disk := tmp_path / "disk").mkdir()
    (tmp_path / "bridge.toml").write_text(QUIET)
    monkeypatch.setenv("LD_PRELOAD", str(interposed))
    monkeypatch.setenv("SYNC_DISK", str(disk))
    monkeypatch.setenv("SYNC_MS", "20")
    return disk


def left_by_a_power_cut(disk: Path, folder: Path) -> set[str]:
    """The ids of the events that are found when the machine is on again."""
    folder.mkdir()
    before, now = None, versions(disk)
    while before != now:  # until all copies are of one moment
        for name, *_ in now:
            shutil.copy(disk / name, folder)
        before, now = now, versions(disk)
    with suppress(sqlite3.DatabaseError):
        return set(stored(folder / "bridge.db"))
    return set()  # not even a table


def versions(disk: Path) -> list[tuple[str, int, int]]:
    files = [file for name in ("bridge.db", "bridge.db-wal") if (file := disk / name).exists()]
    return [(file.name, file.stat().st_ino, file.stat().st_mtime_ns) for file in files]


def lost_after_answers(folder: Path, disk: Path, callers: int, events: int) -> list[int]:
    """How many events each of several callers had been told to be stored, and would not have been found after a power cut."""
    with bridge(folder) as running:

        def call(caller: int) -> int:
            lost = 0
            for number in range(events):
                headers, body = signed_request("rankrecord.created", SECRET)
                assert running.post(headers, body) == 202
                lost += hashlib.sha256(body).hexdigest() not in left_by_a_power_cut(disk, folder / f"{caller}-{number}")
            return lost

        with ThreadPoolExecutor(callers) as pool:
            return list(pool.map(call, range(callers)))


@pytest.mark.parametrize("callers", [1, 4])
def test_what_was_answered_with_202_survives_a_power_cut_directly_afterwards(tmp_path: Path, disk: Path, callers: int) -> None:
    assert lost_after_answers(tmp_path, disk, callers, 12) == [0] * callers


def test_without_syncs_a_power_cut_would_lose_what_was_answered_with_202(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge_process.BRIDGE", [*BRIDGE[:2], CARELESS + BRIDGE[2]])
    (lost,) = lost_after_answers(tmp_path, disk, 1, 4)
    assert lost > 0
