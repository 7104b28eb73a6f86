"""The service: two listeners, an inbox and a worker for each community on one event loop, from start to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from perscom_adapters import Destination, Forwards
from perscom_receiver import ConfigurationError, Unavailable
from perscom_receiver.queue import Database

from ._http import Server, new_server
from .community import Community
from .config import Config, DestinationConfig, ListenAddress
from .platforms import extra_of
from .public import PublicApp
from .refused import RefusedRequests
from .status import Changes, Page, status_app
from .unserved import Unserved, forget_hourly

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Destinations", "Service", "destinations_of", "running", "web_url"]

Destinations: TypeAlias = list[tuple[DestinationConfig, Destination | Forwards]]

DATABASE_WITHIN = 2.0
"""Seconds that a start waits for a database with a stream in front of it."""

_log = logging.getLogger("perscom_bridge")


class Service:
    """A running service. ``public`` and ``status`` are the addresses it really listens on."""

    def __init__(self, communities: Sequence[Community], public: ListenAddress, status: ListenAddress) -> None:
        self.communities = communities
        """At least one."""
        self.public = public
        self.status = status
        self.broken = asyncio.Event()
        """Set when a part of the service has ended unasked: leave the block, and say so."""

    def webhook_url(self, config: Config) -> str:
        """What belongs into PERSCOM's form: the public address if it is known, else the one we listen on."""
        return f"{config.server.public or web_url(self.public)}{config.webhook_path}"


@asynccontextmanager
async def running(
    opened: Sequence[tuple[Config, Destinations]],
    *,
    now: Callable[[], float] = time.time,
    speed: float = 1.0,
    page: Page | None = None,
    keep_refused: bool = False,
    unserved: Sequence[Unserved] = (),
) -> AsyncIterator[Service]:
    """Run the service inside the ``async with`` block; leaving it stops listening, lets handlers end and closes the database.

    ``opened`` are the communities, at least one, all with the same [server]; ``unserved`` are others whose files have mistakes.
    ``now`` gives seconds since 1970, ``speed`` times as fast as they pass; ``page`` makes another page than the usual one;
    ``keep_refused`` keeps the newest refused requests, and without it those of an earlier run are deleted. Raises
    ConfigurationError when an address cannot be listened on or the database is none of ours, and Unavailable when it cannot
    be written and no stream is in front of it.
    """
    server = opened[0][0].server
    refused = RefusedRequests(server.files)
    if not keep_refused:
        refused.clear()
    database = Database(server.place)
    changes = Changes(database)
    communities = [Community(config, destinations, database, now, speed) for config, destinations in opened]
    async with contextlib.AsyncExitStack() as stack:
        for one in communities:
            stack.enter_context(contextlib.closing(one.inbox))
        public_socket = stack.enter_context(_listener(server.listen))
        status_socket = stack.enter_context(_listener(server.status))
        service = Service(communities, _address(public_socket), _address(status_socket))
        patience = None if server.ingest is None else DATABASE_WITHIN
        try:  # a file that cannot be used is told now, not at the first event
            await database.awrite(lambda connection: None, timeout=patience)
        except Unavailable as error:
            if server.ingest is None:
                raise
            _log.error("The database cannot be used yet: %s. Events wait in the stream.", error)
        kept = refused if keep_refused else None
        public = PublicApp({one.config.webhook_path: one.webhook(kept) for one in communities})
        status = status_app(communities, changes, page, [one.told for one in unserved])
        forget = partial(forget_hourly, database, [one.config.key for one in communities], unserved, now)
        await stack.enter_async_context(_worked(communities, forget, service.broken))
        await stack.enter_async_context(_served(new_server(public, public=True), public_socket, service.broken))
        await stack.enter_async_context(_served(new_server(status, public=False), status_socket, service.broken))
        stack.callback(changes.close)
        yield service


def web_url(address: ListenAddress) -> str:
    """The address as a browser on this machine takes it."""
    return f"http://{address}"


@contextlib.contextmanager
def _listener(address: ListenAddress) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart must not wait for old connections
        try:
            listener.bind(address)
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {address}: {error.strerror}. Is it running already, or another program there?"
            ) from None
        yield listener
    finally:
        listener.close()


def _address(listener: socket.socket) -> ListenAddress:
    return ListenAddress(*listener.getsockname()[:2])


@asynccontextmanager
async def _running(
    parts: Iterable[Coroutine[Any, Any, None]], end: Callable[[], None], broken: asyncio.Event
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run parts of the service inside the block; ``end`` asks them to stop. One that stops unasked sets ``broken``."""
    leaving = False

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None or not leaving:
            _log.critical("A part of the service has ended by itself; the service stops.", exc_info=error)
            broken.set()

    tasks = [asyncio.create_task(part) for part in parts]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield tasks
    finally:
        leaving = True
        end()
        await asyncio.wait(tasks)


@asynccontextmanager
async def _worked(
    communities: Iterable[Community], forget: Callable[[asyncio.Event], Coroutine[Any, Any, None]], broken: asyncio.Event
) -> AsyncIterator[None]:
    stop = asyncio.Event()  # of all at once: each may take its time to let handlers end
    async with _running([*(one.work(stop) for one in communities), forget(stop)], stop.set, broken):
        yield


@asynccontextmanager
async def _served(server: Server, listener: socket.socket, broken: asyncio.Event) -> AsyncIterator[None]:
    def end() -> None:
        server.should_exit = True

    async with _running([server.serve([listener])], end, broken) as (task,):
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield


@asynccontextmanager
async def destinations_of(config: Config) -> AsyncIterator[Destinations]:
    """The destinations of the file, ready to send, over one HTTP session that lives as long as the block."""
    from perscom_adapters.session import new_session  # loaded only where messages are really sent

    async with new_session() as session:
        yield [(entry, _opened(entry, session)) for entry in config.destinations]


def _opened(entry: DestinationConfig, session: aiohttp.ClientSession) -> Destination | Forwards:
    with extra_of(entry.place.platform):
        return entry.place.open(entry.name, session)
