"""The statements behind a claim: leases that ran out, new ones, and the log of attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ._database import Connection
from ._event import restored
from ._lanes import refresh
from ._tasks import Group, Lane, Result, State, Task, Told

__all__ = ["join", "keep_attempt", "lease_late", "lease_together", "read_told", "take_back", "wait_together"]

_RECEIPTS = 10
"""How many of the newest receipts a task gets."""
_FEW = 10
"""So many that wait are handled one by one, however late."""
_MOST_TOGETHER = 200
_READ_AT_ONCE = 16 * 2**20
"""Bytes of bodies after which the rest of a group waits for the next claim."""
_TOLD_OF_ENTITY = (
    "SELECT told.id FROM task JOIN task AS told ON told.lane = task.lane AND told.entity = task.entity"
    " WHERE task.id = ? AND told.id <> task.id AND told.receipt IS NOT NULL ORDER BY told.id DESC LIMIT ?"
)
_TOLD_WITH_GROUP = (
    "SELECT told.id FROM task JOIN task AS told ON told.lane = task.lane AND told.group_key = task.group_key"
    " AND told.group_first = task.group_first"
    " WHERE task.id = ? AND told.id <> task.id AND told.receipt IS NOT NULL ORDER BY told.id DESC LIMIT ?"
)
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


def lease_together(connection: Connection, task: int, until: float) -> Task | None:
    """Lease a task that waits, and all that wait of its group. None when it was leased with its group just now."""
    row = connection.execute("SELECT lane, group_key, group_first FROM task WHERE id = ? AND state = 0", (task,)).fetchone()
    if row is None:
        return None
    if row[1] is None:
        return _lease(connection, task, until)
    members = connection.execute(
        "SELECT task.id, length(event.body) FROM task JOIN event ON event.id = task.event"
        " WHERE task.lane = ? AND task.group_key = ? AND task.group_first = ? AND task.state = 0 ORDER BY task.id LIMIT ?",
        (*row, _MOST_TOGETHER),
    ).fetchall()
    return _lease_all(connection, members, until)


def lease_late(connection: Connection, lane: int, due: float, until: float) -> Task | None:
    """Lease all that was due at the moment ``due`` as one task; None when they are few."""
    waiting = connection.execute(
        "SELECT task.id, length(event.body) FROM task JOIN event ON event.id = task.event"
        " WHERE task.lane = ? AND task.state = 0 AND task.due <= ? ORDER BY task.due, task.id LIMIT ?",
        (lane, due, _MOST_TOGETHER),
    ).fetchall()
    return _lease_all(connection, waiting, until) if len(waiting) > _FEW else None


def _lease_all(connection: Connection, members: Sequence[tuple[int, int | None]], until: float) -> Task:
    together, size = [], 0
    for member, length in members:
        together.append(_lease(connection, member, until))
        size += length or 0
        if size > _READ_AT_ONCE:
            break
    first, *others = together
    return msgspec.structs.replace(
        first,
        first=min((one.first for one in together if one.first is not None), default=None),
        unclear=any(one.unclear for one in together),
        superseded=all(one.superseded for one in together),
        receipts=tuple(dict.fromkeys(receipt for one in together for receipt in one.receipts)),
        others=tuple(others),
    )


def _lease(connection: Connection, task: int, until: float) -> Task:
    """Lease one task that waits, and read with it what its attempt must know."""
    event, attempt, unclear, lane, entity, group, first_of_group = connection.execute(
        "UPDATE task SET state = 1, attempt = attempt + 1, lease = ? WHERE id = ? AND state = 0"
        " RETURNING event, attempt, started IS NOT NULL, lane, entity, group_key, group_first",
        (until, task),
    ).fetchone()
    if unclear:
        connection.execute("UPDATE task SET started = NULL WHERE id = ?", (task,))
    *stored, superseded = connection.execute(
        "SELECT body, digest, secret_name, old_secret, superseded FROM event WHERE id = ?", (event,)
    ).fetchone()
    first = None  # most tasks need one attempt
    if attempt > 1:
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
        receipts=_receipts(connection, lane, entity, group, first_of_group),
    )


def _receipts(
    connection: Connection, lane: int, entity: str | None, group: str | None, first_of_group: int | None
) -> tuple[str, ...]:
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
        found.update(row[0] for row in connection.execute(_TOLD_WITH_GROUP, (one.id, _MOST_TOGETHER)).fetchall())
    found.update(
        row[0] for number in tuple(found) for row in connection.execute(_TOLD_WITH_GROUP, (number, _MOST_TOGETHER)).fetchall()
    )
    told: list[Told] = []
    size = 0
    for number in sorted(found, reverse=True)[:_MOST_TOGETHER]:
        *stored, receipt, length = connection.execute(
            "SELECT event.body, event.digest, event.secret_name, event.old_secret, task.receipt, length(event.body)"
            " FROM task JOIN event ON event.id = task.event WHERE task.id = ?",
            (number,),
        ).fetchone()
        size += length or 0
        if length is not None and size <= _READ_AT_ONCE:
            told.append(Told(restored(*stored), receipt))
    return tuple(reversed(told))


def keep_attempt(connection: Connection, task: int, attempt: int, started: float, result: Result) -> None:
    """Add an attempt that was begun, and has ended, to the log."""
    connection.execute(
        "INSERT INTO attempt (task, n, started, ms, status, outcome, error, answer, next) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (task, attempt, started, result.ms, result.status, result.outcome, result.error, result.answer, result.at),
    )


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
        refresh(connection, group[0])
