"""Transactions of somebody else, other sites, other processes, and what a crash leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ...queue import Connection, State
from ._desk import DONE, LEASE, Desk, ids, new_event, pause, retry
from ._store import Handle, Store

__all__ = ["Enqueueing", "Processes"]


class Enqueueing:
    """A task is there once, and lives and dies with the transaction that it is made in."""

    def test_the_same_event_is_enqueued_once_per_lane(self, desk: Desk) -> None:
        one, two = desk.lane("one"), desk.lane("two")
        event = desk.write(new_event)
        added = [desk.write(lambda c, lane=lane: desk.queue.enqueue(c, lane, event, due=0)) for lane in (one, one, two)]  # type: ignore[misc]
        assert added == [True, False, True]
        assert len(desk.take(lanes=[one])) == len(desk.take(lanes=[two])) == 1

    def test_once_holds_when_the_task_is_done_long_since(self, desk: Desk) -> None:
        lane = desk.lane("one")
        event = desk.write(new_event)
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
            assert desk.queue.enqueue(theirs, lane, new_event(theirs), due=0)
            theirs.execute(end)
        assert len(desk.take()) == (1 if end == "COMMIT" else 0)

    def test_a_task_is_gone_when_the_closure_that_enqueued_it_fails(self, desk: Desk) -> None:
        lane = desk.lane("discord")

        def work(connection: Connection) -> None:
            desk.queue.enqueue(connection, lane, new_event(connection), due=0)
            raise ValueError("something else went wrong")

        with pytest.raises(ValueError, match="something else"):
            desk.write(work)
        assert desk.claim() is None

    def test_two_sites_and_two_queues_with_the_same_lane_name_stay_apart(self, store: Store, database: Handle) -> None:
        desks = [Desk(store, database, *names) for names in (("alpha", "inbox"), ("bravo", "inbox"), ("alpha", "sender"))]
        lanes = [desk.lane("discord", fingerprint=str(n)) for n, desk in enumerate(desks)]
        assert len(set(lanes)) == 3
        tasks = [desk.put(lane)[0] for desk, lane in zip(desks, lanes, strict=True)]
        desks[0].run(desks[0].take_one(), pause("Gone."))
        assert [ids(desk.take()) for desk in desks] == [[], [tasks[1]], [tasks[2]]]
        assert [len(database.read(desk.queue.backlog)) for desk in desks] == [1, 1, 1]
        assert not desks[1].write(lambda c: desks[1].queue.resume(c, "discord"))
        assert desks[0].write(lambda c: desks[0].queue.resume(c, "discord"))


class Processes:
    """Several at once, and what a crash leaves to the next one."""

    def test_processes_that_claim_at_once_never_hold_the_same_task_nor_exceed_the_width(self, store: Store, desk: Desk) -> None:
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

    def test_a_worker_that_lost_its_lease_to_another_process_changes_nothing(self, store: Store, desk: Desk) -> None:
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

    def test_a_crash_keeps_what_was_committed_and_nothing_of_what_was_not(self, store: Store, desk: Desk) -> None:
        lane = desk.lane("discord", width=2)
        done, started, untouched = desk.put(lane, 3)
        first, second = desk.take(2)
        desk.run(first)
        assert desk.start(second)

        def unfinished(connection: Connection) -> None:
            assert desk.queue.settle(connection, second, DONE, desk.now)
            assert desk.queue.claim(connection, desk.now, LEASE, 1, [lane])
            assert desk.queue.enqueue(connection, lane, new_event(connection), due=0)

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
