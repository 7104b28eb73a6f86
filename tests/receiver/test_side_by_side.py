"""What may come in between when several processes write at once: step by step, in transactions that are open together.

On PostgreSQL alone, since one file has one writer at a time. Many at once, in any order, are in the suite of queues.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from postgres import new_schema

from perscom_receiver import SQLiteInbox
from perscom_receiver._write import Cursor
from perscom_receiver.queue import Connection, Group, Queue, Result, State, Task, foreign
from perscom_receiver.testing import make_event

NOW = 1_780_000_000.0
DAY = 86_400.0
LEASE = 30.0
DONE = Result(state=State.DONE, outcome="done")


@pytest.fixture
def address() -> Iterator[str]:
    with new_schema() as address:
        yield address


@pytest.fixture
def inbox(address: str) -> Iterator[SQLiteInbox]:
    with closing(SQLiteInbox(address, now=lambda: NOW)) as inbox:
        inbox.database.write(lambda connection: None)
        yield inbox


@pytest.fixture
def queue(inbox: SQLiteInbox) -> Queue:
    return inbox.queue


class Process:
    """One with a transaction that is open until it is told to commit. It waits for nobody."""

    def __init__(self, raw: psycopg.Connection) -> None:
        self._raw = raw
        self.connection = foreign(raw)
        raw.execute("SET lock_timeout = '300ms'")
        raw.commit()

    def commit(self) -> None:
        self._raw.commit()


@pytest.fixture
def processes(address: str, inbox: SQLiteInbox) -> Iterator[list[Process]]:
    with psycopg.connect(address) as one, psycopg.connect(address) as two, psycopg.connect(address) as three:
        yield [Process(one), Process(two), Process(three)]


def new_event(connection: Connection, after: float = 0.0) -> int:
    event = make_event("user.created", created=datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=after))
    row = connection.execute(
        "INSERT INTO event (site, created, digest, endpoint, name, received, body)"
        " VALUES ('default', ?, ?, '', ?, ?, ?) RETURNING id",
        (event.created_us, bytes.fromhex(event.id), event.name, NOW, event.body),
    ).fetchone()
    return int(row[0])


def put(queue: Queue, connection: Connection, lane: int, *, chain: str | None = None, after: float = 0.0) -> int:
    event = new_event(connection, after)
    assert queue.enqueue(connection, lane, event, due=NOW, chain=chain)
    return event


def lane(queue: Queue, process: Process, name: str = "lane", width: int = 1, pace: str | None = None) -> int:
    made = queue.lane(process.connection, name, width=width, pace=pace)
    process.commit()
    return made


def begin(queue: Queue, process: Process, n: int = 100) -> list[Task]:
    return [task for claim in queue.begin(process.connection, NOW, LEASE, n) for task in claim.tasks]


def read_notes(queue: Queue, process: Process) -> None:
    """So that the lanes themselves tell that they are ready, and a claim has no more of them than it takes from."""
    process.commit()
    assert queue.begin(process.connection, NOW - 1, LEASE, 1) == []
    process.commit()


class Between:
    """The connection of a process, on which ``call`` happens before the statements that have ``words`` in them."""

    def __init__(self, process: Process, words: str, call: Callable[[], object]) -> None:
        self._connection = process.connection
        self._words = words
        self._call = call
        self.executemany = process.connection.executemany

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        if self._words in sql:
            self._call()
        return self._connection.execute(sql, parameters)


class TestLanes:
    def test_what_is_enqueued_while_a_claim_empties_the_lane_is_found_afterwards(
        self, queue: Queue, processes: list[Process]
    ) -> None:
        claims, enqueues, later = processes
        own = lane(queue, claims, width=9)
        put(queue, claims.connection, own)
        claims.commit()
        (task,) = begin(queue, claims)
        assert queue.settle(claims.connection, task, DONE, NOW)  # and finds the lane empty
        put(queue, enqueues.connection, own, after=1)
        enqueues.commit()
        claims.commit()
        assert queue.next_ready(later.connection) == NOW
        assert len(begin(queue, later)) == 1

    def test_what_was_enqueued_before_and_is_committed_after_a_claim_is_found_afterwards(
        self, queue: Queue, processes: list[Process]
    ) -> None:
        claims, enqueues, later = processes
        own = lane(queue, claims, width=9)
        put(queue, claims.connection, own)
        claims.commit()
        put(queue, enqueues.connection, own, after=1)
        (task,) = begin(queue, claims)
        assert queue.settle(claims.connection, task, DONE, NOW)
        claims.commit()
        assert queue.next_ready(later.connection) is None
        later.commit()
        enqueues.commit()
        assert queue.next_ready(later.connection) == NOW
        assert len(begin(queue, later)) == 1

    def test_a_note_that_is_being_read_is_no_reason_to_leave_none(self, queue: Queue, processes: list[Process]) -> None:
        claims, enqueues, later = processes
        own = lane(queue, claims, width=9)
        put(queue, claims.connection, own)
        claims.commit()
        assert len(begin(queue, claims)) == 1  # has read the note, and not committed
        put(queue, enqueues.connection, own, after=1)
        enqueues.commit()
        claims.commit()
        assert queue.next_ready(later.connection) == NOW

    def test_a_lane_that_somebody_else_has_is_neither_claimed_nor_waited_for(
        self, queue: Queue, processes: list[Process]
    ) -> None:
        one, two, _ = processes
        own = lane(queue, one, width=1)
        for n in range(3):
            put(queue, one.connection, own, after=n)
        read_notes(queue, one)
        assert len(begin(queue, one)) == 1
        assert queue.begin(two.connection, NOW, LEASE, 100) == []
        two.commit()
        one.commit()
        assert begin(queue, two) == [], "the width is used up"

    def test_what_ends_while_somebody_else_has_the_lane_is_worked_out_by_the_next_claim(
        self, queue: Queue, processes: list[Process]
    ) -> None:
        one, two, later = processes
        own = lane(queue, one, width=2)
        for n in range(4):
            put(queue, one.connection, own, after=n)
        one.commit()
        first, second = begin(queue, one)
        one.commit()
        one.connection.execute("SELECT 1 FROM lane WHERE id = ? /*pg FOR NO KEY UPDATE*/", (own,)).fetchone()
        assert queue.settle(two.connection, first, DONE, NOW), "without waiting for the lane"
        two.commit()
        one.commit()
        assert queue.next_ready(later.connection) == NOW
        assert len(begin(queue, later)) == 1
        assert second.attempt == 1

    def test_the_lease_that_is_taken_back_is_not_settled(self, queue: Queue, processes: list[Process]) -> None:
        one, two, _ = processes
        own = lane(queue, one)
        put(queue, one.connection, own)
        one.commit()
        (task,) = begin(queue, one)
        one.commit()
        ((again,),) = [claim.tasks for claim in queue.begin(two.connection, NOW + LEASE, LEASE, 9)]
        settled: list[bool] = []
        settling = threading.Thread(target=lambda: settled.append(queue.settle(one.connection, task, DONE, NOW)))
        settling.start()  # waits for the row
        settling.join(0.1)
        two.commit()
        settling.join(5)
        assert (again.attempt, settled) == (2, [False])

    def test_what_is_being_settled_is_not_taken_back(self, queue: Queue, processes: list[Process]) -> None:
        one, two, _ = processes
        own = lane(queue, one)
        put(queue, one.connection, own)
        one.commit()
        (task,) = begin(queue, one)
        one.commit()
        one.connection.execute(
            "UPDATE task SET settled = settled WHERE id = ?", (task.id,)
        )  # has the row, and not yet the lane
        assert not [claim.tasks for claim in queue.begin(two.connection, NOW + LEASE, LEASE, 9) if claim.tasks]
        two.commit()
        assert queue.settle(one.connection, task, DONE, NOW + LEASE)

    def test_what_is_being_buried_is_not_claimed(self, queue: Queue, processes: list[Process]) -> None:
        one, two, _ = processes
        own = lane(queue, one, width=9)
        event = put(queue, one.connection, own)
        one.commit()
        buried: list[int] = []
        bury = Between(one, "LATERAL", lambda: buried.append(queue.bury(two.connection, event, NOW, "Gone.")))
        assert [claim.tasks for claim in queue.begin(bury, NOW, LEASE, 9)] == [()]
        assert buried == [1]
        one.commit()
        two.commit()
        assert begin(queue, one) == []


class TestPaces:
    def test_two_lanes_of_one_pace_are_not_claimed_by_two_at_once(self, queue: Queue, processes: list[Process]) -> None:
        one, two, _ = processes
        for n in range(2):
            put(queue, one.connection, lane(queue, one, f"lane {n}", pace="chat/"), after=n)
        read_notes(queue, one)
        assert len(begin(queue, one, 1)) == 1
        assert begin(queue, two) == []
        two.commit()
        one.commit()
        assert begin(queue, two) == [], "the other one is at work"

    def test_one_that_got_to_work_just_now_is_seen(self, queue: Queue, processes: list[Process]) -> None:
        one, two, _ = processes
        for n in range(2):
            put(queue, one.connection, lane(queue, one, f"lane {n}", pace="chat/"), after=n)
        read_notes(queue, one)
        assert len(begin(queue, one, 1)) == 1
        committed: list[None] = []
        late = Between(two, "pg_try_advisory", lambda: committed.append(one.commit()))  # type: ignore[func-returns-value]
        assert [task for claim in queue.begin(late, NOW, LEASE, 9) for task in claim.tasks] == []
        assert committed


class TestChains:
    def test_two_that_are_enqueued_at_once_are_worked_one_after_the_other(self, queue: Queue, processes: list[Process]) -> None:
        one, two, later = processes
        own = lane(queue, one, width=9)
        put(queue, one.connection, own, chain="user/7")
        put(queue, two.connection, own, chain="user/7", after=1)
        one.commit()
        two.commit()
        (task,) = begin(queue, later)
        later.commit()
        assert begin(queue, later) == []
        assert queue.settle(later.connection, task, DONE, NOW)
        assert len(begin(queue, later)) == 1

    def test_one_that_is_committed_behind_one_at_work_waits_for_its_end(self, queue: Queue, processes: list[Process]) -> None:
        one, two, later = processes
        own = lane(queue, one, width=9)
        put(queue, one.connection, own, chain="user/7")
        put(queue, two.connection, own, chain="user/7", after=1)
        one.commit()
        (task,) = begin(queue, later)
        later.commit()
        two.commit()
        assert begin(queue, later) == []
        later.commit()
        assert queue.settle(later.connection, task, DONE, NOW)
        later.commit()
        assert len(begin(queue, later)) == 1

    def test_one_that_comes_while_the_one_before_it_ends_is_not_stuck(self, queue: Queue, processes: list[Process]) -> None:
        one, two, later = processes
        own = lane(queue, one, width=9)
        put(queue, one.connection, own, chain="user/7")
        one.commit()
        (task,) = begin(queue, one)
        one.commit()
        put(queue, two.connection, own, chain="user/7", after=1)
        assert queue.settle(one.connection, task, DONE, NOW)  # sees nobody behind it
        two.commit()
        assert begin(queue, later) == [], "somebody else has the lane"
        later.commit()
        one.commit()
        assert len(begin(queue, later)) == 1


class TestEvents:
    def test_two_planners_make_one_task_and_one_group(self, inbox: SQLiteInbox, processes: list[Process]) -> None:
        one, two, _ = processes
        own = lane(inbox.queue, one)
        for n in range(2):
            inbox.add(make_event("user.created", created=datetime.fromtimestamp(NOW + n, UTC)))
        read = [inbox.database.read(lambda c: inbox.pending(c, 10)) for _ in range(2)]
        plans = [[(found, {own: Group("an action")}) for found in pending] for pending in read]
        inbox.plan(one.connection, plans[0])
        planning = threading.Thread(target=lambda: inbox.plan(two.connection, plans[1]))
        planning.start()  # waits for the first event
        planning.join(0.1)
        one.commit()
        planning.join(5)
        two.commit()
        rows = inbox.database.read(lambda c: c.execute("SELECT group_first FROM task").fetchall())
        assert rows == [(int(NOW * 1e6),)] * 2

    def test_a_captured_request_is_not_taken_while_its_digest_is_being_forgotten(
        self, inbox: SQLiteInbox, processes: list[Process], address: str
    ) -> None:
        """Whoever forgets raises the floor in the same transaction, and whoever stores sees either the digest or the floor."""
        old = make_event("user.created", created=datetime.fromtimestamp(NOW - 500 * DAY, UTC))
        inbox.add(old)
        inbox.add(make_event("user.created", created=datetime.fromtimestamp(NOW, UTC)))
        inbox.database.write(lambda c: c.execute("UPDATE event SET body = NULL, unplanned = NULL WHERE id = 1"))
        forgets, _, _ = processes
        assert inbox.prune(forgets.connection) >= 1
        answers: list[object] = []

        def send_again() -> None:
            try:
                with closing(SQLiteInbox(address, now=lambda: NOW)) as other:
                    answers.append(other.add(old))
            except Exception as error:  # noqa: BLE001
                answers.append(type(error).__name__)

        sending = threading.Thread(target=send_again)
        sending.start()
        sending.join(0.3)
        forgets.commit()
        sending.join(10)
        assert answers == ["StaleEvent"]

    def test_a_body_is_not_forgotten_while_somebody_lets_its_task_run_again(
        self, inbox: SQLiteInbox, processes: list[Process]
    ) -> None:
        one, two, _ = processes
        queue = inbox.queue
        own = lane(queue, one)
        put(queue, one.connection, own)
        one.commit()
        (task,) = begin(queue, one)
        assert queue.settle(one.connection, task, Result(state=State.DEAD, outcome="rejected"), NOW)
        one.commit()
        one.connection.execute("UPDATE event SET received = 0")
        one.commit()
        assert queue.revive(one.connection, task.id, NOW)
        assert inbox.prune(two.connection) == 0
        two.commit()
        one.commit()
        assert len(begin(queue, one)) == 1

    def test_nothing_runs_again_whose_body_is_being_forgotten(self, inbox: SQLiteInbox, processes: list[Process]) -> None:
        one, two, _ = processes
        queue = inbox.queue
        own = lane(queue, one)
        put(queue, one.connection, own)
        one.commit()
        (task,) = begin(queue, one)
        assert queue.settle(one.connection, task, Result(state=State.DEAD, outcome="rejected"), NOW)
        one.commit()
        one.connection.execute("UPDATE event SET received = 0")
        one.commit()
        assert inbox.prune(two.connection) == 1
        revived: list[bool] = []
        reviving = threading.Thread(target=lambda: revived.append(queue.revive(one.connection, task.id, NOW)))
        reviving.start()
        reviving.join(0.1)
        two.commit()
        reviving.join(5)
        assert revived == [False]
