"""The database file itself: the lock beside it, its connections, its schema version."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

from ._errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows: SQLite's own busy handler has to do
    fcntl = None  # type: ignore[assignment]

__all__ = ["FileLock", "open_connection", "prepare_file"]

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for a lock. With the file lock in front it rarely waits at all."""


class FileLock:
    """A lock between processes, in the order of asking, on a file beside the database. Not for threads of one process."""

    def __init__(self, path: Path) -> None:
        self._path = f"{path}.lock"
        self._fd = -1

    def __enter__(self) -> None:
        if fcntl is None:
            return
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if fcntl is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def open_connection(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, for the one thread that uses it at a time."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    if readonly:
        connection.execute("PRAGMA query_only = 1")
    return connection


def prepare_file(path: Path, migrations: Sequence[Sequence[str]]) -> sqlite3.Connection:
    """Open the file for writing and bring its schema up to date. The caller holds the file lock.

    An older file is copied beside itself first. Raises ConfigurationError for a newer file and for one that is no database.
    """
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder of the database does not exist: {path.parent}. Make it first.")
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # it holds personal data: for its owner alone
    connection = open_connection(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        found, writer = _version(connection)
        if found > len(migrations):
            raise ConfigurationError(
                f"{path.name} was written by perscom-receiver {writer} (schema {found}; here it is {len(migrations)}). "
                f"Install perscom-receiver {writer} or newer."
            )
        if found < len(migrations):
            if found:
                _copy(connection, path.with_name(f"{path.name}.schema-{found}"))
            _migrate(connection, found, migrations)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise ConfigurationError(f"{path.name} is no database of ours ({error}). Is the path right?") from None
    except ConfigurationError:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> tuple[int, str]:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        return 0, ""
    row = connection.execute("SELECT version, writer FROM schema_version").fetchone()
    return int(row[0]), str(row[1])


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    copy = sqlite3.connect(target)
    with copy:
        connection.backup(copy)
    copy.close()
    target.chmod(0o600)


def _migrate(connection: sqlite3.Connection, found: int, migrations: Sequence[Sequence[str]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if found == 0:
            connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL, writer TEXT NOT NULL)")
            connection.execute("INSERT INTO schema_version VALUES (0, '')")
        for step in migrations[found:]:
            for statement in step:
                connection.execute(statement)
        connection.execute("UPDATE schema_version SET version = ?, writer = ?", (len(migrations), _own_version()))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _own_version() -> str:
    try:
        return version("perscom-receiver")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "(unknown version)"
