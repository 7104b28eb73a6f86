"""One community of a running service: its inbox, its worker, its webhook and what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from perscom_adapters import Destination, Forwards, Learns, Receipt
from perscom_receiver import IngestHealth, Receiver, SQLiteInbox, Unavailable, Worker
from perscom_receiver.queue import Database

from .config import Config, DestinationConfig
from .directory import SiteDirectory
from .logs import naming
from .metrics import Metrics
from .notices import Notices
from .public import Webhook
from .refused import RefusedRequests
from .routing import router_for
from .signs import Witness

__all__ = ["Community"]


class Community:
    """Shares the database and the listeners with the others, and nothing else."""

    def __init__(
        self,
        config: Config,
        destinations: list[tuple[DestinationConfig, Destination | Forwards]],
        database: Database,
        now: Callable[[], float],
        speed: float = 1.0,
    ) -> None:
        self.config = config
        self.inbox = SQLiteInbox(
            database, site=config.key, keep_bodies=config.privacy.keep_bodies, now=now, ingest=config.server.ingest
        )
        self.metrics = Metrics()
        self.first_call = asyncio.Event()
        """Set once a genuine event was stored."""
        self._witness = Witness(self.inbox)
        self._receiver = Receiver(
            *config.site.secrets,
            inbox=self.inbox,
            now=lambda: datetime.fromtimestamp(now(), UTC),
            refused=self._witness.refused,
        )
        self._destinations = destinations
        self.directory = SiteDirectory(
            self.inbox, images=config.images, api=config.site.api, forget_left=config.privacy.forget_left
        )
        """Who knows names, as long as the community works."""
        router = router_for(destinations, config.site, self._posted, self.directory, now, self.inbox)
        self._worker = Worker(self.inbox, router, speed=speed)
        self._notices = [
            Notices(self.inbox, self._witness, config, destination)
            for one, destination in destinations
            if one.name == config.site.operator and isinstance(destination, Destination)
        ]

    def webhook(self, refused: RefusedRequests | None) -> ASGIApp:
        """The app for its path. ``refused`` keeps what is refused."""
        app = Webhook(self._receiver, self._answered, refused)

        async def webhook(scope: Scope, receive: Receive, send: Send) -> None:
            with naming(self.config.community):
                await app(scope, receive, send)

        return webhook

    async def work(self, stop: asyncio.Event) -> None:
        """Handle what is stored until ``stop`` is set."""
        with naming(self.config.community):
            await self._learn()
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self.directory.tended())
                for notices in self._notices:
                    await stack.enter_async_context(notices.told())
                await self._worker.run(stop)

    async def _learn(self) -> None:
        """Let destinations go on where they were in an earlier run: in the chat that theirs has become."""
        for config, destination in self._destinations:
            if isinstance(destination, Learns):
                with suppress(Unavailable):  # the worker will tell
                    receipts = await self.inbox.database.aread(partial(self.inbox.queue.receipts, lane=config.name))
                    for receipt in reversed(receipts):
                        with suppress(msgspec.DecodeError):
                            destination.learn(msgspec.json.decode(receipt, type=Receipt))

    async def ingest(self) -> IngestHealth | None:
        """How the stream in front of its inbox is doing; None: there is none."""
        return None if self.inbox.ingest is None else await self.inbox.ingest.ahealth(self.inbox.site)

    def told(self, text: str) -> str:
        """``text`` with the name of the community in front, where there are several."""
        return text if self.config.community is None else f"{self.config.community}: {text}"

    def _answered(self, status: int) -> None:
        self.metrics.answered(status)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self._witness.unstored()
        if status == HTTPStatus.ACCEPTED:
            self.first_call.set()

    def _posted(self, destination: str, outcome: str) -> None:
        self.metrics.posted(destination, outcome)
        self._witness.posted(destination, outcome)
