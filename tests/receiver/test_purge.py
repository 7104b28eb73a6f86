"""Forgetting a person: who an event is about, what becomes of what waits, and that nothing of it is left in the files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perscom_receiver import Event, Purged, SQLiteInbox
from perscom_receiver._person import Person
from perscom_receiver.queue import Connection, Result, State, Task
from perscom_receiver.testing import make_event

USER = 2153
OTHER = 77
ADDRESS = "whitfield@1st-rangers.example.test"
FAILED = Result(state=State.WAITING, outcome="retry", at=0.0, error=f"{ADDRESS} is no channel")
DONE = Result(state=State.DONE, outcome="done", receipt=f'{{"posted":"{ADDRESS}"}}')


@pytest.fixture
def inbox(db: str) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(db)
    yield inbox
    inbox.close()


def record(**overrides: object) -> Event:
    """One about nobody in particular, but for what is given."""
    return make_event("servicerecord.created", data={"id": 5, "text": "Well done."} | overrides)


def add(inbox: SQLiteInbox, *events: Event) -> None:
    for event in events:
        assert inbox.add(event)


def plan(inbox: SQLiteInbox, width: int = 100) -> int:
    def work(connection: Connection) -> int:
        lane = inbox.queue.lane(connection, "discord", width=width)
        inbox.plan(connection, [(found, {lane: None}) for found in inbox.pending(connection, 1000)])
        return lane

    return inbox.database.write(work)


def claim(inbox: SQLiteInbox, lane: int) -> tuple[Task, ...]:
    found = inbox.database.write(lambda connection: inbox.queue.claim(connection, inbox.now(), 30, 1000, [lane]))
    return found.tasks if found else ()


def start(inbox: SQLiteInbox, task: Task) -> bool:
    return inbox.database.write(lambda connection: inbox.queue.start(connection, task, inbox.now()))


def settle(inbox: SQLiteInbox, task: Task, result: Result) -> bool:
    return inbox.database.write(lambda connection: inbox.queue.settle(connection, task, result, inbox.now()))


def rows(inbox: SQLiteInbox, sql: str) -> list[Any]:
    return inbox.database.read(lambda connection: connection.execute(sql).fetchall())


def everything(folder: Path) -> bytes:
    """What the files of a folder hold, in use or not."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


class TestWhom:
    @pytest.mark.parametrize(
        ("event", "about"),
        [
            (make_event("user.deleted", data={"id": USER, "name": "Jacob"}), True),
            (make_event("user.updated", data={"id": OTHER, "rank_id": USER}), False),
            (make_event("user.updated", data={"id": str(USER)}, changes=None), True),
            (make_event("rankrecord.created", user_id=USER, user=None, author=None), True),
            (make_event("rankrecord.created", id=USER, user_id=OTHER, user=None, author=None), False),
            (make_event("submission.created", user_id=USER), True),
            (make_event("submission.created", user_id=None), False),
            (record(user_id=USER), True),
            (record(user_id=f"{USER}"), True),
            (record(user_id=USER * 10 + 1), False),
            (record(author_id=USER), True),
            (record(user={"id": USER}), True),
            (record(author={"id": USER}), True),
            (record(author={"id": OTHER, "unit_id": USER}), False),
            (record(document_id=USER), False),
            (record(rank={"id": USER, "name": "Sergeant"}), False),
            (record(unit={"leaders": [{"id": USER, "email": None}]}), True),
            (record(users=[{"id": OTHER}, {"id": USER}]), True),
            (record(**{f"deep{n}": [[{"user_id": OTHER}]] for n in range(9)}, deep=[[{"user_id": USER}]]), True),
            (record(user_id=True, text=f"It is {USER}."), False),
            (record(text=f"[{USER}"), False),
            (make_event("message.created", recipients=[OTHER, USER]), True),
            (make_event("message.created", recipients=[OTHER]), False),
            (make_event("message.created", recipients=None, id=USER), False),
            (make_event("message.updated", data={"id": 3}, changes={"recipients": f"[{OTHER},{USER}]"}), True),
            (make_event("message.updated", data={"id": 3}, changes={"recipients": f"[{OTHER}]", "id": USER}), False),
            (make_event("calendar.created", data=[USER]), False),
            (make_event("awardrecord.created", data=[{"user": USER}]), True),
            (make_event("webhook.test", data=USER, changes=None), False),
        ],
    )
    def test_an_event_is_about_those_it_names(self, event: Event, about: bool) -> None:
        assert Person(USER).is_in(event.body) is about

    def test_everybody_of_a_sample_is_found(self) -> None:
        event = make_event("rankrecord.created")
        assert [number for number in range(3000) if Person(number).is_in(event.body)] == [1, 2153]

    def test_what_cannot_be_read_is_about_everybody_whose_number_is_in_it(self) -> None:
        assert Person(USER).is_in(b'{"event":"user.updated","data":{"id":%d' % USER)
        assert not Person(USER).is_in(b'{"event":"user.updated","data":{"id":7')

    @pytest.mark.parametrize(
        ("text", "about"),
        [
            (ADDRESS, True),
            (ADDRESS.upper(), True),
            (f"Write to <{ADDRESS}>.", True),
            (f"jw.{ADDRESS}", False),
            (f"{ADDRESS}.com", True),  # ends like the one in a sentence
            (f"{ADDRESS}ing", False),
            ("another@1st-rangers.example.test", False),
        ],
    )
    def test_an_address_that_is_known_of_the_user_names_them_too(self, text: str, about: bool) -> None:
        person = Person(USER)
        applied = make_event("submission.created", user_id=None, email_address=text)
        assert not person.is_in(applied.body)
        assert person.is_in(make_event("user.updated", id=USER, email=ADDRESS).body)
        assert person.addresses == 1
        assert person.is_in(applied.body) is about

    def test_no_address_of_others_is_learned(self) -> None:
        person = Person(USER)
        assert person.is_in(make_event("rankrecord.created", user_id=OTHER, user=None, author_id=USER).body)
        assert person.addresses == 0


class TestPurge:
    def test_the_contents_are_gone_the_digests_stay_and_others_are_untouched(self, inbox: SQLiteInbox) -> None:
        own = [make_event("user.updated"), make_event("rankrecord.created"), make_event("message.created", recipients=[USER])]
        others = [make_event("awardrecord.created"), make_event("event.created"), make_event("user.created")]
        add(inbox, *own, *others)
        assert inbox.purge_user(USER) == Purged(events=3, dropped=3, overwritten=True)
        assert [inbox.add(event) for event in own + others] == [False] * 6
        assert inbox.health().stored == 3
        assert [pending.event for pending in inbox.database.read(lambda connection: inbox.pending(connection, 10))] == others
        assert inbox.purge_user(USER) == Purged(events=0, dropped=0, overwritten=True)

    def test_several_users_and_what_else_is_kept_about_them_go_with_one_rewrite(self, inbox: SQLiteInbox, path: Path) -> None:
        add(inbox, make_event("user.updated"), record(user_id=OTHER), record(user_id=5), make_event("event.created"))
        notes = f"{ADDRESS} in a table of somebody's own"
        inbox.database.write(lambda c: c.execute("CREATE TABLE notes (text TEXT)"))
        inbox.database.write(lambda c: c.execute("INSERT INTO notes VALUES (?)", (notes,)))
        purged = inbox.purge_user(USER, OTHER, also=lambda connection: connection.execute("DELETE FROM notes"))
        assert purged == Purged(events=2, dropped=2, overwritten=True)
        inbox.close()
        assert ADDRESS.encode() not in everything(path.parent)

    def test_an_application_from_before_the_user_was_one_is_found_by_its_address(self, inbox: SQLiteInbox) -> None:
        add(inbox, make_event("submission.created", email_address=ADDRESS), make_event("user.updated"))
        assert inbox.purge_user(USER).events == 2

    def test_another_site_in_the_same_file_has_its_own_users(self, inbox: SQLiteInbox) -> None:
        other = SQLiteInbox(inbox.database, site="other")
        add(inbox, make_event("user.updated"))
        add(other, make_event("user.updated"))
        assert inbox.purge_user(USER).events == 1
        assert other.health().stored == 1

    def test_what_waits_is_put_aside_and_says_why(self, inbox: SQLiteInbox) -> None:
        add(inbox, make_event("user.updated"), make_event("event.created"))
        lane = plan(inbox)
        assert inbox.purge_user(USER).dropped == 1
        assert [task.event.name for task in claim(inbox, lane)] == ["event.created"]
        (letter,) = inbox.dead_letters()
        assert (letter.event_name, letter.error) == ("user.updated", "The person it is about was forgotten.")
        assert not inbox.revive(letter.task)

    @pytest.mark.parametrize("started", [True, False])
    def test_what_is_being_handled_leaves_no_trace_and_room_for_the_next(self, inbox: SQLiteInbox, started: bool) -> None:
        add(inbox, make_event("user.updated"), make_event("event.created"))
        lane = plan(inbox, width=1)
        (task,) = claim(inbox, lane)
        if started:
            assert start(inbox, task)
        assert inbox.purge_user(USER).dropped == 1
        assert not start(inbox, task)
        assert not settle(inbox, task, DONE)
        assert not settle(inbox, task, FAILED)
        assert [task.event.name for task in claim(inbox, lane)] == ["event.created"]
        assert ADDRESS not in str(rows(inbox, "SELECT * FROM task") + rows(inbox, "SELECT * FROM attempt"))

    def test_receipts_errors_and_the_entity_are_forgotten(self, inbox: SQLiteInbox) -> None:
        add(inbox, make_event("user.updated"), make_event("user.updated", id=OTHER, email=None))
        lane = plan(inbox)
        for task in claim(inbox, lane):
            assert start(inbox, task)
            assert settle(inbox, task, FAILED)
        for task in claim(inbox, lane):
            assert start(inbox, task)
            assert settle(inbox, task, DONE)
        assert inbox.purge_user(USER) == Purged(events=1, dropped=0, overwritten=True)
        assert rows(inbox, "SELECT event, receipt, error, entity FROM task ORDER BY id") == [
            (1, None, None, None),
            (2, DONE.receipt, None, f"user/{OTHER}"),
        ]
        assert rows(inbox, "SELECT task, error FROM attempt WHERE outcome = 'retry' ORDER BY task") == [
            (1, None),
            (2, FAILED.error),
        ]
        assert rows(inbox, "SELECT entity FROM newest") == [(f"user/{OTHER}",)]


@pytest.mark.usefixtures("path")
class TestFiles:
    @pytest.fixture(autouse=True)
    def as_sqlite_comes_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some builds overwrite what is deleted by themselves."""
        connect = sqlite3.connect

        def careless(*arguments: Any, **settings: Any) -> sqlite3.Connection:
            connection = connect(*arguments, **settings)
            connection.execute("PRAGMA secure_delete = OFF")
            return connection

        monkeypatch.setattr(sqlite3, "connect", careless)

    def used(self, inbox: SQLiteInbox) -> None:
        """Rows of all sizes, written, moved and shrunk, of USER and of others."""
        for number in range(300):
            about, name = (USER, "PLANTED") if number % 3 == 0 else (OTHER, "OTHER")
            add(inbox, record(user_id=about, text=f"{name}{number:04}" * (2 << number % 10)))
        lane = plan(inbox, width=1000)
        for turn, result in (("FAILED", FAILED), ("DONE", DONE)):
            for task in claim(inbox, lane):
                text = f"{'PLANTED' if b'PLANTED' in task.event.body else 'OTHER'}{turn}" * 20
                assert start(inbox, task)
                changed = Result(state=result.state, outcome=result.outcome, at=result.at, receipt=text, error=text)
                assert settle(inbox, task, changed)

    def test_nothing_is_left_in_the_files_while_the_database_is_in_use(self, inbox: SQLiteInbox, tmp_path: Path) -> None:
        self.used(inbox)
        inbox.health()  # a reader is open as well
        assert b"PLANTED" in everything(tmp_path)
        assert inbox.purge_user(USER) == Purged(events=100, dropped=0, overwritten=True)
        assert b"PLANTED" not in everything(tmp_path)
        assert b"OTHER0001" in everything(tmp_path)
        assert inbox.health().stored == 200
        add(inbox, make_event("user.created"))

    def test_one_who_reads_all_the_time_keeps_the_log_and_that_is_told(
        self, inbox: SQLiteInbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._files.LOOKS", 2)
        add(inbox, record(user_id=USER, text="PLANTED"))
        with closing(sqlite3.connect(inbox.database.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM event").fetchone() == (1,)
            assert inbox.purge_user(USER) == Purged(events=1, dropped=1, overwritten=False)
            add(inbox, record())
            assert b"PLANTED" in everything(tmp_path)
        assert inbox.purge_user(USER) == Purged(events=0, dropped=0, overwritten=True)
        assert b"PLANTED" not in everything(tmp_path)

    def test_a_body_whose_days_are_over_is_overwritten(self, inbox: SQLiteInbox, tmp_path: Path) -> None:
        for number in range(50):
            add(inbox, record(text=f"PLANTED{number}" * (2 << number % 10)))
        lane = plan(inbox)
        for task in claim(inbox, lane):
            assert start(inbox, task)
            assert settle(inbox, task, Result(state=State.DONE, outcome="done"))
        inbox.close()
        assert everything(tmp_path).count(b"PLANTED") > 50
        inbox.now = lambda: (datetime.now(UTC) + timedelta(days=31)).timestamp()
        assert inbox.database.write(inbox.prune) == 50
        inbox.close()
        assert b"PLANTED" not in everything(tmp_path)
