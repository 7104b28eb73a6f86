"""The service: two listeners, an inbox and a worker on one event loop, from start to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from perscom_adapters import Destination
from perscom_receiver import ConfigurationError, Receiver, SQLiteInbox, Worker

from ._http import Server, new_server
from .config import Config, DestinationConfig, ListenAddress
from .metrics import Metrics
from .platforms import extra_of
from .public import WEBHOOK_PATH, PublicApp
from .refused import RefusedRequests
from .routing import router_for
from .status import Changes, Page, status_app

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Service", "destinations_of", "running", "web_url"]

_log = logging.getLogger("perscom_bridge")


class Service:
    """A running service. ``public`` and ``status`` are the addresses it really listens on."""

    def __init__(self, config: Config, inbox: SQLiteInbox, public: ListenAddress, status: ListenAddress) -> None:
        self.config = config
        self.inbox = inbox
        self.public = public
        self.status = status
        self.first_call = asyncio.Event()
        """Set once a genuine event was stored."""
        self.broken = asyncio.Event()
        """Set when a part of the service has ended unasked: leave the block, and say so."""

    @property
    def webhook_url(self) -> str:
        """What belongs into PERSCOM's form: the public address if it is known, else the one we listen on."""
        return f"{self.config.server.public or web_url(self.public)}{WEBHOOK_PATH}"


@asynccontextmanager
async def running(
    config: Config,
    destinations: list[tuple[DestinationConfig, Destination]],
    *,
    now: Callable[[], float] = time.time,
    page: Page | None = None,
    keep_refused: bool = False,
) -> AsyncIterator[Service]:
    """Run the service inside the ``async with`` block; leaving it stops listening, lets handlers end and closes the database.

    ``now`` gives seconds since 1970; ``page`` makes another page than the usual one; ``keep_refused`` keeps the newest refused
    requests, and without it those of an earlier run are deleted. Raises ConfigurationError when an address cannot be listened
    on or the database is none of ours, and Unavailable when it cannot be written.
    """
    refused = RefusedRequests(config.server.database)
    if not keep_refused:
        refused.clear()
    inbox = SQLiteInbox(config.server.database, keep_bodies=config.privacy.keep_bodies, now=now)
    metrics, changes = Metrics(), Changes(inbox)
    with (
        contextlib.closing(inbox),
        _listener(config.server.listen) as public_socket,
        _listener(config.server.status) as status_socket,
    ):
        service = Service(config, inbox, _address(public_socket), _address(status_socket))
        await inbox.database.awrite(lambda connection: None)  # a file that cannot be used is told now, not at the first event
        receiver = Receiver(*config.site.secrets, inbox=inbox, now=lambda: datetime.fromtimestamp(now(), UTC))

        def answered(status: int) -> None:
            metrics.answered(status)
            if status == HTTPStatus.ACCEPTED:
                service.first_call.set()

        public = PublicApp(receiver, answered, refused if keep_refused else None)
        status = status_app(config, inbox, metrics, changes, page)
        worker = Worker(inbox, router_for(destinations, config.site, metrics.posted))
        async with (
            _worked(worker, service.broken),
            _served(new_server(public, public=True), public_socket, service.broken),
            _served(new_server(status, public=False), status_socket, service.broken),
        ):
            try:
                yield service
            finally:
                changes.close()


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
    part: Coroutine[Any, Any, None], end: Callable[[], None], broken: asyncio.Event
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a part of the service inside the block; ``end`` asks it to stop. One that stops unasked sets ``broken``."""
    leaving = False

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None or not leaving:
            _log.critical("A part of the service has ended by itself; the service stops.", exc_info=error)
            broken.set()

    task = asyncio.create_task(part)
    task.add_done_callback(ended)
    try:
        yield task
    finally:
        leaving = True
        end()
        await asyncio.wait([task])


@asynccontextmanager
async def _worked(worker: Worker, broken: asyncio.Event) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with _running(worker.run(stop), stop.set, broken):
        yield


@asynccontextmanager
async def _served(server: Server, listener: socket.socket, broken: asyncio.Event) -> AsyncIterator[None]:
    def end() -> None:
        server.should_exit = True

    async with _running(server.serve([listener]), end, broken) as task:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield


@asynccontextmanager
async def destinations_of(config: Config) -> AsyncIterator[list[tuple[DestinationConfig, Destination]]]:
    """The destinations of the file, ready to send, over one HTTP session that lives as long as the block."""
    from perscom_adapters.session import new_session  # loaded only where messages are really sent

    async with new_session() as session:
        yield [(entry, _opened(entry, session)) for entry in config.destinations]


def _opened(entry: DestinationConfig, session: aiohttp.ClientSession) -> Destination:
    with extra_of(entry.place.platform):
        return entry.place.open(entry.name, session)
