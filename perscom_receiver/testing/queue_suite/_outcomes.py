"""What follows from the end of an attempt."""

from __future__ import annotations

from ...queue import Connection, Queue, Result, State, Task
from ._desk import FAILED, LEASE, Desk, ids, new_event, pause, retry

__all__ = ["Burials", "DeadTasks", "Outcomes", "Receipts", "SentAgain"]


class Outcomes:
    """Done, again later, with or without the lane, and paused."""

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

    def test_a_lane_can_be_paused_from_outside_and_its_first_reason_stays(self, desk: Desk) -> None:
        (task,) = desk.put(desk.lane("discord"))
        assert desk.write(lambda c: desk.queue.pause(c, "discord", "The webhook is gone."))
        assert not desk.write(lambda c: desk.queue.pause(c, "discord", "It is still gone."))
        assert not desk.write(lambda c: desk.queue.pause(c, "nobody", "It is gone."))
        assert desk.take() == []
        assert desk.next_ready() is None
        assert desk.write(lambda c: desk.queue.resume(c, "discord"))
        assert ids(desk.take()) == [task]

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


class Receipts:
    """What was kept of earlier tasks comes with the next one."""

    def test_a_task_gets_the_receipts_of_its_lane_about_the_same_entity_newest_first(self, desk: Desk) -> None:
        lanes = [desk.lane("discord"), desk.lane("slack")]

        def about(lane: int, entity: str | None) -> Task:
            def work(connection: Connection) -> None:
                event = new_event(connection)
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


class DeadTasks:
    """What was given up is kept, and runs again on demand."""

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


class SentAgain:
    """What ended, however it did, runs once more for somebody who asks."""

    def test_a_task_that_is_done_or_dead_or_waits_runs_at_once(self, desk: Desk) -> None:
        desk.put(desk.lane("endpoint"))
        task = desk.take_one()
        for end in (Result(state=State.DONE, outcome="done", receipt="1"), FAILED, retry(desk.now + 1000)):
            desk.run(task, end)
            assert desk.write(lambda c, task=task: desk.queue.again(c, task.id, desk.now))  # type: ignore[misc]
            assert desk.row(task.id, "state, receipt, error, settled") == (State.WAITING, None, None, None)
            task = desk.take_one()
        assert task.attempt == 4
        assert len(desk.attempts(task.id)) == 3

    def test_not_one_that_is_worked_on_nor_of_another_site_nor_without_a_body(self, desk: Desk) -> None:
        desk.put(desk.lane("endpoint"))
        task = desk.take_one()
        assert not desk.write(lambda c: desk.queue.again(c, task.id, desk.now))
        desk.run(task)
        assert not desk.write(lambda c: Queue("other", "inbox").again(c, task.id, desk.now))
        assert not desk.write(lambda c: desk.queue.again(c, 999, desk.now))
        desk.write(lambda c: c.execute("UPDATE event SET body = NULL"))
        assert not desk.write(lambda c: desk.queue.again(c, task.id, desk.now))

    def test_a_lane_that_rests_gives_nothing_until_its_moment(self, desk: Desk) -> None:
        lane = desk.lane("endpoint")
        desk.put(lane)
        desk.write(lambda c: desk.queue.rest(c, lane, desk.now + 10))
        desk.write(lambda c: desk.queue.rest(c, lane, desk.now + 5))
        assert desk.claim() is None
        assert desk.next_ready() == desk.now + 10


class Burials:
    """Tasks whose event is forgotten."""

    def test_what_waits_for_an_event_is_put_aside_in_every_lane_and_can_be_revived(self, desk: Desk) -> None:
        one, two, event = desk.lane("one"), desk.lane("two"), desk.write(new_event)
        for lane in (one, two):
            desk.write(lambda c, lane=lane: desk.queue.enqueue(c, lane, event, due=0))  # type: ignore[misc]
        (other,) = desk.put(one, due=1)
        assert desk.write(lambda c: desk.queue.bury(c, event, desk.now, "Too old.")) == 2
        assert ids(desk.take()) == [other]
        assert desk.take() == []
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
