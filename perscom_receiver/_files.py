"""The database file itself: the lock beside it, its connections, its schema version."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
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

    def close(self) -> None:
        """Let go of the file. The next use opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_connection(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, for the one thread that uses it at a time."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        if readonly:
            connection.execute("PRAGMA query_only = 1")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare_file(path: Path, migrations: Sequence[Sequence[str]], lock: FileLock) -> sqlite3.Connection:
    """Open the file for writing and bring its schema up to date, one process after the other.

    An older file is copied beside itself first. Raises ConfigurationError for a missing folder, for a newer file and for one
    that is not ours, which is left as it was.
    """
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder of the database does not exist: {path.parent}. Make it first.")
    with lock:
        if not path.exists():
            _create(path)
        try:
            connection = open_connection(path)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                raise
            raise ConfigurationError(f"{path.name} is no database of ours ({error}). Is the path right?") from None
        try:
            _bring_up_to_date(connection, path, migrations)
        except BaseException:
            connection.close()
            raise
        return connection


def _create(path: Path) -> None:
    """An empty file for its owner alone: it will hold personal data."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]]) -> None:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if tables and "schema_version" not in tables:
        raise ConfigurationError(f"{path.name} is no database of ours (it holds other tables). Is the path right?")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    found, writer = connection.execute("SELECT version, writer FROM schema_version").fetchone() if tables else (0, "")
    if found > len(migrations):
        raise ConfigurationError(
            f"{path.name} was written by perscom-receiver {writer} (schema {found}; here it is {len(migrations)}). "
            f"Install perscom-receiver {writer} or newer."
        )
    if found < len(migrations):
        if found:
            _copy(connection, path.with_name(f"{path.name}.schema-{found}"))
        _migrate(connection, found, migrations)


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    _create(target)
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)


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
        if connection.in_transaction:  # a full disk ends the transaction by itself
            connection.execute("ROLLBACK")
        raise


def _own_version() -> str:
    try:
        return version("perscom-receiver")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "(unknown version)"
