"""What follows for lanes from changed tasks: which task of a chain is in front, and when a lane is ready for a claim.

Whoever *has* a lane, until its transaction ends, works that out at once. Where somebody else has it, and wherever a task is
new, a note is left in the same transaction, which the next claim reads before all else: a claim has the lanes that it looks at.
So nobody waits for a lane, and no change is overlooked, however many write side by side. In a file there is one writer at a
time, and it has them all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ._chains import line_up
from ._database import Connection
from ._statements import places

__all__ = ["catch_up", "changed", "note", "refresh"]

_MOST_NOTED = 200
"""Lanes whose notes are read at once."""
_HAVE = "SELECT id FROM lane WHERE id IN ({0}) /*pg ORDER BY id FOR NO KEY UPDATE SKIP LOCKED*/"
# One note of a transaction is as good as many. In a file it does not matter whose it is.
_NOTE = (
    "INSERT INTO lane_note (site, queue, lane, chain, due) SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM lane_note AS"
    " known WHERE known.site = ? AND known.queue = ? AND known.lane = ? AND known.chain = ? AND known.due <= ?"
    " /*pg AND known.xmin = CAST(pg_current_xact_id() AS xid)*/)"
)


def note(connection: Connection, site: str, queue: str, lane: int, due: float, chain: str | None) -> None:
    """Have the next claim look at a lane, from ``due`` on, and line up the chain of it."""
    said = (site, queue, lane, chain or "")
    connection.execute(_NOTE, (*said, due, *said, due))


def changed(connection: Connection, lanes: Collection[int], chains: Iterable[tuple[int, str | None]], at: float) -> None:
    """Tasks of ``lanes`` have changed, those of ``chains`` (with their lanes) so that another one may be in front.

    ``at`` is when somebody is to look at what cannot be worked out now.
    """
    if not lanes:
        return
    own = {lane for (lane,) in connection.execute(_HAVE.format(places(lanes)), tuple(lanes)).fetchall()}
    line_up(connection, [chain for chain in chains if chain[0] in own])
    refresh(connection, *own)
    for lane in set(lanes) - own:
        site, queue = connection.execute("SELECT site, queue FROM lane WHERE id = ?", (lane,)).fetchone()
        for chain in {None, *(name for of, name in chains if of == lane)}:
            note(connection, site, queue, lane, at, chain)


def catch_up(connection: Connection, site: str, queue: str, lanes: Collection[int] | None) -> None:
    """Read the notes about ``lanes`` (None: all of that site and queue) that nobody else has."""
    among = "" if lanes is None else f"AND lane IN ({places(lanes)})"
    noted = connection.execute(
        f"SELECT DISTINCT lane FROM lane_note WHERE site = ? AND queue = ? {among} LIMIT {_MOST_NOTED}",
        (site, queue, *(lanes or ())),
    ).fetchall()
    if not noted:
        return
    own = connection.execute(_HAVE.format(places(noted)), [lane for (lane,) in noted]).fetchall()
    if not own:
        return
    read = connection.execute(
        f"DELETE FROM lane_note WHERE site = ? AND queue = ? AND lane IN ({places(own)}) RETURNING lane, chain",
        (site, queue, *(lane for (lane,) in own)),
    ).fetchall()
    line_up(connection, {(lane, chain) for lane, chain in read if chain})
    refresh(connection, *(lane for (lane,) in own))


def refresh(connection: Connection, *lanes: int) -> None:
    """Work out anew when lanes that this transaction has are ready: from their tasks, so no counter goes wrong in a crash."""
    if not lanes:
        return
    rows = connection.execute(
        "SELECT id, width, not_before, paused, ready, (SELECT count(*) FROM task WHERE lane = lane.id AND state = 1),"
        " (SELECT min(lease) FROM task WHERE lane = lane.id AND state = 1),"
        " (SELECT min(due) FROM task WHERE lane = lane.id AND state = 0 AND behind = 0)"
        f" FROM lane WHERE id IN ({places(lanes)})",
        lanes,
    ).fetchall()
    changed: dict[int, float | None] = {}
    for lane, width, not_before, paused, was, leased, first_lease, first_due in rows:
        moments = [first_lease, first_due if leased < width else None]
        waiting = [moment for moment in moments if moment is not None]
        ready = None if paused is not None or not waiting else max(not_before, min(waiting))
        if ready != was:
            changed[lane] = ready
    if changed:
        cases = " ".join(["WHEN ? THEN CAST(? AS DOUBLE PRECISION)"] * len(changed))
        connection.execute(
            f"UPDATE lane SET ready = CASE id {cases} END WHERE id IN ({places(changed)})",
            (*(value for pair in changed.items() for value in pair), *changed),
        )
