"""The statements behind a claim: leases that ran out, and new ones.

As few as can be, for all lanes together: each costs a change of the thread that holds the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ._chains import line_up
from ._changes import refresh
from ._database import Connection
from ._event import Event, restored
from ._paces import NOBODY_AT_ITS_PACE, Ready, one_of_each_pace
from ._receipts import MOST_TOGETHER, READ_AT_ONCE, read_receipts
from ._settling import keep_attempts
from ._statements import places
from ._tasks import Claim, Lane, Result, State, Task

__all__ = ["claim"]

_FEW = 10
"""So many that wait are handled one by one, however late."""
_COLUMNS = (
    "task.id, task.lane, task.event, task.attempt, task.started IS NOT NULL, task.group_key, task.group_first, task.entity,"
    " length(event.body)"
)
_OF_LANE = f"SELECT {_COLUMNS} FROM task JOIN event ON event.id = task.event WHERE task.lane = ? AND task.state = 0"
_TAKEN = "/*pg FOR UPDATE OF task SKIP LOCKED*/"  # who has one of them, in a lane that is ours, is about to put it aside
_LATE = f"{_OF_LANE} AND task.behind = 0 AND task.due <= ? ORDER BY task.due, task.id LIMIT ? {_TAKEN}"
_GROUP = f"{_OF_LANE} AND task.group_key = ? AND task.group_first = ? ORDER BY task.id LIMIT ? {_TAKEN}"
# SQLite takes no column of another table in a LIMIT, so all lanes get the same share.
_HEAD = (
    "FROM task AS head WHERE head.lane = lane.id AND head.state = 0 AND head.behind = 0 AND head.due <= ?"
    " ORDER BY head.due, head.id LIMIT ?"
)
_HEADS = (
    f"SELECT {_COLUMNS} FROM /*sqlite*/lane CROSS JOIN task JOIN event ON event.id = task.event WHERE lane.id IN ({{0}})"
    f" AND task.id IN (SELECT head.id {_HEAD})"
    f" /*pg (SELECT id FROM lane WHERE id IN ({{0}})) AS lane CROSS JOIN LATERAL (SELECT head.* {_HEAD} FOR UPDATE SKIP LOCKED)"
    " AS task JOIN event ON event.id = task.event*/ ORDER BY task.due, task.id"
)
_BESIDE_BODY = 1024
"""Bytes of memory that a task takes beside the body of its event."""
_CUT_OFF = "It was cut off in the middle: nobody knows whether it was done."


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
        " ORDER BY ready, id LIMIT ? /*pg FOR NO KEY UPDATE SKIP LOCKED*/",
        (*ids, now, now, max(1, most)),
    ).fetchall()
    ready = one_of_each_pace(
        connection,
        [Ready(Lane(number, name, width, bool(repeat)), *rest) for number, name, width, repeat, *rest in found],
        now,
    )
    if not ready:
        return []
    turn = _Turn(connection, now, until, now if begin else None)
    leased = _count_leased(turn, ready)
    rooms = {one.lane.id: one.lane.width - leased.get(one.lane.id, 0) for one in ready}
    tasks = _lease(turn, ready, rooms, n)
    refresh(connection, *rooms)
    return [Claim(one.lane, tuple(tasks.get(one.lane.id, ()))) for one in ready]


def _count_leased(turn: _Turn, ready: Sequence[Ready]) -> dict[int, int]:
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
        "SELECT id, attempt, started, chain FROM task WHERE lane = ? AND state = 1 AND lease <= ?"
        " /*pg FOR UPDATE SKIP LOCKED*/",
        (lane.id, now),
    ).fetchall()
    cut_off = Result(state=State.DEAD, outcome="unclear", error=_CUT_OFF)
    keep_attempts(connection, [(task, n, started, cut_off) for task, n, started, _ in lapsed if started is not None])
    for task, _, started, _ in lapsed:
        state, settled, error = State.WAITING, None, None
        if started is not None and not lane.repeat_unclear:
            state, settled, error = State.DEAD, now, _CUT_OFF
        connection.execute(
            "UPDATE task SET state = ?, lease = NULL, settled = ?, error = coalesce(?, error) WHERE id = ?",
            (state, settled, error, task),
        )
    line_up(connection, {(lane.id, chain) for *_, chain in lapsed})


def _lease(turn: _Turn, ready: Sequence[Ready], rooms: dict[int, int], n: int) -> dict[int, list[Task]]:
    """The tasks of each lane that are leased now."""
    chosen = _that_fit(_choose(turn, ready, rooms, n))
    waiting = [one for together in chosen for one in together]
    if not waiting:
        return {}
    turn.connection.execute(
        f"UPDATE task SET state = 1, attempt = attempt + 1, lease = ?, started = ? WHERE id IN ({places(waiting)})",
        (turn.until, turn.begun, *(one.id for one in waiting)),
    )
    events = {one.event for one in waiting}
    stored = turn.connection.execute(
        f"SELECT id, superseded, body, digest, secret_name, old_secret FROM event WHERE id IN ({places(events)})", tuple(events)
    ).fetchall()
    found = {number: (restored(*rest), bool(superseded)) for number, superseded, *rest in stored}
    tasks: dict[int, list[Task]] = {}
    for together in chosen:
        task = _together([_task(turn, one, *found[one.event]) for one in together])
        tasks.setdefault(together[0].lane, []).append(task)
    return tasks


def _choose(turn: _Turn, ready: Sequence[Ready], rooms: dict[int, int], n: int) -> list[list[_Waiting]]:
    """What may be leased now: for each task those that are handled together as one."""
    chosen: list[list[_Waiting]] = []
    open_ = []
    for one in ready if n > 0 else ():
        if rooms[one.lane.id] > 0:
            late = [] if one.late is None else _waiting(turn, _LATE, one.lane.id, turn.now - one.late, MOST_TOGETHER)
            if len(late) > _FEW:
                chosen.append(late)
            else:
                open_.append(one.lane.id)
    if not open_:
        return chosen
    share = min((n - len(chosen)) // len(open_), max(rooms[lane] for lane in open_))
    known: set[int] = set()
    for head in _waiting(turn, _HEADS.format(places(open_)), *open_, turn.now, share):
        if rooms[head.lane] > 0:
            rooms[head.lane] -= 1
            same = [head] if head.group is None else _waiting(turn, _GROUP, head.lane, head.group, head.first, MOST_TOGETHER)
            if members := [one for one in same if one.id not in known]:
                chosen.append(members)
                known.update(one.id for one in members)
    return chosen


def _that_fit(chosen: Sequence[list[_Waiting]]) -> list[list[_Waiting]]:
    """As many of them as may be read at once, and at least one: of the first as many together as may."""
    fit: list[list[_Waiting]] = []
    size = 0
    for together in chosen:
        for place, one in enumerate(together):
            size += _BESIDE_BODY + (one.size or 0)
            if size > READ_AT_ONCE and (fit or place):
                return fit or [together[:place]]
        fit.append(together)
    return fit


def _waiting(turn: _Turn, sql: str, *parameters: object) -> list[_Waiting]:
    return [_Waiting(*row) for row in turn.connection.execute(sql, parameters).fetchall()]


def _together(tasks: Sequence[Task]) -> Task:
    """Several tasks as one."""
    first, *others = tasks
    if not others:
        return first
    return msgspec.structs.replace(
        first,
        first=min((one.first for one in tasks if one.first is not None), default=None),
        unclear=any(one.unclear for one in tasks),
        superseded=all(one.superseded for one in tasks),
        receipts=tuple(dict.fromkeys(receipt for one in tasks for receipt in one.receipts)),
        others=tuple(others),
    )


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
