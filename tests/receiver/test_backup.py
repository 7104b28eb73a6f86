"""A backup is one moment of a database in use; a restored one repeats nothing and loses nothing, and replaces none in use."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from perscom_receiver import ConfigurationError, Event, SQLiteInbox, StaleEvent, Unavailable
from perscom_receiver._migrations import MIGRATIONS
from perscom_receiver.queue import Connection, Database, Result, State, Task
from perscom_receiver.testing import make_event

NOBODY = 65534
NEWER = (*MIGRATIONS, ("ALTER TABLE event ADD COLUMN tomorrow TEXT",))
DONE = Result(state=State.DONE, outcome="done", receipt='{"message":1}')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    return tmp_path / "own" / "inbox.db"


@pytest.fixture
def inbox(path: Path) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(path)
    yield inbox
    inbox.close()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_receiver._files.PAGES_AT_ONCE", 4)


def add(inbox: SQLiteInbox, n: int = 1) -> list[Event]:
    events = [make_event("user.created") for _ in range(n)]
    for event in events:
        assert inbox.add(event)
    return events


def ids(path: Path) -> list[str]:
    """What somebody finds who opens the file and nothing beside it."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [digest.hex() for (digest,) in connection.execute("SELECT digest FROM event ORDER BY id")]


def plan(inbox: SQLiteInbox, *lanes: str) -> None:
    def work(connection: Connection) -> None:
        numbers = [inbox.queue.lane(connection, lane, width=100) for lane in lanes]
        inbox.plan(connection, [(found, dict.fromkeys(numbers)) for found in inbox.pending(connection, 100)])

    inbox.database.write(work)


def claim(inbox: SQLiteInbox, lane: str, n: int = 100) -> list[Task]:
    def work(connection: Connection) -> list[Task]:
        lanes = [inbox.queue.lane(connection, lane, width=100)]
        found = inbox.queue.claim(connection, inbox.now(), 30, n, lanes)
        return list(found.tasks) if found else []

    return inbox.database.write(work)


def handle(inbox: SQLiteInbox, lane: str, n: int = 100) -> list[str]:
    """Do what waits in a lane; the ids of the events."""
    tasks = claim(inbox, lane, n)

    def work(connection: Connection) -> None:
        for task in tasks:
            assert inbox.queue.start(connection, task, inbox.now())
            assert inbox.queue.settle(connection, task, DONE, inbox.now())

    inbox.database.write(work)
    return [task.event.id for task in tasks]


def count(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])


def beside(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


def one(inbox: SQLiteInbox, sql: str) -> object:
    return inbox.database.read(lambda connection: connection.execute(sql).fetchone()[0])


class TestBackup:
    def test_it_is_one_moment_of_a_database_that_is_written_to_meanwhile(
        self, inbox: SQLiteInbox, copy: Path, small_steps: None
    ) -> None:
        before = add(inbox, 20)
        steps: list[tuple[int, int]] = []

        def meanwhile(done: int, total: int) -> None:
            steps.append((done, total))
            assert len(steps) < 200, "it begins anew each time"
            add(inbox)  # is committed before the copy goes on

        inbox.database.backup(copy, progress=meanwhile)
        assert len(steps) > 5
        assert [done for done, _ in steps] == sorted({done for done, _ in steps})
        assert steps[-1][0] == steps[-1][1] == copy.stat().st_size
        assert ids(copy) == [event.id for event in before]
        assert inbox.database.read(count) == 20 + len(steps)

    def test_it_is_one_file_for_its_owner_alone(self, inbox: SQLiteInbox, copy: Path) -> None:
        (event,) = add(inbox)
        before = beside(inbox.database.path)
        umask = os.umask(0)
        try:
            inbox.database.backup(copy)
        finally:
            os.umask(umask)
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        with closing(sqlite3.connect(copy)) as reader:
            assert reader.execute("SELECT count(*) FROM event").fetchone() == (1,)
            assert beside(copy) == {"own", "copy.db"}, "it can be read where nothing may be written"
        assert beside(inbox.database.path) == before
        assert ids(copy) == [event.id]

    def test_all_of_it_and_its_name_are_on_the_disk_at_the_end(
        self, inbox: SQLiteInbox, copy: Path, monkeypatch: pytest.MonkeyPatch, small_steps: None
    ) -> None:
        add(inbox, 20)
        synced: list[tuple[int, object]] = []
        sync = os.fsync

        def watched(descriptor: int) -> None:
            sync(descriptor)
            found = os.fstat(descriptor)
            folder = stat.S_ISDIR(found.st_mode)
            synced.append((found.st_ino, os.listdir(descriptor) if folder else os.pread(descriptor, 10**8, 0)))

        monkeypatch.setattr(os, "fsync", watched)
        inbox.database.backup(copy)
        *contents, (folder, names) = synced
        assert contents[-1] == (copy.stat().st_ino, copy.read_bytes())
        assert len(contents) > 5, "not all at the end, where others would wait for it"
        assert folder == copy.parent.stat().st_ino
        assert "copy.db" in str(names)

    def test_what_is_there_is_never_overwritten(self, inbox: SQLiteInbox, copy: Path) -> None:
        add(inbox)
        copy.write_text("mine")
        with pytest.raises(FileExistsError):
            inbox.database.backup(copy)
        assert copy.read_text() == "mine"
        assert beside(copy) == {"own", "copy.db"}

    def test_one_that_is_broken_off_leaves_nothing(self, inbox: SQLiteInbox, copy: Path, small_steps: None) -> None:
        add(inbox, 20)

        def give_up(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            inbox.database.backup(copy, progress=give_up)
        assert beside(copy) == {"own"}
        add(inbox)

    def test_a_full_disk_leaves_nothing(self, inbox: SQLiteInbox, copy: Path) -> None:
        add(inbox, 100)
        with largest_file(64 * 1024), pytest.raises((Unavailable, OSError)):
            inbox.database.backup(copy)
        assert beside(copy) == {"own"}

    def test_a_database_that_is_damaged_makes_no_backup(self, inbox: SQLiteInbox, path: Path, copy: Path) -> None:
        add(inbox, 100)
        inbox.close()
        damage(path)
        with pytest.raises(ConfigurationError, match=r"inbox\.db is damaged"):
            inbox.database.backup(copy)
        assert beside(copy) == {"own"}

    @pytest.mark.parametrize("what", ["missing", "foreign", "newer", "no database"])
    def test_what_is_no_database_of_ours_is_refused(self, path: Path, copy: Path, what: str) -> None:
        make(what, path)
        with pytest.raises(ConfigurationError):
            Database(path).backup(copy)
        assert beside(copy) == {"own"}
        assert path.exists() == (what != "missing")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def damage(path: Path) -> None:
    """Overwrite the second half, as a failing disk would."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xa5" * (size - size // 2))


def make(what: str, path: Path) -> None:
    """A file that is no database that this version can read."""
    match what:
        case "no database":
            path.write_bytes(b"This is a letter to my mother. " * 100)
        case "empty":
            path.touch()
        case "foreign":
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("CREATE TABLE letter (text TEXT)")
        case "newer":
            newer = SQLiteInbox(Database(path, migrations=NEWER))
            newer.add(make_event("user.created"))
            newer.close()
        case "damaged":
            inbox = SQLiteInbox(path)
            add(inbox, 100)
            inbox.close()
            damage(path)
        case "cut off":
            make("damaged", path)
            path.write_bytes(path.read_bytes()[:5000])


class TestRestore:
    def test_the_database_is_again_what_it_was(self, inbox: SQLiteInbox, path: Path, copy: Path) -> None:
        first = add(inbox, 3)
        inbox.database.backup(copy)
        content = copy.read_bytes()
        inbox.close()
        path.unlink()
        restored = inbox.database.restore(copy)
        assert (restored.waiting, restored.replaced, restored.since) == (3, None, None)
        assert restored.newest == pytest.approx(inbox.now(), abs=60)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert copy.read_bytes() == content
        assert [inbox.add(event) for event in first] == [False, False, False]
        assert len(add(inbox, 2)) == 2

    def test_what_was_accepted_since_stays_known_and_the_replaced_file_is_kept(
        self, inbox: SQLiteInbox, path: Path, copy: Path
    ) -> None:
        first = add(inbox, 2)
        inbox.database.backup(copy)
        since = add(inbox, 3)
        restored = inbox.database.restore(copy)
        assert restored.since == 3
        assert restored.replaced is not None
        assert ids(restored.replaced) == [event.id for event in first + since]
        assert stat.S_IMODE(restored.replaced.stat().st_mode) == 0o600
        assert [inbox.add(event) for event in first + since] == [False] * 5
        assert inbox.health().stored == 5

    def test_workers_of_that_time_do_not_count_as_working(self, inbox: SQLiteInbox, copy: Path) -> None:
        inbox.database.write(lambda connection: inbox.beat(connection, "worker"))
        inbox.database.backup(copy)
        inbox.database.restore(copy)
        assert inbox.health().worker_seen is None

    def test_a_failure_at_the_last_moment_leaves_the_database_in_its_place(
        self, inbox: SQLiteInbox, path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (event,) = add(inbox)
        inbox.database.backup(copy)
        replace = Path.replace

        def fail(file: Path, target: Path) -> Path:
            if target == path:
                raise OSError("the disk is gone")
            return replace(file, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", fail)
            with pytest.raises(OSError, match="the disk is gone"):
                inbox.database.restore(copy)
        assert ids(path) == [event.id]
        assert not path.with_name("inbox.db.restoring").exists()

    def test_what_was_handled_since_is_not_handled_again_and_what_waits_goes_on_waiting(
        self, inbox: SQLiteInbox, copy: Path
    ) -> None:
        (planned,) = add(inbox)
        plan(inbox, "slack", "discord")
        (unplanned,) = add(inbox)
        inbox.database.backup(copy)
        (since,) = add(inbox)
        plan(inbox, "slack", "discord", "telegram")
        (newest,) = add(inbox)
        assert handle(inbox, "discord") == [planned.id, unplanned.id, since.id]
        restored = inbox.database.restore(copy)
        assert restored.waiting == 3 + 2 + 1
        plan(inbox, "slack", "discord", "telegram")
        assert handle(inbox, "discord") == [newest.id]
        assert handle(inbox, "slack") == [planned.id, unplanned.id, since.id, newest.id]
        assert handle(inbox, "telegram") == [unplanned.id, since.id, newest.id]
        assert inbox.health().waiting == 0

    def test_what_is_out_of_date_stays_so(self, inbox: SQLiteInbox, copy: Path) -> None:
        older, old, new = (
            make_event("user.updated", id=7, created=datetime.now(UTC) - timedelta(minutes=age)) for age in (3, 2, 1)
        )
        inbox.database.write(lambda connection: None)
        inbox.database.backup(copy)
        assert inbox.add(new)
        assert inbox.add(old)
        plan(inbox, "mirror")
        inbox.database.restore(copy)
        assert inbox.add(older)
        plan(inbox, "mirror")
        assert [(task.event, task.superseded) for task in claim(inbox, "mirror")] == [(new, False), (old, True), (older, True)]

    def test_a_receipt_is_found_again(self, inbox: SQLiteInbox, copy: Path) -> None:
        inbox.database.write(lambda connection: None)
        inbox.database.backup(copy)
        assert inbox.add(make_event("user.created", id=7))
        plan(inbox, "discord")
        handle(inbox, "discord")
        inbox.database.restore(copy)
        assert inbox.add(make_event("user.updated", id=7))
        plan(inbox, "discord")
        assert [task.receipts for task in claim(inbox, "discord")] == [(DONE.receipt,)]

    def test_a_task_that_was_cut_off_by_the_stop_is_taken_back(self, inbox: SQLiteInbox, copy: Path) -> None:
        add(inbox)
        inbox.database.backup(copy)
        (since,) = add(inbox)
        plan(inbox, "discord")
        assert len(claim(inbox, "discord")) == 2
        inbox.database.restore(copy)
        inbox.now = lambda: datetime.now(UTC).timestamp() + 60
        assert since.id in handle(inbox, "discord")

    @pytest.mark.parametrize("known_to", ["the replaced database", "the backup"])
    def test_what_is_too_old_to_be_known_stays_refused(self, inbox: SQLiteInbox, path: Path, copy: Path, known_to: str) -> None:
        add(inbox)
        inbox.database.backup(copy)
        old = make_event("user.created", created=datetime.now(UTC) - timedelta(days=500))
        assert inbox.add(old)
        plan(inbox, "discord")
        handle(inbox, "discord")
        inbox.now = lambda: datetime.now(UTC).timestamp() + 31 * 86_400
        while inbox.database.write(inbox.prune):
            pass
        if known_to == "the backup":
            inbox.database.backup(late := copy.with_name("late.db"))
            add(other := SQLiteInbox(path.with_name("other.db"), now=inbox.now))
            other.database.write(lambda connection: connection.execute("INSERT INTO floor VALUES ('default', 1)").rowcount)
            other.close()
            inbox.close()
            other.database.path.replace(path)
            copy = late
        inbox.database.restore(copy)
        with pytest.raises(StaleEvent):
            inbox.add(old)

    def test_nobody_may_have_it_open_here_or_in_another_process(self, inbox: SQLiteInbox, path: Path, copy: Path) -> None:
        (event,) = add(inbox)
        inbox.database.backup(copy)
        before = beside(path)
        with pytest.raises(ConfigurationError, match="is in use"):
            Database(path).restore(copy)
        inbox.close()
        code = (
            f"from perscom_receiver import SQLiteInbox; inbox = SQLiteInbox({str(path)!r})\n"
            "inbox.health(); print('open', flush=True); input()"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"open\n"
            with pytest.raises(ConfigurationError, match="is in use"):
                inbox.database.restore(copy)
            assert beside(path) == before
            assert inbox.add(event) is False
            inbox.close()
            other.communicate(b"\n", timeout=10)
        assert inbox.database.restore(copy).replaced is not None

    def test_one_that_was_killed_holds_nobody_up(self, path: Path, copy: Path) -> None:
        code = (
            "import os; from perscom_receiver import SQLiteInbox; from perscom_receiver.testing import make_event\n"
            f"i = SQLiteInbox({str(path)!r}); i.add(make_event('user.created')); i.database.backup({str(copy)!r})\n"
            "i.add(make_event('user.created')); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
        assert path.with_name("inbox.db-wal").stat().st_size > 0
        restored = Database(path).restore(copy)
        assert restored.since == 1
        assert restored.replaced is not None
        assert len(ids(restored.replaced)) == 2, "with what was in the log alone"

    def test_who_starts_meanwhile_waits_for_the_restored_file(
        self, inbox: SQLiteInbox, path: Path, copy: Path, small_steps: None
    ) -> None:
        add(inbox, 20)
        inbox.database.backup(copy)
        add(inbox)
        inbox.close()
        path.rename(path.with_name("moved.db"))  # so that what is counted is told apart
        other = SQLiteInbox(path)
        started: list[Future[int]] = []

        def start(done: int, total: int) -> None:
            if not started:
                started.append(other.database.submit(count))
            assert not started[0].done()

        inbox.database.restore(copy, progress=start)
        assert started[0].result(10) == 20
        other.close()

    def test_a_database_that_cannot_be_read_is_kept_as_it_is(self, inbox: SQLiteInbox, path: Path, copy: Path) -> None:
        (event,) = add(inbox)
        inbox.database.backup(copy)
        inbox.close()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE event SET endpoint = 'later'")
            connection.commit()
            log = path.with_name("inbox.db-wal").read_bytes()
        path.write_bytes(b"no database" * 1000)
        path.with_name("inbox.db-wal").write_bytes(log)
        restored = inbox.database.restore(copy)
        assert restored.since is None
        assert restored.replaced is not None
        assert restored.replaced.read_bytes() == b"no database" * 1000
        assert restored.replaced.with_name(f"{restored.replaced.name}-wal").read_bytes() == log
        assert not path.with_name("inbox.db-wal").exists(), "it would be taken for the log of the new file"
        assert inbox.add(event) is False

    def test_one_that_is_damaged_further_on_tells_nothing_and_spoils_nothing(
        self, inbox: SQLiteInbox, path: Path, copy: Path
    ) -> None:
        first = add(inbox, 50)
        inbox.database.backup(copy)
        add(inbox, 50)
        inbox.close()
        damage(path)
        assert inbox.database.restore(copy).since is None
        inbox.close()
        assert ids(path) == [event.id for event in first]

    def test_the_way_back_to_an_older_program_forgets_nothing(self, path: Path, copy: Path) -> None:
        older = SQLiteInbox(Database(path, migrations=MIGRATIONS[:1]))
        older.database.write(lambda connection: None)
        older.database.backup(copy)
        older.close()
        newer = SQLiteInbox(Database(path, migrations=NEWER))
        (event,) = add(newer)
        newer.close()
        own = SQLiteInbox(path)
        assert own.database.restore(copy).since == 1
        assert own.add(event) is False
        own.close()

    def test_a_backup_of_a_newer_program_learns_from_an_older_database(self, path: Path, copy: Path) -> None:
        newer = SQLiteInbox(path.with_name("newer.db"))
        add(newer)
        newer.database.backup(copy)
        newer.close()
        older = Database(path, migrations=MIGRATIONS[:1])
        older.write(lambda connection: None)
        event = make_event("user.created")
        values = ("default", event.created_us, bytes.fromhex(event.id), event.body)
        sql = "INSERT INTO event (site, created, digest, endpoint, name, received, body) VALUES (?, ?, ?, '', 'x', 0, ?)"
        older.write(lambda connection: connection.execute(sql, values).rowcount)
        older.close()
        own = SQLiteInbox(path)
        assert own.database.restore(copy).since == 1
        assert own.add(event) is False
        own.close()

    def test_a_link_to_the_database_stays_one(self, inbox: SQLiteInbox, path: Path, copy: Path, tmp_path: Path) -> None:
        first = add(inbox)
        inbox.database.backup(copy)
        add(inbox)
        inbox.close()
        (link := tmp_path / "link.db").symlink_to(path)
        restored = Database(link).restore(copy)
        assert (restored.since, restored.replaced and restored.replaced.parent) == (1, path.parent)
        assert link.is_symlink()
        assert ids(path)[:1] == [event.id for event in first]

    @pytest.mark.parametrize("what", ["missing", "empty", "no database", "foreign", "newer", "damaged", "cut off"])
    def test_what_is_no_whole_backup_of_ours_changes_nothing(
        self, inbox: SQLiteInbox, path: Path, copy: Path, what: str
    ) -> None:
        (event,) = add(inbox)
        inbox.close()
        make(what, copy)
        before = beside(path)
        with pytest.raises(ConfigurationError, match=r"copy\.db"):
            inbox.database.restore(copy)
        assert beside(path) == before
        assert ids(path) == [event.id]

    def test_the_database_is_no_backup_of_itself(self, inbox: SQLiteInbox, path: Path) -> None:
        add(inbox)
        with pytest.raises(ConfigurationError, match="the database itself"):
            inbox.database.restore(path)

    def test_a_file_of_another_program_is_not_replaced(self, inbox: SQLiteInbox, tmp_path: Path, copy: Path) -> None:
        add(inbox)
        inbox.database.backup(copy)
        make("foreign", other := tmp_path / "own" / "letters.db")
        content = other.read_bytes()
        with pytest.raises(ConfigurationError, match=r"letters\.db is no database of ours"):
            Database(other).restore(copy)
        assert other.read_bytes() == content

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can restore for somebody else")
    @pytest.mark.parametrize("there", [True, False])
    def test_what_root_restores_belongs_to_whom_it_belonged(
        self, inbox: SQLiteInbox, path: Path, copy: Path, there: bool
    ) -> None:
        add(inbox)
        inbox.database.backup(copy)
        inbox.close()
        for file in (path.parent, *path.parent.iterdir()):
            os.chown(file, NOBODY, NOBODY)
        if not there:
            path.unlink()
            path.with_name("inbox.db.lock").unlink()
        inbox.database.restore(copy)
        assert {file.stat().st_uid for file in path.parent.iterdir()} == {NOBODY}


class Restores(RuleBasedStateMachine):
    """Whatever is backed up and restored between: no event is taken twice, and each is handled once."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.inbox = SQLiteInbox(self.folder / "inbox.db")
        self.accepted: list[Event] = []
        self.handled: list[str] = []
        self.backups = 0

    def teardown(self) -> None:
        plan(self.inbox, "discord")
        self.handled += handle(self.inbox, "discord")
        self.inbox.close()
        shutil.rmtree(self.folder)
        assert sorted(self.handled) == sorted(event.id for event in self.accepted)

    @initialize()
    def begin(self) -> None:
        self.inbox.database.write(lambda connection: None)

    @rule()
    def a_new_one_is_taken(self) -> None:
        self.accepted += add(self.inbox)

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def a_repeat_is_not(self, data: st.DataObject) -> None:
        assert self.inbox.add(data.draw(st.sampled_from(self.accepted))) is False

    @rule()
    def plan_all(self) -> None:
        plan(self.inbox, "discord")

    @rule(n=st.integers(1, 3))
    def handle_some(self, n: int) -> None:
        self.handled += handle(self.inbox, "discord", n)

    @rule()
    def back_up(self) -> None:
        self.inbox.database.backup(self.folder / f"{self.backups}.db")
        self.backups += 1

    @precondition(lambda self: self.backups)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.backups - 1))
        replaced = self.inbox.database.restore(self.folder / f"{number}.db").replaced
        assert replaced is not None
        replaced.unlink()

    @invariant()
    def nothing_waits_without_its_body(self) -> None:
        assert one(self.inbox, "SELECT count(*) FROM event WHERE body IS NULL AND unplanned = 1") == 0
        sql = "SELECT count(*) FROM task JOIN event ON event.id = task.event WHERE task.state IN (0, 1) AND body IS NULL"
        assert one(self.inbox, sql) == 0


TestRestores = Restores.TestCase
TestRestores.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
