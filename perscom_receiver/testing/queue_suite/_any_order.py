"""The queue under any order of calls, clocks and crashes, checked against a plain model of it.

Nothing is lost, nothing is claimed twice at once, a late settlement is refused, no lane with work is asleep, and of each chain
one task alone is worked on, the earliest.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ...queue import Connection, Group, Queue, State
from ._calls import Call, moments, numbers, of_a_worker, of_the_operator, some_lanes, ties, waits
from ._desk import LEASE, new_event
from ._model import LANES, RESULTS, KnownLane, KnownTask, Model, Worker
from ._store import Handle, Store
from ._workers import Operating, Working

__all__ = ["AnyOrder"]


class AnyOrder(Working, Operating, RuleBasedStateMachine):
    """Three workers that crash, dawdle and disagree about the time, an operator, and programs that enqueue."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.queue = Queue("default", "inbox")
        self.model = Model()
        self.desk: Handle = store.open()
        self.workers = [Worker(store.open()) for _ in range(3)]
        for name, settings in LANES.items():
            self.model.lanes[name] = KnownLane(self.open_lane(name), **settings)

    # What happens. A rule for each worker and one for the operator: hypothesis leaves whole rules out of many of its examples.

    @initialize(number=numbers, tie=ties)
    def there_is_work(self, number: int, tie: Group | str | None) -> None:
        self.somebody_enqueues(set(LANES), 0.0, number, tie, 0.0, commits=True)

    @rule(lanes=some_lanes, wait=waits, number=numbers, tie=ties, after=moments, commits=st.booleans())
    def somebody_enqueues(
        self, lanes: set[str], wait: float, number: int, tie: Group | str | None, after: float, commits: bool
    ) -> None:
        due, added = self.workers[0].now + wait, dict[int, KnownTask]()
        group, chain = (tie, None) if isinstance(tie, Group) else (None, tie)
        with self.store.foreign() as theirs:
            for _ in range(number):
                event = new_event(theirs, after=after)
                (created,) = theirs.execute("SELECT created FROM event WHERE id = ?", (event,)).fetchone()
                for lane in sorted(lanes):
                    (lane_id,) = self.ids([lane])
                    assert self.queue.enqueue(theirs, lane_id, event, due=due, group=group, chain=chain)
                    assert not self.queue.enqueue(theirs, lane_id, event, due=due - 1, group=group, chain=chain)
                    found = theirs.execute("SELECT id FROM task WHERE event = ? AND lane = ?", (event, lane_id)).fetchone()
                    known = KnownTask(lane, event, due, chain=chain)
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
            self.queue.begin(connection, worker.now, LEASE, 9)
            self.queue.enqueue(connection, self.ids(LANES)[0], new_event(connection), due=0, chain="user/7")
            for task in worker.held:
                self.queue.start(connection, task, worker.now)
            self.queue.settle_all(connection, [(task, RESULTS["done"]) for task in worker.held], worker.now)

        self.store.crash(worker.database, unfinished)
        self.desk.close()
        self.desk = self.store.open()
        for each in self.workers:
            self.die(each)

    # What must hold

    @invariant()
    def nothing_is_lost_or_changed_by_those_who_may_not(self) -> None:
        names = {lane.id: name for name, lane in self.model.lanes.items()}
        query = "SELECT id, lane, event, due, state, attempt, lease, started, group_key, group_first, chain FROM task"
        attempts = "SELECT task, n, started, outcome FROM attempt ORDER BY task, n"
        tasks, log = self.desk.read(lambda c: (c.execute(query).fetchall(), c.execute(attempts).fetchall()))
        found = {
            task: KnownTask(
                names[lane], event, due, State(state), attempt, lease, started,
                log=[row[1:] for row in log if row[0] == task],
                group=None if key is None else (key, first),
                chain=chain,
            )
            for task, lane, event, due, state, attempt, lease, started, key, first, chain in tasks
        }  # fmt: skip
        assert found == self.model.tasks

    @invariant()
    def a_lane_with_work_is_not_asleep(self) -> None:
        """No wake-up is lost: what can be claimed now or later is announced by ``next_ready``."""
        query = "SELECT name, not_before, paused IS NOT NULL FROM lane"
        for name, rests_until, paused in self.desk.read(lambda c: c.execute(query).fetchall()):
            lane, moments = self.model.lanes[name], self.model.moments(name)
            assert (rests_until, paused) == (lane.rests_until, lane.paused)
            ready = self.desk.read(lambda c, lane=lane: self.queue.next_ready(c, [lane.id]))  # type: ignore[misc]
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
        while claims := self.write(lambda c: self.queue.begin(c, now, LEASE, 100)):
            ended = [(task, RESULTS["done"]) for claim in claims for task in claim.tasks]
            assert all(self.write(lambda c, ended=ended: self.queue.settle_all(c, ended, now)))  # type: ignore[misc]
        states = self.desk.read(lambda c: c.execute("SELECT DISTINCT state FROM task").fetchall())
        assert {state for (state,) in states} <= {State.DONE, State.DEAD}
        for database in (self.desk, *(worker.database for worker in self.workers)):
            database.close()
