"""What ended at the same time, settled at once."""

from __future__ import annotations

import pytest

from ...queue import Group, Result, State, Task
from ._desk import DONE, FAILED, LEASE, Desk, pause, retry
from ._store import Handle, Store

__all__ = ["SettledTogether"]

GROUP = Group("an action", window=0.0)
_TASKS = (
    "SELECT task.state, attempt, due, lease, started, settled, receipt, error FROM task JOIN lane ON lane.id = task.lane"
    " WHERE lane.site = ? ORDER BY task.id"
)
_LANES = "SELECT name, ready, not_before, paused FROM lane WHERE site = ? ORDER BY name"
_ATTEMPTS = (
    "SELECT n, attempt.started, ms, status, outcome, attempt.error, answer, next FROM attempt"
    " JOIN task ON task.id = attempt.task JOIN lane ON lane.id = task.lane WHERE lane.site = ? ORDER BY task.id, n"
)


def all_of(desk: Desk) -> list[list[tuple[object, ...]]]:
    """All that the queue of a desk knows, without the numbers of rows."""
    site = (desk.queue.site,)
    return desk.database.read(lambda c: [c.execute(query, site).fetchall() for query in (_TASKS, _LANES, _ATTEMPTS)])


def tasks_of(desk: Desk) -> list[Task]:
    """Some that are begun, in lanes of all kinds: three alone in a wide lane, two in narrow ones, and a group."""
    desk.put(desk.lane("wide", width=3), 5)
    desk.put(desk.lane("narrow", pace=f"{desk.queue.site}/chat/"), 3)
    desk.put(desk.lane("beside", pace=f"{desk.queue.site}/hall/"), 3)
    desk.put(desk.lane("grouped"), 3, group=GROUP)
    tasks = desk.begin_all()
    assert [len(task.all) for task in tasks] == [1, 1, 1, 1, 1, 3]
    return tasks


class SettledTogether:
    """Each as if it were settled by itself, one after another."""

    @pytest.mark.parametrize("turn", range(7))
    def test_it_makes_no_difference_whether_they_are_settled_together(self, store: Store, database: Handle, turn: int) -> None:
        desks = [Desk(store, database, site) for site in ("alpha", "bravo")]
        for desk in desks:
            ends = [
                Result(state=State.DONE, outcome="done", receipt="[7]", status=204, ms=12.5, answer="OK"),
                Result(state=State.DONE, outcome="done", rest=5.0, pace=f"{desk.queue.site}/"),
                FAILED,
                Result(state=State.DEAD, outcome="rejected", receipt="[8]", error="Half of it.", rest=7.0),
                retry(desk.now + 60),
                retry(desk.now + 90, hold=True),
                pause("Gone."),
            ]
            tasks = tasks_of(desk)
            pairs = list(zip(tasks, [*ends[turn:], *ends[:turn]], strict=False))
            desk.now += 3
            if desk is desks[0]:
                assert desk.settle_all(pairs) == [True] * 6
            else:
                assert [desk.settle(task, result) for task, result in pairs] == [True] * 6
        assert all_of(desks[0]) == all_of(desks[1])

    def test_nothing_is_settled_by_nothing(self, desk: Desk) -> None:
        tasks_of(desk)
        before = all_of(desk)
        assert desk.settle_all([]) == []
        assert all_of(desk) == before

    def test_those_that_lost_their_lease_are_told_apart_and_change_nothing(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=3), 3)
        first, lost, third = desk.begin_all()
        desk.write(lambda c: desk.queue.renew(c, [first, third], desk.now + 10 * LEASE))
        desk.now += LEASE
        (held,) = desk.begin_all()
        before = desk.row(held.id, "*")
        assert desk.settle_all([(first, DONE), (lost, FAILED), (third, DONE)]) == [True, False, True]
        assert desk.row(held.id, "*") == before
        assert [desk.row(task)[0] for task in tasks] == [State.DONE, State.LEASED, State.DONE]

    def test_nobody_settles_twice_in_one_call_either(self, desk: Desk) -> None:
        desk.put(desk.lane("endpoint"))
        (task,) = desk.begin_all()
        assert desk.settle_all([(task, DONE), (task, FAILED)]) == [True, False]
        assert desk.row(task.id) == (State.DONE, 1)
        assert [outcome for _, _, outcome, _ in desk.attempts(task.id)] == ["done"]

    @pytest.mark.parametrize("first", ["lost", "held"])
    def test_an_attempt_that_was_lost_to_a_later_one_of_the_same_worker_is_refused(self, desk: Desk, first: str) -> None:
        desk.put(desk.lane("endpoint"))
        (lost,) = desk.begin_all()
        desk.now += LEASE
        (held,) = desk.begin_all()
        pairs = [(lost, FAILED), (held, DONE)] if first == "lost" else [(held, DONE), (lost, FAILED)]
        assert desk.settle_all(pairs) == [first == "held", first == "lost"]
        assert desk.row(held.id) == (State.DONE, 2)
        assert [outcome for _, _, outcome, _ in desk.attempts(held.id)] == ["unclear", "done"]

    def test_several_of_one_lane_make_room_for_as_many(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=3), 9)
        done: list[int] = []
        while begun := desk.begin_all():
            assert len(begun) == 3
            assert all(desk.settle_all([(task, DONE) for task in begun]))
            done += [task.id for task in begun]
        assert done == tasks

    def test_a_group_is_settled_as_one_among_others(self, desk: Desk) -> None:
        lane = desk.lane("chat", width=9)
        group, (alone,) = desk.put(lane, 3, group=GROUP), desk.put(lane)
        task, other = desk.begin_all()
        own: dict[str, str | None] = {task.others[0].event.id: "[1]"}
        result = Result(state=State.DONE, outcome="done", receipt="{}", receipts=own)
        assert desk.settle_all([(other, FAILED), (task, result)]) == [True, True]
        assert [desk.row(one, "state, receipt") for one in group] == [(2, "{}"), (2, "[1]"), (2, "{}")]
        assert desk.row(alone) == (State.DEAD, 1)

    def test_a_rest_of_a_group_is_no_longer_than_that_of_one(self, desk: Desk) -> None:
        (task,) = desk.put(desk.lane("chat", pace="chat/room/"), 100, group=GROUP)[:1]
        (begun,) = desk.begin_all()
        assert begun.id == task
        desk.settle_all([(begun, Result(state=State.DONE, outcome="done", rest=5.0, pace="chat/room/"))])
        (until,) = desk.database.read(lambda c: c.execute("SELECT not_before FROM lane").fetchone())
        assert until == pytest.approx(desk.now + 5, abs=0.01)

    def test_more_than_one_statement_can_hold(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("endpoint", width=1200), 1200)
        begun = desk.begin_all(1200)
        desk.now += 1
        kinds = [DONE, FAILED, retry(desk.now + 60)]
        assert all(desk.settle_all([(task, kinds[n % 3]) for n, task in enumerate(begun)]))
        logged = desk.database.read(lambda c: c.execute("SELECT task, outcome FROM attempt ORDER BY task").fetchall())
        assert logged == [(task, kinds[n % 3].outcome) for n, task in enumerate(tasks)]

    def test_what_was_never_started_leaves_nothing_in_the_log(self, desk: Desk) -> None:
        desk.put(desk.lane("endpoint", width=2), 2)
        first, second = desk.take()
        desk.start(first)
        assert desk.settle_all([(first, DONE), (second, DONE)]) == [True, True]
        assert [len(desk.attempts(task.id)) for task in (first, second)] == [1, 0]
