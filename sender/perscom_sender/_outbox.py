"""What others published in their own transactions: fetched into the store, each event once however often that is tried."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from perscom_receiver import Unavailable
from perscom_receiver.queue import Connection

from ._publish import Draft, fetch, insert
from ._store import Store

__all__ = ["Outboxes"]

_log = logging.getLogger("perscom_sender")

_BUSY = 1.0
"""Seconds that a file of somebody else is waited for, before it is left for the next look."""


class Outboxes:
    """The outbox in the store itself, and those in the files of others."""

    def __init__(self, store: Store, paths: Iterable[Path]) -> None:
        self._store = store
        self._paths = tuple(paths)

    def waiting(self, connection: Connection) -> bool:
        """Whether something lies in the store's own one."""
        return (
            connection.execute("SELECT 1 FROM perscom_outbox WHERE site = ? LIMIT 1", (self._store.site,)).fetchone()
            is not None
        )

    def fetch_own(self, connection: Connection) -> int:
        """Publish some of what lies in the store's own outbox. Returns how much there was."""
        found = fetch(connection, self._store.site)
        self._publish(connection, [event for _, event in found])
        connection.executemany("DELETE FROM perscom_outbox WHERE id = ?", [(number,) for number, _ in found])
        return len(found)

    async def keep_fetching(self, pause: float) -> None:
        """Empty the files of others again and again, ``pause`` seconds after each look that found nothing.

        A task of its own, beside the deliveries: a file that is locked for long delays none of them.
        """
        while True:
            fetched = 0
            try:
                fetched = await self.fetch_others()
            except (sqlite3.Error, OSError, Unavailable) as error:
                _log.error("An outbox could not be emptied, and is tried again: %s", error)
            if not fetched:
                await asyncio.sleep(pause)

    async def fetch_others(self) -> int:
        """Publish some of what lies in the files of others. Returns how much there was. Raises sqlite3.Error and OSError."""
        count = 0
        for path in self._paths:
            found = await asyncio.to_thread(_read, path, self._store.site)
            if found:
                await self._store.awrite(partial(self._publish, events=[event for _, event in found]))
                # A crash before this leaves them there: their keys tell that they are known.
                await asyncio.to_thread(_delete, path, [number for number, _ in found])
                count += len(found)
        return count

    def _publish(self, connection: Connection, events: Sequence[Draft]) -> None:
        now = self._store.now()
        for event in events:
            if mistake := event.mistake():
                _log.error("What lay in an outbox under the key %a is no event and is dropped. %s", event.key, mistake)
            else:
                insert(connection, self._store.queue, event, now)


def _read(path: Path, site: str) -> list[tuple[int, Draft]]:
    if not path.exists():
        return []  # nothing was published there yet, and the file is not ours to make
    with closing(_open(path)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'perscom_outbox'").fetchone() is None:
            return []
        return fetch(connection, site)


def _delete(path: Path, numbers: Sequence[int]) -> None:
    with closing(_open(path)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM perscom_outbox WHERE id = ?", [(number,) for number in numbers])


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY, isolation_level=None)
