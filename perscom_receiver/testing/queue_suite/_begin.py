"""What is claimed and started at once, from several lanes."""

from __future__ import annotations

import pytest

from ...queue import Group, State
from ._desk import DONE, FAILED, LEASE, Desk, ids, pause, retry, together
from ._store import Handle, Store

__all__ = ["Beginnings"]

MIB = 2**20
GROUP = Group("an action", window=0.0)


class Beginnings:
    """One look gives all that are ready an even share, and what it gives has begun."""

    def test_what_is_begun_is_started_and_settled_without_a_word_in_between(self, desk: Desk) -> None:
        (task,) = desk.put(desk.lane("endpoint"))
        (begun,) = desk.begin()["endpoint"]
        assert (begun.id, begun.attempt, begun.first, begun.unclear) == (task, 1, None, False)
        assert desk.row(task, "state, started, lease") == (State.LEASED, desk.now, desk.now + LEASE)
        desk.now += 5
        assert desk.settle(begun, DONE)
        assert desk.attempts(task) == [(1, desk.now - 5, "done", None)]
        assert desk.begin() == {}

    def test_an_empty_queue_and_no_room_give_nothing(self, desk: Desk) -> None:
        assert desk.begin() == {}
        (task,) = desk.put(desk.lane("endpoint"))
        assert not any(desk.begin(0).values())
        assert desk.row(task) == (State.WAITING, 0)
        assert ids(desk.begin_all()) == [task]

    def test_those_that_have_been_ready_longest_come_first_and_in_each_lane_the_oldest(self, desk: Desk) -> None:
        late, early = desk.lane("late", width=9), desk.lane("early", width=9)
        tasks = {lane: [desk.put(lane, due=due)[0] for due in dues] for lane, dues in ((late, (210, 200)), (early, (220, 100)))}
        begun = desk.begin()
        assert [(lane, ids(found)) for lane, found in begun.items()] == [
            ("early", tasks[early][::-1]),
            ("late", tasks[late][::-1]),
        ]

    def test_lanes_get_even_shares_and_what_is_left_when_it_is_asked_for(self, desk: Desk) -> None:
        for name in "abc":
            desk.put(desk.lane(name, width=20), 2 if name == "a" else 20)
        assert [len(tasks) for tasks in desk.begin(10).values()] == [2, 3, 3]
        assert len(desk.begin_all(10)) == 10
        assert len(desk.begin_all()) == 42 - 18

    def test_with_less_room_than_lanes_they_take_turns(self, desk: Desk) -> None:
        for due, name in enumerate("abcde"):
            desk.put(desk.lane(name), 2, due=due)
        begun = [desk.begin(2), desk.begin(2), desk.begin(2)]
        assert [list(each) for each in begun] == [["a", "b"], ["c", "d"], ["e"]]
        assert [len(tasks) for each in begun for tasks in each.values()] == [1] * 5

    def test_a_lane_never_has_more_tasks_at_once_than_its_width(self, desk: Desk) -> None:
        narrow = desk.put(desk.lane("narrow", width=2), 9)
        wide = desk.put(desk.lane("wide", width=50), 9)
        begun = desk.begin()
        assert {lane: ids(tasks) for lane, tasks in begun.items()} == {"narrow": narrow[:2], "wide": wide}
        assert desk.begin() == {}
        desk.settle(begun["narrow"][0], DONE)
        assert {lane: ids(tasks) for lane, tasks in desk.begin().items()} == {"narrow": narrow[2:3]}

    def test_of_those_with_one_pace_one_alone_is_at_work(self, desk: Desk) -> None:
        for due, (name, pace) in enumerate([("a", "chat/room/"), ("b", None), ("c", "chat/room/"), ("d", "chat/hall/")]):
            desk.put(desk.lane(name, width=2, pace=pace), 2, due=due)
        begun = desk.begin()
        assert list(begun) == ["a", "b", "d"]
        assert desk.begin() == {}
        assert desk.settle_all([(task, DONE) for task in begun["a"]]) == [True, True]
        assert list(desk.begin()) == ["c"]

    def test_a_pace_is_one_in_all_sites_and_ends_with_the_lease(self, store: Store, database: Handle) -> None:
        desk, other = Desk(store, database), Desk(store, database, "other", "sender")
        for each in (desk, other):
            each.put(each.lane("chat", pace="chat/room/"))
        assert list(desk.begin()) == ["chat"]
        assert other.begin() == {}
        other.now += LEASE
        assert list(other.begin()) == ["chat"]

    def test_many_with_one_pace_keep_no_others_out(self, desk: Desk) -> None:
        for due, name in enumerate("abcde"):
            desk.put(desk.lane(name, pace="chat/room/"), due=due)
        (task,) = desk.put(desk.lane("beside"), due=10)
        assert task in ids(desk.begin_all(2))

    def test_what_waited_for_long_comes_as_one_within_the_room_for_all(self, desk: Desk) -> None:
        late = {name: desk.put(desk.lane(name, width=3, late=60.0), 11, due=100) for name in "ab"}
        tasks = desk.put(desk.lane("c", width=9), 9, due=200)
        begun = desk.begin(3)
        assert {lane: [together(task) for task in found] for lane, found in begun.items()} == {
            "a": [late["a"]],
            "b": [late["b"]],
            "c": [tasks[:1]],
        }

    @pytest.mark.parametrize("count", [10, 11, 12])
    def test_a_few_that_waited_for_long_come_one_by_one_and_what_is_new_comes_later(self, desk: Desk, count: int) -> None:
        lane = desk.lane("chat", width=20, late=60.0)
        old, new = desk.put(lane, count, due=desk.now - 60), desk.put(lane, 2, due=desk.now - 59)
        begun = [together(task) for task in desk.begin()["chat"]]
        assert begun == ([[task] for task in [*old, *new]] if count == 10 else [old])

    def test_a_late_lane_whose_width_is_used_up_gives_nothing(self, desk: Desk) -> None:
        lane = desk.lane("chat", late=60.0)
        desk.put(lane, due=0)
        (first,) = desk.begin_all()
        desk.put(lane, 20, due=0)
        assert desk.begin_all() == []
        desk.settle(first, DONE)
        assert [len(task.all) for task in desk.begin_all()] == [20]

    def test_a_group_is_one_task_and_begins_as_one(self, desk: Desk) -> None:
        lane, beside = desk.lane("chat", width=9), desk.lane("beside")
        group, alone, other = desk.put(lane, 3, group=GROUP), desk.put(lane), desk.put(beside)
        begun = [together(task) for task in desk.begin_all()]
        assert sorted(begun) == [group, alone, other]
        assert {desk.row(task, "started") for task in group} == {(desk.now,)}

    def test_what_a_dead_worker_had_begun_comes_again_and_is_unclear(self, desk: Desk) -> None:
        (task,) = desk.put(desk.lane("endpoint"))
        (lost,) = desk.begin_all()
        desk.now += LEASE - 1
        assert desk.begin() == {}
        desk.now += 1
        (again,) = desk.begin_all()
        assert (again.id, again.attempt, again.unclear) == (task, 2, True)
        assert [outcome for _, _, outcome, _ in desk.attempts(task)] == ["unclear"]
        assert not desk.settle(lost, FAILED)
        assert desk.settle(again, DONE)

    def test_what_was_begun_and_is_unclear_is_put_aside_where_the_lane_says_so(self, desk: Desk) -> None:
        one, two = desk.put(desk.lane("endpoint", repeat_unclear=False), 2)
        desk.put(desk.lane("beside"))
        assert one in ids(desk.begin_all())
        desk.now += LEASE
        assert two in ids(desk.begin_all())
        assert desk.row(one) == (State.DEAD, 1)

    def test_what_was_claimed_and_not_begun_is_not_unclear(self, desk: Desk) -> None:
        (task,) = desk.put(desk.lane("endpoint", repeat_unclear=False))
        desk.take()
        desk.now += LEASE
        assert [(one.id, one.unclear) for one in desk.begin_all()] == [(task, False)]

    def test_paused_and_resting_lanes_give_nothing_and_delay_nobody(self, desk: Desk) -> None:
        for name in ("paused", "resting", "well"):
            desk.put(desk.lane(name), 2)
        begun = desk.begin()
        desk.settle_all(
            [
                (begun["paused"][0], pause("Gone.")),
                (begun["resting"][0], retry(desk.now + 60, hold=True)),
                (begun["well"][0], DONE),
            ]
        )
        assert list(desk.begin()) == ["well"]
        desk.now += 60
        assert sorted(desk.begin()) == ["resting", "well"]

    def test_only_this_site_and_queue_is_looked_at(self, store: Store, database: Handle) -> None:
        desks = [Desk(store, database, *names) for names in (("alpha", "inbox"), ("bravo", "inbox"), ("alpha", "sender"))]
        tasks = [desk.put(desk.lane("endpoint")) for desk in desks]
        assert [ids(desk.begin_all()) for desk in desks] == tasks

    @pytest.mark.parametrize("kind", ["alone", "groups", "late"])
    def test_no_more_than_16_mib_of_bodies_are_read_at_once(self, desk: Desk, kind: str) -> None:
        tasks = []
        for name in "abc":
            lane = desk.lane(name, width=12, late=60.0 if kind == "late" else None)
            tasks += desk.put(lane, 12, group=GROUP if kind == "groups" else None, padding=3 * MIB // 2)
        seen: list[int] = []
        while begun := [task for found in desk.begin().values() for task in found]:
            bodies = [len(one.event.body) for task in begun for one in task.all]
            assert sum(bodies) <= 16 * MIB
            seen += [one for task in begun for one in together(task)]
            desk.settle_all([(task, DONE) for task in begun])
        assert sorted(seen) == tasks

    @pytest.mark.parametrize("group", [None, GROUP])
    def test_one_that_is_larger_than_that_comes_alone(self, desk: Desk, group: Group | None) -> None:
        lane = desk.lane("endpoint", width=9)
        tasks = desk.put(lane, group=group, padding=17 * MIB) + desk.put(lane, 2, group=group)
        assert ids(desk.begin()["endpoint"]) == tasks[:1]
        assert [one for task in desk.begin_all() for one in together(task)] == tasks[1:]
