"""Paces: lanes of which one alone is at work at a time, since together they would be faster than a platform allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ._database import Connection
from ._statements import places
from ._tasks import Lane

__all__ = ["NOBODY_AT_ITS_PACE", "Ready", "one_of_each_pace"]

NOBODY_AT_ITS_PACE = (
    "(pace IS NULL OR NOT EXISTS (SELECT 1 FROM lane AS other JOIN task ON task.lane = other.id"
    " WHERE other.pace = lane.pace AND other.id <> lane.id AND task.state = 1 AND task.lease > ?))"
)
"""No other lane with the same pace is at work: two at once would be twice as fast as it allows."""


class Ready(NamedTuple):
    """A lane that may have something to do. ``late``: see :meth:`~perscom_receiver.queue.Queue.lane`."""

    lane: Lane
    late: float | None
    pace: str | None


def one_of_each_pace(connection: Connection, ready: Sequence[Ready], now: float) -> list[Ready]:
    """Two at once would be twice as fast as their pace allows."""
    first: dict[int | str, Ready] = {}
    for one in ready:
        first.setdefault(one.lane.id if one.pace is None else one.pace, one)
    paced = [one.lane.id for one in first.values() if one.pace is not None]
    if not paced:
        return list(first.values())
    # Whoever claims another lane of the pace at this very moment is not seen yet. One of us has the pace, and looks once more.
    own = connection.execute(
        f"SELECT id FROM lane WHERE id IN ({places(paced)}) /*pg AND pg_try_advisory_xact_lock(hashtextextended(pace, 0))*/",
        paced,
    ).fetchall()
    alone = connection.execute(
        f"SELECT id FROM lane WHERE id IN ({places(own)}) AND {NOBODY_AT_ITS_PACE}", (*(lane for (lane,) in own), now)
    ).fetchall()
    return [one for one in first.values() if one.pace is None or (one.lane.id,) in alone]
