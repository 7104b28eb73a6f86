"""What the queue costs in a SQLite file, however much is in it: the plans of its statements, and the steps that they take."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from perscom_receiver.queue import Connection, Database, Group, Queue, Result, State, Task
from perscom_receiver.testing.queue_suite._desk import DONE, FAILED, LEASE, pause, retry

NOW = 1000.0
FEW, MANY = 300, 3000
"""Rows of each kind. The first is more than what is ever handled together."""
CHAIN = "user/7"
GROUP = Group("an action")
BODY = b'{"event":"user.created","created":"2026-11-24T08:00:00Z"}'
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
SORTED = {  # what is sorted, and why there is never much of it
    "lane CROSS JOIN task": "as many tasks as were asked for",
    "FROM lane WHERE lane.id IN": "the lanes that were named",
    "group_first BETWEEN": "the tasks of one action",
}


class Filled:
    """A queue in a file with ``rows`` of each kind."""

    def __init__(self, path: Path, rows: int) -> None:
        with closing(Database(path)) as database:
            database.read(lambda c: c)
        self.queue = Queue("default", "inbox")
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("BEGIN")
        self.lanes = self.open_lanes()
        for state in (State.WAITING, State.DONE, State.DEAD):
            receipt = "[]" if state is State.DONE else None
            self.put("busy", rows, state=state, receipt=receipt, entity="user/7")
            self.put("busy", rows, state=state, receipt=receipt, group_key=GROUP.key)
            for lane in ("late", "paced", "paced too", "unclear"):
                self.put(lane, rows, state=state, receipt=receipt)
        self.connection.execute(
            "UPDATE task SET group_first = (SELECT created FROM event WHERE id = event) WHERE group_key > ''"
        )
        self.put("busy", rows, chain=CHAIN, behind=1)
        self.connection.execute("UPDATE task SET due = -1 WHERE chain = ?", (CHAIN,))  # before all else
        self.connection.execute("UPDATE task SET behind = 0 WHERE id = (SELECT min(id) FROM task WHERE behind = 1)")
        self.connection.execute(
            f"INSERT INTO lane (site, queue, name, width, repeat_unclear, pace, ready) {NUMBERS}"
            " SELECT 'default', 'inbox', 'idle ' || i, 5, 1, 'idle/' || i || '/', CASE WHEN i % 2 THEN 9e9 + i END FROM n",
            (rows,),
        )
        self.open_lanes()

    def open_lanes(self) -> dict[str, int]:
        lane = partial(self.queue.lane, self.connection, width=20)
        return {
            "busy": lane("busy"),
            "late": lane("late", late=60.0),
            "paced": lane("paced", pace="chat/room/"),
            "paced too": lane("paced too", pace="chat/room/"),
            "unclear": lane("unclear", repeat_unclear=False),
        }

    def put(self, lane: str, rows: int, **columns: object) -> None:
        (last,) = self.connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
        self.connection.execute(
            f"INSERT INTO event (site, created, digest, endpoint, name, received, body) {NUMBERS}"
            " SELECT 'default', i * 60000000, randomblob(32), '', 'user.created', 5, ? FROM n",
            (rows, BODY),
        )
        self.connection.execute(
            f"INSERT INTO task (lane, event, due, {', '.join(columns)})"
            f" SELECT ?, id, id / 1e6, {', '.join('?' * len(columns))} FROM event WHERE id > ?",
            (self.lanes[lane], *columns.values(), last),
        )

    def begin(self) -> dict[str, list[Task]]:
        claims = self.queue.begin(self.connection, NOW, LEASE, 24)
        begun = {claim.lane.name: list(claim.tasks) for claim in claims}
        assert {name: len(tasks) for name, tasks in begun.items()} == {"busy": 7, "late": 1, "paced": 7, "unclear": 7}
        return begun

    def begun(self) -> list[Task]:
        return [task for tasks in self.begin().values() for task in tasks]

    def one(self, lane: str, state: State) -> int:
        """The last task of the lane in that state."""
        sql = "SELECT max(id) FROM task WHERE lane = ? AND state = ?"
        return int(self.connection.execute(sql, (self.lanes[lane], state)).fetchone()[0])

    @contextmanager
    def undone(self) -> Iterator[None]:
        self.connection.execute("SAVEPOINT before")
        yield
        self.connection.execute("ROLLBACK TO before")


Call = Callable[[Connection], object]


def enqueue(filled: Filled, group: Group | None = None, chain: str | None = None) -> Call:
    filled.put("paced", 1, state=State.DONE)  # for its event
    (event,) = filled.connection.execute("SELECT max(id) FROM event").fetchone()
    return lambda c: filled.queue.enqueue(c, filled.lanes["busy"], event, due=0, group=group, chain=chain)


def begin(filled: Filled) -> Call:
    return lambda c: filled.queue.begin(c, NOW, LEASE, 24)


def begin_what_lapsed(filled: Filled) -> Call:
    filled.begin()
    return lambda c: filled.queue.begin(c, NOW + LEASE, LEASE, 24)


def begin_beside_a_failure(filled: Filled) -> Call:
    """The head of the chain waits for its next attempt, all the others behind it."""
    settle(filled, "busy", retry(NOW + 1e6))(filled.connection)
    return begin(filled)


def settle(filled: Filled, lane: str, result: Result) -> Call:
    task = filled.begin()[lane][0]  # in the busy lane the head of the chain
    return lambda c: filled.queue.settle(c, task, result, NOW)


def settle_all(filled: Filled) -> Call:
    ends = [DONE, FAILED, retry(NOW + 60), REST]
    ended = [(task, ends[n % 4]) for n, task in enumerate(filled.begun())]
    return lambda c: filled.queue.settle_all(c, ended, NOW)


def start(filled: Filled) -> Call:
    task = filled.begin()["late"][0]
    return lambda c: filled.queue.start(c, task, NOW)


def renew(filled: Filled) -> Call:
    tasks = filled.begun()
    return lambda c: filled.queue.renew(c, tasks, NOW + 2 * LEASE)


def release(filled: Filled) -> Call:
    tasks = filled.begun()
    return lambda c: filled.queue.release(c, tasks, NOW)


def told(filled: Filled) -> Call:
    task = filled.begin()["busy"][1]
    return lambda c: filled.queue.told(c, task)


def bury(filled: Filled) -> Call:
    (event,) = filled.connection.execute("SELECT event FROM task WHERE chain = ? AND behind = 0", (CHAIN,)).fetchone()
    return lambda c: filled.queue.bury(c, event, NOW, "Too old.")


def revive(filled: Filled, lane: str) -> Call:
    task = filled.one(lane, State.DEAD)
    return lambda c: filled.queue.revive(c, task, NOW)


def again(filled: Filled, lane: str, state: State) -> Call:
    task = filled.one(lane, state)
    return lambda c: filled.queue.again(c, task, NOW)


def bound(filled: Filled) -> Call:
    filled.connection.execute("DELETE FROM lane WHERE name LIKE 'idle %'")  # it looks at all lanes, and is called now and then
    return lambda c: filled.queue.bound(c, NOW + 10)


REST = Result(state=State.DONE, outcome="done", rest=5.0, pace="chat/")
CALLS: dict[str, Callable[[Filled], Call]] = {
    "next_ready": lambda filled: filled.queue.next_ready,
    "enqueue": enqueue,
    "enqueue in a group": partial(enqueue, group=GROUP),
    "enqueue in a chain": partial(enqueue, chain=CHAIN),
    "claim": lambda filled: lambda c: filled.queue.claim(c, NOW, LEASE, 5, list(filled.lanes.values())),
    "claim from any lane": lambda filled: lambda c: filled.queue.claim(c, NOW, LEASE, 5),
    "begin": begin,
    "begin what lapsed": begin_what_lapsed,
    "begin beside a chain that fails": begin_beside_a_failure,
    "settle as done": partial(settle, lane="paced", result=DONE),
    "settle as dead": partial(settle, lane="unclear", result=FAILED),
    "settle in a chain": partial(settle, lane="busy", result=DONE),
    "settle in a chain for a retry": partial(settle, lane="busy", result=retry(NOW + 60)),
    "settle with a hold": partial(settle, lane="paced", result=retry(NOW + 60, hold=True)),
    "settle with a pause": partial(settle, lane="paced", result=pause("Gone.")),
    "settle with a rest": partial(settle, lane="paced", result=REST),
    "settle what came together": partial(settle, lane="late", result=retry(NOW + 60)),
    "settle_all": settle_all,
    "start": start,
    "renew": renew,
    "release": release,
    "told": told,
    "bury": bury,
    "revive": partial(revive, lane="paced"),
    "again": partial(again, lane="paced", state=State.DONE),
    "again behind others": partial(again, lane="busy", state=State.WAITING),
    "bound": bound,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Filled, Filled]]:
    folder = tmp_path_factory.mktemp("filled")
    few, many = Filled(folder / "few.db", FEW), Filled(folder / "many.db", MANY)
    with closing(few.connection), closing(many.connection):
        yield few, many


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_as_many_steps_however_much_there_is(files: tuple[Filled, Filled], name: str) -> None:
    few, many = (count_steps(filled, name) for filled in files)
    assert 0 < many <= 1.1 * few + 50


@pytest.mark.parametrize("name", CALLS)
def test_each_statement_finds_its_rows_by_an_index(files: tuple[Filled, Filled], name: str) -> None:
    _, filled = files
    statements: dict[str, str] = {}
    with filled.undone():
        call = CALLS[name](filled)
        filled.connection.set_trace_callback(lambda sql: statements.setdefault(re.sub(r"[-\d.,() ?']+", " ", sql), sql))
        call(filled.connection)
        filled.connection.set_trace_callback(None)
        plans = {sql: plan_of(filled.connection, sql) for sql in statements.values()}
    assert plans
    for sql, plan in plans.items():
        told = "\n".join([sql[:1000], *plan])
        assert not [step for step in plan if re.match(r"SCAN (task|event|lane|attempt|other|head|front)\b", step)], told
        assert "TEMP B-TREE" not in " ".join(plan) or any(part in sql for part in SORTED), told


def test_no_number_of_new_chains_is_too_much_for_one_statement(tmp_path: Path) -> None:
    filled = Filled(tmp_path / "queue.db", 1)
    with closing(filled.connection):
        for number in range(1200):
            enqueue(filled, chain=f"unit/{number}")(filled.connection)
        filled.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2000)  # of a common 32 766
        assert filled.queue.begin(filled.connection, NOW, LEASE, 5)
        in_front = "SELECT count(*) FROM task WHERE chain LIKE 'unit/%' AND behind = 0"
        assert filled.connection.execute(in_front).fetchone() == (1200,)


def count_steps(filled: Filled, name: str) -> int:
    """How many steps of SQLite's machine a call takes."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    with filled.undone():
        call = CALLS[name](filled)
        filled.connection.set_progress_handler(step, 1)
        call(filled.connection)
        filled.connection.set_progress_handler(None, 1)
    return steps


def plan_of(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
