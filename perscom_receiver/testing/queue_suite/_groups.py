"""What is handled together, and what rests together."""

from __future__ import annotations

import pytest

from ...queue import Group, Result, State
from ._desk import DONE, FAILED, LEASE, Desk, ids, retry, together
from ._store import Handle, Store

__all__ = ["Groups", "Rests"]

GROUP = Group("an action", window=10.0, spread=10.0)


class Groups:
    """Tasks with the same key are one: leased, started, settled and given back together."""

    def test_the_first_waits_for_the_others_and_all_are_one_task(self, desk: Desk) -> None:
        lane = desk.lane("discord")
        first = desk.put(lane, due=1000, group=GROUP)
        others = desk.put(lane, 2, due=1008, group=GROUP, after=5)
        desk.now = 1009
        assert desk.claim() is None
        assert desk.next_ready() == 1010, "the window is that of the first"
        desk.now = 1010
        assert together(desk.take_one()) == [*first, *others], "however narrow the lane"
        assert desk.take() == []

    @pytest.mark.parametrize(("key", "after"), [("another", 0.0), (GROUP.key, 11.0), (GROUP.key, -11.0)])
    def test_what_has_another_key_or_was_made_at_another_time_is_not_of_it(self, desk: Desk, key: str, after: float) -> None:
        lane = desk.lane("discord", width=2)
        one, other = desk.put(lane, group=GROUP), desk.put(lane, group=Group(key), after=after)
        assert [together(task) for task in desk.take()] == [one, other]

    def test_each_lane_has_groups_of_its_own(self, store: Store, database: Handle) -> None:
        desks = [Desk(store, database), Desk(store, database, "other")]
        lanes = [desk.lane("discord") for desk in desks]
        tasks = [desk.put(lane, group=GROUP) for desk, lane in zip(desks, lanes, strict=True)]
        assert [together(desk.take_one()) for desk in desks] == tasks

    def test_all_of_them_share_their_end_and_its_receipt(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 3, group=GROUP)
        desk.run(desk.take_one(), Result(state=State.DONE, outcome="done", receipt="{}"))
        assert [desk.row(task, "state, attempt, receipt") for task in tasks] == [(State.DONE, 1, "{}")] * 3
        assert [outcome for task in tasks for _, _, outcome, _ in desk.attempts(task)] == ["done"] * 3

    def test_some_of_them_may_have_receipts_of_their_own(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 3, group=GROUP)
        held = desk.take_one()
        own: dict[str, str | None] = {held.event.id: "[1]", held.others[1].event.id: None}
        desk.run(held, Result(state=State.DONE, outcome="done", receipt="{}", receipts=own))
        assert [desk.row(task, "state, receipt") for task in tasks] == [
            (State.DONE, "[1]"),
            (State.DONE, "{}"),
            (State.DONE, None),
        ]

    def test_a_late_settlement_is_refused_for_all_of_them(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 3, group=GROUP)
        late = desk.take_one()
        assert desk.start(late)
        desk.now += LEASE
        held = desk.take_one()
        assert (together(held), held.unclear) == (tasks, True)
        before = [desk.row(task, "*") for task in tasks]
        assert not desk.settle(late, DONE)
        assert not desk.start(late)
        desk.release(late)
        assert [desk.row(task, "*") for task in tasks] == before
        desk.run(held)

    def test_a_lease_holds_for_all_of_them_as_long_as_it_is_renewed(self, desk: Desk) -> None:
        desk.put(desk.lane("discord"), 3, group=GROUP)
        task = desk.take_one()
        for _ in range(3):
            desk.now += LEASE - 1
            desk.write(lambda c: desk.queue.renew(c, [task], desk.now + LEASE))
            assert desk.take() == []
        desk.release(task)
        assert together(desk.take_one()) == together(task)

    def test_work_does_not_begin_when_one_of_them_was_forgotten(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 3, group=GROUP)
        task = desk.take_one()
        (event,) = desk.row(tasks[1], "event")
        assert desk.write(lambda c: desk.queue.bury(c, event, desk.now, "Forgotten.", running=True)) == 1  # type: ignore[arg-type]
        assert not desk.start(task)
        desk.now += LEASE
        again = desk.take_one()
        assert (together(again), again.unclear) == ([tasks[0], tasks[2]], False)

    def test_one_that_comes_while_the_others_run_is_due_at_once_and_knows_what_they_left(self, desk: Desk) -> None:
        lane = desk.lane("discord")
        desk.put(lane, 2, group=GROUP)
        running = desk.take_one()
        (late,) = desk.put(lane, due=desk.now, group=GROUP, after=5)
        assert desk.take() == []
        desk.run(running, Result(state=State.DONE, outcome="done", receipt='{"id":1}'))
        task = desk.take_one()
        assert (together(task), set(task.receipts)) == ([late], {'{"id":1}'})
        told = desk.database.read(lambda c: desk.queue.told(c, task))
        assert [one.event for one in told] == [one.event for one in running.all]

    @pytest.mark.parametrize("hold", [True, False])
    def test_one_that_came_late_waits_with_the_others_for_their_next_attempt(self, desk: Desk, hold: bool) -> None:
        lane = desk.lane("discord")
        tasks = desk.put(lane, 2, group=GROUP)
        running = desk.take_one()
        tasks += desk.put(lane, due=desk.now, group=GROUP, after=5)
        desk.run(running, retry(desk.now + 60, hold=hold))
        tasks += desk.put(lane, due=desk.now, group=GROUP, after=6)
        desk.now += 59
        assert desk.take() == []
        desk.now += 1
        assert together(desk.take_one()) == tasks

    def test_what_is_too_much_for_one_call_waits_for_its_next_attempt_too(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 230, group=GROUP)
        first = desk.take_one()
        assert together(first) == tasks[: len(first.all)]
        assert len(first.all) < len(tasks)
        desk.run(first, retry(desk.now + 60))
        assert desk.take() == []
        desk.now += 60
        seen: list[int] = []
        while found := desk.take():
            seen += together(found[0])
            desk.run(found[0])
        assert seen == tasks

    @pytest.mark.parametrize("repeat_unclear", [True, False])
    def test_all_of_them_are_cut_off_together(self, desk: Desk, repeat_unclear: bool) -> None:
        tasks = desk.put(desk.lane("discord", repeat_unclear=repeat_unclear), 3, group=GROUP)
        assert desk.start(desk.take_one())
        desk.now += LEASE
        if not repeat_unclear:
            assert desk.take() == []
            assert [desk.row(task) for task in tasks] == [(State.DEAD, 1)] * 3
            assert desk.write(lambda c: desk.queue.revive(c, tasks[2], desk.now))
        again = desk.take_one()
        assert (together(again), again.unclear) == (tasks, True)

    def test_a_dead_one_is_revived_with_the_others(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 3, group=GROUP)
        desk.run(desk.take_one(), FAILED)
        assert [desk.row(task) for task in tasks] == [(State.DEAD, 1)] * 3
        assert desk.write(lambda c: desk.queue.revive(c, tasks[1], desk.now))
        assert not desk.write(lambda c: desk.queue.revive(c, tasks[0], desk.now)), "it waits already"
        assert together(desk.take_one()) == tasks


class Rests:
    """A lane that has had enough for a while, and those whose pace is its own."""

    def test_a_lane_rests_however_its_attempt_ended_and_keeps_its_order(self, desk: Desk) -> None:
        tasks = desk.put(desk.lane("discord"), 3)
        desk.run(desk.take_one(), Result(state=State.DONE, outcome="done", rest=5.0))
        assert desk.take() == []
        assert desk.next_ready() == desk.now + 5
        desk.now += 5
        desk.run(desk.take_one(), Result(state=State.DEAD, outcome="rejected", rest=7.0))
        desk.now += 6
        assert desk.take() == []
        desk.now += 1
        assert ids(desk.take()) == tasks[2:]

    def test_a_shorter_rest_ends_no_longer_one(self, desk: Desk) -> None:
        desk.put(desk.lane("discord", width=2), 3)
        first, second = desk.take()
        desk.run(first, Result(state=State.DONE, outcome="done", rest=60.0))
        desk.run(second, Result(state=State.DONE, outcome="done", rest=1.0))
        assert desk.next_ready() == desk.now + 60

    def test_lanes_whose_pace_begins_alike_rest_together_in_all_sites(self, store: Store, database: Handle) -> None:
        desk, other = Desk(store, database), Desk(store, database, "other", "sender")
        desk.put(desk.lane("first", pace="chat/bot/room/"))
        task = desk.take_one()
        beside = [desk.lane("beside", pace="chat/bot/hall/"), desk.lane("elsewhere", pace="chat/both/"), desk.lane("none")]
        for lane in beside:
            desk.put(lane)
        other.put(other.lane("beside", pace="chat/bot/room/"))
        desk.run(task, Result(state=State.DONE, outcome="done", rest=5.0, pace="chat/bot/"))
        assert sorted(ids(desk.take(lanes=[lane])) != [] for lane in beside) == [False, True, True]
        assert desk.next_ready(lanes=beside[:1]) == desk.now + 5
        assert other.take() == []
        other.now += 5.1
        assert len(other.take()) == 1
