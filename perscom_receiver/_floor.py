"""The floor of a site, as far as it is known without asking the store: events created below it are refused as stale."""

from __future__ import annotations

from concurrent.futures import Future
from time import monotonic

from .queue import Connection, Database

__all__ = ["Floor"]

LOOK_EVERY = 60.0


class Floor:
    """Looks into the store now and then, aside; while that is away, what was seen last holds. It only ever rises."""

    def __init__(self, database: Database, site: str) -> None:
        self._database = database
        self._site = site
        self._created: int | None = None
        self._looks: Future[int | None] | None = None
        self._looked = -LOOK_EVERY

    def is_above(self, created: int) -> bool:
        """Whether an event ``created`` then, in microseconds since 1970, is known to be stale."""
        if monotonic() - self._looked >= LOOK_EVERY and (self._looks is None or self._looks.done()):
            self._looked = monotonic()
            self._looks = self._database.submit(self._read)
            self._looks.add_done_callback(self._learn)
        return self._created is not None and created < self._created

    def _read(self, connection: Connection) -> int | None:
        row = connection.execute("SELECT created FROM floor WHERE site = ?", (self._site,)).fetchone()
        return None if row is None else int(row[0])

    def _learn(self, read: Future[int | None]) -> None:
        if not read.cancelled() and read.exception() is None:
            self._created = read.result()
