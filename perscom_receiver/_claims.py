"""The statements behind a claim: leases that ran out, and new ones.

As few as can be, for all lanes together: each costs a change of the thread that holds the interpreter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from ._chains import advance
from ._database import Connection
from ._event import Event, restored
from ._lanes import NOBODY_AT_ITS_PACE, places, refresh
from ._receipts import MOST_TOGETHER, READ_AT_ONCE, read_receipts
from ._settling import keep_attempts
from ._tasks import Claim, Lane, Result, State, Task

__all__ = ["claim"]

_FEW = 10
"""So many that wait are handled one by one, however late."""
_COLUMNS = (
    "task.id, task.lane, task.event, task.attempt, task.started IS NOT NULL, task.group_key, task.group_first, task.entity,"
    " length(event.body)"
)
_OF_LANE = f"SELECT {_COLUMNS} FROM task JOIN event ON event.id = task.event WHERE task.lane = ? AND task.state = 0"
# SQLite takes no column of another table in a LIMIT, so all lanes get the same share.
_HEADS = (
    f"SELECT {_COLUMNS} FROM lane CROSS JOIN task JOIN event ON event.id = task.event WHERE lane.id IN ({{0}}) AND task.id IN"
    " (SELECT head.id FROM task AS head WHERE head.lane = lane.id AND head.state = 0 AND head.behind IS NULL"
    " AND head.due <= ? ORDER BY head.due, head.id LIMIT ?) ORDER BY task.due, task.id"
)
_CUT_OFF = "It was cut off in the middle: nobody knows whether it was done."


class _Ready(NamedTuple):
    """A lane that may have something to do. ``late``: see :meth:`~perscom_receiver.queue.Queue.lane`."""

    lane: Lane
    late: float | None
    pace: str | None


class _Waiting(NamedTuple):
    """A task that waits, as ``_COLUMNS`` name it."""

    id: int
    lane: int
    event: int
    attempt: int
    unclear: int
    group: str | None
    first: int | None
    entity: str | None
    size: int | None


class _Turn(NamedTuple):
    """One claim. ``begun`` is now, if the work begins at once."""

    connection: Connection
    now: float
    until: float
    begun: float | None


def claim(
    connection: Connection,
    among: str,
    ids: tuple[object, ...],
    now: float,
    until: float,
    n: int,
    most: int,
    *,
    begin: bool = False,
) -> list[Claim]:
    """Lease up to ``n`` tasks until ``until``, of up to ``most`` of the lanes ``among`` (a condition for ``ids``) that are
    ready, those first that have been it longest; they get equal shares. ``begin`` marks the tasks as started now."""
    found = connection.execute(
        f"SELECT id, name, width, repeat_unclear, late, pace FROM lane WHERE {among} AND ready <= ? AND {NOBODY_AT_ITS_PACE}"
        " ORDER BY ready, id LIMIT ?",
        (*ids, now, now, max(1, most)),
    ).fetchall()
    ready = _one_of_each_pace(
        _Ready(Lane(number, name, width, bool(repeat)), *rest) for number, name, width, repeat, *rest in found
    )
    if not ready:
        return []
    turn = _Turn(connection, now, until, now if begin else None)
    leased = _count_leased(turn, ready)
    rooms = {one.lane.id: one.lane.width - leased.get(one.lane.id, 0) for one in ready}
    tasks = _lease(turn, ready, rooms, n)
    refresh(connection, *rooms)
    return [Claim(one.lane, tuple(tasks[one.lane.id])) for one in ready]


def _one_of_each_pace(ready: Iterable[_Ready]) -> list[_Ready]:
    """Two at once would be twice as fast as their pace allows."""
    return list({one.lane.id if one.pace is None else one.pace: one for one in reversed(list(ready))}.values())[::-1]


def _count_leased(turn: _Turn, ready: Sequence[_Ready]) -> dict[int, int]:
    """How many tasks of each lane are leased, once those whose lease ran out are taken back."""
    lanes = {one.lane.id: one.lane for one in ready}
    sql = f"SELECT lane, count(*), min(lease) FROM task WHERE lane IN ({places(lanes)}) AND state = 1 GROUP BY lane"
    rows = turn.connection.execute(sql, tuple(lanes)).fetchall()
    lapsed = [lanes[lane] for lane, _, first in rows if first <= turn.now]
    for lane in lapsed:
        _take_back(turn.connection, lane, turn.now)
    if lapsed:
        rows = turn.connection.execute(sql, tuple(lanes)).fetchall()
    return {lane: count for lane, count, _ in rows}


def _take_back(connection: Connection, lane: Lane, now: float) -> None:
    """Let tasks whose lease ran out wait in their old place; put those aside that are unclear, if the lane says so."""
    lapsed = connection.execute(
        "SELECT id, attempt, started FROM task WHERE lane = ? AND state = 1 AND lease <= ?", (lane.id, now)
    ).fetchall()
    cut_off = Result(state=State.DEAD, outcome="unclear", error=_CUT_OFF)
    keep_attempts(connection, [(task, n, started, cut_off) for task, n, started in lapsed if started is not None])
    for task, _, started in lapsed:
        state, settled, error = State.WAITING, None, None
        if started is not None and not lane.repeat_unclear:
            state, settled, error = State.DEAD, now, _CUT_OFF
        connection.execute(
            "UPDATE task SET state = ?, lease = NULL, settled = ?, error = coalesce(?, error) WHERE id = ?",
            (state, settled, error, task),
        )
    if not lane.repeat_unclear:
        advance(connection, [task for task, *_ in lapsed])


def _lease(turn: _Turn, ready: Sequence[_Ready], rooms: dict[int, int], n: int) -> dict[int, list[Task]]:
    """The tasks of each lane that are leased now."""
    tasks: dict[int, list[Task]] = {lane: [] for lane in rooms}
    for one in ready:
        if one.late is not None and min(n, rooms[one.lane.id]) > 0:
            late = _waiting(
                turn,
                f"{_OF_LANE} AND task.behind IS NULL AND task.due <= ? ORDER BY task.due, task.id LIMIT ?",
                one.lane.id,
                turn.now - one.late,
                MOST_TOGETHER,
            )
            if len(late) > _FEW:
                tasks[one.lane.id].append(_together(turn, late))
    open_ = [lane for lane, room in rooms.items() if room > 0 and not tasks[lane]]
    if not open_ or n < 1:
        return tasks
    heads = _waiting(turn, _HEADS.format(places(open_)), *open_, turn.now, max(1, n // len(open_)))
    chosen: list[_Waiting] = []
    for head in heads:
        if rooms[head.lane] > 0:
            rooms[head.lane] -= 1
            chosen.append(head)
    alone = {task.id: task for task in _take(turn, [head for head in chosen if head.group is None])}
    for head in chosen:
        task = alone.get(head.id) if head.group is None else _with_its_group(turn, head)
        if task is not None:
            tasks[head.lane].append(task)
    return tasks


def _waiting(turn: _Turn, sql: str, *parameters: object) -> list[_Waiting]:
    return [_Waiting(*row) for row in turn.connection.execute(sql, parameters).fetchall()]


def _with_its_group(turn: _Turn, head: _Waiting) -> Task | None:
    """One task of all that wait of a group. None when they were leased just now."""
    members = _waiting(
        turn,
        f"{_OF_LANE} AND task.group_key = ? AND task.group_first = ? ORDER BY task.id LIMIT ?",
        head.lane,
        head.group,
        head.first,
        MOST_TOGETHER,
    )
    return _together(turn, members) if members else None


def _together(turn: _Turn, members: Sequence[_Waiting]) -> Task:
    """Several tasks as one, as far as their bodies may be read at once."""
    tasks = _take(turn, members)
    first, *others = tasks
    return msgspec.structs.replace(
        first,
        first=min((one.first for one in tasks if one.first is not None), default=None),
        unclear=any(one.unclear for one in tasks),
        superseded=all(one.superseded for one in tasks),
        receipts=tuple(dict.fromkeys(receipt for one in tasks for receipt in one.receipts)),
        others=tuple(others),
    )


def _take(turn: _Turn, waiting: Sequence[_Waiting]) -> list[Task]:
    """Lease tasks that wait, in their order, up to the one with which too much would have to be read."""
    taken, size = [], 0
    for one in waiting:
        taken.append(one)
        size += one.size or 0
        if size > READ_AT_ONCE:
            break
    if not taken:
        return []
    turn.connection.execute(
        f"UPDATE task SET state = 1, attempt = attempt + 1, lease = ?, started = ? WHERE id IN ({places(taken)})",
        (turn.until, turn.begun, *(one.id for one in taken)),
    )
    events = {one.event for one in taken}
    stored = turn.connection.execute(
        f"SELECT id, superseded, body, digest, secret_name, old_secret FROM event WHERE id IN ({places(events)})", tuple(events)
    ).fetchall()
    found = {number: (restored(*rest), bool(superseded)) for number, superseded, *rest in stored}
    return [_task(turn, one, *found[one.event]) for one in taken]


def _task(turn: _Turn, one: _Waiting, event: Event, superseded: bool) -> Task:
    """What the next attempt of a task that waited must know."""
    first = None  # most tasks need one attempt
    if one.attempt:
        first = turn.connection.execute(
            "SELECT min(started) FROM attempt WHERE task = ? AND outcome <> 'permanent'", (one.id,)
        ).fetchone()[0]
    return Task(
        id=one.id,
        event=event,
        attempt=one.attempt + 1,
        first=first,
        unclear=bool(one.unclear),
        superseded=superseded,
        receipts=read_receipts(turn.connection, one.lane, one.entity, one.group, one.first),
    )
