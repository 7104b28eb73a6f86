"""SIGKILL at any moment: nothing that was accepted is lost, and little is done twice.

The short form of ``python tests/kills``, which says what a kill shows. ``PERSCOM_KILLS`` (40) is the number of kills,
``PERSCOM_KILL_SEED`` (1) chooses the moments.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stored import stored

PROGRAMS = Path(__file__).parent / "programs"
SCRIPT = Path(__file__).resolve().parents[1] / "kills"
KILLS = int(os.environ.get("PERSCOM_KILLS", "40"))
SEED = int(os.environ.get("PERSCOM_KILL_SEED", "1"))


@pytest.mark.parametrize("round_", range(6))
def test_what_was_acknowledged_is_in_the_file_after_a_kill(tmp_path: Path, round_: int) -> None:
    chance = random.Random(f"{SEED}/{round_}")
    inbox = tmp_path / "inbox.db"
    program = subprocess.Popen([sys.executable, str(PROGRAMS / "acknowledge.py"), str(inbox)], stdout=subprocess.PIPE)
    assert program.stdout is not None
    acknowledged = [program.stdout.readline().decode().strip() for _ in range(chance.randrange(1, 300))]
    program.kill()  # directly after an acknowledgement was read
    acknowledged += program.stdout.read().decode().split()
    program.communicate()
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= set(stored(inbox))


def test_after_any_number_of_kills_nothing_is_lost_and_only_what_was_begun_is_repeated(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--kills", str(KILLS), "--seed", str(SEED), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 + KILLS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    accepted, lost = map(int, re.search(r"(\d+) events accepted, (\d+) lost", done.stdout).groups())  # type: ignore[union-attr]
    assert lost == 0
    assert accepted > KILLS, "there was something to lose"
