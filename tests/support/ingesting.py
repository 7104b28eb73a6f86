"""An inbox with a stream in front, somebody who works it, and a store that may be away: shared by the tests of ingest."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from perscom_receiver import Event, Router, SQLiteInbox, Worker

__all__ = ["Seen", "away", "eventually", "rows", "worked"]


class Seen:
    """The ids of the events that a handler was called with, in order."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.router = Router()
        self.router.on("*", name="seen")(self._see)

    async def _see(self, event: Event) -> None:
        self.ids.append(event.id)


@contextmanager
def worked(inbox: SQLiteInbox) -> Iterator[Seen]:
    """Somebody works ``inbox`` inside the block."""
    seen = Seen()
    thread = Worker(inbox, seen.router).start_thread()
    try:
        yield seen
    finally:
        thread.stop()


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Nobody can write into the file inside the block: somebody else is in the middle of a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def rows(path: Path) -> list[str]:
    """The ids of what is stored, in the order of arrival."""
    with closing(sqlite3.connect(path)) as connection:
        return [digest.hex() for (digest,) in connection.execute("SELECT digest FROM event ORDER BY id")]


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
