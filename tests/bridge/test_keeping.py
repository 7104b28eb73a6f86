"""What an operator does with the database: backup and restore, moving to another machine, and forgetting a person."""

from __future__ import annotations

import os
import pty
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from bridge_process import BRIDGE, SECRET, bridge
from stored import QUIET, stored

from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event, signed_request

USER = 2153
OF_THE_USER = (b"Whitfield", b"whitfield@1st-rangers")


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bridge.toml").write_text(QUIET)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database that nobody uses, with an event about USER and one about nobody."""
    inbox = SQLiteInbox(tmp_path / "bridge.db")
    assert inbox.add(make_event("user.updated"))
    assert inbox.add(make_event("event.created"))
    inbox.close()
    return tmp_path / "bridge.db"


def command(*words: str, folder: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BRIDGE, *words], cwd=folder, input=stdin, capture_output=True, text=True, timeout=30, check=False)


def succeed(*words: str, folder: Path | None = None, stdin: str = "") -> str:
    done = command(*words, folder=folder, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fail(*words: str) -> str:
    """What is said on standard error, which is no traceback."""
    done = command(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


def test_a_backup_of_the_running_service_comes_back_and_what_came_later_is_taken_over(tmp_path: Path) -> None:
    calls = [signed_request("event.created", SECRET) for _ in range(4)]
    with bridge(tmp_path) as running:
        assert [running.post(*call) for call in calls[:2]] == [202, 202]
        assert re.fullmatch(r"copy\.db: [0-9.]+ MB, whole and on the disk\.\n", succeed("backup", "copy.db"))
        assert running.post(*calls[2]) == 202
        assert len(stored(tmp_path / "copy.db")) == 2
        assert "nothing is overwritten" in fail("backup", "copy.db")
        assert fail("restore", "copy.db") == "bridge.db is in use. Stop the service first, and whatever else works with it.\n"
        assert running.post(*calls[3]) == 202
        assert running.stop() == 0
    said = succeed("restore", "copy.db")
    assert "From it 2 events that came after the backup were taken over." in said
    assert re.search(r"kept: bridge\.db\.replaced-\d+T\d+Z$", said, re.MULTILINE)
    assert said.endswith("Now start the service.\n")
    with bridge(tmp_path) as running:
        assert [running.post(*call) for call in calls] == [200] * 4
        assert running.event() == 202


def test_a_move_to_another_machine(tmp_path: Path, filled: Path) -> None:
    succeed("backup", "copy.db")
    (there := tmp_path / "there").mkdir()
    shutil.copy("bridge.toml", there)
    said = succeed("restore", "../copy.db", folder=there)
    assert "until the Secret is another one" in said
    assert "2 waiting: handled when the service starts, even what was posted after the backup." in said
    assert stored(there / "bridge.db") == stored(filled)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backup", "no/folder/copy.db"), "no/folder/copy.db: No such file or directory."),
        (("restore", "nothing.db"), "There is no file nothing.db to restore from."),
        (("restore", "bridge.toml"), "bridge.toml is no database of ours (file is not a database). Is the path right?"),
        (("restore", "bridge.db"), "bridge.db is the database itself. Name a backup of it."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(filled: Path, words: tuple[str, ...], told: str) -> None:
    before = stored(filled)
    assert fail(*words).removeprefix(f"{Path.cwd()}/") == f"{told}\n"
    assert stored(filled) == before


@pytest.mark.parametrize("words", [("backup", "copy.db"), ("purge", "--user", "7", "--yes")])
def test_before_the_first_start_there_is_no_database(words: tuple[str, ...]) -> None:
    assert fail(*words) == "There is no database bridge.db yet. It is made when the service first starts.\n"
    assert [file.name for file in Path.cwd().iterdir()] == ["bridge.toml"]


def test_a_large_file_shows_how_far_it_is_to_whom_watches(tmp_path: Path, filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE event SET body = zeroblob(70000000) WHERE id = 1")
        connection.commit()
    screen, terminal = pty.openpty()
    with subprocess.Popen([*BRIDGE, "backup", "copy.db"], stderr=terminal, stdout=subprocess.DEVNULL):
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(screen, 1000):
                shown += piece
        except OSError:  # how the end of a terminal is told
            pass
    os.close(screen)
    *begun, last = shown.decode().strip().split("\r")
    assert begun[0] == "16 of 70 MB"
    assert last == "70 of 70 MB"
    assert succeed("backup", "another.db").count("\n") == 1


def test_a_person_is_forgotten_beside_the_running_service(tmp_path: Path) -> None:
    about = [signed_request(name, SECRET) for name in ("user.updated", "rankrecord.created")]
    other = signed_request("event.created", SECRET)
    with bridge(tmp_path) as running:
        assert [running.post(*call) for call in (*about, other)] == [202] * 3
        assert all(text in files(tmp_path) for text in OF_THE_USER)
        succeed("backup", "bridge.db.monday")
        said = succeed("purge", "--user", str(USER), "--yes")
        assert said.startswith(f"User {USER}: 2 events forgotten, ")
        assert "Not touched, though they may tell of this user: bridge.db.monday. Delete" in said
        (tmp_path / "bridge.db.monday").unlink()
        assert not any(text in files(tmp_path) for text in OF_THE_USER)
        assert [running.post(*call) for call in (*about, other)] == [200] * 3
        assert running.event() == 202
        assert len(stored(tmp_path / "bridge.db")) == 4
        assert running.stop() == 0
        assert "Traceback" not in running.output


@pytest.mark.parametrize(("answer", "forgotten"), [("y", True), ("n", False), ("", False)])
def test_nobody_is_forgotten_without_a_yes(filled: Path, answer: str, forgotten: bool) -> None:
    done = command("purge", "--user", str(USER), stdin=f"{answer}\n" if answer else "")
    assert "will be forgotten" in done.stdout
    assert (done.returncode == 0) is forgotten
    assert (OF_THE_USER[0] not in files(filled.parent)) is forgotten
