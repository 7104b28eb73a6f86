"""The database: grouped commits, errors that reach every waiter, forks, several processes, migrations, a bounded WAL."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from perscom_receiver import ConfigurationError, Unavailable
from perscom_receiver._migrations import MIGRATIONS
from perscom_receiver.queue import Connection, Database

PROGRAMS = Path(__file__).parent / "programs"
NOTES = (("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",),)
MORE_NOTES = (*NOTES, ("ALTER TABLE note ADD COLUMN author TEXT", "CREATE INDEX note_author ON note (author)"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path, migrations=NOTES)
    yield database
    database.close()


def note(text: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute("INSERT INTO note (text) VALUES (?)", (text,))
        return text

    return work


def texts(path: Path) -> list[str]:
    """What a stranger finds in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY id")]


@contextmanager
def held(database: Database) -> Iterator[None]:
    """The writer sits in a transaction of its own, so that whatever is submitted meanwhile waits together."""
    entered, leave = threading.Event(), threading.Event()

    def wait(connection: Connection) -> None:
        entered.set()
        assert leave.wait(10)

    future = database.submit(wait)
    assert entered.wait(10)
    try:
        yield
    finally:
        leave.set()
        future.result(10)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond ``size`` bytes: a full disk, for those who write to the end of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def run_program(name: str, *arguments: object, timeout: float = 30) -> str:
    """The output of a program of ours that must succeed."""
    command = [sys.executable, str(PROGRAMS / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestCommits:
    def test_many_writes_share_few_transactions(self, database: Database, path: Path) -> None:
        statements: list[str] = []
        database.write(lambda connection: connection.set_trace_callback(statements.append))  # type: ignore[attr-defined]
        with held(database):
            futures = [database.submit(note(str(n))) for n in range(1000)]
        assert [future.result(10) for future in futures] == [str(n) for n in range(1000)]
        assert texts(path) == [str(n) for n in range(1000)], "in the order of submitting"
        # The tracing itself, the one that was held, and 1000 in batches of at most 400.
        assert statements.count("COMMIT") <= 1 + 1 + 3

    def test_a_future_is_resolved_only_when_others_can_see_the_row(self, database: Database, path: Path) -> None:
        seen: list[list[str]] = []
        with held(database):
            future = database.submit(note("here"))
            future.add_done_callback(lambda _: seen.append(texts(path)))
        future.result(10)
        database.write(note("next"))  # whoever waits for a future wakes up before its callbacks are called
        assert seen == [["here"]]

    def test_a_future_is_resolved_after_its_commit_and_not_before(self, database: Database) -> None:
        order: list[str] = []
        database.write(lambda connection: connection.set_trace_callback(order.append))  # type: ignore[attr-defined]
        with held(database):
            future = database.submit(note("x"))
            future.add_done_callback(lambda _: order.append("resolved"))
        future.result(10)
        database.write(note("next"))
        assert order[order.index("resolved") - 1] == "COMMIT"

    def test_what_was_committed_survives_a_power_cut_because_each_commit_is_synced(self, database: Database) -> None:
        def settings(connection: Connection) -> tuple[object, ...]:
            names = ("journal_mode", "synchronous", "wal_autocheckpoint")
            return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

        assert database.submit(settings).result(10) == ("wal", 2, 0)

    def test_awrite_commits_without_blocking_the_event_loop(self, database: Database, path: Path) -> None:
        async def main() -> int:
            turns = 0

            async def turn() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0.005)

            turning = asyncio.create_task(turn())
            await database.awrite(lambda connection: time.sleep(0.2))
            await asyncio.gather(*(database.awrite(note(str(n))) for n in range(50)))
            turning.cancel()
            return turns

        assert asyncio.run(main()) > 10
        assert len(texts(path)) == 50

    def test_threads_may_write_and_read_at_once(self, database: Database) -> None:
        def write(name: int) -> None:
            for n in range(50):
                database.write(note(f"{name}/{n}"), timeout=10)
                assert database.read(lambda c: c.execute("SELECT count(*) FROM note").fetchone()[0]) > n

        threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert database.read(lambda c: c.execute("SELECT count(*) FROM note").fetchone()[0]) == 400


class TestFailures:
    def test_one_failing_closure_fails_alone(self, database: Database, path: Path) -> None:
        database.write(note("taken"))
        with held(database):
            before = database.submit(note("before"))
            conflict = database.submit(note("taken"))
            wrong = database.submit(lambda connection: connection.execute("SELECT nonsense"))
            own = database.submit(lambda connection: os.environ["MISSING"])
            after = database.submit(note("after"))
        assert (before.result(10), after.result(10)) == ("before", "after")
        with pytest.raises(sqlite3.IntegrityError):
            conflict.result(10)
        with pytest.raises(sqlite3.OperationalError, match="nonsense"):
            wrong.result(10)
        with pytest.raises(KeyError, match="MISSING"):
            own.result(10)
        assert texts(path) == ["taken", "before", "after"]

    def test_a_failing_closure_leaves_nothing_of_itself_behind(self, database: Database, path: Path) -> None:
        def half(connection: Connection) -> None:
            connection.execute("INSERT INTO note (text) VALUES ('half')")
            raise ValueError("after the first row")

        with pytest.raises(ValueError, match="first row"):
            database.write(half)
        assert texts(path) == []

    def test_a_full_disk_at_commit_reaches_every_waiter_and_room_heals_it(self, database: Database, path: Path) -> None:
        database.write(note("small"))
        with largest_file(64 * 1024):
            with held(database):
                futures = [database.submit(note(f"{n}" + "x" * 20_000)) for n in range(20)]
            for future in futures:
                with pytest.raises(Unavailable, match="cannot commit"):
                    future.result(10)
            assert texts(path) == ["small"]
        database.write(note("room again"), timeout=5)
        assert texts(path) == ["small", "room again"]

    def test_a_full_disk_in_a_statement_reaches_every_waiter_and_room_heals_it(self, database: Database, path: Path) -> None:
        database.write(lambda connection: connection.execute("PRAGMA max_page_count = 12").fetchone())
        with held(database):
            futures = [database.submit(note(f"{n}" + "x" * 20_000)) for n in range(20)]
        for future in futures:
            with pytest.raises(Unavailable, match="full"):
                future.result(10)
        database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000").fetchone())
        assert database.write(note("room again"), timeout=5) == "room again"
        assert texts(path) == ["room again"]

    def test_a_disk_that_is_truly_full_refuses_and_recovers(self, tmp_path: Path) -> None:
        small = 'mount -t tmpfs -o size=400k none "$0" && exec "$@"'
        mount = ["unshare", "--map-root-user", "--mount", "sh", "-c", small, str(tmp_path)]
        if shutil.which("unshare") is None or subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount a small file system")
        command = [*mount, sys.executable, str(PROGRAMS / "full_disk.py"), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.split() == ["refused", "recovered", "intact"]

    def test_a_cancelled_future_is_dropped_before_its_turn(self, database: Database, path: Path) -> None:
        with held(database):
            kept, dropped = database.submit(note("kept")), database.submit(note("dropped"))
            assert dropped.cancel()
        kept.result(10)
        assert texts(path) == ["kept"]

    def test_a_write_that_times_out_before_its_turn_is_unavailable_and_dropped(self, database: Database, path: Path) -> None:
        with held(database), pytest.raises(Unavailable, match=r"within 0\.05 s"):
            database.write(note("too late"), timeout=0.05)
        database.write(note("next"))
        assert texts(path) == ["next"]

    def test_a_write_that_times_out_in_its_turn_may_still_be_committed(self, database: Database, path: Path) -> None:
        def slow(connection: Connection) -> None:
            note("late")(connection)
            time.sleep(0.3)

        with pytest.raises(Unavailable):
            database.write(slow, timeout=0.05)
        database.write(note("next"))
        assert texts(path) == ["late", "next"]

    def test_an_awrite_that_times_out_is_unavailable_and_dropped(self, database: Database, path: Path) -> None:
        async def main() -> None:
            with pytest.raises(Unavailable, match=r"within 0\.05 s"):
                await database.awrite(note("too late"), timeout=0.05)

        with held(database):
            asyncio.run(main())
        database.write(note("next"))
        assert texts(path) == ["next"]

    def test_a_listener_that_fails_does_not_stop_the_writer(
        self, database: Database, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        def listener() -> None:
            raise RuntimeError("Event loop is closed")

        unlisten = database.listen(listener)
        database.write(note("one"), wake=True, timeout=5)
        database.write(note("two"), wake=True, timeout=5)
        unlisten()
        assert texts(path) == ["one", "two"]
        assert "Event loop is closed" in caplog.text

    def test_listeners_are_told_after_commits_that_ask_for_it_and_no_others(self, database: Database, path: Path) -> None:
        told: list[list[str]] = []
        unlisten = database.listen(lambda: told.append(texts(path)))
        database.write(note("quiet"))
        database.write(note("loud"), wake=True)
        database.write(note("after"))  # the listeners of a commit are called before the next one
        unlisten()
        database.write(note("unheard"), wake=True)
        database.write(note("end"))
        assert told == [["quiet", "loud"]]

    def test_a_file_destroyed_under_a_reader_is_unavailable_and_no_riddle(self, database: Database, path: Path) -> None:
        database.write(note("x" * 100_000))
        database.close()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        with pytest.raises(Unavailable, match="malformed"):
            database.read(lambda connection: connection.execute("SELECT * FROM note").fetchall())


class TestOpening:
    def test_nothing_is_opened_before_the_first_use(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "later.db")
        assert list(tmp_path.iterdir()) == []
        database.write(lambda connection: None)
        database.close()
        assert (tmp_path / "later.db").exists()

    @pytest.mark.parametrize("path", ["", ":memory:"])
    def test_a_database_in_memory_is_refused(self, path: str) -> None:
        with pytest.raises(ConfigurationError, match="real disk"):
            Database(path)

    def test_close_commits_what_waits_and_a_later_use_opens_again(self, database: Database, path: Path) -> None:
        futures = [database.submit(note(str(n))) for n in range(100)]
        database.close()
        assert all(future.done() for future in futures)
        assert len(texts(path)) == 100
        assert not path.with_name("notes.db-wal").exists(), "a closed database is one file"
        assert database.read(lambda connection: connection.execute("SELECT count(*) FROM note").fetchone()[0]) == 100
        database.write(note("again"))
        assert texts(path)[-1] == "again"

    def test_closing_at_the_moment_of_a_checkpoint_comes_to_an_end(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._sqlite.CHECKPOINT_EVERY", 0.0005)
        for n in range(60):
            database.write(note(str(n)))
            time.sleep(0.0004)
            closing_thread = threading.Thread(target=database.close, daemon=True)
            closing_thread.start()
            closing_thread.join(5)
            assert not closing_thread.is_alive()

    def test_closing_while_others_write_loses_no_write_and_leaves_nobody_waiting(self, database: Database, path: Path) -> None:
        done: list[str] = []

        def write(name: int) -> None:
            done.extend(database.write(note(f"{name}/{n}"), timeout=10) for n in range(40))

        threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            database.close()
            time.sleep(0.01)
        assert sorted(texts(path)) == sorted(done)
        assert len(done) == 160

    def test_the_files_are_for_their_owner_alone(self, database: Database, path: Path) -> None:
        mask = os.umask(0o022)
        try:
            database.write(note("secret"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        finally:
            os.umask(mask)
        assert modes == dict.fromkeys(("notes.db", "notes.db-wal", "notes.db-shm", "notes.db.lock"), 0o600)

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "no" / "such" / "inbox.db")
        with pytest.raises(ConfigurationError, match=r"folder of the database does not exist: .*such"):
            database.write(lambda connection: None)

    def test_a_file_that_cannot_be_opened_leaves_nobody_waiting(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "missing" / "inbox.db")
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)  # provoke every order of the threads
        try:
            for _ in range(300):
                with pytest.raises(ConfigurationError):
                    database.submit(lambda connection: None).result(5)
        finally:
            sys.setswitchinterval(interval)

    def test_a_folder_that_appears_later_is_used(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "volume" / "inbox.db", migrations=NOTES)
        with pytest.raises(ConfigurationError):
            database.write(note("early"))
        (tmp_path / "volume").mkdir()
        assert database.write(note("now")) == "now"
        database.close()

    def test_a_read_only_folder_is_unavailable_and_says_so(self) -> None:
        # As root there is nothing that cannot be written, so a child gives its rights away first.
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o555)
            said = run_program("read_only.py", Path(folder) / "inbox.db")
        assert said.startswith("Unavailable: ")
        assert "folder not writable" in said

    def test_a_file_that_is_no_database_is_refused_and_left_alone(self, path: Path) -> None:
        path.write_bytes(b"Dear diary, " * 1000)
        with pytest.raises(ConfigurationError, match=r"notes\.db is no database of ours"):
            Database(path).write(lambda connection: None)
        assert path.read_bytes() == b"Dear diary, " * 1000

    def test_a_database_of_somebody_else_is_refused_and_left_alone(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE customers (name TEXT)")
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match=r"notes\.db is no database of ours"):
            Database(path).write(lambda connection: None)
        assert path.read_bytes() == before


class TestReading:
    def test_a_read_sees_what_is_committed(self, database: Database) -> None:
        database.write(note("x"))
        assert database.read(lambda connection: connection.execute("SELECT text FROM note").fetchall()) == [("x",)]

    def test_a_read_may_be_the_first_use(self, database: Database) -> None:
        assert database.read(lambda connection: connection.execute("SELECT count(*) FROM note").fetchone()) == (0,)

    @pytest.mark.parametrize("sql", ["INSERT INTO note (text) VALUES ('x')", "DELETE FROM note", "DROP TABLE note"])
    def test_a_read_connection_cannot_write(self, database: Database, path: Path, sql: str) -> None:
        database.write(note("kept"))
        with pytest.raises((sqlite3.OperationalError, Unavailable), match="readonly"):
            database.read(lambda connection: connection.execute(sql))
        assert texts(path) == ["kept"]

    def test_aread_does_not_block_the_event_loop(self, database: Database) -> None:
        async def main() -> bool:
            slow = asyncio.create_task(database.aread(lambda connection: time.sleep(0.3)))
            await asyncio.sleep(0.05)
            return slow.done()

        assert asyncio.run(main()) is False

    def test_aread_waits_for_none_of_the_threads_of_the_event_loop(self, database: Database) -> None:
        async def main() -> int:
            hang = threading.Event()
            hanging = [asyncio.create_task(asyncio.to_thread(hang.wait)) for _ in range(64)]
            try:
                async with asyncio.timeout(5):
                    return await database.aread(lambda connection: 7)
            finally:
                hang.set()
                await asyncio.gather(*hanging)

        assert asyncio.run(main()) == 7


class TestMigrations:
    def test_a_new_file_has_the_newest_schema_and_the_name_of_its_writer(self, path: Path) -> None:
        database = Database(path)
        version, writer = database.read(lambda c: c.execute("SELECT version, writer FROM schema_version").fetchone())
        database.close()
        assert version == len(MIGRATIONS)
        assert writer[0].isdigit()

    def test_an_older_file_is_copied_beside_itself_before_it_is_changed(self, database: Database, path: Path) -> None:
        database.write(note("old"))
        database.close()
        newer = Database(path, migrations=MORE_NOTES)
        newer.write(lambda connection: connection.execute("UPDATE note SET author = 'me'"))
        newer.close()

        copy = path.with_name("notes.db.schema-1")
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        with closing(sqlite3.connect(copy)) as old:
            assert old.execute("SELECT * FROM note").fetchall() == [(1, "old")]
            assert old.execute("SELECT version FROM schema_version").fetchone() == (1,)
            assert old.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert texts(path) == ["old"]

    def test_the_copy_holds_what_was_only_in_the_write_ahead_log(self, database: Database, path: Path) -> None:
        # As after a crash: nobody closed the file, so its newest rows are in the log.
        database.write(note("in the log"))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{path.with_name('crashed.db')}{suffix}")
        newer = Database(path.with_name("crashed.db"), migrations=MORE_NOTES)
        newer.write(lambda connection: None)
        newer.close()
        assert texts(path.with_name("crashed.db.schema-1")) == ["in the log"]

    def test_an_up_to_date_file_is_not_copied(self, database: Database, path: Path) -> None:
        database.write(note("x"))
        database.close()
        database.write(note("y"))
        assert not list(path.parent.glob("*.schema-*"))

    def test_a_newer_file_is_refused_by_naming_the_version_it_needs(self, database: Database, path: Path) -> None:
        newer = Database(path, migrations=MORE_NOTES)
        newer.write(note("from the future"))
        newer.write(lambda connection: connection.execute("UPDATE schema_version SET writer = '9.8.7'"))
        newer.close()
        with pytest.raises(ConfigurationError, match=r"written by perscom-receiver 9\.8\.7 .*Install perscom-receiver 9\.8\.7"):
            database.write(note("from the past"))
        assert texts(path) == ["from the future"]

    @pytest.mark.parametrize(
        "step",
        [
            ("ALTER TABLE note ADD COLUMN author TEXT", "this is no SQL"),
            ("ALTER TABLE note ADD COLUMN author TEXT", "INSERT INTO note (text) VALUES ('old')"),
        ],
        ids=["a mistake", "a conflict"],
    )
    def test_a_migration_that_fails_leaves_the_old_version_as_it_was(
        self, database: Database, path: Path, step: tuple[str, ...]
    ) -> None:
        database.write(note("old"))
        database.close()
        with pytest.raises((Unavailable, ConfigurationError)):
            Database(path, migrations=(*NOTES, step)).write(note("new"))
        database.write(note("still works"))
        assert texts(path) == ["old", "still works"]
        assert database.read(lambda c: c.execute("SELECT version FROM schema_version").fetchone()) == (1,)
        assert database.read(lambda c: [row[1] for row in c.execute("PRAGMA table_info(note)")]) == ["id", "text"]

    def test_a_migration_without_room_leaves_the_old_version_as_it_was(self, database: Database, path: Path) -> None:
        database.write(note("x" * 200_000))
        database.close()
        newer = Database(path, migrations=MORE_NOTES)
        with largest_file(128 * 1024), pytest.raises(Unavailable):
            newer.write(lambda connection: None)
        database.write(note("still works"))
        database.close()
        newer.write(note("and now there is room"))
        newer.close()
        assert texts(path)[1:] == ["still works", "and now there is room"]
        assert texts(path.with_name("notes.db.schema-1"))[1:] == ["still works"]

    def test_several_processes_open_an_old_file_at_once_and_one_of_them_migrates(self, database: Database, path: Path) -> None:
        database.write(note("old"))
        database.close()
        opened: list[Database] = [Database(path, migrations=MORE_NOTES) for _ in range(4)]
        futures: list[Future[str]] = [each.submit(note(f"from {n}")) for n, each in enumerate(opened)]
        assert [future.result(10) for future in futures] == [f"from {n}" for n in range(4)]
        for each in opened:
            each.close()
        assert sorted(texts(path)) == ["from 0", "from 1", "from 2", "from 3", "old"]


class TestProcesses:
    def test_eight_processes_write_one_file_at_once(self, path: Path) -> None:
        write = [sys.executable, str(PROGRAMS / "write.py"), str(path)]
        programs = [
            subprocess.Popen([*write, str(name), "100"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for name in range(8)
        ]
        for program in programs:
            said, _ = program.communicate(timeout=30)
            assert program.returncode == 0, said
        assert sorted(texts(path)) == sorted(f"{name}/{n}" for name in range(8) for n in range(100))

    @pytest.mark.parametrize(
        "case",
        [
            "children that fork before the first use",
            "children that fork after the first use",
            "a fork while threads of the parent write and read",
            "a parent that closes while its child goes on",
            "a parent that is killed in a transaction",
            "a fork by an event loop that waits for the database",
            "a fork while a backup is made",
        ],
    )
    def test_after_a_fork_parent_and_children_keep_every_write(self, tmp_path: Path, case: str) -> None:
        assert run_program("fork.py", tmp_path / "notes.db", case).strip() == "ok"


class TestWriteAheadLog:
    def test_it_stays_bounded_under_load_with_a_reader_that_holds_a_snapshot(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limit = 2**20
        monkeypatch.setattr("perscom_receiver._sqlite.WAL_LIMIT", limit)
        wal = path.with_name("notes.db-wal")
        numbers = iter(range(10**9))
        slowest = 0.0

        def load(seconds: float) -> list[int]:
            """Sizes of the log, seen while 100 KB are written in each of many commits."""
            nonlocal slowest
            sizes, end = [], time.monotonic() + seconds
            while (began := time.monotonic()) < end:
                database.write(note(f"{next(numbers)}" + "x" * 100_000))
                slowest = max(slowest, time.monotonic() - began)
                sizes.append(wal.stat().st_size)
                time.sleep(0.004)
            return sizes

        second = 50 * limit  # at most 250 commits of twice 100 KB (the row and its index); emptied once a second
        assert max(load(1.3)) <= limit + 2 * second
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM note").fetchone()
            assert load(2.2)[-1] > limit, "the snapshot keeps the log from being emptied"
        assert any(min(load(0.5)) <= limit for _ in range(10)), "emptied under load, soon after the snapshot is gone"
        time.sleep(1.1)
        database.write(note("calm"))
        database.write(note("the log is looked at after each commit"))
        assert wal.stat().st_size <= limit
        assert slowest < 1.5, "nobody waits for a reader longer than PERSCOM waits for us"
