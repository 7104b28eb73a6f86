"""The statements behind a claim: leases that ran out, new ones, the log of attempts, rests, and when a lane is ready again."""

from __future__ import annotations

from ._database import Connection
from ._event import restored
from ._tasks import Lane, Result, State, Task

__all__ = ["keep_attempt", "lease_task", "refresh", "rest", "take_back"]

_RECEIPTS = 10
"""How many of the newest receipts a task gets."""
_CUT_OFF = "It was cut off in the middle: nobody knows whether it was done."


def take_back(connection: Connection, lane: Lane, now: float) -> None:
    """Let tasks whose lease ran out wait in their old place; put those aside that are unclear, if the lane says so."""
    lapsed = connection.execute(
        "SELECT id, attempt, started FROM task WHERE lane = ? AND state = 1 AND lease <= ?", (lane.id, now)
    ).fetchall()
    for task, attempt, started in lapsed:
        state, settled, error = State.WAITING, None, None
        if started is not None:
            cut_off = Result(state=State.DEAD, outcome="unclear", error=_CUT_OFF)
            keep_attempt(connection, task, attempt, started, cut_off)
            if not lane.repeat_unclear:
                state, settled, error = State.DEAD, now, _CUT_OFF
        connection.execute(
            "UPDATE task SET state = ?, lease = NULL, settled = ?, error = coalesce(?, error) WHERE id = ?",
            (state, settled, error, task),
        )


def lease_task(connection: Connection, task: int, until: float) -> Task:
    """Lease a task that waits, and read with it what its attempt must know."""
    event, attempt, unclear, lane, entity = connection.execute(
        "UPDATE task SET state = 1, attempt = attempt + 1, lease = ? WHERE id = ? AND state = 0"
        " RETURNING event, attempt, started IS NOT NULL, lane, entity",
        (until, task),
    ).fetchone()
    if unclear:
        connection.execute("UPDATE task SET started = NULL WHERE id = ?", (task,))
    *stored, superseded = connection.execute(
        "SELECT body, digest, secret_name, old_secret, superseded FROM event WHERE id = ?", (event,)
    ).fetchone()
    first = connection.execute(
        "SELECT min(started) FROM attempt WHERE task = ? AND outcome <> 'permanent'", (task,)
    ).fetchone()[0]
    return Task(
        id=task,
        event=restored(*stored),
        attempt=attempt,
        first=first,
        unclear=bool(unclear),
        superseded=bool(superseded),
        receipts=_receipts(connection, lane, entity),
    )


def _receipts(connection: Connection, lane: int, entity: str | None) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT receipt FROM task WHERE lane = ? AND entity = ? AND receipt IS NOT NULL ORDER BY id DESC LIMIT ?",
        (lane, entity, _RECEIPTS),
    )
    return tuple(receipt for (receipt,) in rows)


def keep_attempt(connection: Connection, task: int, attempt: int, started: float, result: Result) -> None:
    """Add an attempt that was begun, and has ended, to the log."""
    connection.execute(
        "INSERT INTO attempt (task, n, started, ms, status, outcome, error) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (task, attempt, started, result.ms, result.status, result.outcome, result.error),
    )


def rest(connection: Connection, lane: int, until: float, pace: str | None) -> None:
    """Let the lane rest, and with it all others whose pace begins with ``pace``: a limit asks nobody for their site."""
    among, those = ("id = ?", (lane,)) if pace is None else ("(id = ? OR substr(pace, 1, ?) = ?)", (lane, len(pace), pace))
    for (resting,) in connection.execute(
        f"UPDATE lane SET not_before = ? WHERE {among} AND not_before < ? RETURNING id", (until, *those, until)
    ).fetchall():
        refresh(connection, resting)


def refresh(connection: Connection, lane: int) -> None:
    """Work out anew when the lane is ready for a claim: derived from its tasks, so no counter can go wrong in a crash."""
    width, not_before, paused, leased, first_lease, first_due = connection.execute(
        "SELECT width, not_before, paused, (SELECT count(*) FROM task WHERE lane = lane.id AND state = 1),"
        " (SELECT min(lease) FROM task WHERE lane = lane.id AND state = 1),"
        " (SELECT min(due) FROM task WHERE lane = lane.id AND state = 0) FROM lane WHERE id = ?",
        (lane,),
    ).fetchone()
    moments = [first_lease, first_due if leased < width else None]
    waiting = [moment for moment in moments if moment is not None]
    ready = None if paused is not None or not waiting else max(not_before, min(waiting))
    connection.execute("UPDATE lane SET ready = ? WHERE id = ?", (ready, lane))
