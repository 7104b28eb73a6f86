"""Forgetting a person: the bodies of all events about a user, and what was noted when they were handled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from functools import partial

import msgspec

from ._errors import Unavailable
from ._person import Person
from .queue import Connection, Database, Queue

__all__ = ["Purged", "purge"]

_log = logging.getLogger("perscom_receiver")

AT_ONCE = 200
"""Events in one look and in one transaction."""
_FORGOTTEN = "The person it is about was forgotten."


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """What was forgotten about a user."""

    events: int
    """Events whose bodies are gone. Their digests stay, so that none of them can come again."""
    dropped: int
    """Tasks that waited or ran, and events for which no tasks were made yet: nothing more follows from them."""
    overwritten: bool
    """Nothing of it is left in the files of the database. False: somebody reads there, or the disk is full; purge again."""


def purge(
    database: Database,
    queue: Queue,
    users: Collection[int],
    now: Callable[[], float],
    also: Callable[[Connection], object] | None = None,
) -> Purged:
    """Forget what is stored in the site of ``queue`` about the users of those numbers, and what ``also`` forgets."""
    rows = sorted(set[int]().union(*(_find(database, queue.site, user) for user in users)))
    dropped = 0
    for start in range(0, len(rows), AT_ONCE):
        dropped += database.write(partial(_forget, queue, rows[start : start + AT_ONCE], now()))
    for user in users:
        database.write(partial(_forget_newest, queue.site, user))
    if also is not None:
        database.write(also)
    try:
        overwritten = database.rewrite()
    except Unavailable as error:
        _log.warning("What was forgotten may not be overwritten yet: %s", error)
        overwritten = False
    return Purged(events=len(rows), dropped=dropped, overwritten=overwritten)


def _find(database: Database, site: str, user: int) -> set[int]:
    person, found, known = Person(user), set[int](), -1
    while known != person.addresses:  # an event that was looked at before may hold an address that was learned since
        known = person.addresses
        found.update(row for row, body in _stored(database, site) if person.is_in(body))
    return found


def _stored(database: Database, site: str) -> Iterator[tuple[int, bytes]]:
    """All events whose body is kept, a few at a time: others want to read meanwhile."""
    newest = database.read(lambda connection: connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0])
    for first in range(1, newest + 1, AT_ONCE):
        yield from database.read(partial(_bodies, site, first))


def _bodies(site: str, first: int, connection: Connection) -> list[tuple[int, bytes]]:
    return connection.execute(
        "SELECT id, body FROM event WHERE id >= ? AND id < ? AND site = ? AND body IS NOT NULL", (first, first + AT_ONCE, site)
    ).fetchall()


def _forget(queue: Queue, rows: Collection[int], now: float, connection: Connection) -> int:
    """Forget the bodies of ``rows``, and what else tells of the person. Returns how much is left undone by that."""
    dropped = 0
    for row in rows:
        dropped += queue.bury(connection, row, now, _FORGOTTEN, running=True)
        dropped += connection.execute("UPDATE event SET unplanned = NULL WHERE id = ? AND unplanned = 1", (row,)).rowcount
        connection.execute("UPDATE event SET body = NULL WHERE id = ?", (row,))
        connection.execute(
            "UPDATE task SET receipt = NULL, entity = NULL, group_key = NULL, chain = NULL,"
            " error = CASE WHEN state = 3 THEN ? END WHERE event = ?",
            (_FORGOTTEN, row),
        )
        connection.execute("UPDATE attempt SET error = NULL WHERE task IN (SELECT id FROM task WHERE event = ?)", (row,))
    return dropped


def _forget_newest(site: str, user: int, connection: Connection) -> None:
    connection.execute("DELETE FROM newest WHERE site = ? AND entity = ?", (site, f"user/{user}"))
