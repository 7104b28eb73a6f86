"""Chains: tasks of one lane that are worked on one after another, in the order in which they were enqueued.

Of each chain one task alone is *in front* and may be claimed: the one that is leased, else the earliest that waits. The others
are *behind* it until it is done or dead; a claim never looks at them, so that one that fails for days costs those beside it
nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from ._database import Connection
from ._statements import places
from ._tasks import State

__all__ = ["line_up"]

_AT_ONCE = 500
"""Chains in one statement: SQLite takes no more than 32 766 parameters."""
_FRONTS = (
    "WITH wanted (lane, chain) AS (VALUES {0}) SELECT front.id, front.state, (SELECT min(id) FROM task"
    " WHERE task.lane = wanted.lane AND task.chain = wanted.chain AND task.state < 2 AND task.behind = 1)"
    " FROM wanted LEFT JOIN task AS front ON front.lane = wanted.lane AND front.chain = wanted.chain AND front.state < 2"
    " AND front.behind = 0"
)


def line_up(connection: Connection, chains: Collection[tuple[int, str | None]]) -> None:
    """Let the right task of each of ``chains`` be in front, once some of them changed: lanes with the name of a chain, or None.

    The lanes are refreshed by the caller.
    """
    known = [chain for chain in chains if chain[1] is not None]
    for first in range(0, len(known), _AT_ONCE):
        _line_up(connection, known[first : first + _AT_ONCE])


def _line_up(connection: Connection, chains: Collection[tuple[int, str | None]]) -> None:
    rows = connection.execute(
        _FRONTS.format(", ".join(["(?, ?)"] * len(chains))), [value for chain in chains for value in chain]
    ).fetchall()
    changed = [
        (front, first)
        for front, state, first in rows
        if first is not None and (front is None or (state == State.WAITING and first < front))
    ]
    for behind, tasks in ((1, [front for front, _ in changed if front is not None]), (0, [first for _, first in changed])):
        if tasks:
            connection.execute(f"UPDATE task SET behind = ? WHERE id IN ({places(tasks)})", (behind, *tasks))
