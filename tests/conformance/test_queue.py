"""What the queue promises, whatever it is stored in: one suite, run on each kind of store that ``conftest.py`` names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from perscom_receiver.queue import Claim, Connection, Database, Queue, Result, State, Task

T = TypeVar("T")
LEASE = 30.0
DONE = Result(state=State.DONE, outcome="done")
FAILED = Result(state=State.DEAD, outcome="rejected", error="No.")


def retry(at: float, *, hold: bool = False) -> Result:
    return Result(state=State.WAITING, outcome="retry", at=at, hold=hold, error="Not now.")


def pause(reason: str) -> Result:
    return Result(state=State.WAITING, outcome="permanent", pause=reason, error=reason)


class Desk:
    """A queue and a clock that stands still. Each call is a transaction of its own."""

    def __init__(self, store: Any, database: Database, site: str = "default", name: str = "inbox") -> None:
        self.store = store
        self.database = database
        self.queue = Queue(site, name)
        self.now = 1000.0
        self.lanes: list[int] = []

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.database.write(work, timeout=10)

    def lane(self, name: str, *, width: int = 1, repeat_unclear: bool = True, fingerprint: str | None = None) -> int:
        lane = self.write(
            lambda c: self.queue.lane(c, name, width=width, repeat_unclear=repeat_unclear, fingerprint=fingerprint)
        )
        if lane not in self.lanes:
            self.lanes.append(lane)
        return lane

    def put(self, lane: int, count: int = 1, *, due: float = 0.0) -> list[int]:
        """New events with a task each in ``lane``; the ids of the tasks, in that order."""

        def work(connection: Connection) -> list[int]:
            events = [self.store.event(connection, self.queue.site) for _ in range(count)]
            assert all(self.queue.enqueue(connection, lane, event, due=due) for event in events)
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

    def start(self, task: Task) -> bool:
        return self.write(lambda c: self.queue.start(c, task, self.now))

    def settle(self, task: Task, result: Result) -> bool:
        return self.write(lambda c: self.queue.settle(c, task, result, self.now))

    def run(self, task: Task, result: Result = DONE) -> None:
        assert self.start(task)
        assert self.settle(task, result)

    def release(self, *tasks: Task) -> None:
        self.write(lambda c: self.queue.release(c, tasks, self.now))

    def next_ready(self) -> float | None:
        return self.database.read(lambda c: self.queue.next_ready(c, self.lanes))

    def attempts(self, task: int) -> list[tuple[object, ...]]:
        query = "SELECT n, started, outcome, error FROM attempt WHERE task = ? ORDER BY n"
        return self.database.read(lambda c: c.execute(query, (task,)).fetchall())

    def row(self, task: int, columns: str = "state, attempt") -> tuple[object, ...]:
        found = self.database.read(lambda c: c.execute(f"SELECT {columns} FROM task WHERE id = ?", (task,)).fetchone())
        return tuple(found)


@pytest.fixture
def store(kind: Any, tmp_path: Path) -> Any:
    return kind(tmp_path)


@pytest.fixture
def database(store: Any) -> Iterator[Database]:
    with closing(store.open()) as database:
        yield database


@pytest.fixture
def desk(store: Any, database: Database) -> Desk:
    return Desk(store, database)


def ids(tasks: Collection[Task]) -> list[int]:
    return [task.id for task in tasks]


class TestClaims:
    def test_an_empty_queue_gives_nothing(self, desk: Desk) -> None:
        assert desk.claim() is None
        desk.lane("discord")
        assert desk.claim() is None
        assert desk.next_ready() is None

    def test_tasks_come_oldest_first_and_no_more_than_asked_for(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord", width=10), 5)
        assert ids(desk.take(3)) == tasks[:3]
        assert ids(desk.take(3)) == tasks[3:]
        assert desk.claim(3) is None

    def test_a_task_carries_its_event_its_attempt_and_when_the_first_one_began(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        task = desk.take_one()
        assert (task.attempt, task.first, task.unclear) == (1, None, False)
        assert task.event.name == "user.created"

    def test_a_task_knows_when_the_first_attempt_began_that_the_destination_did_not_end_by_being_off(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        desk.run(desk.take_one(), pause("Gone."))
        desk.write(lambda c: desk.queue.resume(c, "discord"))
        firsts = []
        for moment in (2000.0, 3000.0, 4000.0):
            desk.now = moment
            firsts.append((task := desk.take_one()).first)
            desk.run(task, retry(desk.now))
        assert firsts == [None, 2000.0, 2000.0]

    def test_of_the_tasks_that_are_due_the_one_that_was_due_first_is_next(self, desk: Desk) -> None:
        lane = desk.lane("discord")
        (late,), (early,) = desk.put(lane, due=500), desk.put(lane, due=400)
        first = desk.take_one()
        desk.run(first)
        assert (first.id, desk.take_one().id) == (early, late)

    def test_a_lane_never_has_more_tasks_at_once_than_its_width(self, desk: Desk) -> None:
        desk.put(desk.lane("discord", width=3), 10)
        first = desk.take()
        assert len(first) == 3
        assert desk.claim() is None, "its width is used up"
        desk.run(first[0])
        assert len(desk.take()) == 1

    def test_a_lane_that_was_made_narrower_is_not_over_its_new_width(self, desk: Desk) -> None:
        lane = desk.lane("discord", width=4)
        tasks = desk.put(lane, 4)
        desk.release(*desk.take())  # the worker stops, its settings are changed
        desk.lane("discord", width=1)
        assert ids(desk.take()) == tasks[:1]
        assert desk.take() == []
        desk.now += LEASE + 1
        assert ids(desk.take()) == tasks[:1]

    def test_a_lane_that_was_made_narrower_while_its_tasks_run_waits_until_there_is_room(self, desk: Desk) -> None:
        lane = desk.lane("discord", width=3)
        (waiting, *_) = reversed(desk.put(lane, 4))
        running = desk.take()
        desk.lane("discord", width=1)
        desk.put(lane)  # something new wakes the lane
        for task in running:
            assert desk.take() == []
            desk.run(task)
        assert ids(desk.take()) == [waiting]

    def test_the_lane_that_has_been_ready_longest_is_next(self, desk: Desk) -> None:
        late, early = desk.lane("late"), desk.lane("early")
        desk.put(late, due=200)
        desk.put(early, due=100)
        claims = [desk.claim(), desk.claim()]
        assert [claim.lane.name for claim in claims if claim] == ["early", "late"]

    def test_only_lanes_that_were_named_are_looked_at(self, desk: Desk) -> None:
        mine, other = desk.lane("mine"), desk.lane("other")
        (task,) = desk.put(mine)
        desk.put(other)
        assert ids(desk.take(lanes=[mine])) == [task]
        assert desk.claim(lanes=[mine]) is None

    def test_a_task_is_not_claimed_before_it_is_due(self, desk: Desk) -> None:
        (task,) = desk.put(desk.lane("discord"), due=1060)
        assert desk.claim() is None
        assert desk.next_ready() == 1060
        desk.now = 1060
        assert ids(desk.take()) == [task]

    def test_a_task_that_is_due_earlier_is_not_hidden_by_one_that_is_due_later(self, desk: Desk) -> None:
        lane = desk.lane("discord", width=2)
        (late,) = desk.put(lane, due=5000)
        (early,) = desk.put(lane, due=1000)
        assert ids(desk.take()) == [early]
        assert desk.next_ready() == min(1000 + LEASE, 5000)
        desk.now = 5000
        assert late in ids(desk.take())

    @pytest.mark.parametrize("trouble", ["full", "paused", "resting", "dead letters"])
    def test_a_lane_in_trouble_delays_no_other(self, desk: Desk, trouble: str) -> None:
        stuck, well = desk.lane("stuck"), desk.lane("well")
        desk.put(stuck, 50)
        task = desk.take_one()
        if trouble == "paused":
            desk.run(task, pause("The webhook is gone."))
        elif trouble == "resting":
            desk.run(task, retry(desk.now + 3600, hold=True))
        elif trouble == "dead letters":
            desk.run(task, FAILED)
            desk.take()
        tasks = desk.put(well, 3)
        for expected in tasks:
            (task,) = desk.take()
            assert task.id == expected
            desk.now += 0.1
            desk.run(task)
        assert desk.take() == []

    def test_the_backlog_tells_what_waits_or_runs_by_lane(self, desk: Desk) -> None:
        desk.put(desk.lane("b"), 3)
        desk.put(desk.lane("a"), 1)
        desk.lane("idle")
        desk.run(desk.take_one())
        desk.take_one()
        assert desk.database.read(desk.queue.backlog) == [("a", 1), ("b", 2)]


class TestLeases:
    def test_a_leased_task_is_nobody_elses_until_the_lease_runs_out(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        first = desk.take_one()
        desk.now += LEASE - 1
        assert desk.take() == []
        desk.now += 1
        second = desk.take_one()
        assert (second.id, second.attempt) == (first.id, 2)

    def test_a_lease_holds_as_long_as_it_is_renewed(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        task = desk.take_one()
        for _ in range(5):
            desk.now += LEASE - 1
            desk.write(lambda c: desk.queue.renew(c, [task], desk.now + LEASE))
            assert desk.take() == []
        assert desk.start(task)
        assert desk.settle(task, DONE)

    def test_a_lost_lease_stays_lost_when_it_is_renewed(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        lost = desk.take_one()
        desk.now += LEASE
        held = desk.take_one()
        desk.write(lambda c: desk.queue.renew(c, [lost], desk.now + 1e6))
        assert desk.row(held.id, "lease") == (desk.now + LEASE,)

    def test_work_does_not_begin_when_the_lease_was_lost(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        lost = desk.take_one()
        desk.now += LEASE
        held = desk.take_one()
        assert not desk.start(lost)
        assert desk.start(held)

    def test_work_does_not_begin_when_the_lease_ran_out_and_anybody_may_take_the_task(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        asleep = desk.take_one()
        desk.now += LEASE  # the machine was suspended between the claim and the start
        assert not desk.start(asleep)
        assert not desk.take_one().unclear

    def test_a_late_settlement_is_refused_and_changes_nothing(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        late = desk.take_one()
        desk.start(late)
        desk.now += LEASE
        held = desk.take_one()
        before = desk.row(held.id, "*")
        assert not desk.settle(late, DONE)
        assert desk.row(held.id, "*") == before
        desk.run(held)
        assert not desk.settle(held, FAILED), "nobody settles twice"
        assert desk.row(held.id) == (State.DONE, 2)

    def test_a_result_that_is_late_but_still_the_newest_counts(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        task = desk.take_one()
        desk.start(task)
        desk.now += 10 * LEASE
        assert desk.settle(task, DONE)
        assert desk.take() == []

    def test_a_crash_before_the_start_is_repeated_without_a_second_thought(self, desk: Desk) -> None:
        desk.put(desk.lane("discord", repeat_unclear=False))
        task = desk.take_one()
        desk.now += LEASE
        again = desk.take_one()
        assert (again.attempt, again.unclear) == (2, False)
        assert desk.attempts(task.id) == []

    def test_a_worker_that_stops_gives_its_leases_back_at_once(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord", width=2), 2)
        held = desk.take()
        desk.start(held[0])
        desk.release(*held)
        again = desk.take()
        assert ids(again) == tasks
        assert [task.unclear for task in again] == [True, False]

    @pytest.mark.parametrize("state", ["resting", "paused"])
    def test_a_release_wakes_no_lane_that_rests_or_is_paused(self, desk: Desk, state: str) -> None:
        desk.put(desk.lane("discord", width=2), 3)
        first, second = desk.take()
        desk.run(first, pause("Gone.") if state == "paused" else retry(desk.now + 60, hold=True))
        desk.release(second)
        assert desk.take() == []
        assert desk.next_ready() == (None if state == "paused" else desk.now + 60)
        desk.now += 60
        assert len(desk.take()) == (0 if state == "paused" else 2)

    def test_a_release_of_a_lost_lease_takes_nothing_from_its_new_holder(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        lost = desk.take_one()
        desk.now += LEASE
        held = desk.take_one()
        desk.release(lost)
        assert desk.take() == []
        desk.run(held)


class TestUnclear:
    def test_a_task_cut_off_in_the_middle_is_repeated_where_the_lane_says_so(self, desk: Desk) -> None:
        desk.put(desk.lane("discord", repeat_unclear=True))
        task = desk.take_one()
        desk.start(task)
        desk.now += LEASE
        again = desk.take_one()
        assert (again.id, again.attempt, again.unclear) == (task.id, 2, True)
        assert desk.attempts(task.id) == [
            (1, 1000.0, "unclear", "It was cut off in the middle: nobody knows whether it was done.")
        ]
        desk.run(again)
        assert [outcome for _, _, outcome, _ in desk.attempts(task.id)] == ["unclear", "done"]

    def test_a_task_cut_off_in_the_middle_is_put_aside_where_the_lane_says_so(self, desk: Desk) -> None:
        cut_off, next_one = desk.put(desk.lane("discord", repeat_unclear=False), 2)
        task = desk.take_one()
        desk.start(task)
        desk.now += LEASE
        assert ids(desk.take()) == [next_one]
        assert desk.row(cut_off) == (State.DEAD, 1)
        assert not desk.settle(task, DONE), "what was put aside waits for the operator"

    def test_a_task_that_was_put_aside_can_be_revived_and_is_marked_as_unclear(self, desk: Desk) -> None:
        desk.put(desk.lane("discord", repeat_unclear=False))
        task = desk.take_one()
        desk.start(task)
        desk.now += LEASE
        assert desk.take() == []
        assert desk.write(lambda c: desk.queue.revive(c, task.id, desk.now))
        again = desk.take_one()
        assert (again.attempt, again.unclear) == (2, True)
        assert not desk.settle(task, DONE)
        desk.run(again)
        assert desk.row(task.id) == (State.DONE, 2)


class TestOutcomes:
    def test_a_task_that_is_done_is_over_and_leaves_its_receipt(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        task = desk.take_one()
        desk.run(task, Result(state=State.DONE, outcome="done", receipt='{"id":"1"}', status=204, ms=12.5))
        assert desk.row(task.id, "state, lease, started, settled, receipt") == (State.DONE, None, None, 1000.0, '{"id":"1"}')
        assert desk.attempts(task.id) == [(1, 1000.0, "done", None)]
        desk.now += 1e9
        assert desk.take() == []

    def test_a_task_to_be_tried_again_lets_the_others_pass_without_hold(self, desk: Desk) -> None:
        first, second = desk.put(desk.lane("handler"), 2)
        desk.run(desk.take_one(), retry(desk.now + 60))
        passing = desk.take_one()
        assert passing.id == second
        desk.run(passing)
        assert desk.take() == []
        desk.now += 60
        again = desk.take_one()
        assert (again.id, again.attempt) == (first, 2)

    def test_a_task_to_be_tried_again_keeps_its_place_with_hold(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 3)
        for wait in (60, 120):
            desk.run(desk.take_one(), retry(desk.now + wait, hold=True))
            desk.now += wait - 1
            assert desk.take() == [], "those behind it wait with it"
            assert desk.next_ready() == desk.now + 1
            desk.now += 1
        order = []
        while found := desk.take():
            order += ids(found)
            desk.run(found[0])
        assert order == tasks

    def test_a_new_task_does_not_overtake_one_that_is_held(self, desk: Desk) -> None:
        lane = desk.lane("discord")
        (first,) = desk.put(lane, due=1000)
        desk.run(desk.take_one(), retry(1060, hold=True))
        desk.now = 1030
        desk.put(lane, due=1030)
        assert desk.take() == []
        assert desk.next_ready() == 1060
        desk.now = 1060
        assert ids(desk.take()) == [first]

    def test_a_paused_lane_keeps_its_tasks_in_order_until_it_is_resumed(self, desk: Desk) -> None:
        lane = desk.lane("discord")
        tasks = desk.put(lane, 2)
        desk.run(desk.take_one(), pause("The webhook is gone."))
        tasks += desk.put(lane, 1)
        desk.now += 1e6
        assert desk.take() == []
        assert desk.next_ready() is None
        assert desk.write(lambda c: desk.queue.resume(c, "discord"))
        assert not desk.write(lambda c: desk.queue.resume(c, "discord"))
        order = []
        while found := desk.take():
            order += ids(found)
            desk.run(found[0])
        assert order == tasks

    def test_a_pause_lasts_until_the_settings_of_the_lane_change(self, desk: Desk) -> None:
        lane = desk.lane("discord", fingerprint="old address")
        (task,) = desk.put(lane)
        desk.run(desk.take_one(), pause("The webhook is gone."))
        assert desk.lane("discord", fingerprint="old address") == lane
        assert desk.take() == []
        assert desk.lane("discord", fingerprint="new address") == lane
        assert ids(desk.take()) == [task]

    def test_a_pause_of_a_lane_without_fingerprint_survives_a_restart(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        desk.run(desk.take_one(), pause("The webhook is gone."))
        desk.lane("discord")
        assert desk.take() == []

    def test_a_lane_that_is_paused_while_others_of_it_run_takes_their_results(self, desk: Desk) -> None:
        desk.put(desk.lane("discord", width=2), 3)
        first, second = desk.take()
        desk.run(first, pause("The webhook is gone."))
        desk.run(second)
        assert desk.take() == []

    def test_what_runs_in_a_paused_lane_and_is_lost_comes_back_with_the_lane(self, desk: Desk) -> None:
        desk.put(desk.lane("discord", width=2), 2)
        first, second = desk.take()
        desk.run(first, pause("The webhook is gone."))
        desk.now += 10 * LEASE
        assert desk.take() == []
        desk.write(lambda c: desk.queue.resume(c, "discord"))
        assert ids(desk.take()) == [first.id, second.id]


class TestDeadTasks:
    def test_a_dead_task_runs_again_when_it_is_revived(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        task = desk.take_one()
        desk.run(task, FAILED)
        assert desk.row(task.id, "state, error") == (State.DEAD, "No.")
        assert desk.write(lambda c: desk.queue.revive(c, task.id, desk.now))
        again = desk.take_one()
        assert (again.attempt, again.unclear) == (2, False)
        desk.run(again)
        assert not desk.write(lambda c: desk.queue.revive(c, task.id, desk.now)), "what is done is not dead"

    def test_a_task_of_another_site_or_without_a_body_is_not_revived(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        task = desk.take_one()
        desk.run(task, FAILED)
        assert not desk.write(lambda c: Queue("other", "inbox").revive(c, task.id, desk.now))
        assert not desk.write(lambda c: Queue("default", "sender").revive(c, task.id, desk.now))
        assert not desk.write(lambda c: desk.queue.revive(c, 999, desk.now))
        desk.write(lambda c: c.execute("UPDATE event SET body = NULL"))
        assert not desk.write(lambda c: desk.queue.revive(c, task.id, desk.now))


class TestReceipts:
    def test_a_task_gets_the_receipts_of_its_lane_about_the_same_entity_newest_first(self, desk: Desk) -> None:
        lanes = [desk.lane("discord"), desk.lane("slack")]

        def about(lane: int, entity: str | None) -> Task:
            def work(connection: Connection) -> None:
                event = desk.store.event(connection)
                assert desk.queue.enqueue(connection, lane, event, due=0, entity=entity)

            desk.write(work)
            return desk.take_one()

        for n, (lane, entity) in enumerate(
            [(0, "rankrecord/1"), (0, "rankrecord/1"), (1, "rankrecord/1"), (0, "user/1"), (0, None)]
        ):
            desk.run(about(lanes[lane], entity), Result(state=State.DONE, outcome="done", receipt=str(n)))
        desk.run(about(lanes[0], "rankrecord/1"), Result(state=State.DONE, outcome="done"))
        assert about(lanes[0], "rankrecord/1").receipts == ("1", "0")
        assert about(lanes[1], "user/1").receipts == ()


class TestEnqueue:
    def test_the_same_event_is_enqueued_once_per_lane(self, desk: Desk) -> None:
        one, two = desk.lane("one"), desk.lane("two")
        event = desk.write(desk.store.event)
        added = [desk.write(lambda c, lane=lane: desk.queue.enqueue(c, lane, event, due=0)) for lane in (one, one, two)]  # type: ignore[misc]
        assert added == [True, False, True]
        assert len(desk.take(lanes=[one])) == len(desk.take(lanes=[two])) == 1

    def test_once_holds_when_the_task_is_done_long_since(self, desk: Desk) -> None:
        lane = desk.lane("one")
        event = desk.write(desk.store.event)
        desk.write(lambda c: desk.queue.enqueue(c, lane, event, due=0))
        desk.run(desk.take_one())
        assert not desk.write(lambda c: desk.queue.enqueue(c, lane, event, due=0))
        assert desk.take() == []

    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
    def test_a_task_lives_and_dies_with_the_transaction_of_somebody_else(self, desk: Desk, end: str) -> None:
        lane = desk.lane("subscription")
        with desk.store.foreign() as theirs:
            theirs.execute("CREATE TABLE orders (n INTEGER)")
            theirs.execute("INSERT INTO orders VALUES (1)")
            assert desk.queue.enqueue(theirs, lane, desk.store.event(theirs), due=0)
            theirs.execute(end)
        assert len(desk.take()) == (1 if end == "COMMIT" else 0)

    def test_a_task_is_gone_when_the_closure_that_enqueued_it_fails(self, desk: Desk) -> None:
        lane = desk.lane("discord")

        def work(connection: Connection) -> None:
            desk.queue.enqueue(connection, lane, desk.store.event(connection), due=0)
            raise ValueError("something else went wrong")

        with pytest.raises(ValueError, match="something else"):
            desk.write(work)
        assert desk.claim() is None

    def test_two_sites_and_two_queues_with_the_same_lane_name_stay_apart(self, store: Any, database: Database) -> None:
        desks = [Desk(store, database, *names) for names in (("alpha", "inbox"), ("bravo", "inbox"), ("alpha", "sender"))]
        lanes = [desk.lane("discord", fingerprint=str(n)) for n, desk in enumerate(desks)]
        assert len(set(lanes)) == 3
        tasks = [desk.put(lane)[0] for desk, lane in zip(desks, lanes, strict=True)]
        desks[0].run(desks[0].take_one(), pause("Gone."))
        assert [ids(desk.take()) for desk in desks] == [[], [tasks[1]], [tasks[2]]]
        assert [len(database.read(desk.queue.backlog)) for desk in desks] == [1, 1, 1]
        assert not desks[1].write(lambda c: desks[1].queue.resume(c, "discord"))
        assert desks[0].write(lambda c: desks[0].queue.resume(c, "discord"))


class TestBounds:
    """A clock that ran ahead, and was set right, parks nothing for years."""

    @pytest.mark.parametrize("parked", ["due", "lease", "rest"])
    def test_nothing_is_parked_beyond_the_latest_moment(self, desk: Desk, parked: str) -> None:
        lane = desk.lane("discord")
        if parked == "due":
            (task,) = desk.put(lane, due=1e9)
        else:
            (task,) = desk.put(lane)
            held = desk.claim(lease=1e9)
            assert held is not None
            if parked == "rest":
                desk.run(held.tasks[0], retry(1e9, hold=True))
        desk.write(lambda c: desk.queue.bound(c, 2000))
        assert desk.next_ready() == 2000
        desk.now = 2000
        assert ids(desk.take()) == [task]

    def test_what_is_due_earlier_stays_as_it_is_and_so_do_other_sites(self, store: Any, database: Database) -> None:
        desk, other = Desk(store, database), Desk(store, database, "other")
        desk.put(desk.lane("discord"), due=1500)
        other.put(other.lane("discord"), due=9000)
        desk.write(lambda c: desk.queue.bound(c, 2000))
        assert (desk.next_ready(), other.next_ready()) == (1500, 9000)

    def test_a_lease_that_was_made_shorter_ends_when_it_says(self, desk: Desk) -> None:
        (task,) = desk.put(desk.lane("discord"))
        held = desk.take_one()
        desk.now -= 500  # the clock was set right, and the worker renews by it
        desk.write(lambda c: desk.queue.renew(c, [held], desk.now + LEASE))
        desk.now += LEASE
        assert ids(desk.take()) == [task]


class TestBurials:
    def test_what_waits_for_an_event_is_put_aside_in_every_lane_and_can_be_revived(self, desk: Desk) -> None:
        one, two, event = desk.lane("one"), desk.lane("two"), desk.write(desk.store.event)
        for lane in (one, two):
            desk.write(lambda c, lane=lane: desk.queue.enqueue(c, lane, event, due=0))  # type: ignore[misc]
        (other,) = desk.put(one, due=1)
        assert desk.write(lambda c: desk.queue.bury(c, event, desk.now, "Too old.")) == 2
        assert ids(desk.take()) == [other]
        assert desk.claim() is None
        dead = desk.database.read(lambda c: c.execute("SELECT id, error FROM task WHERE state = 3 ORDER BY id").fetchall())
        assert [error for _, error in dead] == ["Too old."] * 2
        assert desk.write(lambda c: desk.queue.revive(c, dead[1][0], desk.now))
        assert ids(desk.take()) == [dead[1][0]]

    def test_what_runs_is_left_to_its_holder(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        task = desk.take_one()
        (event,) = desk.row(task.id, "event")
        assert desk.write(lambda c: desk.queue.bury(c, event, desk.now, "Too old.")) == 0  # type: ignore[arg-type]
        desk.run(task)


class TestProcesses:
    def test_processes_that_claim_at_once_never_hold_the_same_task_nor_exceed_the_width(self, store: Any, desk: Desk) -> None:
        lanes = [desk.lane("narrow", width=3), desk.lane("wide", width=20)]
        tasks = [*desk.put(lanes[0], 40), *desk.put(lanes[1], 160)]
        handles = [Desk(store, store.open()) for _ in range(4)]
        held: set[int] = set()
        finished: list[int] = []

        def work(own: Desk) -> None:
            while claim := own.claim(7, lanes=lanes):
                for task in claim.tasks:
                    assert task.id not in held
                    held.add(task.id)
                running = sum(1 for task in held.copy() if task in tasks[:40])
                for task in claim.tasks:
                    held.remove(task.id)  # before the others may have it
                    own.run(task)
                    finished.append(task.id)
                assert running <= 3

        with ThreadPoolExecutor(len(handles)) as pool:
            for done in [pool.submit(work, each) for each in handles]:
                done.result(30)
        for each in handles:
            each.database.close()
        while left := desk.take(lanes=lanes):  # those for which there was no room when the others looked
            for task in left:
                desk.run(task)
                finished.append(task.id)
        assert sorted(finished) == tasks

    def test_a_worker_that_lost_its_lease_to_another_process_changes_nothing(self, store: Any, desk: Desk) -> None:
        lane = desk.lane("discord")
        desk.put(lane)
        late = desk.take_one()
        assert desk.start(late)
        with closing(store.open()) as database:
            other = Desk(store, database)
            other.now = desk.now + LEASE  # its clock, or ours, is wrong
            held = other.take_one(lanes=[lane])
            assert held.unclear
            desk.write(lambda c: desk.queue.renew(c, [late], 1e9))
            desk.release(late)
            assert not desk.start(late)
            assert not desk.settle(late, DONE)
            other.run(held, retry(other.now + 60))
        assert desk.row(late.id) == (State.WAITING, 2)

    def test_a_crash_keeps_what_was_committed_and_nothing_of_what_was_not(self, store: Any, desk: Desk) -> None:
        lane = desk.lane("discord", width=2)
        done, started, untouched = desk.put(lane, 3)
        first, second = desk.take(2)
        desk.run(first)
        assert desk.start(second)

        def unfinished(connection: Connection) -> None:
            assert desk.queue.settle(connection, second, DONE, desk.now)
            assert desk.queue.claim(connection, desk.now, LEASE, 1, [lane])
            assert desk.queue.enqueue(connection, lane, store.event(connection), due=0)

        store.crash(desk.database, unfinished)
        with closing(store.open()) as database:
            after = Desk(store, database)
            assert [after.row(task) for task in (done, started, untouched)] == [
                (State.DONE, 1),
                (State.LEASED, 1),
                (State.WAITING, 0),
            ]
            after.now = desk.now + LEASE
            again = after.take(lanes=[lane])
            assert [(task.id, task.attempt, task.unclear) for task in again] == [(started, 2, True), (untouched, 1, False)]
