"""The statements behind a settlement: what a task is now, the log of attempts, and what follows for its lane.

As few as can be: each costs a change of the thread that holds the interpreter, which is dear while an event loop is busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ._changes import changed
from ._database import Connection
from ._groups import wait_together
from ._lanes import rest
from ._statements import places
from ._tasks import Result, State, Task

__all__ = ["keep_attempts", "settle_all"]

_AT_ONCE = 500
"""Rows that are inserted by one statement."""


class _Held(NamedTuple):
    """What is known of a task that is held still."""

    lane: int
    started: float | None
    chain: str | None


def settle_all(connection: Connection, ended: Sequence[tuple[Task, Result]], now: float) -> list[bool]:
    """See :meth:`~perscom_receiver.queue.Queue.settle_all`."""
    held = _held(connection, [one for task, _ in ended for one in task.all])
    ends: list[tuple[Result, list[tuple[Task, _Held]]]] = []
    for task, result in ended:
        found = [(one, held.pop((one.id, one.attempt), None)) for one in task.all]  # popped: nobody settles twice
        ends.append((result, [(one, known) for one, known in found if known is not None]))
    kept = [(one, known, result) for result, tasks in ends for one, known in tasks]
    for (state, settled, *told), alike in _alike(kept, now).items():
        connection.execute(
            "UPDATE task SET state = ?, lease = NULL, started = NULL, settled = ?, receipt = ?, error = ?,"
            f" due = coalesce(?, due) WHERE id IN ({places(alike)})",
            (state, settled, *told, *alike),
        )
    keep_attempts(
        connection,
        [(one.id, one.attempt, known.started, result) for one, known, result in kept if known.started is not None],
    )
    for result, tasks in ends:
        if tasks:
            _follow(connection, tasks[0][1].lane, result, now)
        if result.at is not None and result.state is State.WAITING and not result.hold:
            wait_together(connection, [one for one, _ in tasks], result.at)
    changed(connection, {known.lane for _, known, _ in kept}, {(known.lane, known.chain) for _, known, _ in kept}, now)
    return [bool(tasks) for _, tasks in ends]


def _held(connection: Connection, tasks: Sequence[Task]) -> dict[tuple[int, int], _Held]:
    """What is known of those that are held still, by number and attempt."""
    numbers = {one.id for one in tasks}
    rows = connection.execute(
        f"SELECT id, attempt, lane, started, chain FROM task WHERE id IN ({places(numbers)}) AND state = 1"
        " /*pg ORDER BY id FOR UPDATE*/",
        tuple(numbers),
    ).fetchall()
    return {(number, attempt): _Held(*known) for number, attempt, *known in rows}


def _alike(kept: Iterable[tuple[Task, _Held, Result]], now: float) -> dict[tuple[object, ...], list[int]]:
    """The numbers of tasks for which the very same is kept, by what that is."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for task, _, result in kept:
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
