"""Chains: tasks of one lane that are worked on one after another, in the order in which they were enqueued.

Of each chain one task alone may be claimed. The others are *behind* it until it is done or dead; a claim never looks at them,
so that one that fails for days costs those beside it nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._database import Connection
from ._lanes import places

__all__ = ["advance", "is_under_way", "stand_behind"]

_OPEN = "lane = ? AND chain = ? AND state < 2"


def is_under_way(connection: Connection, lane: int, chain: str) -> bool:
    """Whether a task of the chain waits or is worked on."""
    return connection.execute(f"SELECT 1 FROM task WHERE {_OPEN} LIMIT 1", (lane, chain)).fetchone() is not None


def stand_behind(connection: Connection, task: int) -> None:
    """Let a task that is to run once more wait for the one of its chain that runs now, if there is one."""
    connection.execute(
        "UPDATE task SET behind = 1 WHERE id = ? AND chain IS NOT NULL AND EXISTS (SELECT 1 FROM task AS other WHERE"
        " other.lane = task.lane AND other.chain = task.chain AND other.state < 2 AND other.id <> task.id)",
        (task,),
    )


def advance(connection: Connection, tasks: Sequence[int]) -> None:
    """Let the next of their chains step forward, where ``tasks`` have ended. Their lanes are refreshed by the caller."""
    ended = connection.execute(
        f"SELECT DISTINCT lane, chain FROM task WHERE id IN ({places(tasks)}) AND chain IS NOT NULL AND state > 1", tasks
    ).fetchall()
    for chain in ended:
        connection.execute(
            f"UPDATE task SET behind = NULL WHERE behind = 1 AND id = (SELECT min(id) FROM task WHERE {_OPEN})"
            f" AND NOT EXISTS (SELECT 1 FROM task WHERE {_OPEN} AND behind IS NULL)",
            (*chain, *chain),
        )
