"""Giving a handler what was stored before it was there, or while it did not want it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from ._event import Event
from ._pending import Pending, as_pending, readable_at_once
from .queue import Connection, Database, Group, Queue

__all__ = ["MOST_COUNTED", "Missed", "find_missed", "replay"]

MOST_COUNTED = 10_000
"""Events without a body that are counted; a million would take seconds, and nobody reads the difference."""
_AT_ONCE = 200
_MISSED = (
    "FROM event WHERE id >= ? AND id < ? AND site = ? AND body IS NOT NULL AND unplanned IS NULL AND received >= ?"
    " AND NOT EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.lane = ?) ORDER BY id"
)
_READ = f"SELECT id, received, body, digest, secret_name, old_secret {_MISSED}"
_GONE = (
    "SELECT count(*) FROM (SELECT 1 FROM event WHERE site = ? AND body IS NULL AND unplanned IS NULL AND received >= ?"
    " AND NOT EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.lane = ?) LIMIT ?) AS gone"
)
_NO_LANE = -1


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """Stored events that a handler was never given."""

    rows: tuple[int, ...]
    """The numbers of those that it wants, oldest first; for :meth:`SQLiteInbox.replay`."""
    gone: int
    """Further ones whose bodies are gone, so that nobody can tell whether it wants them; 10 000 stands for as many or more."""


def find_missed(database: Database, queue: Queue, handler: str, wants: Callable[[Event], bool], since: float) -> Missed:
    """Look through the events received from ``since`` on. What no worker has planned yet is not missed."""

    def begin(connection: Connection) -> tuple[int, int, int, int]:
        lane = _lane(connection, queue, handler)
        first, last = connection.execute(
            "SELECT min(id), max(id) FROM event WHERE site = ? AND body IS NOT NULL AND received >= ?", (queue.site, since)
        ).fetchone()
        gone = connection.execute(_GONE, (queue.site, since, lane, MOST_COUNTED)).fetchone()[0]
        return lane, first or 0, last or -1, gone

    lane, first, last, gone = database.read(begin)
    stored = _stored(database, queue.site, lane, range(first, last + 1), since)
    return Missed(rows=tuple(found.row for found in stored if found.event is not None and wants(found.event)), gone=gone)


def replay(
    connection: Connection, queue: Queue, handler: str, rows: Sequence[int], group: Callable[[Event], Group | None], now: float
) -> int:
    """Make a task of each of ``rows`` for ``handler``. Returns how many are new; what is gone meanwhile is left out."""
    lane = _lane(connection, queue, handler)
    if lane == _NO_LANE:
        lane = queue.lane(connection, handler)  # the worker brings it up to date when it comes
    made = 0
    for row in rows:
        # So that nobody forgets the body meanwhile.
        stored = connection.execute(f"{_READ} /*pg FOR SHARE OF event*/", (row, row + 1, queue.site, 0.0, lane)).fetchone()
        found = None if stored is None else as_pending(*stored)
        if found is not None and found.event is not None:
            made += queue.enqueue(connection, lane, row, due=now, group=group(found.event), entity=found.entity)
    return made


def _stored(database: Database, site: str, lane: int, rows: range, since: float) -> Iterator[Pending]:
    """The events that have no task in ``lane``, a few at a time: others want to read meanwhile."""
    first = rows.start
    while first < rows.stop:
        found, first = database.read(partial(_read_some, site, lane, first, since))
        yield from found


def _read_some(site: str, lane: int, first: int, since: float, connection: Connection) -> tuple[list[Pending], int]:
    """Some of them, and the number from which to go on."""
    end = first + _AT_ONCE
    there = connection.execute(f"SELECT id, length(body) {_MISSED}", (first, end, site, since, lane)).fetchall()
    some = readable_at_once(there)
    if len(some) < len(there):
        end = some[-1] + 1
    return [as_pending(*row) for row in connection.execute(_READ, (first, end, site, since, lane))], end


def _lane(connection: Connection, queue: Queue, handler: str) -> int:
    row = connection.execute(
        "SELECT id FROM lane WHERE site = ? AND queue = ? AND name = ?", (queue.site, queue.name, handler)
    ).fetchone()
    return _NO_LANE if row is None else int(row[0])
