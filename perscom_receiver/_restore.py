"""A backup put in the place of a database that nobody uses.

A database also remembers what must not happen again. So wherever the replaced file can still be read, the restored one takes
over all that came after the backup: nobody can send it again, what was handled is not handled twice, and what still waited goes
on waiting.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ._backup import check_whole
from ._errors import ConfigurationError
from ._files import FileLock, Progress, copy_database, open_connection, read_schema, schema_version, sync_folder

__all__ = ["Restored", "restore"]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restored database holds, and what became of the one that it replaced."""

    newest: float | None
    """When the newest event in the backup was received: seconds since 1970. None: there is none."""
    waiting: int
    """Tasks that wait or run, and events for which no tasks were made yet."""
    replaced: Path | None
    """Where the replaced database is kept; None when there was none."""
    since: int | None
    """Events that came after the backup and were taken over; None when the replaced database was none or could not be read."""


def restore(backup: Path, path: Path, migrations: Sequence[Sequence[str]], progress: Progress | None = None) -> Restored:
    """Put a copy of ``backup`` in the place of the database ``path``. What it raises is told at ``Database.restore``."""
    if not backup.is_file():
        raise ConfigurationError(f"There is no file {backup.name} to restore from.")
    if path.exists() and path.samefile(backup):
        raise ConfigurationError(f"{backup.name} is the database itself. Name a backup of it.")
    lock, lock_file = FileLock(path), path.with_name(f"{path.name}.lock")
    path = path.resolve()  # where SQLite itself keeps the log
    with closing(lock), lock:  # who starts meanwhile waits for the restored file
        readable = path.exists() and _take(path)
        incoming = path.with_name(f"{path.name}.restoring")
        try:
            check_whole(backup, backup.name)
            with closing(open_connection(backup, readonly=True)) as source:
                if schema_version(source, backup.name, migrations) == 0:
                    raise ConfigurationError(f"{backup.name} is empty: a backup was broken off there. Name another one.")
                copy_database(source, incoming, progress)
            restored = _complete(incoming, path if readable else None)
            _give_to_owner(path, incoming, lock_file)
            replaced = _keep(path) if path.exists() else None
            incoming.replace(path)
            sync_folder(path.parent)
        finally:
            incoming.unlink(missing_ok=True)
    return msgspec.structs.replace(restored, replaced=replaced)


def _take(path: Path) -> bool:
    """Make sure that nobody has the database open, and fold its log into it. False when it cannot be read at all."""
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()  # which SQLite does for the only user alone
            read_schema(connection, path.name)
    except sqlite3.DatabaseError as error:
        if _code(error) in _UNREADABLE:
            return False
        if _code(error) != sqlite3.SQLITE_BUSY:
            raise
        raise ConfigurationError(f"{path.name} is in use. Stop the service first, and whatever else works with it.") from None
    return True


def _complete(incoming: Path, old: Path | None) -> Restored:
    """Give the backup what ``old`` knows besides."""
    with closing(sqlite3.connect(incoming, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")  # a file of it that a crash leaves would spoil the next attempt
        newest = connection.execute("SELECT max(received) FROM event").fetchone()[0]
        connection.execute("DELETE FROM worker")  # those that were seen when the backup was made
        since = None if old is None else _learn(connection, old)
        waiting = connection.execute(_WAITING).fetchone()[0]
    return Restored(newest=newest, waiting=waiting, replaced=None, since=since)


def _learn(connection: sqlite3.Connection, old: Path) -> int | None:
    """Take over what ``old`` knows: how many events are new. None when it cannot be read to the end."""
    connection.execute("ATTACH ? AS old", (str(old),))
    connection.execute("BEGIN")
    try:
        since = _carry_over(connection)
    except sqlite3.DatabaseError as error:
        if _code(error) not in _UNREADABLE:
            raise
        connection.execute("ROLLBACK")
        return None
    connection.execute("COMMIT")
    return since


def _code(error: sqlite3.DatabaseError) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _carry_over(connection: sqlite3.Connection) -> int:
    last = connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0]
    event, lane, task = (_columns(connection, table) for table in ("event", "lane", "task"))
    for table, key in _LATEST.items():
        if _columns(connection, table):
            connection.execute(_KEEP_LATER.format(table, key))
    since = connection.execute(_INSERT_EVENTS.format(", ".join(event))).rowcount
    connection.execute(_FINISH_TASKS)
    connection.execute(_FIND_PLANNED, (last,))
    connection.execute(_INSERT_LANES.format(", ".join(lane)))
    connection.execute(_INSERT_TASKS.format(", ".join(task), ", ".join(f"t.{name}" for name in task)))
    connection.execute("UPDATE event SET unplanned = NULL WHERE id IN (SELECT id FROM planned)")
    if "chain" in task:
        connection.execute(_LINE_UP)
    connection.execute("UPDATE lane SET ready = not_before WHERE paused IS NULL")  # the next claim finds out
    return since


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Those that a table has in both files, which may be of different versions; without numbers of rows."""
    theirs = {row[1] for row in connection.execute(f"PRAGMA old.table_info({table})")}
    own = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
    return [name for name in own if name in theirs and name not in _NUMBERS.get(table, ())]


def _give_to_owner(path: Path, *made: Path) -> None:
    """When root restores: the service, which is somebody else, must be able to open what was made."""
    if os.name == "posix" and os.geteuid() == 0:
        owner = (path if path.exists() else path.parent).stat()
        for file in made:
            os.chown(file, owner.st_uid, owner.st_gid)


def _keep(path: Path) -> Path:
    """Give the database a second name, so that there is one under its own at every moment."""
    kept = path.with_name(f"{path.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    os.link(path, kept)
    for suffix in ("-wal", "-shm"):  # still there only when it could not be read
        log = path.with_name(path.name + suffix)
        if log.exists():
            log.replace(kept.with_name(kept.name + suffix))
    return kept


_UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)  # the last: it has no such table

_NUMBERS = {"event": ("id",), "lane": ("id", "ready"), "task": ("id", "lane", "event")}
"""Columns that are given anew."""
_LATEST = {"floor": "site", "newest": "site, entity"}
"""Tables that hold a moment, with what it is about."""

_SAME_EVENT = "e.site = event.site AND e.created = event.created AND e.digest = event.digest"
_SAME_LANE = "l.site = lane.site AND l.queue = lane.queue AND l.name = lane.name"
_WAITING = "SELECT (SELECT count(*) FROM task WHERE state IN (0, 1)) + (SELECT count(*) FROM event WHERE unplanned = 1)"
_KEEP_LATER = (
    "INSERT INTO {0} ({1}, created) SELECT {1}, created FROM old.{0} WHERE true"
    " ON CONFLICT ({1}) DO UPDATE SET created = excluded.created WHERE excluded.created > {0}.created"
)
_INSERT_EVENTS = (
    "INSERT INTO event ({0}) SELECT {0} FROM old.event WHERE true ORDER BY id ON CONFLICT (site, created, digest) DO NOTHING"
)
_FINISH_TASKS = (
    "UPDATE task SET state = t.state, attempt = t.attempt, settled = t.settled, receipt = t.receipt, error = t.error,"
    " lease = NULL, started = NULL FROM event, lane, old.event AS e, old.lane AS l, old.task AS t"
    " WHERE task.state IN (0, 1) AND event.id = task.event AND lane.id = task.lane"
    f" AND {_SAME_EVENT} AND {_SAME_LANE} AND t.event = e.id AND t.lane = l.id AND t.state IN (2, 3)"
)
# Events whose tasks the replaced database alone has.
_FIND_PLANNED = (
    f"CREATE TEMP TABLE planned AS SELECT event.id AS id, e.id AS old FROM event JOIN old.event AS e ON {_SAME_EVENT}"
    " WHERE e.unplanned IS NULL AND (event.id > ? OR event.unplanned = 1)"
)
# As in _chains: one that is leased is in front, else the earliest.
_LINE_UP = (
    "UPDATE task SET behind = CASE WHEN EXISTS (SELECT 1 FROM task AS other WHERE other.lane = task.lane"
    " AND other.chain = task.chain AND other.state < 2"
    " AND (other.state > task.state OR (other.state = task.state AND other.id < task.id))) THEN 1 ELSE 0 END"
    " WHERE chain IS NOT NULL AND state < 2"
)
_INSERT_LANES = "INSERT INTO lane ({0}) SELECT {0} FROM old.lane WHERE true ON CONFLICT (site, queue, name) DO NOTHING"
_INSERT_TASKS = (
    "INSERT INTO task (lane, event, {0}) SELECT lane.id, planned.id, {1} FROM planned"
    f" JOIN old.task AS t ON t.event = planned.old JOIN old.lane AS l ON l.id = t.lane JOIN lane ON {_SAME_LANE} ORDER BY t.id"
)
