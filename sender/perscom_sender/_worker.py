"""The worker of a sender: claims deliveries that are due, sends them, and keeps how each try ended.

A slot counts work, not waiting: a request that is not answered within a fraction of a second gives its slot back, so that slow
and dead endpoints never use up those of the others. How many requests one endpoint gets at once is the width of its lane.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

from perscom_receiver import DeliveryError, SQLiteInbox, Unavailable
from perscom_receiver.queue import Connection, Result, State, Task

from ._notices import Notice, tell
from ._outbox import Outboxes
from ._retention import prune
from ._rows import Row, find
from ._settle import Breaking, Settled, settle
from ._store import Store
from ._verdict import Verdict, judge, judge_failure
from ._wire import signed
from .transport import Transport

__all__ = ["Worker"]

_T = TypeVar("_T")
_log = logging.getLogger("perscom_sender")

POLL = 0.5
"""Seconds between two looks when nothing called: what another process published makes no sound here."""
BEAT = 5.0
LEASE = 15.0
"""Seconds that the deliveries of a crashed worker wait for another one."""
PRUNE = 3600.0
FARTHEST = 34 * 86_400.0
"""Seconds ahead that anything may wait for: more than the longest wait of a Schedule with its jitter."""
LATE = 0.25
"""Seconds after which a request that waits for its answer gives its slot back."""
SLOTS = 100
MOST_OPEN = 900
"""Requests at once, those that wait included: each is an open file, and 1024 are a usual limit."""


_NO_SUBSCRIPTION = Result(state=State.WAITING, outcome="released", pause="there is no such subscription")


class Worker:
    """One run of a sender in one event loop."""

    def __init__(
        self,
        store: Store,
        outboxes: Outboxes,
        transport: Transport,
        breaking: Breaking,
        kept: SQLiteInbox,
        keep_log: float,
        notice: Callable[[Notice], object],
    ) -> None:
        self._store = store
        self._outboxes = outboxes
        self._transport = transport
        self._breaking = breaking
        self._kept = kept
        self._keep_log = keep_log
        self._notice = notice
        self._tasks: dict[asyncio.Task[None], Task] = {}
        self._slots = SLOTS
        self._leased_until = 0.0
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event, grace: float) -> None:
        """Work until ``stop`` is set; then give what runs ``grace`` seconds to end."""
        me, loop = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}", asyncio.get_running_loop()

        def wake_up() -> None:
            with suppress(RuntimeError):  # the loop was closed at this moment
                loop.call_soon_threadsafe(self._wake.set)

        unlisten = self._store.database.listen(wake_up)
        chores = [
            asyncio.create_task(chore) for chore in (self._beat(me), self._outboxes.keep_fetching(POLL), self._stopped(stop))
        ]
        try:
            while not stop.is_set():
                self._wake.clear()
                if pause := await self._step():
                    await _wait(self._wake, pause)
        finally:
            unlisten()
            await self._drain(grace)
            for chore in chores:
                chore.cancel()
            await self._try(lambda connection: self._kept.leave(connection, me))
            await self._transport.close()

    async def _step(self) -> float:
        """Fetch what lies in the store's own outbox, and begin what is due. Seconds until the next look."""
        running = list(self._tasks.values())
        room = min(self._slots, MOST_OPEN - len(self._tasks))
        if room <= 0:
            return POLL  # the next that ends, or is late, wakes us up
        claimed = await self._try(lambda connection: self._claim(connection, room, running))
        if claimed is None:
            return POLL
        begun, more, due = claimed
        for row, task in begun:
            self._slots -= 1
            attempt = asyncio.create_task(self._send(row, task))
            self._tasks[attempt] = task
            attempt.add_done_callback(self._ended)
        if more or begun:
            return 0.0
        return POLL if due is None else min(POLL, max(0.001, due - self._store.now()))

    def _claim(
        self, connection: Connection, room: int, running: list[Task]
    ) -> tuple[list[tuple[Row, Task]], bool, float | None]:
        """What begins now, whether there is more in the outbox, and when the next claim may find something."""
        queue, now = self._store.queue, self._store.now()
        more = self._outboxes.waiting(connection) and self._outboxes.fetch_own(connection) > 0
        if running and now >= self._leased_until:  # the clock jumped: what runs here must not be claimed a second time
            queue.renew(connection, running, now + LEASE)
        begun: list[tuple[Row, Task]] = []
        while room > 0 and (claim := queue.claim(connection, now, LEASE, room)) is not None:
            row = find(connection, queue.site, int(claim.lane.name))
            if row is None:  # a file that was restored without it
                for task in claim.tasks:
                    queue.settle(connection, task, _NO_SUBSCRIPTION, now)
                continue
            begun.extend((row, task) for task in claim.tasks if queue.start(connection, task, now))
            room -= len(claim.tasks)
            if row.subscription.rate is not None and claim.tasks:
                queue.rest(connection, claim.lane.id, now + len(claim.tasks) / row.subscription.rate)
        return begun, more, queue.next_ready(connection)

    def _ended(self, attempt: asyncio.Task[None]) -> None:
        del self._tasks[attempt]
        self._wake.set()

    async def _send(self, row: Row, task: Task) -> None:
        """One try: its start is committed. From the request to the record of how it ended."""
        slot = _Slot(self)
        late = asyncio.get_running_loop().call_later(LATE, slot.give_back)
        began = time.perf_counter()
        try:
            verdict = await self._ask(row, task)
        finally:
            late.cancel()
            slot.give_back()
        ms, chance = (time.perf_counter() - began) * 1000, random.random()

        def work(connection: Connection) -> Settled:
            return settle(
                connection, self._store.queue, row.subscription.id, task, verdict,
                now=self._store.now(), ms=ms, chance=chance, breaking=self._breaking,
            )  # fmt: skip

        # What was sent must be remembered, or it would be sent again: a disk that is full for a while is waited for.
        while (settled := await self._try(work)) is None:
            await asyncio.sleep(1)
        tell(row, task, verdict, settled, self._notice)

    async def _ask(self, row: Row, task: Task) -> Verdict:
        moment = self._store.now()
        try:
            request = signed(row, task.event.body, task.event.id, moment)
            answer = await self._transport.send(request, timeout=row.subscription.timeout)
        except DeliveryError as error:
            return judge_failure(error)
        except Exception as error:  # noqa: BLE001 - a transport of others; the try must end all the same
            # Without its text: errors of HTTP clients hold addresses.
            return Verdict(kind="internal", error=f"the transport raised {type(error).__name__}, which is no DeliveryError")
        private = [*(one.value for one in row.stored), *(v for k, v in request.headers.items() if k != "Content-Type")]
        return judge(answer, moment, private)

    async def _beat(self, me: str) -> None:
        """Signs of life, renewals of leases and, once an hour, forgetting what is too old."""
        pruned = -PRUNE
        while True:
            until, running = self._store.now() + LEASE, list(self._tasks.values())

            def beat(connection: Connection, running: list[Task] = running, until: float = until) -> bool:
                self._kept.beat(connection, me)
                self._store.queue.renew(connection, running, until)
                return True

            if await self._try(beat):
                self._leased_until = until
            if time.monotonic() - pruned > PRUNE and not await self._try(self._prune):
                await self._try(lambda connection: self._store.queue.bound(connection, self._store.now() + FARTHEST))
                pruned = time.monotonic()
            await asyncio.sleep(BEAT)

    def _prune(self, connection: Connection) -> int:
        return prune(connection, self._store, self._kept, self._keep_log)

    async def _stopped(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _drain(self, grace: float) -> None:
        """Let what is under way come to its end; cut off what does not, and give its lease back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        left = list(self._tasks.values())
        for attempt in list(self._tasks):
            attempt.cancel()
        if left:
            _log.warning("%d requests did not end within %.0f s and were cut off", len(left), grace)
            await asyncio.wait(self._tasks, timeout=1)
            await self._try(lambda connection: self._store.queue.release(connection, left, self._store.now()))

    async def _try(self, work: Callable[[Connection], _T]) -> _T | None:
        """The committed result of ``work``; None, with a line in the log, when the database cannot commit."""
        try:
            return await self._store.awrite(work, wake=False)
        except Unavailable as error:
            _log.error("The sender could not write: %s", error)
            return None


class _Slot:
    """One of the slots of a worker, given back once."""

    def __init__(self, worker: Worker) -> None:
        self._worker: Worker | None = worker

    def give_back(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker._slots += 1
            worker._wake.set()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
