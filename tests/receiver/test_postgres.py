"""PostgreSQL as the database: grouped commits, lost connections, hints, the schema, and what is shown of an address.

What it has in common with a file is tested with that, in test_inbox, test_worker and the suite of queues.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from postgres import OwnServer, admin, new_schema

from perscom_receiver import ConfigurationError, SQLiteInbox, Unavailable
from perscom_receiver._migrations import MIGRATIONS
from perscom_receiver.queue import Connection, Database, foreign
from perscom_receiver.testing import make_event

PROGRAMS = Path(__file__).parent / "programs"
NOTES = (("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, size INTEGER, body BLOB)",),)
MORE_NOTES = (*NOTES, ("ALTER TABLE note ADD COLUMN author TEXT", "CREATE INDEX note_author ON note (author)"))


@pytest.fixture
def address() -> Iterator[str]:
    with new_schema() as address:
        yield address


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    with OwnServer() as server:
        yield server


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    with closing(Database(address, migrations=NOTES)) as database:
        yield database


def note(text: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute("INSERT INTO note (text) VALUES (?)", (text,))
        return text

    return work


def texts(address: str) -> list[str]:
    """What a stranger finds."""
    with psycopg.connect(address) as connection:
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


def pid(connection: Connection) -> int:
    """That of the server's process."""
    return int(connection.execute("SELECT pg_backend_pid()").fetchone()[0])


def terminate(*pids: int) -> None:
    with admin() as connection:
        for one in pids:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (one,))


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


class TestCommits:
    def test_many_writes_share_few_transactions(self, database: Database, address: str) -> None:
        def number(connection: Connection) -> int:
            return int(connection.execute("SELECT CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)").fetchone()[0])

        with held(database):
            futures = [database.submit(lambda c, n=n: (note(str(n))(c), number(c))) for n in range(1000)]  # type: ignore[misc]
        done = [future.result(10) for future in futures]
        assert texts(address) == [str(n) for n in range(1000)], "in the order of submitting"
        assert len({transaction for _, transaction in done}) <= 3

    def test_one_failing_closure_fails_alone(self, database: Database, address: str) -> None:
        database.write(note("taken"))
        with held(database):
            before = database.submit(note("before"))
            conflict = database.submit(note("taken"))
            wrong = database.submit(lambda connection: connection.execute("SELECT nonsense"))
            own = database.submit(lambda connection: os.environ["MISSING"])
            after = database.submit(note("after"))
        assert (before.result(10), after.result(10)) == ("before", "after")
        with pytest.raises(psycopg.errors.UniqueViolation):
            conflict.result(10)
        with pytest.raises(psycopg.errors.UndefinedColumn, match="nonsense"):
            wrong.result(10)
        with pytest.raises(KeyError, match="MISSING"):
            own.result(10)
        assert texts(address) == ["taken", "before", "after"]

    def test_a_closure_that_goes_on_after_a_statement_that_failed_has_done_nothing(self, database: Database) -> None:
        def careless(connection: Connection) -> str:
            try:
                connection.execute("SELECT nonsense")
            except psycopg.Error:
                return "well done"
            return "never"

        with pytest.raises(Unavailable, match="went on as if it had not"):
            database.write(careless)

    def test_values_arrive_as_they_do_in_a_file(self, database: Database, tmp_path: Path) -> None:
        def work(connection: Connection) -> list[tuple[object, ...]]:
            connection.execute("INSERT INTO note (text, size, body) VALUES (?, ?, ?)", ("it's ? 100 %", 2**40, b"\0?%"))
            connection.executemany("INSERT INTO note (text, size) VALUES (?, ?)", [("x", True), ("y", None)])
            assert connection.execute("UPDATE note SET size = 7 WHERE text = '?'").rowcount == 0
            sql = "SELECT text, size, body, length(body), size / 2.0 FROM note WHERE text <> '?' AND id > ? ORDER BY id LIMIT ?"
            return connection.execute(sql, (0, 10)).fetchall()

        with closing(Database(tmp_path / "notes.db", migrations=NOTES)) as file:
            there = file.write(work)
        assert [tuple(map(_plain, row)) for row in database.write(work)] == there

    def test_what_no_postgresql_can_hold_does_not_break_an_event(self, address: str) -> None:
        event = make_event("user.updated\0", data={"id": 7, "name": "a\0b"})
        with closing(SQLiteInbox(address)) as inbox:
            assert inbox.add(event) is True
            assert inbox.add(event) is False
            (found,) = inbox.database.read(lambda connection: inbox.pending(connection, 10))
        assert found.event == event
        assert found.event is not None
        assert found.event.name == "user.updated\0"

    def test_a_commit_is_synced_also_where_the_server_was_told_to_promise_less(self, address: str) -> None:
        careless = address.replace("-csearch_path", "-csynchronous_commit%3Doff%20-csearch_path")
        with closing(Database(careless, migrations=NOTES)) as database:
            assert database.write(lambda c: c.execute("SHOW synchronous_commit").fetchone()) == ("on",)

    def test_a_read_connection_cannot_write(self, database: Database, address: str) -> None:
        database.write(note("kept"))
        with pytest.raises(Unavailable, match="read-only"):
            database.read(lambda connection: connection.execute("DELETE FROM note"))
        assert texts(address) == ["kept"]


def _plain(value: object) -> object:
    return float(value) if type(value).__name__ == "Decimal" else value  # type: ignore[arg-type]


class TestLostConnections:
    def test_one_that_was_cut_while_nobody_used_it_is_made_anew(self, database: Database, address: str) -> None:
        terminate(database.write(pid), database.read(pid))
        assert database.write(note("again"), timeout=5) == "again"
        assert database.read(lambda c: c.execute("SELECT count(*) FROM note").fetchone()) == (1,)

    def test_a_batch_that_was_cut_off_is_written_once(self, database: Database, address: str) -> None:
        cut: list[int] = []

        def cutting(connection: Connection) -> None:
            if not cut:
                cut.append(pid(connection))
                terminate(*cut)

        with held(database):
            futures = [database.submit(note(f"before {n}")) for n in range(5)]
            database.submit(cutting)
            futures += [database.submit(note(f"after {n}")) for n in range(5)]
        assert [future.result(10) for future in futures] == texts(address)
        assert cut

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_whether_a_commit_was_done_is_learned_when_its_answer_is_lost(
        self, database: Database, address: str, monkeypatch: pytest.MonkeyPatch, when: str
    ) -> None:
        database.write(note("first"))
        execute, cut = psycopg.Connection.execute, []

        def losing(self: psycopg.Connection, query: object, *more: object, **how: object) -> object:
            if query == b"COMMIT" and not cut:
                cut.append(self.info.backend_pid)
                if when == "after":
                    execute(self, query)  # type: ignore[call-overload]
                terminate(*cut)
            return execute(self, query, *more, **how)  # type: ignore[call-overload]

        monkeypatch.setattr(psycopg.Connection, "execute", losing)
        runs: list[int] = []

        def work(connection: Connection) -> None:
            runs.append(1)
            note(f"run {len(runs)}")(connection)

        database.write(work, timeout=10)
        assert texts(address) == ["first", "run 2" if when == "before" else "run 1"]
        assert cut

    def test_a_server_that_is_away_is_unavailable_until_it_is_back(self, own_server: OwnServer) -> None:
        with closing(SQLiteInbox(own_server.address)) as inbox:
            events = [make_event("user.created") for _ in range(3)]
            assert inbox.add(events[0])
            own_server.stop()
            began = time.monotonic()
            with pytest.raises(Unavailable):
                inbox.add(events[1])
            with pytest.raises(Unavailable):
                inbox.health()
            assert time.monotonic() - began < 6
            own_server.start()
            wait_for(lambda: _added(inbox, events[1]))
            assert inbox.add(events[2])
            assert inbox.health().stored == 3

    def test_a_quick_restart_is_nobodys_business(self, own_server: OwnServer) -> None:
        with closing(SQLiteInbox(own_server.address)) as inbox:
            assert inbox.add(make_event("user.created"))
            restart = threading.Thread(target=own_server.restart)
            restart.start()
            added, refused = 0, 0
            while restart.is_alive():
                try:
                    added += inbox.add(make_event("user.created"))
                except Unavailable:
                    refused += 1
            restart.join()
            assert inbox.add(make_event("user.created"))
            assert inbox.health().stored >= added + 2
            assert added > 0

    def test_one_who_holds_a_row_for_good_holds_up_nobody_but_who_wants_it(self, database: Database, address: str) -> None:
        database.write(note("row"))
        with psycopg.connect(address) as stranger:
            stranger.execute("SELECT * FROM note FOR UPDATE")
            with held(database):
                futures = [database.submit(note("before"))]
                stuck = database.submit(lambda c: c.execute("UPDATE note SET size = 1"))
                futures += [database.submit(note("after")), database.submit(note("and after"))]
            began = time.monotonic()
            assert [future.result(2) for future in futures] == ["before", "after", "and after"]
            assert time.monotonic() - began < 2, "as long as PERSCOM is let wait"
            with pytest.raises(Unavailable, match="lock timeout"):
                stuck.result(1)

    def test_a_process_that_stands_still_in_a_transaction_loses_its_locks(self, address: str) -> None:
        with closing(Database(address, migrations=NOTES)) as database:
            told = database.write(lambda c: c.execute("SHOW idle_in_transaction_session_timeout").fetchone())
        assert told == ("10s",)

    def test_two_that_hold_each_other_up_both_come_to_an_end(self, database: Database, address: str) -> None:
        database.write(note("a"))
        database.write(note("b"))
        barrier = threading.Barrier(2, timeout=10)
        met: list[int] = []

        def work(first: str, second: str) -> Callable[[Connection], None]:
            def update(connection: Connection) -> None:
                connection.execute("UPDATE note SET size = 1 + coalesce(size, 0) WHERE text = ?", (first,))
                if len(met) < 2:
                    met.append(1)
                    barrier.wait()
                connection.execute("UPDATE note SET size = 1 + coalesce(size, 0) WHERE text = ?", (second,))

            return update

        with closing(Database(address, migrations=NOTES)) as other:
            futures = [database.submit(work("a", "b")), other.submit(work("b", "a"))]
            for future in futures:
                future.result(20)
        assert database.read(lambda c: c.execute("SELECT size FROM note").fetchall()) == [(2,), (2,)]


def _added(inbox: SQLiteInbox, event: object) -> bool:
    try:
        inbox.add(event)  # type: ignore[arg-type]
    except Unavailable:
        return False
    return True


class TestHints:
    def test_a_commit_of_another_process_is_heard_of_at_once(self, database: Database, address: str) -> None:
        heard: list[float] = []
        database.write(note("x"))
        unlisten = database.listen(lambda: heard.append(time.monotonic()))
        wait_for(lambda: heard)  # whatever came before somebody listened
        with closing(Database(address, migrations=NOTES)) as other:
            other.write(note("quiet"))
            before = len(heard)
            other.write(note("loud"), wake=True)
            wait_for(lambda: len(heard) > before)
        own = len(heard)
        database.write(note("own"), wake=True)
        database.write(note("next"))
        time.sleep(0.2)
        assert len(heard) == own + 1, "one's own commits are told once"
        unlisten()

    def test_hearing_goes_on_when_its_connection_is_lost(
        self, database: Database, address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("perscom_receiver._postgres_hints.PAUSE", 0.05)
        heard: list[int] = []
        database.write(note("x"))
        database.listen(lambda: heard.append(1))
        wait_for(lambda: heard)
        with admin() as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query = 'LISTEN perscom'")
        wait_for(lambda: "Commits of other processes are not heard of" in caplog.text)
        with closing(Database(address, migrations=NOTES)) as other:

            def told() -> bool:
                before = len(heard)
                other.write(lambda c: None, wake=True)
                time.sleep(0.05)
                return len(heard) > before

            wait_for(told)

    def test_closing_is_prompt_and_leaves_no_connection(self, address: str) -> None:
        database = Database(f"{address}&application_name=closing-test", migrations=NOTES)
        database.listen(lambda: None)
        database.write(note("x"))
        database.read(pid)
        began = time.monotonic()
        database.close()
        assert time.monotonic() - began < 1
        with admin() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing-test'"
            wait_for(lambda: connection.execute(query).fetchone() == (0,))


class TestSchema:
    def test_it_has_the_newest_version_and_the_name_of_its_writer(self, address: str) -> None:
        with closing(Database(address)) as database:
            version, writer = database.read(lambda c: c.execute("SELECT version, writer FROM schema_version").fetchone())
        assert version == len(MIGRATIONS)
        assert writer[0].isdigit()

    def test_many_that_begin_at_once_migrate_once(self, database: Database, address: str) -> None:
        database.write(note("old"))
        opened = [Database(address, migrations=MORE_NOTES) for _ in range(6)]
        futures = [each.submit(note(f"from {n}")) for n, each in enumerate(opened)]
        assert [future.result(20) for future in futures] == [f"from {n}" for n in range(6)]
        for each in opened:
            each.close()
        assert sorted(texts(address)) == ["from 0", "from 1", "from 2", "from 3", "from 4", "from 5", "old"]

    def test_many_that_begin_at_once_make_it_once(self, address: str) -> None:
        opened = [Database(address) for _ in range(6)]
        futures = [
            each.submit(lambda connection: connection.execute("CREATE TABLE IF NOT EXISTS own (n INTEGER)")) for each in opened
        ]
        for future in futures:
            future.result(20)
        for each in opened:
            each.close()

    def test_a_newer_one_is_refused_by_naming_the_version_it_needs(self, database: Database, address: str) -> None:
        with closing(Database(address, migrations=MORE_NOTES)) as newer:
            newer.write(note("from the future"))
            newer.write(lambda connection: connection.execute("UPDATE schema_version SET writer = '9.8.7'"))
        with pytest.raises(ConfigurationError, match=r"written by perscom-receiver 9\.8\.7 .*Install perscom-receiver 9\.8\.7"):
            database.write(note("from the past"))
        assert texts(address) == ["from the future"]

    def test_who_runs_while_a_newer_one_migrates_goes_on_also_over_a_lost_connection(
        self, database: Database, address: str
    ) -> None:
        database.write(note("before"))
        with closing(Database(address, migrations=MORE_NOTES)) as newer:
            newer.write(note("newer"))
        terminate(database.write(pid))
        assert database.write(note("after"), timeout=5) == "after"

    def test_tables_of_somebody_else_are_left_alone(self, address: str) -> None:
        with psycopg.connect(address) as stranger:
            stranger.execute("CREATE TABLE event (name TEXT)")
            stranger.execute("INSERT INTO event VALUES ('a concert')")
        database = Database(address)
        with pytest.raises(ConfigurationError, match=r"other tables .*event.* schema of its own"):
            database.write(lambda connection: None)
        with psycopg.connect(address) as stranger:
            assert stranger.execute("SELECT * FROM event").fetchall() == [("a concert",)]

    def test_a_step_that_fails_leaves_the_old_version_as_it_was(self, database: Database, address: str) -> None:
        database.write(note("old"))
        database.close()
        wrong = (*NOTES, ("ALTER TABLE note ADD COLUMN author TEXT", "this is no SQL"))
        with pytest.raises(Unavailable):
            Database(address, migrations=wrong).write(note("new"))
        database.write(note("still works"))
        assert texts(address) == ["old", "still works"]

    def test_one_may_share_a_database_with_others_in_a_schema_of_its_own(self, address: str) -> None:
        with psycopg.connect(address) as stranger:
            stranger.execute("CREATE TABLE orders (n INTEGER)")
        with closing(SQLiteInbox(address)) as inbox:
            assert inbox.add(make_event("user.created"))


class TestAddress:
    def test_nothing_is_opened_before_the_first_use(self) -> None:
        database = Database("postgresql://nobody@127.0.0.1:1/nowhere")
        assert database.name == "postgresql://nobody@127.0.0.1:1/nowhere"
        with pytest.raises(ConfigurationError, match="is no file"):
            database.path  # noqa: B018

    @pytest.mark.parametrize(
        "address",
        [
            "postgresql://me:hun/ter2@127.0.0.1/x",
            "postgresql://me:hun@ter2@127.0.0.1/x",
            "postgresql://me:hun?ter2@127.0.0.1/x",
            "postgresql://me:hun#ter2@127.0.0.1/x",
            "postgresql://me:hun%2@127.0.0.1/x",
            "postgresql://me:hunter2@127.0.0.1:port/x",
            "postgresql://me:hunter2@127.0.0.1/x?sslmode",
        ],
    )
    def test_one_that_cannot_be_read_is_refused_without_any_of_it(self, address: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            Database(address).write(lambda connection: None, timeout=5)
        assert not [piece for piece in ("hun", "ter2") if piece in f"{caught.value!r}{caught.value}"]

    @pytest.mark.parametrize(
        "address", ["postgresql://me:hunter2@127.0.0.1:1/x", "postgresql://me:hunter2@no.such.host.example/x?connect_timeout=2"]
    )
    def test_the_password_is_shown_to_nobody(
        self, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._postgres_session.PATIENCE", 0.1)
        caplog.set_level(logging.DEBUG)
        database = Database(address)
        with pytest.raises(Unavailable) as caught:
            database.write(lambda connection: None, timeout=10)
        unlisten = database.listen(lambda: None)
        with pytest.raises(Unavailable):
            database.exists()
        unlisten()
        database.close()
        assert "hunter2" not in f"{caught.value!r}{caught.value}{database!r}{database.name}{caplog.text}"

    def test_a_wrong_password_is_told_without_it(self, own_server: OwnServer) -> None:
        own_server.ask_for_passwords()
        wrong = own_server.address.replace("postgres@", "postgres:hunter2@")
        with pytest.raises(Unavailable, match="password authentication failed") as caught:
            Database(wrong).write(lambda connection: None, timeout=10)
        assert "hunter2" not in str(caught.value)

    def test_without_psycopg_the_extra_is_named(self) -> None:
        code = """
import sys
sys.modules["psycopg"] = None
from perscom_receiver import ConfigurationError
from perscom_receiver.queue import Database
try:
    Database("postgresql://127.0.0.1/x")
except ConfigurationError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
        assert "pip install 'perscom-receiver[postgres]'" in done.stdout

    def test_what_a_file_is_asked_for_is_answered_with_the_tools_for_it(self, database: Database, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="pg_dump"):
            database.backup(tmp_path / "copy")
        with pytest.raises(ConfigurationError, match="pg_restore"):
            database.restore(tmp_path / "copy")
        database.write(note("deleted"))
        database.write(lambda connection: connection.execute("DELETE FROM note"))
        assert database.rewrite()
        assert database.read(lambda c: c.execute("SELECT pg_relation_size('note')").fetchone()) == (0,)


class TestProcesses:
    def test_a_fork_closes_the_connections_and_both_sides_go_on(self, address: str) -> None:
        code = """
import os, sys
from perscom_receiver.queue import Database
from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event
inbox = SQLiteInbox(sys.argv[1])
inbox.database.listen(lambda: None)
inbox.add(make_event("user.created"))
inbox.health()
child = os.fork()
for _ in range(20):
    inbox.add(make_event("user.created"))
if child == 0:
    inbox.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
for _ in range(20):
    inbox.add(make_event("user.created"))
print(status, inbox.health().stored)
inbox.close()
"""
        done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, timeout=30, check=False)
        assert (done.stdout, done.stderr) == ("0 61\n", "")

    @pytest.mark.parametrize("round_", range(3))
    def test_what_was_acknowledged_is_there_after_a_kill(self, address: str, round_: int) -> None:
        program = subprocess.Popen([sys.executable, str(PROGRAMS / "acknowledge.py"), address], stdout=subprocess.PIPE)
        assert program.stdout is not None
        acknowledged = [program.stdout.readline().decode().strip() for _ in range(100 * round_ + 1)]
        program.send_signal(signal.SIGKILL)
        acknowledged += program.stdout.read().decode().split()
        program.communicate()
        with psycopg.connect(address) as connection:
            stored = {digest.hex() for (digest,) in connection.execute("SELECT digest FROM event")}
        assert len(acknowledged) == len(set(acknowledged))
        assert set(acknowledged) <= stored

    def test_several_receivers_store_an_event_once(self, address: str) -> None:
        events = [make_event("user.created") for _ in range(60)]
        inboxes = [SQLiteInbox(address) for _ in range(4)]

        async def add(inbox: SQLiteInbox, order: int) -> list[bool]:
            mine = events if order % 2 else events[::-1]  # each in its own order, so that they meet in the middle
            return await asyncio.gather(*(inbox.aadd(event) for event in mine))

        async def main() -> int:
            answers = await asyncio.gather(*(add(inbox, n) for n, inbox in enumerate(inboxes)))
            return sum(map(sum, answers))

        assert asyncio.run(main()) == len(events)
        assert inboxes[0].health().stored == len(events)
        for inbox in inboxes:
            inbox.close()


class TestForeignTransactions:
    def test_a_connection_of_somebody_else_is_taken_as_it_is(self, address: str) -> None:
        with closing(Database(address, migrations=NOTES)) as database:
            database.write(lambda connection: None)
        with psycopg.connect(address, row_factory=psycopg.rows.dict_row) as connection:
            common = foreign(connection)
            assert common.execute("INSERT INTO note (text, size) VALUES (?, ?) RETURNING size", ("x", 1)).fetchone() == (1,)
            assert connection.execute("SELECT text FROM note").fetchone() == {"text": "x"}
            connection.rollback()
        assert texts(address) == []
