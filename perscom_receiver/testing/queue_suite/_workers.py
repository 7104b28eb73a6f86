"""What workers and the operator do in the state machine, each call checked against the model."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec
import pytest

from ...queue import Claim, Connection, Queue, Result, State, Task
from ._calls import Call
from ._desk import LEASE
from ._model import LANES, RESULTS, KnownTask, Leased, Model, Worker
from ._store import Handle, Store

__all__ = ["Operating", "Working"]

T = TypeVar("T")


def ended(how: str, now: float, wait: float) -> Result:
    """The result of that name, with what it says of the time after ``now``."""
    at, rest = now + wait if how in ("retry", "hold") else None, wait if how in ("tired", "slow") else None
    return msgspec.structs.replace(RESULTS[how], at=at, rest=rest)


class Working:
    """Workers with clocks of their own."""

    store: Store
    queue: Queue
    model: Model

    def ids(self, lanes: Collection[str]) -> list[int]:
        return [self.model.lanes[lane].id for lane in lanes]

    def work(self, worker: Worker, calls: list[Call]) -> None:
        for name, arguments in calls:
            if worker.held or name in ("claim", "begin", "jump"):
                getattr(self, name)(worker, **arguments)

    def claim(self, worker: Worker, lanes: set[str] | None, room: int, lease: float) -> None:
        wanted = None if lanes is None else self.ids(lanes)

        def claim(connection: Connection, n: int) -> list[Claim]:
            claim = self.queue.claim(connection, worker.now, lease, n, wanted)
            return [] if claim is None else [claim]

        self.fill(worker, lanes or set(LANES), room, lease, claim, 1, None)

    def begin(self, worker: Worker, room: int, lease: float) -> None:
        def begin(connection: Connection, n: int) -> list[Claim]:
            return self.queue.begin(connection, worker.now, lease, n)

        self.fill(worker, set(LANES), room, lease, begin, room, worker.now)

    def fill(
        self,
        worker: Worker,
        among: set[str],
        room: int,
        lease: float,
        claim: Callable[[Connection, int], list[Claim]],
        most: int,
        begun: float | None,
    ) -> None:
        """Claim, each time from up to ``most`` lanes, until there is no room or nothing more."""
        now = worker.now
        for _ in range(room + 2 * len(among)):  # one look at a lane may find that there is nothing after all, and no second one
            claims = worker.database.write(lambda c: claim(c, room), timeout=10)  # noqa: B023
            names = [claim.lane.name for claim in claims]
            self.check_lanes(claims, among, now, min(most, room))
            if not claims:
                return
            leased = {claim.lane.name: [as_leased(task) for task in claim.tasks] for claim in claims}
            assert leased == self.model.claim(names, now, now + lease, room, begun)
            self.check_chains([task for claim in claims for task in claim.tasks])
            worker.held += [task for claim in claims for task in claim.tasks]
            room -= sum(len(claim.tasks) for claim in claims)
            assert room >= 0
            if room == 0:
                return
        pytest.fail("claims that find nothing follow one another without end")

    def check_lanes(self, claims: list[Claim], among: set[str], now: float, most: int) -> None:
        """They may give something, each once and one of a pace; there are none only when no lane has anything."""
        names = [claim.lane.name for claim in claims]
        lanes = [self.model.lanes[name] for name in names]
        paces = [lane.pace for lane in lanes if lane.pace is not None]
        assert [claim.lane.id for claim in claims] == [lane.id for lane in lanes]
        assert len(set(names)) == len(names) <= most
        assert len(set(paces)) == len(paces)
        assert among.issuperset(names)
        assert all(self.model.may_give(name, now) for name in names)
        assert claims or not [name for name in among if self.model.claimable(name, now)]

    def check_chains(self, tasks: list[Task]) -> None:
        """Nothing overtakes within a chain, and nothing runs beside another one of it."""
        for one in (one for task in tasks for one in task.all):
            known = self.model.tasks[one.id]
            others = {id_: other for id_, other in self.model.tasks.items() if id_ != one.id and other.lane == known.lane}
            same = [(id_, other) for id_, other in others.items() if known.chain is not None and other.chain == known.chain]
            assert not [id_ for id_, other in same if other.state is State.LEASED]
            assert not [id_ for id_, other in same if other.state is State.WAITING and id_ < one.id]

    def start(self, worker: Worker) -> None:
        for task in worker.held:
            known = [self.model.tasks[one.id] for one in task.all]
            allowed = all(map(self.model.newest, task.all)) and all((one.lease or 0) > worker.now for one in known)
            assert worker.database.write(lambda c: self.queue.start(c, task, worker.now), timeout=10) == allowed  # noqa: B023
            for one in known if allowed else ():
                one.started = worker.now

    def settle(self, worker: Worker, which: int, how: str, wait: float) -> None:
        task = worker.held[which % len(worker.held)]
        result, (allowed,) = ended(how, worker.now, wait), self.model.settle([(task, how)], worker.now + wait)
        assert worker.database.write(lambda c: self.queue.settle(c, task, result, worker.now), timeout=10) == allowed

    def settle_all(self, worker: Worker, hows: list[str], wait: float, twice: bool) -> None:
        pairs = list(zip(worker.held, hows, strict=False)) * (2 if twice else 1)
        results = [(task, ended(how, worker.now, wait)) for task, how in pairs]
        allowed = self.model.settle(pairs, worker.now + wait)
        assert worker.database.write(lambda c: self.queue.settle_all(c, results, worker.now), timeout=10) == allowed

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


class Operating:
    """The operator, whose clock is that of the first worker."""

    queue: Queue
    model: Model
    desk: Handle
    workers: list[Worker]

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.desk.write(work, timeout=10)

    def open_lane(self, name: str, **changed: int) -> int:
        settings = LANES[name] | changed
        return self.write(lambda c: self.queue.lane(c, name, **settings))

    def another_width(self, name: str, width: int) -> None:
        lane = self.model.lanes[name]
        assert self.open_lane(name, width=width) == lane.id
        lane.width = width

    def resume(self) -> None:
        for name, lane in self.model.lanes.items():
            assert self.write(lambda c, name=name: self.queue.resume(c, name)) == lane.paused  # type: ignore[misc]
            lane.paused = False

    def some_task(self, which: int, ended: bool) -> tuple[int, KnownTask]:
        """One of those that have ended, if there are any, or of all."""
        tasks = list(self.model.tasks.items())
        among = [(id_, task) for id_, task in tasks if ended and task.state >= State.DONE] or tasks
        return among[which % len(among)]

    def revive(self, which: int, ended: bool) -> None:
        (task, known), now = self.some_task(which, ended), self.workers[0].now
        assert self.write(lambda c: self.queue.revive(c, task, now)) == (known.state is State.DEAD)
        for _, one in self.model.together(known, State.DEAD) if known.state is State.DEAD else ():
            one.state, one.due = State.WAITING, now

    def again(self, which: int, ended: bool) -> None:
        (task, known), now = self.some_task(which, ended), self.workers[0].now
        assert self.write(lambda c: self.queue.again(c, task, now)) == (known.state is not State.LEASED)
        if known.state is not State.LEASED:
            known.state, known.due = State.WAITING, now

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


def as_leased(task: Task) -> Leased:
    return tuple((one.id, one.attempt) for one in task.all), task.unclear, task.first
