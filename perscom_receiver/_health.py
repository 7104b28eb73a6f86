"""How an inbox is doing: counts from indexes of their own, so that a look costs the same however much is stored."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ._event import EVENT_NAMES
from .queue import Connection

__all__ = ["SILENT_AFTER", "Health", "read_health"]

SILENT_AFTER = 60.0
"""Seconds without a sign of life after which a worker counts as gone."""
_DAY = 86_400


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How an inbox is doing. Ages in seconds."""

    stored: int
    """Events whose body is kept."""
    waiting: int
    """Tasks that wait or run, and events for which no tasks were made yet."""
    dead: int
    oldest: float | None
    """Age of the oldest event for which no tasks were made yet; None: there is none."""
    worker_seen: float | None
    """Seconds since a worker was last seen; None: never."""
    unknown_names: Mapping[str, int]
    """How many events have a name that is not in ``EVENT_NAMES``, by name: stored and handled like any other."""
    old_secret: int
    """Events of the last 24 hours that another secret than the live one verified. 0: the old one can go."""
    skew: float | None
    """Seconds by which PERSCOM's clock is ahead of ours, a little below 0 where both are right: the median over the newest 100
    events. None: there are none."""

    @property
    def worked(self) -> bool:
        """False when events wait and nobody handles them."""
        silent = self.worker_seen is None or self.worker_seen > SILENT_AFTER
        return self.oldest is None or self.oldest <= SILENT_AFTER or not silent


def read_health(connection: Connection, site: str, now: float) -> Health:
    """The health of the inbox of ``site``. ``now`` is in seconds since 1970."""

    def one(sql: str, *more: object) -> float | None:
        value = connection.execute(sql, (site, *more)).fetchone()[0]
        return None if value is None else float(value)

    apart = connection.execute(
        "SELECT created / 1e6 - received FROM event WHERE site = ? ORDER BY created DESC LIMIT 100", (site,)
    ).fetchall()
    # One count for each state: each has an index of its own, and history none.
    tasks = "SELECT count(*) FROM task WHERE lane IN (SELECT id FROM lane WHERE site = ? AND queue = 'inbox') AND state"
    oldest = one("SELECT min(received) FROM event WHERE site = ? AND unplanned = 1")
    seen = one("SELECT max(seen) FROM worker WHERE site = ?")
    unplanned = one("SELECT count(*) FROM event WHERE site = ? AND unplanned = 1")
    names = connection.execute("SELECT name, count(*) FROM event WHERE site = ? AND unknown_name = 1 GROUP BY name", (site,))
    return Health(
        stored=int(one("SELECT count(*) FROM event WHERE site = ? AND body IS NOT NULL") or 0),
        waiting=int((one(f"{tasks} = 0") or 0) + (one(f"{tasks} = 1") or 0) + (unplanned or 0)),
        dead=int(one(f"{tasks} = 3") or 0),
        oldest=None if oldest is None else now - oldest,
        worker_seen=None if seen is None else now - seen,
        # A name that an older version did not know may be known by now.
        unknown_names={name: count for name, count in names if name not in EVENT_NAMES},
        old_secret=int(one("SELECT count(*) FROM event WHERE site = ? AND old_secret = 1 AND received > ?", now - _DAY) or 0),
        skew=sorted(apart)[len(apart) // 2][0] if apart else None,
    )
