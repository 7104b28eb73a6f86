"""Chains in a file that is restored, pruned or purged: they go on in their order, and nothing of them is stuck."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_receiver import SQLiteInbox
from perscom_receiver.queue import Database, State
from perscom_receiver.testing import make_event
from perscom_receiver.testing.queue_suite._desk import DONE, FAILED, Desk, ids, retry

DAY = 86_400.0
OPEN = (State.WAITING, State.LEASED)
ENDS = {"done": DONE, "dead": FAILED, "retry": retry(2000.0), "hold": retry(1500.0, hold=True)}


@contextmanager
def desk_in(folder: Path) -> Iterator[Desk]:
    with closing(Database(folder / "queue.db")) as database:
        yield Desk(None, database)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as desk:
        yield desk


def back_up(desk: Desk) -> Path:
    copy = desk.database.path.with_name("copy.db")
    desk.database.backup(copy)
    return copy


def events(desk: Desk, *states: State, chain: str = "user/7") -> list[str]:
    """Those of the tasks of a chain in these states, in the order of enqueueing."""
    sql = "SELECT state, digest FROM task JOIN event ON event.id = task.event WHERE chain = ? ORDER BY task.id"
    rows = desk.database.read(lambda c: c.execute(sql, (chain,)).fetchall())
    return [digest.hex() for state, digest in rows if state in states]


def finish(desk: Desk) -> list[str]:
    """The events of what is worked on until nothing is ready, once all leases and waits are over."""
    desk.now += DAY
    order: list[str] = []
    while begun := desk.begin_all():
        assert all(desk.settle_all([(task, DONE) for task in begun]))
        order += [task.event.id for task in begun]
    assert desk.database.read(desk.queue.backlog) == [], "something is stuck"
    return order


class TestRestored:
    def test_what_came_after_the_backup_stands_behind_the_rest(self, desk: Desk) -> None:
        lane = desk.lane("endpoint", width=9)
        desk.put(lane, 3, chain="user/7")
        copy = back_up(desk)
        desk.settle(desk.begin_all()[0], DONE)
        desk.put(lane, 2, chain="user/7")
        waiting = events(desk, State.WAITING)
        assert desk.database.restore(copy).waiting == len(waiting) == 4
        assert finish(desk) == waiting

    def test_a_lane_that_had_nothing_to_do_learns_of_what_came(self, desk: Desk) -> None:
        lane = desk.lane("endpoint")
        copy = back_up(desk)
        desk.put(lane, 2, chain="user/7")
        waiting = events(desk, State.WAITING)
        desk.database.restore(copy)
        assert finish(desk) == waiting

    def test_a_lane_that_rests_goes_on_resting(self, desk: Desk) -> None:
        lane = desk.lane("endpoint")
        desk.write(lambda c: desk.queue.rest(c, lane, desk.now + 60))
        copy = back_up(desk)
        (task,) = desk.put(lane)
        desk.database.restore(copy)
        assert desk.begin_all() == []
        desk.now += 60
        assert ids(desk.begin_all()) == [task]

    def test_they_come_as_they_were_enqueued_not_as_their_events_arrived(self, desk: Desk) -> None:
        lane, other = desk.lane("endpoint"), desk.lane("other", width=9)
        copy = back_up(desk)
        desk.put(other, 3)
        desk.settle_all([(task, DONE) for task in desk.begin_all()])
        for row in (3, 2, 1):
            assert desk.write(lambda c, row=row: desk.queue.enqueue(c, lane, row, due=0, chain="user/7"))
        waiting = events(desk, State.WAITING)
        desk.database.restore(copy)
        assert finish(desk) == waiting

    def test_one_that_was_under_way_is_in_front_until_its_lease_is_over(self, desk: Desk) -> None:
        lane = desk.lane("endpoint", width=9)
        desk.put(lane, 2, chain="user/7")
        desk.settle(desk.begin_all()[0], FAILED)
        assert len(desk.begin_all()) == 1
        assert desk.revive(1)
        waiting = events(desk, *OPEN)
        desk.database.restore(back_up(desk))
        assert desk.begin_all() == []
        assert finish(desk) == waiting

    def test_one_that_was_under_way_in_both_files_stands_in_front_alone(self, desk: Desk) -> None:
        """The first was sent again while the last was under way."""
        lane = desk.lane("endpoint", width=9)
        desk.put(lane, 2, chain="user/7")
        desk.settle(desk.begin_all()[0], FAILED)
        assert desk.revive(1)
        (first,) = desk.begin_all()
        copy = back_up(desk)
        desk.settle(first, FAILED)
        desk.settle(desk.begin_all()[0], DONE)
        desk.put(lane, chain="user/7")
        desk.begin_all()
        assert desk.revive(1)
        waiting = events(desk, *OPEN)
        desk.database.restore(copy)
        assert finish(desk) == waiting

    @settings(max_examples=60, deadline=None)
    @given(
        before=st.lists(st.sampled_from(["put", "put", "begin", *ENDS, "revive", "again", "bury"]), max_size=20),
        since=st.lists(st.sampled_from(["put", "put", "begin", *ENDS, "bury"]), max_size=20),
        data=st.data(),
    )
    def test_whatever_happened_before_and_since(self, before: list[str], since: list[str], data: st.DataObject) -> None:
        """What ended is not done again, what waits is done in its order, and nothing is stuck."""
        chains = ["user/7", "user/8"]
        with tempfile.TemporaryDirectory() as folder, desk_in(Path(folder)) as desk:
            lane, tasks, held = desk.lane("endpoint", width=9), list[int](), []

            def happen(steps: list[str]) -> None:
                for step in steps:
                    if step == "put":
                        tasks.extend(desk.put(lane, chain=data.draw(st.sampled_from(chains))))
                    elif step == "begin":
                        held.extend(desk.begin_all())
                    elif step in ENDS and held:
                        desk.settle(held.pop(data.draw(st.integers(0, len(held) - 1))), ENDS[step])
                    elif step in ("revive", "again", "bury") and tasks:
                        getattr(desk, step)(data.draw(st.sampled_from(tasks)))

            happen(before)
            copy = back_up(desk)
            happen(since)
            waiting = [events(desk, *OPEN, chain=chain) for chain in chains]
            desk.database.restore(copy)
            order = finish(desk)
            assert [[event for event in order if event in chain] for chain in waiting] == waiting
            assert len(order) == sum(map(len, waiting))


class TestForgotten:
    """Tasks that end since their event is forgotten let the next of their chain go."""

    @pytest.fixture
    def inbox(self, desk: Desk) -> SQLiteInbox:
        return SQLiteInbox(desk.database, keep_bodies=30, horizon=40, now=lambda: desk.now)

    @pytest.mark.parametrize("old", [0, 1])
    def test_what_waits_for_too_long_is_left_out(self, desk: Desk, inbox: SQLiteInbox, old: int) -> None:
        tasks = desk.put(desk.lane("endpoint"), 3, chain="user/7")
        desk.now += 100 * DAY
        desk.write(lambda c: c.execute("UPDATE event SET received = ? WHERE id <> ?", (desk.now, tasks[old])))
        left = events(desk, State.WAITING)
        del left[old]
        assert desk.write(inbox.prune) > 0
        assert finish(desk) == left

    def test_what_is_purged_is_left_out_and_leaves_no_name_of_a_chain(self, desk: Desk, inbox: SQLiteInbox) -> None:
        lane, added = desk.lane("endpoint"), []
        for row, user in enumerate((7, 8, 7, 8), start=1):
            added.append(make_event("rankrecord.created", user_id=user))
            inbox.add(added[-1])
            assert desk.write(lambda c, row=row: desk.queue.enqueue(c, lane, row, due=0, chain="unit/1"))
        (running,) = desk.begin_all()
        assert inbox.purge_user(7).events == 2
        assert not desk.settle(running, DONE)
        assert finish(desk) == [added[1].id, added[3].id]
        chains = desk.database.read(lambda c: c.execute("SELECT chain FROM task ORDER BY id").fetchall())
        assert chains == [(None,), ("unit/1",), (None,), ("unit/1",)]
