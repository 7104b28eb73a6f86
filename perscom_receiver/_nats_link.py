"""The thread of one process that speaks with NATS: a connection that is made anew for ever, and all that goes over it."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, Final, TypeAlias, TypeVar

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from ._errors import Unavailable
from ._nats_address import NatsAddress
from ._nats_client import Connection, connected, sentence
from ._nats_consumer import Consumer, Takeover
from ._nats_message import LARGEST_HEADERS, Message
from ._nats_stream import STREAM, durable_name, make_stream, subject
from ._retry import RetryPolicy

__all__ = ["ACK_WITHIN", "Link"]

ACK_WITHIN: Final = 0.8
"""Seconds that the stream has for its acknowledgement. PERSCOM waits 3 s in all, and the store needs its part of them."""
ASK_WITHIN: Final = 2.0
HEALTH_WITHIN: Final = 1.0
END_WITHIN: Final = 1.0
OLDEST: Final = (2, 9)
_AGAIN: Final = RetryPolicy(first=0.1, longest=5.0)
_log = logging.getLogger("perscom_receiver")
_T = TypeVar("_T")
_Work: TypeAlias = Callable[[], Coroutine[Any, Any, _T]]


class Link:
    """Begins at once; :meth:`close` ends it for good."""

    def __init__(self, address: NatsAddress, takeovers: Iterable[Takeover]) -> None:
        self.trouble: str | None = "not connected yet"
        """Why nothing can be published; None: it can."""
        self.refusal: str | None = None
        """Why the stream did not take the newest event; None: it did."""
        self._address = address
        self._takeovers = list(takeovers)
        self._running: dict[Takeover, tuple[Consumer, asyncio.Task[None]]] = {}
        self._client: Client | None = None
        self._js: JetStreamContext | None = None
        self._attempt = self._late = 0
        self._moved: dict[str, tuple[int, float]] = {}
        self._waiting: set[Future[Any]] = set()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perscom-nats", daemon=True)
        self._thread.start()
        self._begun.wait()

    @property
    def ready(self) -> bool:
        """False when it is known that nothing can be published now."""
        return self._js is not None or not self._tried.is_set()

    def submit(self, work: _Work[_T]) -> Future[_T | None]:
        """Run ``work`` in the thread. None when it failed, or the link has ended."""
        future: Future[_T | None] = Future()
        future.set_running_or_notify_cancel()
        self._waiting.add(future)
        try:
            self._loop.call_soon_threadsafe(self._begin, work, future)
        except RuntimeError:  # the loop was closed
            self._waiting.discard(future)
            future.set_result(None)
        return future

    def close(self) -> None:
        """End it: what is at hand goes into the store before, if that takes no second."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _begin(self, work: _Work[_T], future: Future[_T | None]) -> None:
        self._loop.create_task(work()).add_done_callback(partial(self._resolve, future))

    def _resolve(self, future: Future[_T | None], task: asyncio.Task[_T]) -> None:
        self._waiting.discard(future)
        failed = task.cancelled() or task.exception() is not None
        if not future.done():
            future.set_result(None if failed else task.result())

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        finally:
            for future in tuple(self._waiting):
                if not future.done():
                    future.set_result(None)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._tried, self._doubt = asyncio.Event(), asyncio.Event()
        self._begun.set()
        keeping = asyncio.create_task(self._keep_connected())
        await self._stop.wait()
        self._js = None
        await self._end_consumers(list(self._running))
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    async def _keep_connected(self) -> None:
        servers = random.sample(self._address.servers, len(self._address.servers))
        while True:
            server = servers[self._attempt % len(servers)]
            try:
                async with connected(self._address, server) as connection:
                    await self._serve(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next connection may be better
                self._tell(sentence(error))
            self._tried.set()
            self._attempt += 1
            await asyncio.sleep(_pause(self._attempt))

    async def _serve(self, connection: Connection) -> None:
        """Publish and take over, until the connection is lost."""
        version = connection.client.connected_server_version
        if (version.major, version.minor) < OLDEST:
            raise Unavailable(f"nats-server {version.major}.{version.minor} is too old; 2.9 is the oldest that can be used")
        js = connection.client.jetstream(timeout=ASK_WITHIN)
        self._client = connection.client
        lost = asyncio.create_task(connection.closed.wait())
        try:
            while not lost.done():
                await make_stream(js, self._address)
                self._doubt.clear()
                self._js = js
                self._attempt = 0
                self._tell(None)
                self._tried.set()
                self._start_consumers(connection.client, js)
                doubt = asyncio.create_task(self._doubt.wait())
                await asyncio.wait([lost, doubt], return_when=asyncio.FIRST_COMPLETED)
                doubt.cancel()
                self._js = None
                if not lost.done():
                    await asyncio.wait([lost], timeout=_pause(self._late))
            raise Unavailable("the connection was lost")
        finally:
            self._js = self._client = None
            lost.cancel()
            await self._end_consumers(list(self._running))

    def _tell(self, trouble: str | None) -> None:
        if trouble is None and self.trouble is not None:
            _log.info("The stream at %s is there.", self._address.name)
        elif trouble is not None and trouble != self.trouble:
            _log.warning("The stream at %s: %s. Events go to the store directly.", self._address.name, trouble)
        self.trouble = trouble

    async def publish(self, site: str, message: Message) -> bool | None:
        """Whether it is new to the stream, once that has acknowledged it; None when it has not in time, or does not take it."""
        try:
            async with asyncio.timeout(ACK_WITHIN):
                await self._tried.wait()
                if self._js is None or self._client is None:
                    return None
                if len(message.body) + LARGEST_HEADERS > self._client.max_payload:
                    _log.info("An event of %d bytes is too large for NATS and goes to the store directly.", len(message.body))
                    return None
                # Not publish_async(): it never tells that the stream refuses.
                ack = await self._js.publish(
                    subject(site), message.body, timeout=ACK_WITHIN, stream=STREAM, headers=message.headers
                )
        except APIError as error:
            told = sentence(error)
            if told != self.refusal:
                _log.warning("The stream does not take events: %s. They go to the store directly.", told)
            self.refusal = told
            return None
        except Exception as error:  # noqa: BLE001 - it may be in the stream or not: the store will tell repeats
            if self._js is not None:
                self._js = None
                self._late += 1
                self._tell(f"no acknowledgement within {ACK_WITHIN} s" if isinstance(error, TimeoutError) else sentence(error))
                self._doubt.set()
            return None
        self._late = 0
        self.refusal = None
        return not ack.duplicate

    async def depth(self, site: str) -> tuple[int, float]:
        """How many events of ``site`` wait in the stream, and for how many seconds none was taken over meanwhile."""
        async with asyncio.timeout(HEALTH_WITHIN):
            await self._tried.wait()
            if self._js is None:
                raise Unavailable("the stream cannot be asked")
            info = await self._js.stream_info(STREAM, subjects_filter=subject(site))
            pending = (info.state.subjects or {}).get(subject(site), 0)
            taken = 0
            if pending:
                with suppress(APIError, TimeoutError):  # nobody has begun to take over, or we may not know
                    consumer = await self._js.consumer_info(STREAM, durable_name(site), timeout=HEALTH_WITHIN / 2)
                    taken = 0 if consumer.ack_floor is None else consumer.ack_floor.stream_seq
        before, since = self._moved.get(site, (-1, 0.0))
        if not pending or taken != before:
            before, since = self._moved[site] = taken, monotonic()
        return pending, monotonic() - since

    async def add(self, takeover: Takeover) -> None:
        """Take over from now on."""
        self._takeovers.append(takeover)
        if self._js is not None and self._client is not None:
            self._start_consumers(self._client, self._js)

    async def remove(self, takeover: Takeover) -> None:
        """Take over no more."""
        self._takeovers.remove(takeover)
        await self._end_consumers([takeover])

    def _start_consumers(self, client: Client, js: JetStreamContext) -> None:
        for takeover in self._takeovers:
            if takeover not in self._running:
                consumer = Consumer(takeover, client, js)
                self._running[takeover] = consumer, asyncio.create_task(consumer.run())

    async def _end_consumers(self, takeovers: Iterable[Takeover]) -> None:
        ended = [self._running.pop(takeover) for takeover in takeovers if takeover in self._running]
        for consumer, _ in ended:
            consumer.end()
        if tasks := [task for _, task in ended]:
            await asyncio.wait(tasks, timeout=END_WITHIN)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def _pause(attempt: int) -> float:
    return _AGAIN.delay(attempt, age=0.0, chance=random.random()) or 0.0
