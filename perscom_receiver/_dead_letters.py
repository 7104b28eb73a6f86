"""Dead letters: tasks that ended without success and are kept, with their error, until somebody lets them run again."""

from __future__ import annotations

import msgspec

from .queue import Connection, Queue

__all__ = ["DeadLetter", "read_dead_letters"]

_NEWEST = (
    "SELECT task.id, lane.name, event.name, event.digest, task.attempt, task.error, task.settled"
    " FROM task JOIN lane ON lane.id = task.lane JOIN event ON event.id = task.event"
    " WHERE lane.site = ? AND lane.queue = ? AND task.state = 3 ORDER BY task.settled DESC LIMIT ?"
)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A task that ended without success. ``SQLiteInbox.revive(task)`` lets it run again."""

    task: int
    handler: str
    event_name: str
    event_id: str
    attempts: int
    error: str
    settled: float
    """When it was given up: seconds since 1970."""


def read_dead_letters(connection: Connection, queue: Queue, n: int) -> list[DeadLetter]:
    """The newest ``n`` of the queue, newest first."""
    return [
        DeadLetter(task=t, handler=h, event_name=e, event_id=d.hex(), attempts=a, error=error or "", settled=s)
        for t, h, e, d, a, error, s in connection.execute(_NEWEST, (queue.site, queue.name, n))
    ]
