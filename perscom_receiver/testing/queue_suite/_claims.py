"""Who gets which task, and when."""

from __future__ import annotations

import pytest

from ._desk import FAILED, LEASE, Desk, ids, pause, retry
from ._store import Handle, Store

__all__ = ["Claims"]


class Claims:
    """Tasks come in order, within the width of their lane, and no lane in trouble delays another."""

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

    def test_no_lanes_are_no_work(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"))
        assert desk.claim(lanes=[]) is None
        assert desk.next_ready(lanes=[]) is None

    def test_without_a_word_about_lanes_all_of_this_site_and_queue_are_looked_at(self, store: Store, database: Handle) -> None:
        desks = [Desk(store, database, *names) for names in (("alpha", "inbox"), ("bravo", "inbox"), ("alpha", "sender"))]
        for n, desk in enumerate(desks):
            desk.put(desk.lane("paused"), due=1)
            desk.run(desk.take_one(), pause("Gone."))
            desk.put(desk.lane("late"), due=200 + n)
            desk.put(desk.lane("early"), due=100 + n)
        for n, desk in enumerate(desks):
            assert database.read(desk.queue.next_ready) == 100 + n
            claims = [desk.write(lambda c, queue=desk.queue: queue.claim(c, 1000.0, LEASE, 10)) for _ in range(3)]  # type: ignore[misc]
            assert [claim and claim.lane.name for claim in claims] == ["early", "late", None]

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
