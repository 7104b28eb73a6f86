"""Whose a task is, and for how long."""

from __future__ import annotations

import pytest

from ...queue import State
from ._desk import DONE, FAILED, LEASE, Desk, ids, pause, retry
from ._store import Handle, Store

__all__ = ["Bounds", "Leases", "Unclear"]


class Leases:
    """A task has one holder at a time, and a late one changes nothing."""

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


class Unclear:
    """What was begun and left no receipt is repeated or put aside, as its lane says."""

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


class Bounds:
    """A clock that ran ahead, and was set right, parks nothing for years."""

    @pytest.mark.parametrize("parked", ["due", "due in a chain", "lease", "rest"])
    def test_nothing_is_parked_beyond_the_latest_moment(self, desk: Desk, parked: str) -> None:
        lane = desk.lane("discord")
        if parked.startswith("due"):
            (task,) = desk.put(lane, due=50_000, chain="user/7" if parked.endswith("chain") else None)
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

    def test_what_is_due_earlier_stays_as_it_is_and_so_do_other_sites(self, store: Store, database: Handle) -> None:
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
