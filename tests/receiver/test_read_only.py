"""A file that may not be written: told in words, and over as soon as its rights are put right."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event

PROGRAM = Path(__file__).parent / "programs" / "read_only.py"
NOBODY = 65534


@pytest.fixture
def file() -> Iterator[Path]:
    """A database that was in use, in a folder that everybody may enter. It belongs to whom the program becomes."""
    with tempfile.TemporaryDirectory() as folder:
        inbox = SQLiteInbox(Path(folder) / "inbox.db")
        inbox.add(make_event("user.created"))
        inbox.close()
        if os.geteuid() == 0:
            for path in (Path(folder), *Path(folder).iterdir()):
                os.chown(path, NOBODY, NOBODY)
        yield Path(folder) / "inbox.db"


def store(file: Path) -> str:
    return subprocess.run([sys.executable, PROGRAM, file], capture_output=True, text=True, timeout=30, check=True).stdout


def test_a_read_only_file_is_unavailable_says_so_and_is_well_again_when_it_may_be_written(file: Path) -> None:
    assert store(file) == "stored\n"
    file.chmod(0o444)
    for _ in range(2):
        said = store(file)
        assert said.startswith("Unavailable: ")
        assert "not writable" in said or "readonly" in said
    file.chmod(0o600)
    assert store(file) == "stored\n"
