"""The statements behind a settlement: what a task is now, the log of attempts, and what follows for its lane.

As few as can be: each costs a change of the thread that holds the interpreter, which is dear while an event loop is busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ._chains import advance
from ._database import Connection
from ._groups import wait_together
from ._lanes import places, refresh, rest
from ._tasks import Result, State, Task

__all__ = ["keep_attempts", "settle_all"]

_AT_ONCE = 500
"""Rows that are inserted by one statement."""


def settle_all(connection: Connection, ended: Sequence[tuple[Task, Result]], now: float) -> list[bool]:
    """See :meth:`~perscom_receiver.queue.Queue.settle_all`."""
    each = [(one, result) for task, result in ended for one in task.all]
    held = _held(connection, [one for one, _ in each])
    kept = [(one, result) for one, result in each if one.id in held]
    for (state, settled, *told), tasks in _alike(kept, now).items():
        connection.execute(
            "UPDATE task SET state = ?, lease = NULL, started = NULL, settled = ?, receipt = ?, error = ?,"
            f" due = coalesce(?, due) WHERE id IN ({places(tasks)})",
            (state, settled, *told, *tasks),
        )
    begun = [(one.id, one.attempt, started, result) for one, result in kept if (started := held[one.id][1]) is not None]
    keep_attempts(connection, begun)
    for one, result in kept:
        _follow(connection, held[one.id][0], result, now)
    for task, result in ended:
        if result.at is not None and result.state is State.WAITING and not result.hold:
            wait_together(connection, [one for one in task.all if one.id in held], result.at)
    advance(connection, [one.id for one, result in kept if result.state is not State.WAITING])
    refresh(connection, *{lane for lane, _ in held.values()})
    return [any(one.id in held for one in task.all) for task, _ in ended]


def _held(connection: Connection, tasks: Sequence[Task]) -> dict[int, tuple[int, float | None]]:
    """The lane of each task that is held still, and when it was started."""
    attempts = {one.id: one.attempt for one in tasks}
    rows = connection.execute(
        f"SELECT id, attempt, lane, started FROM task WHERE id IN ({places(attempts)}) AND state = 1", tuple(attempts)
    ).fetchall()
    return {number: (lane, started) for number, attempt, lane, started in rows if attempt == attempts[number]}


def _alike(kept: Iterable[tuple[Task, Result]], now: float) -> dict[tuple[object, ...], list[int]]:
    """The numbers of tasks for which the very same is kept, by what that is."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for task, result in kept:
        settled = None if result.state is State.WAITING else now
        receipt = result.receipts.get(task.event.id, result.receipt) if result.receipts else result.receipt
        told = (result.state, settled, receipt, result.error, None if result.hold else result.at)
        alike.setdefault(told, []).append(task.id)
    return alike


def _follow(connection: Connection, lane: int, result: Result, now: float) -> None:
    """What an attempt means for its whole lane."""
    if result.state is State.WAITING and result.hold and result.at is not None:
        connection.execute("UPDATE lane SET not_before = ? WHERE id = ? AND not_before < ?", (result.at, lane, result.at))
    if result.pause is not None:
        connection.execute("UPDATE lane SET paused = ? WHERE id = ?", (result.pause, lane))
    if result.rest is not None:
        rest(connection, lane, now + result.rest, result.pace)


def keep_attempts(connection: Connection, ended: Sequence[tuple[int, int, float, Result]]) -> None:
    """Add attempts that were begun, and have ended, to the log: the task, the number, when it was started, and how it ended."""
    for some in (ended[first : first + _AT_ONCE] for first in range(0, len(ended), _AT_ONCE)):
        rows = [(task, n, started, r.ms, r.status, r.outcome, r.error, r.answer, r.at) for task, n, started, r in some]
        connection.execute(
            "INSERT INTO attempt (task, n, started, ms, status, outcome, error, answer, next) VALUES"
            f" {', '.join([f'({places(rows[0])})'] * len(rows))}",
            [value for row in rows for value in row],
        )
