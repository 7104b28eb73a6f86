"""SIGKILL at any moment: nothing that was accepted is lost, and little is done twice.

A kill does not show that the disk was synced, since the page cache survives it; it shows that every acknowledgement comes after
its commit, and that whatever a crash leaves behind is picked up again. ``PERSCOM_KILLS`` (25) is the number of kills,
``PERSCOM_KILL_SEED`` (1) chooses the moments.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
KILLS = int(os.environ.get("PERSCOM_KILLS", "25"))
SEED = int(os.environ.get("PERSCOM_KILL_SEED", "1"))
CONCURRENCY = {"narrow": 2, "wide": 8, "at most once": 8}
"""Tasks that can be cut off by one kill, by handler."""


def start(name: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(PROGRAMS / name), *map(str, arguments)], stdout=subprocess.PIPE)


def kill(program: subprocess.Popen[bytes]) -> None:
    program.kill()
    program.communicate()
    assert program.returncode == -9, "it was alive until then"


def stored(inbox: Path) -> set[str]:
    """What is found by somebody who opens the file after the crash."""
    with closing(sqlite3.connect(inbox)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {digest.hex() for (digest,) in connection.execute("SELECT digest FROM event")}


@pytest.mark.parametrize("round_", range(max(6, KILLS // 4)))
def test_what_was_acknowledged_is_in_the_file_after_a_kill(tmp_path: Path, round_: int) -> None:
    chance = random.Random(f"{SEED}/{round_}")
    inbox = tmp_path / "inbox.db"
    program = start("acknowledge.py", inbox)
    assert program.stdout is not None
    acknowledged = [program.stdout.readline().decode().strip() for _ in range(chance.randrange(1, 300))]
    program.kill()  # directly after an acknowledgement was read
    acknowledged += program.stdout.read().decode().split()
    program.communicate()
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= stored(inbox)


def test_after_any_number_of_kills_nothing_is_lost_and_only_what_was_begun_is_repeated(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(KILLS):
        program = start("crash.py", tmp_path)
        assert program.stdout is not None
        if number % 5:  # every fifth is killed in the middle of opening the file
            assert program.stdout.readline() == b"begins\n"
            time.sleep(chance.random() * 0.4)
        else:
            time.sleep(chance.random() * 0.5)
        kill(program)
    drain = start("crash.py", tmp_path, "drain")
    drain.communicate(timeout=60)
    assert drain.returncode == 0

    accepted = (tmp_path / "accepted").read_text().split()
    calls = Counter((tmp_path / "handled").read_text().splitlines())
    assert len(accepted) > 10 * KILLS, "there was something to lose"
    assert set(accepted) <= stored(tmp_path / "inbox.db")

    cut_off, put_aside = outcomes(tmp_path / "inbox.db")
    for handler in CONCURRENCY:
        for event in accepted:
            task = f"{handler} {event}"
            assert calls[task] or task in put_aside, f"lost: {task}"
    for task, times in calls.items():
        assert times <= 1 + cut_off[task], f"repeated without having been cut off: {task}"
        assert times == 1 or not task.startswith("at most once"), f"more than once: {task}"
    assert set(put_aside) == {task for task in cut_off if task.startswith("at most once")}
    for handler, concurrency in CONCURRENCY.items():
        repeats = sum(times - 1 for task, times in calls.items() if task.startswith(handler))
        assert repeats <= KILLS * concurrency


def outcomes(inbox: Path) -> tuple[Counter[str], set[str]]:
    """Which tasks were cut off, and how often; which of them were put aside."""
    query = (
        "SELECT lane.name || ' ' || lower(hex(event.digest)), state, (SELECT count(*) FROM attempt"
        " WHERE attempt.task = task.id AND outcome = 'unclear')"
        " FROM task JOIN lane ON lane.id = task.lane JOIN event ON event.id = task.event"
    )
    with closing(sqlite3.connect(inbox)) as connection:
        rows = connection.execute(query).fetchall()
    assert {state for _, state, _ in rows} <= {2, 3}, "everything came to an end"
    return Counter({task: times for task, _, times in rows if times}), {task for task, state, _ in rows if state == 3}
