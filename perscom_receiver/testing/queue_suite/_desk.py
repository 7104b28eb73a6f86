"""What the tests of the suite are written in: a queue, a clock that stands still, and the ways an attempt may end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ...queue import Claim, Connection, Group, Queue, Result, State, Task
from .. import make_event
from ._store import Handle, Store

__all__ = ["DONE", "FAILED", "LEASE", "Desk", "ids", "new_event", "pause", "retry", "together"]

T = TypeVar("T")
LEASE = 30.0
CREATED = datetime(2026, 11, 24, 8, tzinfo=UTC)
DONE = Result(state=State.DONE, outcome="done")
FAILED = Result(state=State.DEAD, outcome="rejected", error="No.")


def retry(at: float, *, hold: bool = False) -> Result:
    return Result(state=State.WAITING, outcome="retry", at=at, hold=hold, error="Not now.")


def pause(reason: str) -> Result:
    return Result(state=State.WAITING, outcome="permanent", pause=reason, error=reason)


def ids(tasks: Collection[Task]) -> list[int]:
    return [task.id for task in tasks]


def together(task: Task) -> list[int]:
    """Those that are handled as one."""
    return ids(task.all)


def new_event(connection: Connection, site: str = "default", *, after: float = 0.0, padding: int = 0) -> int:
    """The row of a new event, created ``after`` seconds of one moment that is the same for all.

    Its body has some 1500 bytes, and ``padding`` more.
    """
    event = make_event("user.created", created=CREATED + timedelta(seconds=after))
    row = connection.execute(
        "INSERT INTO event (site, created, digest, endpoint, name, received, body) VALUES (?, ?, ?, '', ?, 5, ?) RETURNING id",
        (site, event.created_us, bytes.fromhex(event.id), event.name, event.body + b" " * padding),
    ).fetchone()
    return int(row[0])


class Desk:
    """A queue and a clock that stands still. Each call is a transaction of its own."""

    def __init__(self, store: Store, database: Handle, site: str = "default", name: str = "inbox") -> None:
        self.store = store
        self.database = database
        self.queue = Queue(site, name)
        self.now = 1000.0
        self.lanes: list[int] = []

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.database.write(work, timeout=10)

    def lane(
        self,
        name: str,
        *,
        width: int = 1,
        repeat_unclear: bool = True,
        fingerprint: str | None = None,
        pace: str | None = None,
        late: float | None = None,
    ) -> int:
        lane = self.write(
            lambda c: self.queue.lane(
                c, name, width=width, repeat_unclear=repeat_unclear, fingerprint=fingerprint, pace=pace, late=late
            )
        )
        if lane not in self.lanes:
            self.lanes.append(lane)
        return lane

    def put(
        self,
        lane: int,
        count: int = 1,
        *,
        due: float = 0.0,
        group: Group | None = None,
        chain: str | None = None,
        after: float = 0.0,
        padding: int = 0,
    ) -> list[int]:
        """New events with a task each in ``lane``; the ids of the tasks, in that order. The last two are for ``new_event``."""

        def work(connection: Connection) -> list[int]:
            events = [new_event(connection, self.queue.site, after=after, padding=padding) for _ in range(count)]
            assert all(self.queue.enqueue(connection, lane, event, due=due, group=group, chain=chain) for event in events)
            found = [connection.execute("SELECT id FROM task WHERE event = ?", (event,)).fetchone() for event in events]
            return [int(row[0]) for row in found]

        return self.write(work)

    def claim(self, n: int = 100, *, lanes: Collection[int] | None = None, lease: float = LEASE) -> Claim | None:
        return self.write(lambda c: self.queue.claim(c, self.now, lease, n, self.lanes if lanes is None else lanes))

    def take(self, n: int = 100, *, lanes: Collection[int] | None = None) -> list[Task]:
        claim = self.claim(n, lanes=lanes)
        return [] if claim is None else list(claim.tasks)

    def take_one(self, *, lanes: Collection[int] | None = None) -> Task:
        (task,) = self.take(1, lanes=lanes)
        return task

    def begin(self, n: int = 100, *, lease: float = LEASE) -> dict[str, list[Task]]:
        """What is begun, by the names of lanes, in the order of the claims."""
        claims = self.write(lambda c: self.queue.begin(c, self.now, lease, n))
        begun = {claim.lane.name: list(claim.tasks) for claim in claims}
        assert len(begun) == len(claims), "each lane once"
        return begun

    def begin_all(self, n: int = 100) -> list[Task]:
        """What is begun while there is room for ``n`` and something is ready."""
        begun: list[Task] = []
        for _ in range(1000):
            more = self.begin(n - len(begun)) if len(begun) < n else {}
            if not more:
                return begun
            begun += [task for tasks in more.values() for task in tasks]
        raise AssertionError("looks that find nothing follow one another without end")

    def start(self, task: Task) -> bool:
        return self.write(lambda c: self.queue.start(c, task, self.now))

    def settle(self, task: Task, result: Result) -> bool:
        return self.write(lambda c: self.queue.settle(c, task, result, self.now))

    def settle_all(self, ended: Sequence[tuple[Task, Result]]) -> list[bool]:
        return self.write(lambda c: self.queue.settle_all(c, ended, self.now))

    def run(self, task: Task, result: Result = DONE) -> None:
        assert self.start(task)
        assert self.settle(task, result)

    def release(self, *tasks: Task) -> None:
        self.write(lambda c: self.queue.release(c, tasks, self.now))

    def revive(self, task: int) -> bool:
        return self.write(lambda c: self.queue.revive(c, task, self.now))

    def again(self, task: int) -> bool:
        return self.write(lambda c: self.queue.again(c, task, self.now))

    def bury(self, task: int, *, running: bool = False) -> int:
        """Put aside what is to be done about the event of a task."""
        (event,) = self.row(task, "event")
        assert isinstance(event, int)
        return self.write(lambda c: self.queue.bury(c, event, self.now, "Too old.", running=running))

    def next_ready(self, *, lanes: Collection[int] | None = None) -> float | None:
        return self.database.read(lambda c: self.queue.next_ready(c, self.lanes if lanes is None else lanes))

    def attempts(self, task: int) -> list[tuple[object, ...]]:
        query = "SELECT n, started, outcome, error FROM attempt WHERE task = ? ORDER BY n"
        return self.database.read(lambda c: c.execute(query, (task,)).fetchall())

    def row(self, task: int, columns: str = "state, attempt") -> tuple[object, ...]:
        found = self.database.read(lambda c: c.execute(f"SELECT {columns} FROM task WHERE id = ?", (task,)).fetchone())
        return tuple(found)
