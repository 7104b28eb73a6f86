"""The queue: tasks in lanes, claimed under a lease. One protocol for the inbox and for the sender.

Every method takes the connection of the transaction it belongs to, so a task is enqueued in the same transaction as the thing
it is about, and a receipt is kept in the same transaction as what follows from it. Wrap calls as
``await database.awrite(lambda connection: queue.claim(connection, now, 30, 10))``.

* A **lane** belongs to one handler, destination or endpoint. It has a width (tasks at once), a moment before which it rests,
  and a reason when it is paused. One stuck lane never delays another.
* **claim** leases tasks of the lane that has been ready longest; a lease is renewed while the work lives.
* A **chain** is worked on one task after another, in the order in which they were enqueued: of its tasks that are neither
  done nor dead the earliest is claimed next, and none while one is leased. Other chains of the lane go on beside it. A task
  that runs once more (``revive``, ``again``) is in its old place again, before all that came after it; if an attempt at one of
  these is under way, that ends first.
* **start** is committed directly before the work is done. A crash before it is repeated without a second thought; after it, and
  without a receipt, nobody knows whether the work was done: such a task is *unclear*, and the lane's setting decides.
* A **group** is handled as one task: its first member waits for the others, all are leased, started and settled together.
* **settle** carries the number of the attempt and is refused when it is no longer the newest: a worker that lost its lease
  changes nothing.

Times are seconds since 1970 in UTC, given by the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ._changes import catch_up, changed, note
from ._claims import claim
from ._database import Connection, Database
from ._groups import join
from ._lanes import Lanes
from ._receipts import read_told
from ._restore import Restored
from ._settling import settle_all
from ._store import foreign
from ._tasks import Claim, Group, Lane, Result, State, Task, Told

__all__ = [
    "Claim",
    "Connection",
    "Database",
    "Group",
    "Lane",
    "Queue",
    "Restored",
    "Result",
    "State",
    "Task",
    "Told",
    "foreign",
]

_RUNS_AGAIN = (
    "EXISTS (SELECT 1 FROM event JOIN lane ON lane.id = task.lane WHERE event.id = task.event AND event.body IS NOT NULL"
    " AND lane.site = ? AND lane.queue = ?)"
)
"""A task is one of this site and queue, and the body of its event is kept."""
# So that nobody forgets these bodies until the tasks wait.
_KEEP_BODIES = (
    "SELECT 1 FROM event WHERE id IN (SELECT event FROM task WHERE id = ? UNION ALL SELECT other.event FROM task"
    " JOIN task AS other ON other.lane = task.lane AND other.group_key = task.group_key"
    " AND other.group_first = task.group_first WHERE task.id = ?) /*pg ORDER BY id FOR SHARE*/"
)
_LAST_OF_CHAIN = "behind = CASE WHEN chain IS NOT NULL THEN 1 ELSE 0 END"
"""Where a task stands until its chain is lined up."""


class Queue(Lanes):
    """The tasks of one site under one name. Holds no state of its own: everything is in the database."""

    def enqueue(
        self,
        connection: Connection,
        lane: int,
        event: int,
        *,
        due: float,
        group: Group | None = None,
        entity: str | None = None,
        chain: str | None = None,
    ) -> bool:
        """Add a task for the row ``event``, not before ``due``. False when the lane has one for that event already.

        With a ``group`` it waits for others from ``due`` on, or is due with those that wait already; one that comes too late is
        due at once, and is of the group nevertheless: it waits with the others when these are tried again. ``entity`` is what
        the event is about (``rankrecord/17``): tasks get the receipts of their lane about the same one. With a ``chain``
        (``user/7``) it waits for those of its lane with the same one. Raises ValueError for a task with a group and a chain.
        """
        if group is not None and chain is not None:
            raise ValueError("a task has a group or a chain: those of a group run together, those of a chain do not")
        key, first = None, None
        if group is not None:
            key, (first, due) = group.key, join(connection, lane, event, group, due)
        added = connection.execute(
            "INSERT INTO task (lane, event, group_key, group_first, entity, due, chain, behind) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (event, lane) DO NOTHING",
            (lane, event, key, first, entity, due, chain, 0 if chain is None else 1),
        ).rowcount
        if added:
            note(connection, self.site, self.name, lane, due, chain)
        return bool(added)

    def claim(
        self, connection: Connection, now: float, lease: float, n: int, lanes: Collection[int] | None = None
    ) -> Claim | None:
        """Lease up to ``n`` tasks for ``lease`` seconds, of that one of ``lanes`` (None: all) that has been ready longest.

        None when no lane is ready; those with the same pace take turns. The claim may be without tasks (the width is used up,
        or all that was ready was unclear and put aside): ask again, for the next lane.
        """
        if lanes is not None and not lanes:
            return None
        catch_up(connection, self.site, self.name, lanes)
        claims = claim(connection, *self._among(lanes), now, now + lease, n, 1)
        return claims[0] if claims else None

    def begin(self, connection: Connection, now: float, lease: float, n: int) -> list[Claim]:
        """Claim and start at once, up to ``n`` tasks in all, shared evenly by the lanes that have been ready longest.

        For one whose work follows directly upon the commit: it costs far less than :meth:`claim` and :meth:`start` for each.
        Empty when no lane is ready. Ask again as long as there is room: what one lane leaves is for the others.
        """
        catch_up(connection, self.site, self.name, None)
        return claim(connection, *self._among(None), now, now + lease, n, n, begin=True)

    def told(self, connection: Connection, task: Task) -> tuple[Told, ...]:
        """The events that the receipts of ``task`` stand for, oldest first, as far as their bodies are kept; at most 200."""
        return read_told(connection, task)

    def start(self, connection: Connection, task: Task, now: float) -> bool:
        """Mark that the work begins now. False when the lease was lost, or may be at any moment: leave the task alone."""
        held = "WHERE id = ? AND attempt = ? AND state = 1 AND lease > ?"
        for one in task.all if task.others else ():  # all of a group, or none
            if (
                connection.execute(f"SELECT 1 FROM task {held} /*pg FOR UPDATE*/", (one.id, one.attempt, now)).fetchone()
                is None
            ):
                return False
        begun = 0
        for one in task.all:
            begun += connection.execute(f"UPDATE task SET started = ? {held}", (now, one.id, one.attempt, now)).rowcount
        return begun > 0

    def renew(self, connection: Connection, tasks: Iterable[Task], until: float) -> None:
        """Let the leases that are still held end at ``until``. A lost one stays lost; ``settle`` will tell."""
        self._let_end(connection, tasks, until)  # which may be sooner than it was: a clock that ran ahead was set right

    def settle(self, connection: Connection, task: Task, result: Result, now: float) -> bool:
        """Keep how the attempt ended, for the whole group. False, and nothing is changed, when it is no longer the newest."""
        return self.settle_all(connection, [(task, result)], now)[0]

    def settle_all(self, connection: Connection, ended: Sequence[tuple[Task, Result]], now: float) -> list[bool]:
        """Like :meth:`settle` for several at once, which costs far less."""
        return settle_all(connection, ended, now)

    def release(self, connection: Connection, tasks: Iterable[Task], now: float) -> None:
        """Give leases back at once, for a worker that stops. A task that was started is unclear at its next claim."""
        self._let_end(connection, tasks, now)

    def _let_end(self, connection: Connection, tasks: Iterable[Task], until: float) -> None:
        lanes = set()
        for one in (one for task in tasks for one in task.all):
            lanes.update(
                connection.execute(
                    "UPDATE task SET lease = ? WHERE id = ? AND attempt = ? AND state = 1 RETURNING lane",
                    (until, one.id, one.attempt),
                ).fetchall()
            )
        changed(connection, [lane for (lane,) in lanes], [], until)

    def bury(self, connection: Connection, event: int, now: float, error: str, *, running: bool = False) -> int:
        """Put the tasks of an event that wait aside as dead. Returns how many there were.

        With ``running`` also those that are being worked on: how these end is not kept.
        """
        buried = connection.execute(
            "UPDATE task SET state = 3, settled = ?, error = ? WHERE event = ? AND (state = 0 OR state = ?)"
            " RETURNING lane, chain",
            (now, error, event, State.LEASED if running else State.WAITING),
        ).fetchall()
        changed(connection, {lane for lane, _ in buried}, set(buried), now)
        return len(buried)

    def revive(self, connection: Connection, task: int, now: float) -> bool:
        """Let a dead task run again, with the rest of its group.

        False when this site has no dead task of that id, or the body of its event is gone.
        """
        ours = (self.site, self.name)
        connection.execute(_KEEP_BODIES, (task, task)).fetchall()
        row = connection.execute(
            f"SELECT lane, chain, group_key, group_first FROM task WHERE id = ? AND state = 3 AND {_RUNS_AGAIN}", (task, *ours)
        ).fetchone()
        if row is None:
            return False
        lane, chain, *group = row
        connection.execute(
            f"UPDATE task SET state = 0, due = ?, settled = NULL, {_LAST_OF_CHAIN} WHERE state = 3"
            f" AND (id = ? OR (lane = ? AND group_key = ? AND group_first = ?)) AND {_RUNS_AGAIN}",
            (now, task, lane, *group, *ours),
        )
        changed(connection, [lane], [(lane, chain)], now)
        return True

    def again(self, connection: Connection, task: int, now: float) -> bool:
        """Let a task run at once (or as soon as its chain lets it), also one that is done: for who wants it sent once more.

        False when this site has no task of that id, it is being worked on, or the body of its event is gone.
        """
        connection.execute(_KEEP_BODIES, (task, task)).fetchall()
        row = connection.execute(
            f"UPDATE task SET state = 0, due = ?, settled = NULL, receipt = NULL, error = NULL, {_LAST_OF_CHAIN}"
            f" WHERE id = ? AND state <> 1 AND {_RUNS_AGAIN} RETURNING lane, chain",
            (now, task, self.site, self.name),
        ).fetchone()
        if row is not None:
            changed(connection, [row[0]], [row], now)
        return row is not None
