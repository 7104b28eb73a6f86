"""The inbox: what was accepted is on the disk before PERSCOM gets its answer, once, and stays until it is handled."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from ._errors import ConfigurationError, MalformedEvent, StaleEvent
from ._event import Event, restored
from ._hidden import storable
from .queue import Connection, Database, Queue

__all__ = ["DeadLetter", "Health", "Pending", "SQLiteInbox"]

_log = logging.getLogger("perscom_receiver")

COMMIT_WITHIN = 2.0
"""Seconds a caller waits for the commit. PERSCOM waits 3 s in all and tries again after a 503; a late commit is fine then."""
SILENT_AFTER = 60.0
"""Seconds without a sign of life after which a worker counts as gone."""
_DAY = 86_400


class Pending(msgspec.Struct, frozen=True):
    """A stored event for which no tasks were made yet."""

    row: int
    event: Event | None
    """None: what is stored is no event; somebody wrote into the file, or the disk did."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How an inbox is doing. Ages in seconds."""

    stored: int
    """Events whose body is kept."""
    waiting: int
    """Tasks that wait or run, and events for which no tasks were made yet."""
    dead: int
    oldest: float | None
    """Age of the oldest event for which no tasks were made yet; None: there is none."""
    worker_seen: float | None
    """Seconds since a worker was last seen; None: never."""

    @property
    def worked(self) -> bool:
        """False when events wait and nobody handles them."""
        silent = self.worker_seen is None or self.worker_seen > SILENT_AFTER
        return self.oldest is None or self.oldest <= SILENT_AFTER or not silent


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A task that ended without success. ``SQLiteInbox.revive(task)`` lets it run again."""

    task: int
    handler: str
    event_name: str
    event_id: str
    attempts: int
    error: str
    settled: float
    """When it was given up: seconds since 1970."""


class SQLiteInbox:
    """Events in one SQLite file, each once. Opened at first use in each process; safe for threads and several processes.

    ``site`` keeps the events of several communities in one file apart; ``endpoint`` is noted with each event. ``horizon`` is
    how long repeats are recognised, ``keep_bodies`` how long bodies are kept, both in days. ``now`` gives seconds since 1970.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Database,
        *,
        site: str = "default",
        endpoint: str = "",
        horizon: float = 400,
        keep_bodies: float = 30,
        now: Callable[[], float] = time.time,
    ) -> None:
        if keep_bodies <= 0 or horizon < keep_bodies:
            raise ConfigurationError("An inbox needs keep_bodies > 0 and a horizon of at least as many days.")
        self.database = path if isinstance(path, Database) else Database(path)
        self.site = site
        self.queue = Queue(site, "inbox")
        self.now = now
        self._endpoint = endpoint
        self._horizon = horizon * _DAY
        self._keep = keep_bodies * _DAY
        self._warned = 0.0

    def add(self, event: Event) -> bool:
        """Store ``event`` and return True once that is committed; False when it was stored before.

        Hidden columns never reach the file. Raises StaleEvent when it is older than the inbox remembers (it may be a replay)
        and Unavailable when there is no commit within 2 s; one may still follow, and the caller's retry is seen before then.
        """
        return self._warn(self.database.write(self._insert(event), wake=True, timeout=COMMIT_WITHIN))

    async def aadd(self, event: Event) -> bool:
        """Like :meth:`add`, without blocking the event loop."""
        return self._warn(await self.database.awrite(self._insert(event), wake=True, timeout=COMMIT_WITHIN))

    def _insert(self, event: Event) -> Callable[[Connection], bool]:
        digest, created, body, now = bytes.fromhex(event.id), event.created_us, storable(event.body), self.now()

        def insert(connection: Connection) -> bool:
            floor = connection.execute("SELECT created FROM floor WHERE site = ?", (self.site,)).fetchone()
            if floor is not None and created < floor[0]:
                raise StaleEvent("The event is older than this inbox remembers, so it may be a replay.")
            added = connection.execute(
                "INSERT INTO event (site, created, digest, endpoint, name, request_id, secret_name, received, body, unplanned)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (site, created, digest) DO NOTHING",
                (self.site, created, digest, self._endpoint, event.name, event.request_id, event.secret_name, now, body),
            )
            return added.rowcount == 1

        return insert

    def _warn(self, added: bool) -> bool:
        """Say in the log, at most once a minute, when events pile up and no worker is seen."""
        now = self.now()
        if added and abs(now - self._warned) > SILENT_AFTER:
            self._warned = now
            self.database.submit(self._unworked)
        return added

    def _unworked(self, connection: Connection) -> None:
        count, oldest = connection.execute(
            "SELECT count(*), min(received) FROM event WHERE site = ? AND unplanned = 1", (self.site,)
        ).fetchone()
        seen = connection.execute("SELECT max(seen) FROM worker WHERE site = ?", (self.site,)).fetchone()[0]
        now = self.now()
        if count and now - oldest > SILENT_AFTER and (seen is None or now - seen > SILENT_AFTER):
            _log.warning(
                "%d events stored, no worker seen for %.0f s: start one with Worker(inbox, router) or `perscom-bridge work`.",
                count,
                now - (oldest if seen is None else seen),
            )

    def pending(self, connection: Connection, n: int) -> list[Pending]:
        """Up to ``n`` events for which no tasks were made yet, oldest first. One that cannot be read has no event."""
        rows = connection.execute(
            "SELECT id, body, digest, secret_name FROM event WHERE site = ? AND unplanned = 1 ORDER BY id LIMIT ?",
            (self.site, n),
        )
        return [Pending(row, _readable(body, digest, secret_name)) for row, body, digest, secret_name in rows]

    def plan(self, connection: Connection, plans: Mapping[int, Iterable[int]]) -> None:
        """Make a task in each of the lanes for each event row, and take its mark off. Planning twice changes nothing."""
        now = self.now()
        for row, lanes in plans.items():
            marked = connection.execute("UPDATE event SET unplanned = NULL WHERE id = ? AND unplanned = 1", (row,)).rowcount
            for lane in lanes if marked else ():
                self.queue.enqueue(connection, lane, row, due=now)

    def beat(self, connection: Connection, worker: str) -> None:
        """Note that ``worker`` lives."""
        connection.execute(
            "INSERT INTO worker (id, site, seen) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
            (worker, self.site, self.now()),
        )

    def leave(self, connection: Connection, worker: str) -> None:
        """Note that ``worker`` has ended on purpose."""
        connection.execute("DELETE FROM worker WHERE id = ?", (worker,))

    def prune(self, connection: Connection, n: int = 1000) -> int:
        """Forget what is too old, up to ``n`` rows a call: bodies after ``keep_bodies``, digests after the horizon.

        The floor rises in the same transaction that deletes the digests below it, and never past what the newest accepted event
        vouches for: a clock that runs ahead cannot make it refuse genuine events. Returns the number of rows changed.
        """
        now = self.now()
        newest = connection.execute("SELECT max(created) FROM event WHERE site = ?", (self.site,)).fetchone()[0]
        if newest is None:
            return 0
        # What waited that long for a destination that is off or gone is given up, or its body would be kept for ever.
        waiting = connection.execute(
            "SELECT id FROM event WHERE site = ? AND body IS NOT NULL AND received < ?"
            " AND EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.state = 0) LIMIT ?",
            (self.site, now - self._keep, n),
        ).fetchall()
        for (event,) in waiting:
            self.queue.bury(connection, event, now, "It waited longer than bodies are kept.")
        changed = connection.execute(
            "UPDATE event SET body = NULL WHERE id IN ("
            " SELECT id FROM event WHERE site = ? AND body IS NOT NULL AND received < ? AND unplanned IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.state IN (0, 1)) LIMIT ?)",
            (self.site, now - self._keep, n),
        ).rowcount
        connection.execute("DELETE FROM worker WHERE site = ? AND seen < ?", (self.site, now - _DAY))
        floor = min(newest, int(now * 1e6)) - int(self._horizon * 1e6)
        old = connection.execute(
            "SELECT id, created FROM event WHERE site = ? AND created < ? AND body IS NULL ORDER BY created LIMIT ?",
            (self.site, floor, n),
        ).fetchall()
        if not old:
            return changed
        raised = min(floor, old[-1][1] + 1)
        connection.execute(
            "INSERT INTO floor (site, created) VALUES (?, ?) ON CONFLICT (site) DO UPDATE SET created = excluded.created"
            " WHERE excluded.created > floor.created",
            (self.site, raised),
        )
        for event, _ in old:
            connection.execute("DELETE FROM attempt WHERE task IN (SELECT id FROM task WHERE event = ?)", (event,))
            connection.execute("DELETE FROM task WHERE event = ?", (event,))
            connection.execute("DELETE FROM event WHERE id = ?", (event,))
        return changed + len(old)

    def health(self) -> Health:
        """How the inbox is doing. Blocks for a query; use ``asyncio.to_thread`` in an event loop."""
        return self.database.read(self._health)

    def _health(self, connection: Connection) -> Health:
        def one(sql: str) -> float | None:
            value = connection.execute(sql, (self.site,)).fetchone()[0]
            return None if value is None else float(value)

        now = self.now()
        # One count for each state: each has an index of its own, and history none.
        tasks = "SELECT count(*) FROM task WHERE lane IN (SELECT id FROM lane WHERE site = ? AND queue = 'inbox') AND state"
        oldest = one("SELECT min(received) FROM event WHERE site = ? AND unplanned = 1")
        seen = one("SELECT max(seen) FROM worker WHERE site = ?")
        unplanned = one("SELECT count(*) FROM event WHERE site = ? AND unplanned = 1")
        return Health(
            stored=int(one("SELECT count(*) FROM event WHERE site = ? AND body IS NOT NULL") or 0),
            waiting=int((one(f"{tasks} = 0") or 0) + (one(f"{tasks} = 1") or 0) + (unplanned or 0)),
            dead=int(one(f"{tasks} = 3") or 0),
            oldest=None if oldest is None else now - oldest,
            worker_seen=None if seen is None else now - seen,
        )

    def dead_letters(self, n: int = 100) -> list[DeadLetter]:
        """The newest ``n`` tasks that ended without success, newest first. Blocks for a query."""
        query = (
            "SELECT task.id, lane.name, event.name, event.digest, task.attempt, task.error, task.settled"
            " FROM task JOIN lane ON lane.id = task.lane JOIN event ON event.id = task.event"
            " WHERE lane.site = ? AND lane.queue = ? AND task.state = 3 ORDER BY task.settled DESC LIMIT ?"
        )
        return self.database.read(
            lambda connection: [
                DeadLetter(task=t, handler=h, event_name=e, event_id=d.hex(), attempts=a, error=error or "", settled=s)
                for t, h, e, d, a, error, s in connection.execute(query, (self.site, self.queue.name, n))
            ]
        )

    def revive(self, task: int) -> bool:
        """Let a dead letter run again. False when there is none of that number, or its body is gone."""
        return self.database.write(lambda connection: self.queue.revive(connection, task, self.now()), wake=True)

    def resume(self, handler: str) -> bool:
        """End the pause of a handler whose destination was switched off. False when it is not paused."""
        return self.database.write(lambda connection: self.queue.resume(connection, handler), wake=True)

    def close(self) -> None:
        """Commit what waits and close the file. A later use opens it again."""
        self.database.close()


def _readable(body: bytes, digest: bytes, secret_name: str | None) -> Event | None:
    try:
        return restored(body, digest, secret_name)
    except MalformedEvent:
        return None
