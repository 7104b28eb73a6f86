"""Forgetting what is too old: bodies after their days, all the rest after the horizon. Each call does up to ``n`` rows.

Deliveries created below a site's *floor* are refused. It rises in the very transaction that deletes what told repeats below
it, so that a captured request is never taken twice.
"""

from __future__ import annotations

from ._statements import places
from .queue import Connection, Queue

__all__ = ["forget_bodies", "forget_entities", "forget_events", "give_up"]

_TOO_LONG = "It waited longer than bodies are kept."
_UNUSED = "NOT EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.state IN (0, 1))"


def forget_bodies(connection: Connection, queue: Queue, before: float, now: float, n: int) -> int:
    """Forget the bodies of events received ``before``. Returns how many there were. Times are seconds since 1970."""
    # What waited that long for a destination that is off or gone is given up, or its body would be kept for ever.
    waiting = connection.execute(
        "SELECT id FROM event WHERE site = ? AND body IS NOT NULL AND received < ?"
        " AND EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.state = 0) LIMIT ?",
        (queue.site, before, n),
    ).fetchall()
    for (event,) in waiting:
        queue.bury(connection, event, now, _TOO_LONG)
    old = connection.execute(
        "SELECT id FROM event WHERE site = ? AND body IS NOT NULL AND received < ? AND unplanned IS NULL"
        f" AND {_UNUSED} LIMIT ? /*pg FOR UPDATE SKIP LOCKED*/",
        (queue.site, before, n),
    ).fetchall()
    # Somebody may have let a task of one of them run again at this very moment; from now on nobody can.
    return connection.execute(
        f"UPDATE event SET body = NULL WHERE id IN ({places(old)}) AND {_UNUSED}", [event for (event,) in old]
    ).rowcount


def give_up(connection: Connection, queue: Queue, before: float, now: float, n: int) -> None:
    """Let nothing follow any more from events received ``before``, where no worker is left that could see to them.

    Those for which no tasks were made, and tasks that a worker took with it, would keep their bodies for ever.
    """
    left = connection.execute(
        "SELECT id FROM event WHERE site = ? AND body IS NOT NULL AND received < ? AND (unplanned = 1"
        " OR EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.state IN (0, 1))) LIMIT ?",
        (queue.site, before, n),
    ).fetchall()
    for (event,) in left:
        queue.bury(connection, event, now, _TOO_LONG, running=True)
        connection.execute("UPDATE event SET unplanned = NULL WHERE id = ?", (event,))


def forget_events(connection: Connection, site: str, floor: int, n: int) -> int:
    """Forget events created before ``floor`` (microseconds) whose bodies are gone, and raise the floor. Returns how many."""
    old = connection.execute(
        "SELECT id, created FROM event WHERE site = ? AND created < ? AND body IS NULL ORDER BY created LIMIT ?",
        (site, floor, n),
    ).fetchall()
    if not old:
        return 0
    # Whoever stores an event from now on sees the floor, and whoever did without seeing it has ended.
    connection.execute("/*pg LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE*/")
    connection.execute(
        "INSERT INTO floor (site, created) VALUES (?, ?) ON CONFLICT (site) DO UPDATE SET created = excluded.created"
        " WHERE excluded.created > floor.created",
        (site, min(floor, old[-1][1] + 1)),
    )
    events = [event for event, _ in old]
    those = f"({places(events)})"
    connection.execute(f"DELETE FROM attempt WHERE task IN (SELECT id FROM task WHERE event IN {those})", events)
    connection.execute(f"DELETE FROM task WHERE event IN {those}", events)
    connection.execute(f"DELETE FROM event WHERE id IN {those}", events)
    return len(old)


def forget_entities(connection: Connection, site: str, n: int) -> int:
    """Forget what was newest about entities below the floor: nothing older can arrive any more. Returns how many."""
    return connection.execute(
        "DELETE FROM newest WHERE site = ? AND entity IN (SELECT entity FROM newest WHERE site = ?"
        " AND created < (SELECT created FROM floor WHERE site = ?) ORDER BY created LIMIT ?)",
        (site, site, site, n),
    ).rowcount
