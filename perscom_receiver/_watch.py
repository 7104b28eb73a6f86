"""Whether anybody works an inbox: an app that only stores would otherwise fill its disk without a word."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ._health import SILENT_AFTER
from .queue import Connection, Database

__all__ = ["Watch"]

_log = logging.getLogger("perscom_receiver")

MOST_COUNTED = 10_000


class Watch:
    """Says in the log, at most once a minute, that the events of ``site`` pile up and no worker is seen."""

    def __init__(self, database: Database, site: str, now: Callable[[], float]) -> None:
        self._database = database
        self._site = site
        self._now = now
        self._looked = 0.0
        self._later: threading.Timer | None = None

    def look(self) -> None:
        """Look, if the last look was long ago. Blocks nobody: what there is to say follows."""
        now = self._now()
        if abs(now - self._looked) > SILENT_AFTER:
            self._looked = now
            self._database.submit(self._read).add_done_callback(self._judge)

    def stop(self) -> None:
        """Do not look again by itself."""
        if self._later is not None:
            self._later.cancel()

    def _read(self, connection: Connection) -> tuple[int, float, float | None]:
        """How many events wait (as far as anybody cares), when the oldest of them came, and when a worker was last seen."""
        oldest = connection.execute(
            "SELECT received FROM event WHERE site = ? AND unplanned = 1 ORDER BY id LIMIT 1", (self._site,)
        ).fetchone()
        # A million would take the writer seconds to count, and nobody can commit meanwhile.
        count = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM event WHERE site = ? AND unplanned = 1 LIMIT ?) AS waiting",
            (self._site, MOST_COUNTED + 1),
        ).fetchone()[0]
        seen = connection.execute("SELECT max(seen) FROM worker WHERE site = ?", (self._site,)).fetchone()[0]
        return count, oldest[0] if oldest else 0.0, seen

    def _judge(self, read: Future[tuple[int, float, float | None]]) -> None:
        if read.exception() is not None:  # the database is in trouble, and whoever needs it is told
            return
        (count, oldest, seen), now = read.result(), self._now()
        if not count or (seen is not None and now - seen <= SILENT_AFTER):
            return
        if now - oldest <= SILENT_AFTER:  # a worker may be on its way; and if no further event comes, who would look again?
            self._later = threading.Timer(SILENT_AFTER + 1, self.look)
            self._later.daemon = True
            self._later.start()
        else:
            _log.warning(
                "%s events stored, no worker seen for %.0f s: nobody handles them. Start one with lifespan=worker.lifespan"
                " (an app mounted inside another has no lifespan of its own), `flask perscom work` or `perscom-bridge work`.",
                count if count <= MOST_COUNTED else f"more than {MOST_COUNTED}",
                now - (oldest if seen is None else seen),
            )
