"""What tasks of a lane have done before: their receipts, and the events that these stand for."""

from __future__ import annotations

from ._database import Connection
from ._event import restored
from ._tasks import Task, Told

__all__ = ["MOST_TOGETHER", "READ_AT_ONCE", "read_receipts", "read_told"]

MOST_TOGETHER = 200
"""Events that are read as one."""
READ_AT_ONCE = 16 * 2**20
"""Bytes of bodies after which what is left is not read."""
_RECEIPTS = 10
"""How many of the newest receipts a task gets."""
_TOLD_OF_ENTITY = (
    "SELECT told.id FROM task JOIN task AS told ON told.lane = task.lane AND told.entity = task.entity"
    " WHERE task.id = ? AND told.id <> task.id AND told.receipt IS NOT NULL ORDER BY told.id DESC LIMIT ?"
)
_TOLD_WITH_GROUP = (
    "SELECT told.id FROM task JOIN task AS told ON told.lane = task.lane AND told.group_key = task.group_key"
    " AND told.group_first = task.group_first"
    " WHERE task.id = ? AND told.id <> task.id AND told.receipt IS NOT NULL ORDER BY told.id DESC LIMIT ?"
)


def read_receipts(
    connection: Connection, lane: int, entity: str | None, group: str | None, first_of_group: int | None
) -> tuple[str, ...]:
    """The newest receipts about the same entity or for the same group, newest first."""
    if entity is None and group is None:
        return ()
    rows = connection.execute(
        "SELECT id, receipt FROM task WHERE lane = ? AND entity = ? AND receipt IS NOT NULL ORDER BY id DESC LIMIT ?",
        (lane, entity, _RECEIPTS),
    ).fetchall()
    if group is not None:
        rows += connection.execute(
            "SELECT id, receipt FROM task WHERE lane = ? AND group_key = ? AND group_first = ?"
            " AND receipt IS NOT NULL ORDER BY id DESC LIMIT ?",
            (lane, group, first_of_group, _RECEIPTS),
        ).fetchall()
        rows = sorted(set(rows), reverse=True)[:_RECEIPTS]
    return tuple(receipt for _, receipt in rows)


def read_told(connection: Connection, task: Task) -> tuple[Told, ...]:
    """The events that the receipts of a task stand for, oldest first: what is there no more, or is too much, is left out."""
    found: set[int] = set()
    for one in task.all:
        found.update(row[0] for row in connection.execute(_TOLD_OF_ENTITY, (one.id, _RECEIPTS)).fetchall())
        found.update(row[0] for row in connection.execute(_TOLD_WITH_GROUP, (one.id, MOST_TOGETHER)).fetchall())
    found.update(
        row[0] for number in tuple(found) for row in connection.execute(_TOLD_WITH_GROUP, (number, MOST_TOGETHER)).fetchall()
    )
    told: list[Told] = []
    size = 0
    for number in sorted(found, reverse=True)[:MOST_TOGETHER]:
        *stored, receipt, length = connection.execute(
            "SELECT event.body, event.digest, event.secret_name, event.old_secret, task.receipt, length(event.body)"
            " FROM task JOIN event ON event.id = task.event WHERE task.id = ?",
            (number,),
        ).fetchone()
        size += length or 0
        if length is not None and size <= READ_AT_ONCE:
            told.append(Told(restored(*stored), receipt))
    return tuple(reversed(told))
