"""The worker of a sender: claims deliveries that are due, sends them, and keeps how each try ended."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar
from uuid import uuid4

from perscom_receiver import DeliveryError, SQLiteInbox, Unavailable
from perscom_receiver.queue import Connection, Result, State, Task

from ._following import Following
from ._notices import Notice, tell
from ._outbox import Outboxes
from ._retention import prune
from ._rows import Row, find_all
from ._settle import Breaking, Settled, Try, settle
from ._slots import Slots
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
MOST_SETTLED = 500
"""Tries that are settled by one transaction."""
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
        self._requests: dict[int, asyncio.Task[None]] = {}
        self._held: dict[int, Task] = {}
        """What is leased to this worker: being sent, or sent and not settled yet."""
        self._tries: list[Try] = []
        """Requests that have ended and are to be settled."""
        self._slots = Slots()
        self._leased_until = 0.0
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event, grace: float) -> None:
        """Work until ``stop`` is set; then give what runs ``grace`` seconds to end."""
        me, loop = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}", asyncio.get_running_loop()

        def wake_up() -> None:
            with suppress(RuntimeError):  # the loop was closed at this moment
                loop.call_soon_threadsafe(self._wake.set)

        unlisten = self._store.database.listen(wake_up)
        following = Following(self._store).keep_running(POLL)
        work = (self._beat(me), self._outboxes.keep_fetching(POLL), following, self._stopped(stop))
        chores = [asyncio.create_task(chore) for chore in work]
        step: asyncio.Task[float] | None = None
        try:
            while not stop.is_set():
                self._wake.clear()
                step = asyncio.create_task(self._step())
                if pause := await asyncio.shield(step):
                    await _wait(self._wake, pause)
        finally:
            unlisten()
            if step is not None:  # when this was cancelled: what it commits must be known, or it would be settled twice
                await asyncio.wait([step])
            await self._drain(grace)
            for chore in chores:
                chore.cancel()
            await self._try(lambda connection: self._kept.leave(connection, me))
            await self._transport.close()

    async def _step(self) -> float:
        """Settle what has ended, fetch what lies in the store's own outbox, and begin what is due, in one transaction.

        Returns the seconds until the next look.
        """
        tries = self._tries[:MOST_SETTLED]
        self._slots.give_back_late()
        room = max(0, min(self._slots.free, MOST_OPEN - len(self._requests)))
        if not tries and room == 0:
            return self._slots.next_late or POLL  # the next that ends wakes us up
        committed = await self._try(partial(self._turn, tries=tries, room=room, held=list(self._held.values())))
        if committed is None:  # what was sent must be remembered, or it would be sent again: a full disk is waited for
            return POLL
        settled, begun, more, due = committed
        self._forget(tries, settled)
        for row, task in begun:
            self._slots.take(task.id)
            self._held[task.id] = task
            self._requests[task.id] = asyncio.create_task(self._send(row, task))
        if more or begun or self._tries:
            return 0.0
        return POLL if due is None else min(POLL, max(0.001, due - self._store.now()))

    def _turn(
        self, connection: Connection, tries: list[Try], room: int, held: list[Task]
    ) -> tuple[list[Settled], list[tuple[Row, Task]], bool, float | None]:
        """How ``tries`` were settled, what begins now, whether there is more in the outbox, and when to look again."""
        queue, now = self._store.queue, self._store.now()
        if held and now >= self._leased_until:  # the clock jumped: what runs here must not be claimed a second time
            queue.renew(connection, held, now + LEASE)
        settled = settle(connection, queue, tries, now, self._breaking)
        more = self._outboxes.waiting(connection) and self._outboxes.fetch_own(connection) > 0
        begun: list[tuple[Row, Task]] = []
        while room > 0 and (claims := queue.begin(connection, now, LEASE, room)):
            rows = find_all(connection, queue.site, [int(claim.lane.name) for claim in claims])
            for claim in claims:
                room -= len(claim.tasks)
                row = rows.get(int(claim.lane.name))
                if row is None:  # a file that was restored without it
                    queue.settle_all(connection, [(task, _NO_SUBSCRIPTION) for task in claim.tasks], now)
                    continue
                begun.extend((row, task) for task in claim.tasks)
                if row.subscription.rate is not None and claim.tasks:
                    queue.rest(connection, claim.lane.id, now + len(claim.tasks) / row.subscription.rate)
        return settled, begun, more, queue.next_ready(connection)

    def _forget(self, tries: list[Try], settled: list[Settled]) -> None:
        """Let go of what is committed, and tell of it."""
        del self._tries[: len(tries)]
        for one, end in zip(tries, settled, strict=True):
            del self._held[one.task.id]
            tell(one, end, self._notice)

    async def _send(self, row: Row, task: Task) -> None:
        """One try: its start is committed."""
        began = time.perf_counter()
        try:
            verdict = await self._ask(row, task)
        finally:
            self._slots.give_back(task.id)
            del self._requests[task.id]
        ms = (time.perf_counter() - began) * 1000
        self._tries.append(Try(row=row, task=task, verdict=verdict, ms=ms, chance=random.random()))
        self._wake.set()

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
            until, held = self._store.now() + LEASE, list(self._held.values())

            def beat(connection: Connection, held: list[Task] = held, until: float = until) -> bool:
                self._kept.beat(connection, me)
                self._store.queue.renew(connection, held, until)
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
        if self._requests:
            await asyncio.wait(self._requests.values(), timeout=grace)
        if left := list(self._requests.values()):
            _log.warning("%d requests did not end within %.0f s and were cut off", len(left), grace)
            for request in left:
                request.cancel()
            await asyncio.wait(left, timeout=1)
        while tries := self._tries[:MOST_SETTLED]:
            settled = await self._try(partial(self._settle, tries=tries))
            if settled is None:
                await asyncio.sleep(POLL)
            else:
                self._forget(tries, settled)
        if cut_off := list(self._held.values()):
            await self._try(lambda connection: self._store.queue.release(connection, cut_off, self._store.now()))

    def _settle(self, connection: Connection, tries: list[Try]) -> list[Settled]:
        return settle(connection, self._store.queue, tries, self._store.now(), self._breaking)

    async def _try(self, work: Callable[[Connection], _T]) -> _T | None:
        """The committed result of ``work``; None, with a line in the log, when the database cannot commit."""
        try:
            return await self._store.awrite(work, wake=False)
        except Unavailable as error:
            _log.error("The sender could not write: %s", error)
            return None


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
