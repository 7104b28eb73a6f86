"""Groups: which one a new task belongs to, and when those that wait are tried again together."""

from __future__ import annotations

from collections.abc import Iterable

from ._changes import changed
from ._database import Connection
from ._tasks import Group, State, Task

__all__ = ["join", "wait_together"]


def join(connection: Connection, lane: int, event: int, group: Group, due: float) -> tuple[int, float]:
    """Of which group a new task is (the ``created`` of its first event, in microseconds), and when it is due with it."""
    created = connection.execute("SELECT created FROM event WHERE id = ?", (event,)).fetchone()[0]
    spread = int(group.spread * 1e6)
    found = connection.execute(
        "SELECT group_first, state, due FROM task WHERE lane = ? AND group_key = ? AND group_first BETWEEN ? AND ?"
        " ORDER BY state, id LIMIT 1",
        (lane, group.key, created - spread, created + spread),
    ).fetchone()
    if found is None:
        return created, due + group.window
    first, state, waits_until = found
    return first, waits_until if state == State.WAITING else due


def wait_together(connection: Connection, tasks: Iterable[Task], until: float) -> None:
    """Let what waits of the groups of ``tasks`` wait for their next attempt: one that came late, what was too much for one."""
    groups = set()
    for task in tasks:
        groups.update(
            connection.execute(
                "SELECT lane, group_key, group_first FROM task WHERE id = ? AND group_key IS NOT NULL", (task.id,)
            ).fetchall()
        )
    for group in groups:
        connection.execute(
            "UPDATE task SET due = ? WHERE lane = ? AND group_key = ? AND group_first = ? AND state = 0", (until, *group)
        )
        changed(connection, [group[0]], [], until)
