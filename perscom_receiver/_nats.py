"""A stream of NATS JetStream in front of the store: what it has acknowledged is accepted, also while the store is away.

A receiver publishes what it verified; in each process with a worker, events are taken over into the store and acknowledged
after the commit. Repeats end at the store's own key, whichever way they came. What knows NATS itself is loaded at first use.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from ._errors import ConfigurationError, PerscomError, StaleEvent, Unavailable
from ._event import Event
from ._floor import Floor
from ._health import SILENT_AFTER
from ._insert import STALE
from ._nats_address import nats_address
from ._nats_message import Message, as_message
from .queue import Database

if TYPE_CHECKING:
    from ._inbox import SQLiteInbox
    from ._nats_consumer import Takeover
    from ._nats_link import Link

__all__ = ["Front", "IngestHealth", "JetStream"]

ASK_WITHIN = 2.0
"""Seconds for each question about how the stream is set up."""


class IngestHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the stream in front of an inbox is doing, as this process sees it."""

    pending: int | None
    """Events that are not in the store yet; None: the stream cannot be asked."""
    problem: str | None
    """What is missing, as a sentence; None: nothing is."""
    counts: Mapping[str, int]
    """What this process took over since it began: ``stored``, ``repeated``, ``stale`` (dropped, since it was older than the
    store remembers), ``strange`` (dropped, since no receiver wrote it), ``failed`` (tried again later)."""


class JetStream:
    """The stream ``PERSCOM_INGEST`` of a NATS with JetStream, 2.9 or newer, for any number of inboxes.

        inbox = SQLiteInbox("inbox.db", ingest=JetStream("nats://user:password@nats.example:4222"))

    The address may name several servers (``nats://one,two``) and ask for TLS (``tls://``); a user without a password is a
    token. Behind a ``?`` may stand ``creds=FILE``, ``nkey=FILE``, ``ca=FILE``, ``cert=FILE&key=FILE``, and for a stream that is
    to be made ``max_bytes=10GB`` and ``replicas=3``. The stream is made when it is missing and never changed; one that would
    lose events is not used. While it cannot be used, events go to the store directly.

    Connects at first use, in a thread of its own, and again for ever. Safe for threads; a fork closes the connection first,
    and each process opens its own. Raises ConfigurationError for an address that is none, and without the extra ``nats``.
    """

    def __init__(self, address: str) -> None:
        self._address = nats_address(address)
        if find_spec("nats") is None:
            raise ConfigurationError("ingest= needs the extra nats: pip install 'perscom-receiver[nats]'")
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._takeovers: list[Takeover] = []
        self._counts: dict[str, Counter[str]] = {}
        _streams.add(self)

    @property
    def name(self) -> str:
        """The servers, without anything secret."""
        return self._address.name

    @property
    def hosts(self) -> tuple[str, ...]:
        """Their names or addresses, without ports."""
        return tuple(server.rpartition(":")[0].partition("://")[2].strip("[]") for server in self._address.servers)

    @property
    def tls(self) -> bool:
        """Whether nothing is said without TLS."""
        return self._address.tls

    @property
    def proves_itself(self) -> bool:
        """Whether the address says who we are: a user, a token, a key or a certificate."""
        return self._address.proves_itself

    def __repr__(self) -> str:
        return f"JetStream({self.name!r})"

    def offer(self, site: str, message: Message) -> Future[bool | None]:
        """Publish; the future has whether it is new to the stream, or None when the stream has not acknowledged it."""
        link = self._open()
        if link.ready:
            return link.submit(partial(link.publish, site, message))
        future: Future[bool | None] = Future()
        future.set_result(None)
        return future

    def take_over(self, inbox: SQLiteInbox) -> Callable[[], Future[None]]:
        """Take what waits in the stream over into ``inbox``, from now on. Returns what ends that."""
        from ._nats_consumer import Takeover

        takeover = Takeover(inbox, self._counts.setdefault(inbox.site, Counter()))
        with self._lock:
            self._takeovers.append(takeover)
            if self._link is not None:
                self._link.submit(partial(self._link.add, takeover))
        self._open()
        return partial(self._leave, takeover)

    def _leave(self, takeover: Takeover) -> Future[None]:
        with self._lock:
            if takeover in self._takeovers:
                self._takeovers.remove(takeover)
                if self._link is not None:
                    return self._link.submit(partial(self._link.remove, takeover))
        done: Future[None] = Future()
        done.set_result(None)
        return done

    async def ahealth(self, site: str) -> IngestHealth:
        """How it is doing for the inbox of ``site``. Answers within a second."""
        link = self._open()
        depth = await asyncio.wrap_future(link.submit(partial(link.depth, site)))
        problem = f"The stream at {self.name}: {link.trouble}. Events go to the store directly." if link.trouble else None
        if problem is None and link.refusal is not None:
            problem = f"The stream at {self.name} does not take events: {link.refusal}. They go to the store directly."
        if problem is None and depth is not None and depth[1] > SILENT_AFTER:
            problem = f"{depth[0]} events wait in the stream at {self.name}, and since {depth[1]:.0f} s none was taken over."
        for takeover in self._takeovers:
            if takeover.inbox.site == site and takeover.trouble is not None:
                problem = problem or f"Events are not taken over from the stream at {self.name}: {takeover.trouble}."
        return IngestHealth(
            pending=None if depth is None else depth[0], problem=problem, counts=dict(self._counts.get(site, Counter()))
        )

    async def check(self) -> str:
        """Ask, without changing anything, how the stream is set up: a sentence. Raises ConfigurationError when events are not
        safe in it, and Unavailable when it cannot be used."""
        from ._nats_client import connected, sentence
        from ._nats_stream import described, look_at_stream, unclaimed

        failed: PerscomError | None = None
        for server in self._address.servers:
            try:
                async with connected(self._address, server) as connection:
                    js = connection.client.jetstream(timeout=ASK_WITHIN)
                    told = described(info := await look_at_stream(js), self._address)
                    return told + (_of_nobody(await unclaimed(js)) if info is not None else "")
            except PerscomError as error:
                failed = error
            except Exception as error:  # noqa: BLE001 - of the network, of the library
                failed = Unavailable(sentence(error))
        assert failed is not None, "there is at least one server"  # noqa: S101
        raise failed

    def close(self) -> None:
        """Let go of the connection; what is under way into the store ends within a second. A later use connects again."""
        with self._lock:
            self._end()

    def _open(self) -> Link:
        with self._lock:
            return self._begin()

    def _begin(self) -> Link:
        if self._link is None:
            from ._nats_link import Link

            self._link = Link(self._address, self._takeovers)
        return self._link

    def _end(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _hold(self) -> None:
        self._lock.acquire()
        self._end()

    def _resume(self) -> None:
        if self._takeovers:
            self._begin()
        self._lock.release()


def _of_nobody(sites: Sequence[str]) -> str:
    if not sites:
        return ""
    shown = ", ".join(f"{site[:40]!a}" for site in sites[:5]) + (" and others" if len(sites) > 5 else "")
    return f" Nobody has taken over what waits there for {shown}: no worker has begun, or there is no such site."


class Front:
    """The stream in front of one inbox, where events are offered first."""

    def __init__(self, stream: JetStream, database: Database, site: str, *, endpoint: str, now: Callable[[], float]) -> None:
        from ._nats_stream import subject

        subject(site)
        self._stream = stream
        self._site = site
        self._endpoint = endpoint
        self._now = now
        self._floor = Floor(database, site)

    def offer(self, event: Event) -> bool | None:
        """Whether it is new, once the stream has it; None: it belongs into the store. Raises StaleEvent."""
        return None if (offered := self._offered(event)) is None else offered.result()

    async def aoffer(self, event: Event) -> bool | None:
        """Like :meth:`offer`, without blocking the event loop."""
        return None if (offered := self._offered(event)) is None else await asyncio.wrap_future(offered)

    def _offered(self, event: Event) -> Future[bool | None] | None:
        if self._floor.is_above(event.created_us):
            raise StaleEvent(STALE)
        message = as_message(event, site=self._site, endpoint=self._endpoint, received=self._now())
        return None if message is None else self._stream.offer(self._site, message)


_streams: weakref.WeakSet[JetStream] = weakref.WeakSet()
_held: list[JetStream] = []


def _before_fork() -> None:
    """Close every connection: a child must neither have its socket nor its event loop. Before the databases are closed, since
    what is taken over waits for them (hooks run in the reverse order of the modules)."""
    for stream in sorted(_streams, key=id):
        stream._hold()
        _held.append(stream)


def _after_fork() -> None:
    while _held:
        _held.pop()._resume()


def _after_fork_in_child() -> None:
    for stream in _held:
        stream._takeovers.clear()  # they belong to the workers of the parent
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
