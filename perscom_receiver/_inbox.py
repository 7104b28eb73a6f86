"""The inbox: what was accepted is on the disk before PERSCOM gets its answer, once, and stays until it is handled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ._dead_letters import DeadLetter, read_dead_letters
from ._errors import ConfigurationError, StaleEvent
from ._event import Event
from ._health import Health, read_health
from ._insert import STALE, insertion, seconds_left
from ._pending import Pending, as_pending, readable_at_once
from ._purge import Purged, purge
from ._replay import Missed, find_missed, replay
from ._retention import forget_bodies, forget_entities, forget_events, give_up
from ._statements import places
from ._watch import Watch
from .queue import Connection, Database, Group, Queue

if TYPE_CHECKING:
    from ._nats import JetStream

__all__ = ["DeadLetter", "SQLiteInbox"]

AHEAD = 60.0
"""Seconds that the sender's clock may be ahead of ours."""
REPLAYED_AT_ONCE = 100
PROBE = 64 * 1024
"""Bytes that tell whether there is room on the disk. PERSCOM's largest event seen had 54 KB."""
_DAY = 86_400


class SQLiteInbox:
    """Events in one SQLite file, or one PostgreSQL (``"postgresql://..."`` in place of the path), each once.

    Opened at first use in each process; safe for threads and several processes.

    ``site`` keeps the events of several communities in one file apart; ``endpoint`` is noted with each event. ``horizon`` is
    how long repeats are recognised, ``keep_bodies`` how long bodies are kept, both in days. ``now`` gives seconds since 1970.
    With ``ingest`` (:class:`~perscom_receiver.JetStream`, or its address) an event is accepted once that stream has it, and the
    workers of this inbox take it over.
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
        ingest: JetStream | str | None = None,
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
        self._watch = Watch(self.database, site, now)
        self.ingest, self._front = None, None
        if ingest is not None:
            from ._nats import Front, JetStream  # here, since hardly any inbox has a stream in front

            self.ingest = JetStream(ingest) if isinstance(ingest, str) else ingest
            self._front = Front(self.ingest, self.database, site, endpoint=endpoint, now=now)

    def add(self, event: Event) -> bool:
        """Store ``event`` and return True once that is committed; False when it was stored before.

        Hidden columns never reach the file. Raises StaleEvent when it is older than the inbox remembers (it may be a replay)
        and Unavailable when there is no commit within 2 s; one may still follow, and the caller's retry is seen before then.
        While the disk does not go on, Unavailable comes at once for what is more than 64 MiB.
        """
        began = time.monotonic()
        if self._front is None or (added := self._front.offer(event)) is None:
            insert, size = insertion(self.site, event, endpoint=self._endpoint, received=self.now())
            added = self.database.write(insert, wake=True, timeout=seconds_left(began), size=size)
        return self._told(added)

    async def aadd(self, event: Event) -> bool:
        """Like :meth:`add`, without blocking the event loop."""
        began = time.monotonic()
        if self._front is None or (added := await self._front.aoffer(event)) is None:
            insert, size = insertion(self.site, event, endpoint=self._endpoint, received=self.now())
            added = await self.database.awrite(insert, wake=True, timeout=seconds_left(began), size=size)
        return self._told(added)

    def _told(self, added: bool | None) -> bool:
        if added is None:
            raise StaleEvent(STALE)
        if added:
            self._watch.look()
        return added

    def pending(self, connection: Connection, n: int) -> list[Pending]:
        """Up to ``n`` events for which no tasks were made yet, oldest first; fewer, but at least one, where bodies are large.

        One that cannot be read has no event.
        """
        waiting = connection.execute(
            "SELECT id, length(body) FROM event WHERE site = ? AND unplanned = 1 ORDER BY id LIMIT ?", (self.site, n)
        ).fetchall()
        some = readable_at_once(waiting)
        rows = connection.execute(
            "SELECT id, received, body, digest, secret_name, old_secret FROM event"
            f" WHERE id IN ({places(some)}) AND unplanned = 1 ORDER BY id",
            some,
        )
        return [as_pending(*row) for row in rows]

    def plan(self, connection: Connection, plans: Iterable[tuple[Pending, Mapping[int, Group | None]]]) -> None:
        """Make a task in each of the lanes for each event, in its group there, and take its mark off. Planning twice changes
        nothing.

        What :meth:`pending` gave is planned in that order, which is the order of arrival: an event that is older than one about
        the same entity that was planned before it is marked as superseded.
        """
        now = self.now()
        for found, lanes in plans:
            row = (found.row,)
            if not connection.execute("UPDATE event SET unplanned = NULL WHERE id = ? AND unplanned = 1", row).rowcount:
                continue
            if self._is_superseded(connection, found):
                connection.execute("UPDATE event SET superseded = 1 WHERE id = ?", row)
            for lane, group in lanes.items():
                self.queue.enqueue(connection, lane, found.row, due=now, group=group, entity=found.entity)

    def _is_superseded(self, connection: Connection, found: Pending) -> bool:
        if found.event is None or found.entity is None:
            return False
        # One from the future, made while the sender's clock was wrong, counts as of its arrival: it must not supersede all
        # that follows.
        created, latest = found.event.created_us, int((found.received + AHEAD) * 1e6)
        newest = connection.execute(
            "INSERT INTO newest (site, entity, created) VALUES (?, ?, ?) ON CONFLICT (site, entity) DO UPDATE SET"
            " created = CASE WHEN excluded.created > newest.created THEN excluded.created ELSE newest.created END"
            " RETURNING created",
            (self.site, found.entity, min(created, latest)),
        ).fetchone()[0]
        return bool(newest > created)

    def beat(self, connection: Connection, worker: str) -> None:
        """Note that ``worker`` lives."""
        connection.execute(
            "INSERT INTO worker (id, site, seen) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
            (worker, self.site, self.now()),
        )

    def leave(self, connection: Connection, worker: str) -> None:
        """Note that ``worker`` has ended on purpose."""
        connection.execute("DELETE FROM worker WHERE id = ?", (worker,))

    def probe(self, connection: Connection) -> None:
        """Write as much as a large event takes, and take it back: raises where a full disk has room for less. Less would not
        do: what a refused event tried to write lies at the end of the log and can be written over."""
        connection.execute("INSERT INTO worker (id, site, seen) VALUES ('probe', ?, 0)", (" " * PROBE,))
        connection.execute("DELETE FROM worker WHERE id = 'probe'")

    def prune(self, connection: Connection, n: int = 1000, *, unworked: bool = False) -> int:
        """Forget what is too old, up to ``n`` rows of a kind: bodies after ``keep_bodies``, all the rest after the horizon.

        With ``unworked`` also bodies of events that still wait for a worker: for an inbox that will have none any more.
        The floor never rises past what the newest accepted event vouches for: a clock that runs ahead cannot make it refuse
        genuine events. Returns the number of rows changed.
        """
        now = self.now()
        newest = connection.execute("SELECT max(created) FROM event WHERE site = ?", (self.site,)).fetchone()[0]
        if newest is None:
            return 0
        floor = min(newest, int(now * 1e6)) - int(self._horizon * 1e6)
        connection.execute("DELETE FROM worker WHERE site = ? AND seen < ?", (self.site, now - _DAY))
        if unworked:
            give_up(connection, self.queue, now - self._keep, now, n)
        return (
            forget_bodies(connection, self.queue, now - self._keep, now, n)
            + forget_events(connection, self.site, floor, n)
            + forget_entities(connection, self.site, n)
        )

    def health(self) -> Health:
        """How the inbox is doing. Blocks for a query."""
        return self.database.read(lambda connection: read_health(connection, self.site, self.now()))

    async def ahealth(self) -> Health:
        """Like :meth:`health`, without blocking the event loop."""
        return await self.database.aread(lambda connection: read_health(connection, self.site, self.now()))

    def dead_letters(self, n: int = 100) -> list[DeadLetter]:
        """The newest ``n`` tasks that ended without success, newest first. Blocks for a query."""
        return self.database.read(lambda connection: read_dead_letters(connection, self.queue, n))

    def revive(self, task: int) -> bool:
        """Let a dead letter run again. False when there is none of that number, or its body is gone."""
        return self.database.write(lambda connection: self.queue.revive(connection, task, self.now()), wake=True)

    def resume(self, handler: str) -> bool:
        """End the pause of a handler whose destination was switched off. False when it is not paused."""
        return self.database.write(lambda connection: self.queue.resume(connection, handler), wake=True)

    def missed(self, handler: str, wants: Callable[[Event], bool], *, since: float = 0.0) -> Missed:
        """The stored events that ``handler`` was never given and now ``wants``; a new handler gets only what is new.

        ``since`` is in seconds since 1970, by our own clock. Blocks while all that is stored since then is read.
        """
        return find_missed(self.database, self.queue, handler, wants, since)

    def replay(self, handler: str, rows: Sequence[int], *, group: Callable[[Event], Group | None] = lambda event: None) -> int:
        """Give ``handler`` the events that :meth:`missed` found, in that order, each once however often this is called.

        Returns how many are new to it. They are handled like any others, by the worker that has such a handler, now or later;
        ``group`` is the handler's own. Blocks for a commit for each hundred, so that others can commit in between.
        """
        made = 0
        for start in range(0, len(rows), REPLAYED_AT_ONCE):
            some = rows[start : start + REPLAYED_AT_ONCE]
            work = partial(replay, queue=self.queue, handler=handler, rows=some, group=group, now=self.now())
            made += self.database.write(work, wake=True)
        return made

    def purge_user(self, *users: int, also: Callable[[Connection], object] | None = None) -> Purged:
        """Forget what is stored about the users of PERSCOM of these numbers; nothing more follows from it.

        Finds events that name the number or an e-mail address that is stored of the user, not those that only tell a name in
        a text. Digests stay, so none of them can come again. Blocks while the file is rewritten: see ``Database.rewrite``.
        ``also`` is called with a connection in between, to forget what you keep about them in tables of your own.
        """
        return purge(self.database, self.queue, users, self.now, also)

    def close(self) -> None:
        """Commit what waits and close the file. A later use opens it again."""
        if self.ingest is not None:
            self.ingest.close()
        self.database.close()
        self._watch.stop()
