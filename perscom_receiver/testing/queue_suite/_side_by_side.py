"""Many at once: programs that enqueue and workers that take, on handles of their own, as so many processes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ...queue import Claim, Connection, Lane, Task
from ._desk import DONE, Desk, new_event, retry
from ._store import Store

__all__ = ["SideBySide"]

WITHIN = 60.0
"""Seconds after which a test gives up."""
ENQUEUING, WORKING = 3, 4


class SideBySide:
    """Whoever works at the same time: nothing is had by two, and nothing is left lying."""

    def test_all_that_many_enqueue_is_worked_once_in_the_order_of_its_chain_and_within_the_widths(
        self, store: Store, desk: Desk
    ) -> None:
        lanes = [desk.lane(f"lane {n}", width=width) for n, width in enumerate((1, 2, 5, 20))]
        chains = ["user/1", "user/2", None]
        done = _work(store, lambda number: (lanes, chains[number % 3]), 120, failing=0.1)
        for of in {(lane, name, chains[number % 3]) for lane, name, number in done} if any(chains) else ():
            numbers = [number for lane, name, number in done if (lane, name, chains[number % 3]) == of]
            assert of[2] is None or numbers == sorted(numbers), "none has overtaken another one of its chain"

    def test_of_lanes_with_one_pace_one_alone_is_at_work(self, store: Store, desk: Desk) -> None:
        lanes = [desk.lane(f"{pace}{n}", width=3, pace=pace) for pace in ("slow/", "slower/") for n in range(4)]
        _work(store, lambda number: (lanes, None), 10)


class _Watchman:
    """Sees what is at work at each moment, and that it may be."""

    def __init__(self) -> None:
        self.done: list[tuple[int, int, int]] = []
        """What has come to an end, in that order: the lane, who has enqueued it, and as which of theirs."""
        self._lock = threading.Lock()
        self._running: dict[int, tuple[Lane, str | None]] = {}

    def enters(self, lane: Lane, task: Task, chain: str | None) -> None:
        with self._lock:
            assert task.id not in self._running, "somebody else has it"
            beside = list(self._running.values())
            assert chain is None or (lane, chain) not in beside, "another one of its chain is at work"
            pace = lane.name.rpartition("/")[0]
            same = {other.name for other, _ in beside if pace and other.name.rpartition("/")[0] == pace}
            assert same <= {lane.name}, "another lane of its pace is at work"
            self._running[task.id] = (lane, chain)
            assert sum(other == lane for other, _ in self._running.values()) <= lane.width

    def leaves(self, lane: Lane, task: Task, about: tuple[int, int] | None) -> None:
        """``about`` is who has enqueued it, and as which of theirs; None: it is tried again."""
        with self._lock:
            del self._running[task.id]
            if about is not None:
                self.done.append((lane.id, *about))


def _work(
    store: Store, plan: Callable[[int], tuple[list[int], str | None]], each: int, *, failing: float = 0.0
) -> list[tuple[int, int, int]]:
    """Some enqueue ``each`` events, for the lanes and with the chain that ``plan`` gives for its number, and others work.

    Returns what :class:`_Watchman` has seen done: all, each once. ``failing`` is the share of tasks that fail at first.
    """
    watchman, stop, end, chance = _Watchman(), threading.Event(), time.monotonic() + WITHIN, random.Random(1)

    def enqueue(own: Desk, name: int) -> int:
        made, tasks, some = 0, 0, random.Random(name)
        while made < each:
            numbers = range(made, min(made + some.randint(1, 9), each))
            tasks += own.write(lambda c, numbers=numbers: sum(put(own, c, name, n, some) for n in numbers))  # type: ignore[misc]
            made = numbers.stop
        return tasks

    def put(own: Desk, connection: Connection, name: int, number: int, some: random.Random) -> int:
        event = new_event(connection, after=name * 1000 + number)
        lanes, chain = plan(number)
        for lane in some.sample(lanes, len(lanes)):  # each in an order of its own
            assert own.queue.enqueue(connection, lane, event, due=0, entity=f"{name}/{number}", chain=chain)
        return len(lanes)

    def work(own: Desk) -> None:
        try:
            while not stop.is_set():
                assert time.monotonic() < end, "something is left lying"
                claims = own.write(lambda c: own.queue.begin(c, own.now, 1000, 7))
                for claim in claims:
                    run(own, claim)
                if not any(claim.tasks for claim in claims):
                    time.sleep(0.005)
        finally:
            stop.set()

    def run(own: Desk, claim: Claim) -> None:
        ended, about = [], {}
        for task in claim.tasks:
            name, _, number = str(own.row(task.id, "entity")[0]).partition("/")
            about[task.id] = (int(name), int(number))
            watchman.enters(claim.lane, task, plan(int(number))[1])
        time.sleep(0.001)
        for task in claim.tasks:
            fails = task.attempt == 1 and chance.random() < failing
            watchman.leaves(claim.lane, task, None if fails else about[task.id])
            ended.append((task, retry(own.now) if fails else DONE))
        assert all(own.settle_all(ended))

    with _desks(store, ENQUEUING) as enqueuing, _desks(store, WORKING) as working, ThreadPoolExecutor(7) as pool:
        workers = [pool.submit(work, own) for own in working]
        total = sum(pool.map(enqueue, enqueuing, range(ENQUEUING)))
        while len(watchman.done) < total and not stop.wait(0.01):
            pass
        stop.set()
        for worker in workers:
            worker.result()
    assert len(watchman.done) == len(set(watchman.done)) == total
    return watchman.done


@contextmanager
def _desks(store: Store, number: int) -> Iterator[list[Desk]]:
    desks = [Desk(store, store.open()) for _ in range(number)]
    try:
        yield desks
    finally:
        for desk in desks:
            desk.database.close()
