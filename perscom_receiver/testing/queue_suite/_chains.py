"""Tasks of a lane that are worked on one after another."""

from __future__ import annotations

import pytest

from ...queue import Connection, Group, State
from ._desk import DONE, FAILED, LEASE, Desk, ids, new_event, pause, retry, together
from ._store import Handle, Store

__all__ = ["Chains", "OnceMore"]


def finish(desk: Desk) -> list[int]:
    """What is done until nothing is ready, in that order; a round at a time."""
    order: list[int] = []
    while begun := desk.begin_all():
        assert all(desk.settle_all([(task, DONE) for task in begun]))
        order += ids(begun)
    return order


class Chains:
    """Of a chain the earliest is worked on alone, until it is done or dead; other chains of the lane go on beside it."""

    def test_one_after_another_in_the_order_of_enqueueing_whatever_is_due_first(self, desk: Desk) -> None:
        lane = desk.lane("endpoint", width=9)
        tasks = [desk.put(lane, chain="user/7", due=due)[0] for due in (300, 100, 200)]
        for task in tasks:
            (begun,) = desk.begin_all()  # however wide the lane
            assert begun.id == task
            desk.settle(begun, DONE)
        assert desk.begin_all() == []

    @pytest.mark.parametrize("at_once", [True, False])
    def test_others_go_on_beside_it(self, desk: Desk, at_once: bool) -> None:
        lane = desk.lane("endpoint", width=9)
        seven, eight, free = desk.put(lane, 2, chain="user/7"), desk.put(lane, 2, chain="user/8"), desk.put(lane, 2)
        found = desk.begin_all() if at_once else desk.take()
        assert ids(found) == [seven[0], eight[0], *free]
        desk.settle(found[1], DONE)
        assert ids(desk.begin_all() if at_once else desk.take()) == [eight[1]]

    def test_each_lane_and_each_site_has_chains_of_its_own(self, store: Store, database: Handle) -> None:
        desks = [Desk(store, database), Desk(store, database, "other")]
        tasks = [[desk.put(desk.lane(name), 2, chain="user/7")[0] for name in "ab"] for desk in desks]
        assert [ids(desk.begin_all()) for desk in desks] == tasks

    @pytest.mark.parametrize("hold", [True, False])
    def test_while_it_waits_for_its_next_attempt_those_behind_it_wait_too(self, desk: Desk, hold: bool) -> None:
        lane = desk.lane("endpoint", width=9)
        seven, eight = desk.put(lane, 3, chain="user/7"), desk.put(lane, 2, chain="user/8")
        first, other = desk.begin_all()
        assert (first.id, other.id) == (seven[0], eight[0])
        desk.settle(first, retry(desk.now + 60, hold=hold))
        desk.settle(other, DONE)
        desk.put(lane, chain="user/7")
        assert ids(desk.begin_all()) == ([] if hold else [eight[1]]), "hold is for the whole lane"
        desk.now += 10 if hold else 20
        assert desk.next_ready() == 1000 + (60 if hold else LEASE), "of those behind it nothing is due"
        desk.now = 1060
        assert seven[0] in ids(begun := desk.begin_all())
        assert not {*seven[1:]} & {*ids(begun)}

    @pytest.mark.parametrize("end", ["done", "dead", "unclear", "buried", "buried while it runs"])
    def test_its_end_lets_the_next_go_whatever_it_was(self, desk: Desk, end: str) -> None:
        first, second, third = desk.put(desk.lane("endpoint", width=9, repeat_unclear=False), 3, chain="user/7")
        if end != "buried":
            (task,) = desk.begin_all()
        if end == "unclear":
            desk.now += LEASE
        elif end in ("done", "dead"):
            desk.settle(task, DONE if end == "done" else FAILED)
        else:
            assert desk.bury(first, running=end != "buried") == 1
        assert desk.next_ready() is not None
        assert ids(desk.begin_all()) == [second]
        assert desk.row(first)[0] == (State.DONE if end == "done" else State.DEAD)
        assert desk.row(third) == (State.WAITING, 0)

    def test_one_that_is_buried_behind_it_is_left_out(self, desk: Desk) -> None:
        first, second, third = desk.put(desk.lane("endpoint", width=9), 3, chain="user/7")
        assert desk.bury(second) == 1
        assert finish(desk) == [first, third]

    @pytest.mark.parametrize("how", ["release", "lapse"])
    def test_one_that_comes_back_is_in_front_still(self, desk: Desk, how: str) -> None:
        tasks = desk.put(desk.lane("endpoint", width=9), 3, chain="user/7")
        (task,) = desk.begin_all()
        if how == "release":
            desk.release(task)
        else:
            desk.now += LEASE
        (again,) = desk.begin_all()
        assert (again.id, again.attempt, again.unclear) == (tasks[0], 2, True)
        assert desk.settle(again, DONE)
        assert finish(desk) == tasks[1:]

    def test_a_paused_lane_keeps_its_chains_in_order(self, desk: Desk) -> None:
        lane = desk.lane("endpoint", width=9)
        tasks = desk.put(lane, 2, chain="user/7")
        (task,) = desk.begin_all()
        desk.settle(task, pause("Gone."))
        tasks += desk.put(lane, chain="user/7")
        assert desk.begin_all() == []
        assert desk.next_ready() is None
        assert desk.write(lambda c: desk.queue.resume(c, "endpoint"))
        assert finish(desk) == tasks

    def test_many_chains_step_forward_together(self, desk: Desk) -> None:
        lane = desk.lane("endpoint", width=100)
        chains = [desk.put(lane, 3, chain=f"user/{n}") for n in range(30)]
        for step in range(3):
            begun = desk.begin_all()
            assert ids(begun) == [chain[step] for chain in chains]
            assert all(desk.settle_all([(task, (DONE, FAILED)[task.id % 2]) for task in begun]))
        assert desk.begin_all() == []

    def test_what_waited_for_long_holds_one_of_each_chain(self, desk: Desk) -> None:
        lane = desk.lane("chat", width=9, late=60.0)
        chains = [desk.put(lane, 2, chain=f"user/{n}") for n in range(11)]
        (task,) = desk.begin_all()
        assert together(task) == [first for first, _ in chains]
        assert desk.settle(task, DONE)
        (task,) = desk.begin_all()
        assert together(task) == [second for _, second in chains]

    def test_an_event_that_is_enqueued_again_changes_nothing(self, desk: Desk) -> None:
        lane, event = desk.lane("endpoint", width=9), desk.write(new_event)

        def work(connection: Connection) -> bool:
            return desk.queue.enqueue(connection, lane, event, due=0, chain="user/7")

        assert [desk.write(work) for _ in range(3)] == [True, False, False]
        assert len(finish(desk)) == 1

    def test_a_task_is_of_a_group_or_of_a_chain(self, desk: Desk) -> None:
        lane = desk.lane("endpoint")
        with pytest.raises(ValueError, match="a group or a chain"):
            desk.put(lane, group=Group("an action"), chain="user/7")
        assert desk.begin_all() == []


class OnceMore:
    """A task that is revived or sent again is in its old place, and in nobody's way."""

    def test_one_that_is_revived_comes_before_those_that_came_after_it(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=9), 4, chain="user/7")
        for end in (FAILED, FAILED, retry(desk.now + 60)):
            (task,) = desk.begin_all()
            desk.settle(task, end)
        assert desk.revive(tasks[1])
        assert desk.revive(tasks[0])
        assert finish(desk) == tasks[:2]
        desk.now += 60
        assert finish(desk) == tasks[2:]

    @pytest.mark.parametrize("end", ["done", "dead", "retry", "pause", "lapse", "unclear"])
    def test_an_attempt_under_way_ends_before_one_that_is_revived(self, desk: Desk, end: str) -> None:
        tasks = desk.put(desk.lane("endpoint", width=9, repeat_unclear=end != "unclear"), 3, chain="user/7")
        desk.settle(desk.begin_all()[0], FAILED)
        (running,) = desk.begin_all()
        assert desk.revive(tasks[0])
        assert desk.begin_all() == []
        if end in ("lapse", "unclear"):
            desk.now += LEASE
        else:
            desk.settle(running, {"done": DONE, "dead": FAILED, "retry": retry(desk.now), "pause": pause("Gone.")}[end])
            desk.write(lambda c: desk.queue.resume(c, "endpoint"))
        assert finish(desk) == [tasks[0], *(tasks[1:] if end in ("retry", "pause", "lapse") else tasks[2:])]

    def test_sending_what_waits_in_front_again_lets_it_go_at_once(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=9), 3, chain="user/7")
        desk.settle(desk.begin_all()[0], retry(desk.now + 60))
        assert desk.again(tasks[0])
        assert finish(desk) == tasks

    def test_what_waits_behind_another_one_cannot_be_sent_before_it(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=9), 3, chain="user/7")
        assert desk.again(tasks[2])
        assert finish(desk) == tasks

    def test_what_is_done_is_sent_again_between_the_others(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=9), 3, chain="user/7")
        desk.settle(desk.begin_all()[0], DONE)
        (running,) = desk.begin_all()
        assert desk.again(tasks[0])
        assert desk.begin_all() == [], "an attempt is under way"
        desk.settle(running, DONE)
        assert finish(desk) == [tasks[0], tasks[2]]

    @pytest.mark.parametrize("again", [True, False])
    def test_one_that_was_buried_behind_others_runs_alone(self, desk: Desk, again: bool) -> None:
        lane = desk.lane("endpoint", width=9)
        tasks = desk.put(lane, 2, chain="user/7")
        desk.bury(tasks[1])
        assert finish(desk) == tasks[:1]
        assert desk.again(tasks[1]) if again else desk.revive(tasks[1])
        assert finish(desk) == tasks[1:]

    def test_all_of_them_once_more_come_in_their_order(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=9), 4, chain="user/7")
        assert finish(desk) == tasks
        assert all(desk.again(task) for task in reversed(tasks))
        assert finish(desk) == tasks
