"""One community of a running service: its inbox, its worker, its webhook and what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from perscom_adapters import Destination
from perscom_receiver import Receiver, SQLiteInbox, Worker
from perscom_receiver.queue import Database

from .config import Config, DestinationConfig
from .logs import naming
from .metrics import Metrics
from .public import Webhook
from .refused import RefusedRequests
from .routing import router_for

__all__ = ["Community"]


class Community:
    """Shares the database and the listeners with the others, and nothing else."""

    def __init__(
        self,
        config: Config,
        destinations: list[tuple[DestinationConfig, Destination]],
        database: Database,
        now: Callable[[], float],
    ) -> None:
        self.config = config
        self.inbox = SQLiteInbox(database, site=config.key, keep_bodies=config.privacy.keep_bodies, now=now)
        self.metrics = Metrics()
        self.first_call = asyncio.Event()
        """Set once a genuine event was stored."""
        self._receiver = Receiver(*config.site.secrets, inbox=self.inbox, now=lambda: datetime.fromtimestamp(now(), UTC))
        self._worker = Worker(self.inbox, router_for(destinations, config.site, self.metrics.posted))

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
            await self._worker.run(stop)

    def told(self, text: str) -> str:
        """``text`` with the name of the community in front, where there are several."""
        return text if self.config.community is None else f"{self.config.community}: {text}"

    def _answered(self, status: int) -> None:
        self.metrics.answered(status)
        if status == HTTPStatus.ACCEPTED:
            self.first_call.set()
