"""The queue of every store under any order of calls, clocks and crashes, checked against a plain model of it.

Nothing is lost, nothing is claimed twice at once, a late settlement is refused, and no lane with work is asleep.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from perscom_receiver.queue import Connection, Database, Queue, Result, State, Task

T = TypeVar("T")
LEASE = 30.0
RESULTS = {
    "done": Result(state=State.DONE, outcome="done"),
    "retry": Result(state=State.WAITING, outcome="retry"),
    "hold": Result(state=State.WAITING, outcome="retry", hold=True),
    "pause": Result(state=State.WAITING, outcome="permanent", pause="The webhook is gone."),
    "dead": Result(state=State.DEAD, outcome="rejected"),
}
LANES = {"one": (1, True), "two": (2, False), "three": (3, True)}
"""Width, and whether what is unclear is repeated."""

Call = tuple[str, dict[str, Any]]


def call(name: str, /, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    """A method of the machine, and what it is given."""
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


some_lanes = st.sets(st.sampled_from(list(LANES)), min_size=1)
places = st.integers(0, 9)
waits = st.sampled_from([0.0, 0.0, 0.0, 1.0, LEASE])
of_a_worker = st.lists(
    st.one_of(
        call("claim", lanes=some_lanes, room=st.integers(1, 5), lease=st.sampled_from([LEASE, LEASE, 1.0])),
        call("start"),
        call("settle", which=places, how=st.sampled_from(list(RESULTS)), wait=waits),
        call("renew"),
        call("release", which=places),
        call("jump", seconds=st.sampled_from([-1e6, -LEASE, -1.0, 1.0, LEASE, 3 * LEASE])),
        call("die"),
    ),
    min_size=1,
    max_size=6,
)
of_the_operator = st.one_of(
    call("another_width", name=st.sampled_from(list(LANES)), width=st.integers(1, 3)),
    call("resume"),
    call("revive", which=places),
    call("bury", which=places),
    call("bound", ahead=st.sampled_from([1.0, 2 * LEASE])),
)


@dataclass
class KnownTask:
    """What the model knows about one task; ``log``: number, start and outcome of each attempt that was begun and ended."""

    lane: str
    event: int
    due: float
    state: State = State.WAITING
    attempt: int = 0
    lease: float | None = None
    started: float | None = None
    log: list[tuple[int, float, str]] = field(default_factory=list)

    def end(self, outcome: str) -> None:
        self.lease = None
        if self.started is not None:
            self.log.append((self.attempt, self.started, outcome))


@dataclass
class KnownLane:
    id: int
    width: int
    repeat_unclear: bool
    paused: bool = False
    rests_until: float = 0.0


class Model:
    """The queue as a reader of its documentation has it in mind: two dicts, no transactions, no ``ready``."""

    def __init__(self) -> None:
        self.tasks: dict[int, KnownTask] = {}
        self.lanes: dict[str, KnownLane] = {}

    def of(self, lane: str, state: State) -> list[KnownTask]:
        return [task for task in self.tasks.values() if task.lane == lane and task.state is state]

    def newest(self, task: Task) -> bool:
        known = self.tasks[task.id]
        return known.state is State.LEASED and known.attempt == task.attempt

    def moments(self, lane: str) -> list[float]:
        """When something may be found in the lane: at the end of each lease, and when a task is due if there is room for it."""
        leased = self.of(lane, State.LEASED)
        room = len(leased) < self.lanes[lane].width
        return [task.lease for task in leased if task.lease is not None] + (
            [task.due for task in self.of(lane, State.WAITING)] if room else []
        )

    def claimable(self, lane: str, now: float) -> bool:
        known = self.lanes[lane]
        return not known.paused and known.rests_until <= now and any(moment <= now for moment in self.moments(lane))

    def claim(self, lane: str, now: float, until: float, n: int) -> list[tuple[int, int, bool, float | None]]:
        """What a claim on this lane leases: id, attempt, unclear and first of each task."""
        known = self.lanes[lane]
        for task in self.of(lane, State.LEASED):
            if task.lease is not None and task.lease <= now:
                task.end("unclear")
                put_aside = task.started is not None and not known.repeat_unclear
                task.state = State.DEAD if put_aside else State.WAITING
        room = max(0, min(n, known.width - len(self.of(lane, State.LEASED))))
        due = sorted((task.due, id_) for id_, task in self.tasks.items() if task in self.of(lane, State.WAITING))
        leased = []
        for id_ in [id_ for moment, id_ in due if moment <= now][:room]:
            task = self.tasks[id_]
            first = min((started for _, started, outcome in task.log if outcome != "permanent"), default=None)
            leased.append((id_, task.attempt + 1, task.started is not None, first))
            task.state, task.attempt, task.lease, task.started = State.LEASED, task.attempt + 1, until, None
        return leased

    def settle(self, task: KnownTask, how: str, at: float) -> None:
        lane, result = self.lanes[task.lane], RESULTS[how]
        task.end(result.outcome)
        task.state, task.started = result.state, None
        if how == "retry":
            task.due = at
        elif how == "hold":
            lane.rests_until = max(lane.rests_until, at)
        elif how == "pause":
            lane.paused = True

    def bound(self, latest: float) -> None:
        for lane in self.lanes.values():
            lane.rests_until = min(lane.rests_until, latest)
        for task in self.tasks.values():
            if task.state is State.WAITING:
                task.due = min(task.due, latest)
            elif task.lease is not None:
                task.lease = min(task.lease, latest)


@dataclass
class Worker:
    """A process with a clock of its own. What it holds it may have lost without knowing."""

    database: Database
    now: float = 1e9
    held: list[Task] = field(default_factory=list)


class AnyOrder(RuleBasedStateMachine):
    """Three workers that crash, dawdle and disagree about the time, an operator, and programs that enqueue."""

    def __init__(self, store: Any) -> None:
        super().__init__()
        self.store = store
        self.queue = Queue("default", "inbox")
        self.model = Model()
        self.desk: Database = store.open()
        self.workers = [Worker(store.open()) for _ in range(3)]
        for name, (width, repeat) in LANES.items():
            self.model.lanes[name] = KnownLane(self.open_lane(name, width, repeat), width, repeat)

    def open_lane(self, name: str, width: int, repeat: bool) -> int:
        return self.write(lambda c: self.queue.lane(c, name, width=width, repeat_unclear=repeat))

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.desk.write(work, timeout=10)

    def ids(self, lanes: Collection[str]) -> list[int]:
        return [self.model.lanes[lane].id for lane in lanes]

    # What happens. A rule for each worker and one for the operator: hypothesis leaves whole rules out of many of its examples.

    @initialize(number=st.integers(1, 3))
    def there_is_work(self, number: int) -> None:
        self.somebody_enqueues(set(LANES), 0.0, number, commits=True)

    @rule(lanes=some_lanes, wait=waits, number=st.integers(1, 3), commits=st.booleans())
    def somebody_enqueues(self, lanes: set[str], wait: float, number: int, commits: bool) -> None:
        due, added = self.workers[0].now + wait, {}
        with self.store.foreign() as theirs:
            for _ in range(number):
                event = self.store.event(theirs)
                for lane in sorted(lanes):
                    (lane_id,) = self.ids([lane])
                    assert self.queue.enqueue(theirs, lane_id, event, due=due)
                    assert not self.queue.enqueue(theirs, lane_id, event, due=due - 1)
                    found = theirs.execute("SELECT id FROM task WHERE event = ? AND lane = ?", (event, lane_id)).fetchone()
                    added[int(found[0])] = KnownTask(lane, event, due)
            theirs.execute("COMMIT" if commits else "ROLLBACK")
        if commits:
            self.model.tasks |= added

    @rule(calls=of_a_worker)
    def the_first_worker(self, calls: list[Call]) -> None:
        self.work(self.workers[0], calls)

    @rule(calls=of_a_worker)
    def the_second_worker(self, calls: list[Call]) -> None:
        self.work(self.workers[1], calls)

    @rule(calls=of_a_worker)
    def the_third_worker(self, calls: list[Call]) -> None:
        self.work(self.workers[2], calls)

    @rule(calls=st.lists(of_the_operator, min_size=1, max_size=3))
    def the_operator(self, calls: list[Call]) -> None:
        for name, arguments in calls:
            getattr(self, name)(**arguments)

    @rule(who=st.integers(0, 2))
    def the_machine_goes_down(self, who: int) -> None:
        worker = self.workers[who]

        def unfinished(connection: Connection) -> None:
            self.queue.claim(connection, worker.now, LEASE, 9, self.ids(LANES))
            self.queue.enqueue(connection, self.ids(LANES)[0], self.store.event(connection), due=0)
            for task in worker.held:
                self.queue.start(connection, task, worker.now)
                self.queue.settle(connection, task, RESULTS["done"], worker.now)

        self.store.crash(worker.database, unfinished)
        self.desk.close()
        self.desk = self.store.open()
        for each in self.workers:
            self.die(each)

    # What a worker does

    def work(self, worker: Worker, calls: list[Call]) -> None:
        for name, arguments in calls:
            if worker.held or name in ("claim", "jump"):
                getattr(self, name)(worker, **arguments)

    def claim(self, worker: Worker, lanes: set[str], room: int, lease: float) -> None:
        names = {lane.id: name for name, lane in self.model.lanes.items()}
        now, wanted = worker.now, self.ids(lanes)
        for _ in range(room + 2 * len(lanes)):  # one look at a lane may find that there is nothing after all, and no second one
            claim = worker.database.write(lambda c: self.queue.claim(c, now, lease, room, wanted), timeout=10)  # noqa: B023
            if claim is None:
                assert not [lane for lane in lanes if self.model.claimable(lane, now)]
                return
            lane = self.model.lanes[names[claim.lane.id]]
            assert claim.lane.id in wanted
            assert not lane.paused
            assert lane.rests_until <= now
            leased = [(task.id, task.attempt, task.unclear, task.first) for task in claim.tasks]
            assert leased == self.model.claim(names[claim.lane.id], now, now + lease, room)
            worker.held += claim.tasks
            room -= len(claim.tasks)
            if room == 0:
                return
        pytest.fail("claims that find nothing follow one another without end")

    def start(self, worker: Worker) -> None:
        for task in worker.held:
            known = self.model.tasks[task.id]
            allowed = self.model.newest(task) and known.lease is not None and known.lease > worker.now
            assert worker.database.write(lambda c: self.queue.start(c, task, worker.now), timeout=10) == allowed  # noqa: B023
            if allowed:
                known.started = worker.now

    def settle(self, worker: Worker, which: int, how: str, wait: float) -> None:
        task = worker.held[which % len(worker.held)]
        at = worker.now + wait if how in ("retry", "hold") else None
        result, allowed = msgspec.structs.replace(RESULTS[how], at=at), self.model.newest(task)
        assert worker.database.write(lambda c: self.queue.settle(c, task, result, worker.now), timeout=10) == allowed
        if allowed:
            self.model.settle(self.model.tasks[task.id], how, worker.now + wait)

    def renew(self, worker: Worker) -> None:
        until = worker.now + LEASE
        worker.database.write(lambda c: self.queue.renew(c, worker.held, until), timeout=10)
        for task in filter(self.model.newest, worker.held):
            self.model.tasks[task.id].lease = until

    def release(self, worker: Worker, which: int) -> None:
        task = worker.held[which % len(worker.held)]
        worker.database.write(lambda c: self.queue.release(c, [task], worker.now), timeout=10)
        if self.model.newest(task):
            self.model.tasks[task.id].lease = worker.now

    def jump(self, worker: Worker, seconds: float) -> None:
        worker.now += seconds

    def die(self, worker: Worker) -> None:
        worker.database.close()
        worker.database, worker.held = self.store.open(), []

    # What the operator does

    def another_width(self, name: str, width: int) -> None:
        lane = self.model.lanes[name]
        assert self.open_lane(name, width, lane.repeat_unclear) == lane.id
        lane.width = width

    def resume(self) -> None:
        for name, lane in self.model.lanes.items():
            assert self.write(lambda c, name=name: self.queue.resume(c, name)) == lane.paused  # type: ignore[misc]
            lane.paused = False

    def revive(self, which: int) -> None:
        task, now = list(self.model.tasks)[which % len(self.model.tasks)], self.workers[0].now
        known = self.model.tasks[task]
        assert self.write(lambda c: self.queue.revive(c, task, now)) == (known.state is State.DEAD)
        if known.state is State.DEAD:
            known.state, known.due = State.WAITING, now

    def bury(self, which: int) -> None:
        events = sorted({task.event for task in self.model.tasks.values()})
        event = events[which % len(events)]
        waiting = [task for task in self.model.tasks.values() if task.event == event and task.state is State.WAITING]
        assert self.write(lambda c: self.queue.bury(c, event, 0.0, "Too old.")) == len(waiting)
        for task in waiting:
            task.state = State.DEAD

    def bound(self, ahead: float) -> None:
        latest = self.workers[0].now + ahead
        self.write(lambda c: self.queue.bound(c, latest))
        self.model.bound(latest)

    # What must hold

    @invariant()
    def nothing_is_lost_or_changed_by_those_who_may_not(self) -> None:
        names = {lane.id: name for name, lane in self.model.lanes.items()}
        query = "SELECT id, lane, event, due, state, attempt, lease, started FROM task"
        attempts = "SELECT task, n, started, outcome FROM attempt ORDER BY task, n"
        tasks, log = self.desk.read(lambda c: (c.execute(query).fetchall(), c.execute(attempts).fetchall()))
        found = {
            task: KnownTask(
                names[lane], event, due, State(state), attempt, lease, started, [row[1:] for row in log if row[0] == task]
            )
            for task, lane, event, due, state, attempt, lease, started in tasks
        }
        assert found == self.model.tasks

    @invariant()
    def a_lane_with_work_is_not_asleep(self) -> None:
        """No wake-up is lost: what can be claimed now or later is found by its lane's ``ready``."""
        query = "SELECT name, ready, not_before, paused IS NOT NULL FROM lane"
        for name, ready, rests_until, paused in self.desk.read(lambda c: c.execute(query).fetchall()):
            lane, moments = self.model.lanes[name], self.model.moments(name)
            assert (rests_until, paused) == (lane.rests_until, lane.paused)
            if paused:
                assert ready is None
            elif moments:
                assert ready is not None
                assert ready <= max(rests_until, min(moments))

    def teardown(self) -> None:
        """Whatever happened: a worker that never saw any of it brings everything to an end."""
        now = 2e9
        for name in LANES:
            self.write(lambda c, name=name: self.queue.resume(c, name))  # type: ignore[misc]
        while claim := self.write(lambda c: self.queue.claim(c, now, LEASE, 100, self.ids(LANES))):
            for task in claim.tasks:
                assert self.write(lambda c, task=task: self.queue.start(c, task, now))  # type: ignore[misc]
                assert self.write(lambda c, task=task: self.queue.settle(c, task, RESULTS["done"], now))  # type: ignore[misc]
        states = self.desk.read(lambda c: c.execute("SELECT DISTINCT state FROM task").fetchall())
        assert {state for (state,) in states} <= {State.DONE, State.DEAD}
        for database in (self.desk, *(worker.database for worker in self.workers)):
            database.close()


def test_no_order_of_calls_clocks_and_crashes_breaks_the_queue(kind: Any, tmp_path: Path) -> None:
    def machine() -> AnyOrder:
        shutil.rmtree(tmp_path / "store", ignore_errors=True)  # of the example before
        (folder := tmp_path / "store").mkdir()
        return AnyOrder(kind(folder))

    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))
