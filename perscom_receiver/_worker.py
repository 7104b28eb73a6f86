"""The worker: takes events out of the inbox and calls the handlers that want them, until each has succeeded or was given up."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TypeVar
from uuid import uuid4

import msgspec

from ._call import call, is_cut_off
from ._errors import ConfigurationError, Unavailable
from ._inbox import SQLiteInbox
from ._outcomes import cut_off_too_often, done, failed
from ._planner import AT_ONCE, Planner
from ._retry import RetryPolicy
from ._router import Handler, Router
from ._running import WorkerThread, run_until_signal, set_when, wait, working
from .queue import Claim, Connection, Task, Told

__all__ = ["Worker"]

_T = TypeVar("_T")
_log = logging.getLogger("perscom_receiver")

POLL = 0.5
"""Seconds between two looks when nothing called: events that another process stored make no sound here."""
BEAT = 5.0
"""Seconds between signs of life, and between renewals of leases."""
PRUNE = 3600.0
FARTHEST = 3600.0
"""Seconds ahead that anything may wait for: the longest wait a platform is believed, and more than any of our own."""


class Worker:
    """Handles the events of one inbox with the handlers of one router. Several workers may share an inbox, also in several
    processes, if they have the same handlers.

    Each handler is a lane of its own: one that fails or hangs never delays the others. One that returns is done, and a
    msgspec.Struct that it returns is kept as its receipt. One that raises is called again, by its own ``retry`` or the one
    given here, and becomes a dead letter when that gives up; a :class:`~perscom_receiver.DestinationError` says by its
    ``outcome`` that something else follows. An event that no handler wants is kept and done.

    Delivery is at least once: a handler that was cut off in the middle is called again, so ``event.id`` should make a repeat
    harmless. ``lease`` is in seconds: how long a crashed worker's tasks wait for another one. ``running`` bounds the tasks of
    all handlers at once, for processes that share the work; handlers that hang use it up. ``grace`` is the seconds that running
    handlers get when the worker stops. ``around`` makes a context for each call of a handler, entered in the handler's own
    thread or task: ``flask_app.app_context``. ``speed`` is how many seconds of the inbox's ``now`` pass in one: for
    demonstrations and tests, whose clocks may run fast.
    """

    def __init__(
        self,
        inbox: SQLiteInbox,
        router: Router,
        *,
        retry: RetryPolicy | None = None,
        lease: float = 15.0,
        running: int | None = None,
        grace: float = 10.0,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
        speed: float = 1.0,
    ) -> None:
        if lease < 2 * BEAT or (running is not None and running < 1) or grace < 0 or speed <= 0:
            raise ConfigurationError(f"A Worker needs lease >= {2 * BEAT:.0f} s, running >= 1, grace >= 0 and speed > 0.")
        self.inbox = inbox
        self.router = router
        self.id = ""
        """Made anew by each run: a worker that was made before a fork is another one in each process."""
        self._retry = retry or RetryPolicy()
        self._lease = lease * speed
        self._running = running
        self._grace = grace
        self._around = around
        self._speed = speed
        self._runs = False
        self._planner = Planner(inbox, router)
        self._tasks: dict[asyncio.Task[None], Task] = {}
        self._leased_until = 0.0  # no lease of a running task ends before this moment

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Work until ``stop`` is set (or this is cancelled); then let running handlers end, and give the rest back."""
        self.id = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        if self._runs:
            raise ConfigurationError("This Worker runs already. Make another one, or start it in one place only.")
        self._runs = True
        stop = stop or asyncio.Event()
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def wake_up() -> None:
            with suppress(RuntimeError):  # the loop was closed at this moment
                loop.call_soon_threadsafe(wake.set)

        unlisten = self.inbox.database.listen(wake_up)
        leave = None if self.inbox.ingest is None else self.inbox.ingest.take_over(self.inbox)
        chores = [asyncio.create_task(self._beat()), asyncio.create_task(set_when(stop, wake))]
        try:
            while not stop.is_set():
                wake.clear()
                pause = await self._step(wake) if await self._planner.open_lanes() else POLL
                if pause:
                    await wait(wake, pause / self._speed)
        finally:
            unlisten()
            if leave is not None:
                await asyncio.wrap_future(leave())
            await self._drain()  # with signs of life: leases are renewed until the last handler has ended
            for chore in chores:
                chore.cancel()
            await self._try(lambda connection: self.inbox.leave(connection, self.id))
            self._runs = False

    def lifespan(self, app: object = None) -> AbstractAsyncContextManager[None]:
        """Work as long as an app does, then close the inbox: a lifespan for Starlette and FastAPI, or a part of theirs.

        app = FastAPI(lifespan=worker.lifespan)

        @asynccontextmanager
        async def lifespan(app):            # of an app that has more to open
            async with worker.lifespan(app):
                yield
        """
        return working(self)

    def start_thread(self) -> WorkerThread:
        """Work in a thread with its own event loop, for programs without one. Start it after a fork, not before."""
        return WorkerThread(self)

    def run_forever(self) -> None:
        """Work until SIGTERM or Ctrl-C, in the main thread of a process of its own; then close the inbox."""
        run_until_signal(self)

    async def _step(self, wake: asyncio.Event) -> float:
        """Make tasks of new events, and begin what is due. Seconds of the inbox until the next look."""
        room = AT_ONCE if self._running is None else min(AT_ONCE, self._running - len(self._tasks))
        try:
            due, pending = await self.inbox.database.aread(self._planner.look)
            if pending:
                plans = self._planner.plans(pending)
                await self.inbox.database.awrite(lambda connection: self.inbox.plan(connection, plans))
            elif due is None or room <= 0:
                return POLL
            elif (ahead := due - self.inbox.now()) > 0:
                return min(ahead, POLL)  # a lane that rests is called when its rest is over, not half a second later
            running = list(self._tasks.values())
            claims = await self.inbox.database.awrite(lambda connection: self._claims(connection, room, running))
        except Unavailable as error:
            _log.error("The worker pauses: %s", error)
            return POLL
        for claim in claims:
            for task in claim.tasks:
                attempt = asyncio.create_task(self._work(self._planner.handlers[claim.lane.name], task))
                self._tasks[attempt] = task
                attempt.add_done_callback(self._tasks.pop)
                attempt.add_done_callback(lambda _: wake.set())
        return 0.0 if claims or pending else POLL

    def _claims(self, connection: Connection, room: int, running: Collection[Task]) -> list[Claim]:
        """Claims of one ready lane after the other, until there is none or no room."""
        claims, now = [], self.inbox.now()
        if now >= self._leased_until:
            # The clock jumped, or the disk was full for long: what still runs here must not be claimed a second time.
            self.inbox.queue.renew(connection, running, now + self._lease)
        while room > 0:
            claim = self.inbox.queue.claim(connection, now, self._lease, room, self._planner.lanes.values())
            if claim is None:
                break
            claims.append(claim)
            room -= len(claim.tasks)
        return claims

    async def _work(self, handler: Handler, task: Task) -> None:
        """One attempt, from the mark that it begins to the record of how it ended."""
        if not await self._try(lambda connection: self.inbox.queue.start(connection, task, self.inbox.now())):
            return  # the lease was lost, or the disk is full: in both cases nothing was done yet
        began, retry = time.perf_counter(), handler.retry or self._retry
        result = cut_off_too_often(handler, task, retry, self.inbox.now())
        if result is None:
            try:
                result = done(handler, task, await call(handler, task, await self._told(handler, task), self._around))
            except BaseException as error:
                if isinstance(error, GeneratorExit) or (isinstance(error, asyncio.CancelledError) and is_cut_off()):
                    raise
                # Whatever else a handler raises is an outcome, which is kept: even a KeyboardInterrupt of its own.
                result = failed(handler, task, error, retry, self.inbox.now())
        result = msgspec.structs.replace(result, ms=(time.perf_counter() - began) * 1000)
        # What was done must be remembered, or it would be done again: a disk that is full for a while is waited for.
        while await self._try(lambda connection: self.inbox.queue.settle(connection, task, result, self.inbox.now())) is None:
            await asyncio.sleep(1)

    async def _told(self, handler: Handler, task: Task) -> tuple[Told, ...]:
        if handler.group is None or not task.receipts:
            return ()
        return await self.inbox.database.aread(lambda connection: self.inbox.queue.told(connection, task))

    async def _beat(self) -> None:
        """Signs of life, renewals of leases and, once an hour, forgetting what is too old."""
        inbox, pruned = self.inbox, 0.0

        def beat(connection: Connection, running: Collection[Task], until: float) -> bool:
            inbox.beat(connection, self.id)
            inbox.queue.renew(connection, running, until)
            waits = [(handler.retry or self._retry).longest * 1.1 for handler in self._planner.handlers.values()]
            inbox.queue.bound(connection, inbox.now() + max([FARTHEST, *waits]))
            return True

        while True:
            until = inbox.now() + self._lease
            if await self._try(partial(beat, running=list(self._tasks.values()), until=until)):
                self._leased_until = until
            if time.monotonic() - pruned > PRUNE and not await self._try(inbox.prune):
                pruned = time.monotonic()
            await asyncio.sleep(BEAT / self._speed)

    async def _drain(self) -> None:
        """Let what runs come to an end; cut off what does not, and give its lease back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._grace)
        left = list(self._tasks.values())
        for running in list(self._tasks):
            running.cancel()
        if left:
            _log.warning("%d handlers did not end within %.0f s and were cut off", len(left), self._grace)
            await asyncio.wait(self._tasks, timeout=1)
            await self._try(lambda connection: self.inbox.queue.release(connection, left, self.inbox.now()))

    async def _try(self, work: Callable[[Connection], _T]) -> _T | None:
        """The committed result of ``work``; None, with a line in the log, when the database cannot commit."""
        try:
            return await self.inbox.database.awrite(work)
        except Unavailable as error:
            _log.error("The worker could not write: %s", error)
            return None
