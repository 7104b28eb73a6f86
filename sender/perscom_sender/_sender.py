"""The sender: publishes events into its file, and delivers them to those who subscribed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from perscom_receiver import AddressGuard, ConfigurationError, SQLiteInbox
from perscom_receiver.queue import Connection, Database, foreign

from . import _publish
from ._automations import Automations
from ._health import Health, read_health
from ._notices import Notice
from ._outbox import Outboxes
from ._rows import known
from ._settle import Breaking
from ._store import Store
from ._subscriptions import Subscriptions
from ._thread import SenderThread
from ._wire import signed_again
from ._worker import Worker
from .curl import as_curl
from .log import Log
from .transport import Transport

__all__ = ["Sender"]

_DAY = 86_400.0


class Sender:
    """Signed events for subscribed URLs, from one SQLite file or PostgreSQL (``"postgresql://..."``), maybe beside an inbox.

    Publishing and delivering are apart: a process that only publishes never runs it. Whoever does, delivers what all publish;
    several may. At least once: an event is sent again only when the answer to a try is not known, and is told by its id.

    ``name`` keeps several senders in one file apart. Addresses that are not public are refused when the socket is made, unless
    their network stands in ``allow`` (``["10.20.0.0/16", "127.0.0.1"]``). ``outboxes`` are files of others in which
    :meth:`publish_in` is used. Bodies are kept ``keep_bodies`` days, the log and the keys ``keep_log``. ``notice`` is called
    with a :class:`Notice` when a subscription is disabled by what its endpoint does. ``now`` gives seconds since 1970.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Database,
        *,
        name: str = "default",
        allow: Iterable[str] = (),
        outboxes: Iterable[str | os.PathLike[str]] = (),
        keep_bodies: float = 30,
        keep_log: float = 365,
        breaking: Breaking | None = None,
        notice: Callable[[Notice], object] = lambda notice: None,
        transport: Transport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if keep_bodies <= 0 or keep_log < keep_bodies:
            raise ConfigurationError("A Sender needs keep_bodies > 0 and a keep_log of at least as many days.")
        self._store = Store(path, name, now)
        self.subscriptions = Subscriptions(self._store)
        self.automations = Automations(self._store)
        self.log = Log(self._store)
        self._guard = AddressGuard(allow=allow)
        self._outboxes = Outboxes(self._store, [Path(outbox) for outbox in outboxes])
        self._kept = SQLiteInbox(
            self._store.database, site=self._store.site, horizon=keep_log, keep_bodies=keep_bodies, now=now
        )
        self._keep_log = keep_log * _DAY
        self._breaking = breaking or Breaking()
        self._notice = notice
        self._transport = transport
        self._runs = False

    async def publish(
        self,
        name: str,
        data: object,
        changes: Mapping[str, object] | None = None,
        request_id: str | None = None,
        key: str | None = None,
        *,
        trace_id: str | None = None,
        to: Iterable[int] | None = None,
        old: Mapping[str, object] | None = None,
        causer: Mapping[str, object] | None = None,
        entity: str | None = None,
    ) -> int:
        """Store an event and a delivery for each subscription that wants it; return its number once that is committed.

        ``name`` is PERSCOM's (``user.created``) or your own (``order.paid``). ``data`` is a dict or a list, and ``changes`` is
        a dict (an empty one is sent as ``[]``) or None, sent as null; scalar ``data`` leaves out both, as PERSCOM does. An
        event with a ``key`` that is known is the old one: nothing is stored, and its number is returned.
        ``to`` names subscriptions that get it in place of those that want it; no automation runs then. ``old`` (the values
        before ``changes``) and ``causer`` (the user who did it) are told to automations, and not sent. ``entity`` is what the
        event is about (``"soldier/7"``), for subscriptions that are ``ordered``; by default the user or thing its data name.

        Raises ValueError or TypeError for what is no event, ConfigurationError for a subscription in ``to`` that is none, and
        Unavailable when it could not be stored.
        """
        insert, size = self._insertion(to, name, data, changes, request_id, key, trace_id, old, causer, entity)
        return await self._store.awrite(insert, size=size)

    def publish_blocking(
        self,
        name: str,
        data: object,
        changes: Mapping[str, object] | None = None,
        request_id: str | None = None,
        key: str | None = None,
        *,
        trace_id: str | None = None,
        to: Iterable[int] | None = None,
        old: Mapping[str, object] | None = None,
        causer: Mapping[str, object] | None = None,
        entity: str | None = None,
    ) -> int:
        """Like :meth:`publish`, for programs without an event loop."""
        insert, size = self._insertion(to, name, data, changes, request_id, key, trace_id, old, causer, entity)
        return self._store.write(insert, size=size)

    def publish_in(
        self,
        connection: object,
        name: str,
        data: object,
        changes: Mapping[str, object] | None = None,
        request_id: str | None = None,
        key: str | None = None,
        *,
        trace_id: str | None = None,
        old: Mapping[str, object] | None = None,
        causer: Mapping[str, object] | None = None,
        entity: str | None = None,
    ) -> str:
        """Publish within a transaction of your own, which you commit: the event is there if your change is, and only then.

        ``connection``, one of sqlite3 or of psycopg, leads to the database of this sender or to one of its ``outboxes``. The
        event waits there, in the table ``perscom_outbox``, until a running sender finds it, within a second or so. ``created``
        is now; who wants it is asked when it is found. Returns its key, for ``log``-keeping of your own: the given one, or a
        new one.
        """
        event = self._draft(name, data, changes, request_id, key, trace_id, old, causer, entity)
        return _publish.post(foreign(connection), self._store.site, event)

    def test(self, subscription: int, data: object = {"status": "ok"}) -> int:
        """Send ``webhook.test`` to one subscription, whatever it wants, as PERSCOM's button does. Returns the event's number.

        It blocks for a commit. Raises ConfigurationError for a number that is none.
        """
        return self.publish_blocking("webhook.test", data, to=[subscription])

    def curl(self, delivery: int) -> str | None:
        """A delivery as a command for a shell with curl, freshly signed: what is private in it stands there whole.

        None when there is no such delivery, its body is gone, or its subscription is.
        """
        request = self._store.read(lambda connection: signed_again(connection, self._store.site, delivery, self._store.now()))
        return None if request is None else as_curl(request)

    def health(self) -> Health:
        """Whether somebody delivers; blocks for a query. For the readiness of a program, and for whoever watches it."""
        return self._store.database.read(lambda connection: read_health(connection, self._store.queue, self._store.now()))

    async def run(self, stop: asyncio.Event | None = None, *, grace: float = 15.0) -> None:
        """Deliver until ``stop`` is set (or this is cancelled); then let what is under way end within ``grace`` seconds."""
        if self._runs:
            raise ConfigurationError("This Sender runs already. Make another one, or start it in one place only.")
        self._runs = True
        transport = self._transport or self._default_transport()
        worker = Worker(self._store, self._outboxes, transport, self._breaking, self._kept, self._keep_log, self._notice)
        try:
            await worker.run(stop or asyncio.Event(), grace)
        finally:
            self._runs = False

    def start_thread(self) -> SenderThread:
        """Deliver in a thread with its own event loop. Start it after a fork, not before."""
        return SenderThread(self)

    def close(self) -> None:
        """Commit what waits and close the file. A later use opens it again."""
        self._store.database.close()

    def _default_transport(self) -> Transport:
        from ._http import AiohttpTransport  # here, since who only publishes needs no HTTP client

        return AiohttpTransport(self._guard)

    def _draft(
        self,
        name: str,
        data: object,
        changes: Mapping[str, object] | None,
        request_id: str | None,
        key: str | None,
        trace_id: str | None,
        old: Mapping[str, object] | None,
        causer: Mapping[str, object] | None,
        entity: str | None,
    ) -> _publish.Draft:
        return _publish.draft(name, data, changes, request_id, trace_id, key, self._store.tick(), old, causer, entity)

    def _insertion(self, to: Iterable[int] | None, *given: Any) -> tuple[Callable[[Connection], int], int]:
        """What stores an event with all that follows it, and its bytes."""
        event, queue, now = self._draft(*given), self._store.queue, self._store.now()
        named = None if to is None else list(to)

        def insert(connection: Connection) -> int:
            recipients = None if named is None else [known(connection, queue.site, number).recipient for number in named]
            return _publish.insert(connection, queue, event, now, recipients)

        return insert, len(event.data) + len(event.told or b"")
