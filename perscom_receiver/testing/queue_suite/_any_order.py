"""The queue under any order of calls, clocks and crashes, checked against a plain model of it.

Nothing is lost, nothing is claimed twice at once, a late settlement is refused, and no lane with work is asleep.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ...queue import Connection, Group, Queue, State
from ._calls import Call, moments, of_a_worker, of_the_operator, some_groups, some_lanes, waits
from ._desk import LEASE, new_event
from ._model import LANES, RESULTS, KnownLane, KnownTask, Model, Worker
from ._store import Handle, Store

__all__ = ["AnyOrder"]

T = TypeVar("T")


class AnyOrder(RuleBasedStateMachine):
    """Three workers that crash, dawdle and disagree about the time, an operator, and programs that enqueue."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.queue = Queue("default", "inbox")
        self.model = Model()
        self.desk: Handle = store.open()
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

    @initialize(number=st.integers(1, 3), group=some_groups)
    def there_is_work(self, number: int, group: Group | None) -> None:
        self.somebody_enqueues(set(LANES), 0.0, number, group, 0.0, commits=True)

    @rule(lanes=some_lanes, wait=waits, number=st.integers(1, 3), group=some_groups, after=moments, commits=st.booleans())
    def somebody_enqueues(
        self, lanes: set[str], wait: float, number: int, group: Group | None, after: float, commits: bool
    ) -> None:
        due, added = self.workers[0].now + wait, dict[int, KnownTask]()
        with self.store.foreign() as theirs:
            for _ in range(number):
                event = new_event(theirs, after=after)
                (created,) = theirs.execute("SELECT created FROM event WHERE id = ?", (event,)).fetchone()
                for lane in sorted(lanes):
                    (lane_id,) = self.ids([lane])
                    assert self.queue.enqueue(theirs, lane_id, event, due=due, group=group)
                    assert not self.queue.enqueue(theirs, lane_id, event, due=due - 1, group=group)
                    found = theirs.execute("SELECT id FROM task WHERE event = ? AND lane = ?", (event, lane_id)).fetchone()
                    known = KnownTask(lane, event, due)
                    if group is not None:
                        known.group, known.due = self.model.join(lane, group, created, due, added)
                    added[int(found[0])] = known
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
            self.queue.enqueue(connection, self.ids(LANES)[0], new_event(connection), due=0)
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

    def claim(self, worker: Worker, lanes: set[str] | None, room: int, lease: float) -> None:
        now, wanted = worker.now, None if lanes is None else self.ids(lanes)
        lanes = lanes or set(LANES)
        for _ in range(room + 2 * len(lanes)):  # one look at a lane may find that there is nothing after all, and no second one
            claim = worker.database.write(lambda c: self.queue.claim(c, now, lease, room, wanted), timeout=10)  # noqa: B023
            if claim is None:
                assert not [lane for lane in lanes if self.model.claimable(lane, now)]
                return
            lane = self.model.lanes[claim.lane.name]
            assert claim.lane.name in lanes
            assert (claim.lane.id, lane.paused) == (lane.id, False)
            assert lane.rests_until <= now
            leased = [(tuple((one.id, one.attempt) for one in task.all), task.unclear, task.first) for task in claim.tasks]
            assert leased == self.model.claim(claim.lane.name, now, now + lease, room)
            worker.held += claim.tasks
            room -= len(claim.tasks)
            if room == 0:
                return
        pytest.fail("claims that find nothing follow one another without end")

    def start(self, worker: Worker) -> None:
        for task in worker.held:
            known = [self.model.tasks[one.id] for one in task.all]
            allowed = all(map(self.model.newest, task.all)) and all((one.lease or 0) > worker.now for one in known)
            assert worker.database.write(lambda c: self.queue.start(c, task, worker.now), timeout=10) == allowed  # noqa: B023
            for one in known if allowed else ():
                one.started = worker.now

    def settle(self, worker: Worker, which: int, how: str, wait: float) -> None:
        task = worker.held[which % len(worker.held)]
        at, rest = worker.now + wait if how in ("retry", "hold") else None, wait if how == "tired" else None
        result, allowed = msgspec.structs.replace(RESULTS[how], at=at, rest=rest), any(map(self.model.newest, task.all))
        assert worker.database.write(lambda c: self.queue.settle(c, task, result, worker.now), timeout=10) == allowed
        self.model.settle(task, how, worker.now + wait)

    def renew(self, worker: Worker) -> None:
        until = worker.now + LEASE
        worker.database.write(lambda c: self.queue.renew(c, worker.held, until), timeout=10)
        for one in (one for task in worker.held for one in task.all if self.model.newest(one)):
            self.model.tasks[one.id].lease = until

    def release(self, worker: Worker, which: int) -> None:
        task = worker.held[which % len(worker.held)]
        worker.database.write(lambda c: self.queue.release(c, [task], worker.now), timeout=10)
        for one in filter(self.model.newest, task.all):
            self.model.tasks[one.id].lease = worker.now

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
        for _, one in self.model.together(known, State.DEAD) if known.state is State.DEAD else ():
            one.state, one.due = State.WAITING, now

    def bury(self, which: int, running: bool) -> None:
        events = sorted({task.event for task in self.model.tasks.values()})
        event = events[which % len(events)]
        states = (State.WAITING, State.LEASED) if running else (State.WAITING,)
        buried = [task for task in self.model.tasks.values() if task.event == event and task.state in states]
        assert self.write(lambda c: self.queue.bury(c, event, 0.0, "Too old.", running=running)) == len(buried)
        for task in buried:
            task.state = State.DEAD

    def bound(self, ahead: float) -> None:
        latest = self.workers[0].now + ahead
        self.write(lambda c: self.queue.bound(c, latest))
        self.model.bound(latest)

    # What must hold

    @invariant()
    def nothing_is_lost_or_changed_by_those_who_may_not(self) -> None:
        names = {lane.id: name for name, lane in self.model.lanes.items()}
        query = "SELECT id, lane, event, due, state, attempt, lease, started, group_key, group_first FROM task"
        attempts = "SELECT task, n, started, outcome FROM attempt ORDER BY task, n"
        tasks, log = self.desk.read(lambda c: (c.execute(query).fetchall(), c.execute(attempts).fetchall()))
        found = {
            task: KnownTask(
                names[lane], event, due, State(state), attempt, lease, started,
                log=[row[1:] for row in log if row[0] == task],
                group=None if key is None else (key, first),
            )
            for task, lane, event, due, state, attempt, lease, started, key, first in tasks
        }  # fmt: skip
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
