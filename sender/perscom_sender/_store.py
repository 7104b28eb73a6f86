"""One file with the events, deliveries and subscriptions of one sender, opened at first use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from perscom_receiver.queue import Connection, Database, Queue

from ._tables import prepare

__all__ = ["Store"]

_T = TypeVar("_T")

STALE_TICK = 1_000_000
"""Microseconds by which the last tick may be ahead."""


class Store:
    """The database, the queue and the clock that all parts of a sender share. ``now`` gives seconds since 1970."""

    def __init__(self, path: str | os.PathLike[str] | Database, name: str, now: Callable[[], float]) -> None:
        self.database = path if isinstance(path, Database) else Database(path)
        self.site = f"sender/{name}"
        """Apart from the sites of inboxes, which may be in the same file."""
        self.queue = Queue(self.site, "sender")
        self.now = now
        self._prepared = False
        self._ticks = threading.Lock()
        self._last = 0

    def tick(self) -> int:
        """Now, in microseconds: later than the last one of this process, so that what follows from an event is behind it."""
        with self._ticks:
            now = int(self.now() * 1e6)
            ahead = self._last - now
            self._last = self._last + 1 if 0 <= ahead < STALE_TICK else now  # a clock that was set right is right
            return self._last

    def write(self, work: Callable[[Connection], _T], *, size: int = 0) -> _T:
        """The committed result of ``work``; it blocks. Raises what ``work`` raises, and Unavailable."""
        if not self._prepared:
            self.database.write(prepare)
            self._prepared = True
        return self.database.write(work, wake=True, size=size)

    async def awrite(self, work: Callable[[Connection], _T], *, wake: bool = True, size: int = 0) -> _T:
        """Like :meth:`write`, without blocking the event loop. ``wake`` tells a worker that there may be something to do."""
        if not self._prepared:
            await self.database.awrite(prepare)
            self._prepared = True
        return await self.database.awrite(work, wake=wake, size=size)

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """What ``work`` finds on a connection that cannot write; it blocks."""
        if not self._prepared:
            self.write(lambda connection: None)
        return self.database.read(work)
